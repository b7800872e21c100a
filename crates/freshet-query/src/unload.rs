//! UNLOAD: the answer of a query as Parquet files, read back as Arrow record batches.
//!
//! Athena writes the files in parallel and this reads them one after the other, a row group at a time: a million rows do not come
//! over the wire a thousand at a time as text. Nested values keep their types. What to know of it
//! (docs.aws.amazon.com/athena, "UNLOAD"): rows come **in no order**, whatever the statement orders by; a failed one may leave files.
//!
//! The files lie under `unload/` of the place of results, the workgroup's own where it insists, each answer in a folder of its own.
//! [`Unloaded::clean`] deletes them. Whoever may not delete there leaves them to the bucket's lifecycle rule, which the template has
//! for all answers.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, TimeUnit};
use aws_sdk_athena::Client;
use aws_sdk_athena::types::WorkGroupConfiguration;
use futures::stream::{Stream, StreamExt as _, TryStreamExt as _, try_unfold};
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::{AsyncFileReader as _, ParquetRecordBatchStream};
use parquet::basic::Type;
use parquet::errors::ParquetError;
use tracing::{debug, warn};

use crate::client::failure;
use crate::object::{self, File, Location};
use crate::supervise::retried;
use crate::tokens::{bare, tokens};
use crate::{Error, Execution, Run, execute};

/// Rows of one batch at most.
const BATCH_ROWS: usize = 8192;
/// What a manifest's name ends with, and that of a result's description.
const MANIFEST: &str = "-manifest.csv";
const DESCRIPTION: &str = ".metadata";

/// An answer in files.
#[derive(Debug)]
pub struct Unloaded {
    /// The execution.
    pub execution: Execution,
    folder: Location,
    manifest: Location,
    files: Vec<Location>,
}

/// Files that could not be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// What they begin with (`s3://…/`).
    pub folder: String,
    /// Why.
    pub reason: String,
}

/// Runs a query and has its answer written to files. `output_location` is where results go unless the workgroup says.
pub async fn unload<Cancel: Future<Output = ()>>(
    athena: &Client,
    s3: &aws_sdk_s3::Client,
    request: Run<Cancel>,
) -> Result<Unloaded, Error> {
    let place = place(athena, &request.workgroup, request.output_location.as_deref()).await?;
    let folder = Location { key: format!("{}unload/{}/", place.key, uuid::Uuid::new_v4()), ..place };
    let sql = statement(&request.sql, &folder)?;
    // An UNLOAD is always run anew.
    let request = Run { reuse_minutes: None, ..request };
    let unloaded = match Box::pin(execute(athena, Run { sql, ..request })).await {
        Ok(execution) => files(s3, execution, folder.clone()).await,
        Err(error) => Err(explained(error)),
    };
    if unloaded.is_err()
        && let Some(left) = remove(s3, &folder, &[]).await
    {
        warn!(folder = left.folder, reason = left.reason, "files of a failed unload may be left");
    }
    unloaded
}

impl Unloaded {
    /// How many files there are; none for an answer without rows, which then does not say its columns either.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// The rows, in no order.
    pub fn batches<'a>(&'a self, s3: &'a aws_sdk_s3::Client) -> impl Stream<Item = Result<RecordBatch, Error>> + 'a {
        futures::stream::iter(&self.files).then(|location| open(s3, location)).try_flatten()
    }

    /// Deletes the files, the list of them and the result's description; what is left, where that may not be.
    pub async fn clean(self, s3: &aws_sdk_s3::Client) -> Option<Left> {
        let described = self.manifest.key.strip_suffix(MANIFEST).map(|id| format!("{id}{DESCRIPTION}"));
        let beside: Vec<String> = described.into_iter().chain([self.manifest.key.clone()]).collect();
        remove(s3, &self.folder, &beside).await
    }
}

/// Deletes a folder, and keys of the same bucket.
async fn remove(s3: &aws_sdk_s3::Client, folder: &Location, beside: &[String]) -> Option<Left> {
    let removed = async {
        loop {
            let keys = object::list(s3, folder).await?;
            if keys.is_empty() {
                break;
            }
            object::delete(s3, folder, &keys).await?;
        }
        if beside.is_empty() { Ok(()) } else { object::delete(s3, folder, beside).await }
    };
    match removed.await {
        Ok(()) => None,
        Err(error) => Some(Left { folder: folder.url(), reason: error.to_string() }),
    }
}

/// The statement around a query.
fn statement(sql: &str, folder: &Location) -> Result<String, Error> {
    let refused = |message: String| Err(Error::Unload { message });
    let query = bare(sql);
    let Ok(pieces) = tokens(query) else {
        return refused("a literal, a quoted name or a comment of the statement does not end".to_owned());
    };
    let first = pieces.iter().find(|piece| !piece.is_blank());
    if !first.is_some_and(|first| first.is_symbol("(") || first.is_word("SELECT") || first.is_word("WITH")) {
        return refused("UNLOAD takes a SELECT; run another statement without it".to_owned());
    }
    if folder.url().contains('\'') {
        return refused(format!("{} cannot be written in a statement", folder.url()));
    }
    // Snappy, since Athena's own choice is gzip. The line ends are for comments.
    Ok(format!("UNLOAD (\n{query}\n) TO '{}' WITH (format = 'PARQUET', compression = 'SNAPPY')", folder.url()))
}

/// The place of results: the workgroup's where it insists or nobody says another.
async fn place(athena: &Client, workgroup: &str, given: Option<&str>) -> Result<Location, Error> {
    const OPERATION: &str = "GetWorkGroup";
    let ask = || {
        let call = athena.get_work_group().work_group(workgroup).send();
        async { call.await.map_err(|error| failure(OPERATION, error)) }
    };
    let output = retried(&ask, &tokio::time::sleep).await?;
    let configuration = output.work_group().and_then(|group| group.configuration());
    let of_group = configuration.and_then(|configuration| configuration.result_configuration()?.output_location());
    let is_enforced = configuration.and_then(WorkGroupConfiguration::enforce_work_group_configuration).unwrap_or(false);
    let chosen = if is_enforced { of_group.or(given) } else { given.or(of_group) };
    let found = chosen.and_then(Location::parse).map(|mut location| {
        if !location.key.is_empty() && !location.key.ends_with('/') {
            location.key.push('/');
        }
        location
    });
    let nowhere = || Error::Unload { message: format!("the workgroup `{workgroup}` has no place in S3 for results, and none was given") };
    found.ok_or_else(nowhere)
}

/// The files of the manifest.
async fn files(s3: &aws_sdk_s3::Client, execution: Execution, folder: Location) -> Result<Unloaded, Error> {
    let manifest = execution.manifest.as_deref().and_then(Location::parse);
    let manifest = manifest
        .ok_or_else(|| Error::Malformed { operation: "GetQueryExecution", message: "the manifest's location is missing".to_owned() })?;
    let text = object::read(s3, &manifest, None).await?;
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let files: Option<Vec<Location>> = lines.map(Location::parse).collect();
    let files = files.ok_or_else(|| Error::Unload { message: format!("{} names a file that is none of S3", manifest.url()) })?;
    debug!(execution = execution.id, files = files.len(), "unloaded");
    Ok(Unloaded { execution, folder, manifest, files })
}

/// What Athena says of a query that cannot be unloaded, with what to do.
fn explained(error: Error) -> Error {
    let Error::Refused { execution, message } = error else { return error };
    let advice = if message.contains("Unsupported Hive type") {
        "UNLOAD writes no times with a zone, no times of day and no intervals: CAST the column AS timestamp or AS varchar, or run the query without UNLOAD"
    } else if message.contains("specified more than once") {
        "UNLOAD wants each column under a name of its own: give one of them another with AS"
    } else if message.contains("HIVE_PATH_ALREADY_EXISTS") {
        "UNLOAD writes into an empty place alone: run it again"
    } else {
        return Error::Refused { execution, message };
    };
    Error::Refused { execution, message: format!("{message} ({advice})") }
}

/// The batches of a file.
async fn open<'a>(
    s3: &aws_sdk_s3::Client,
    location: &'a Location,
) -> Result<impl Stream<Item = Result<RecordBatch, Error>> + use<'a>, Error> {
    let failed = |source: ParquetError| Error::File { file: location.url(), source };
    let mut file = File { client: s3.clone(), location: location.clone() };
    let metadata = read_metadata(&mut file).await.map_err(failed)?;
    let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(file, metadata).with_batch_size(BATCH_ROWS);
    let stream: ParquetRecordBatchStream<File> = builder.build().map_err(failed)?;
    Ok(try_unfold(stream, move |mut stream| async move {
        Ok(stream.try_next().await.map_err(|source| Error::File { file: location.url(), source })?.map(|batch| (batch, stream)))
    }))
}

/// What the file says of itself, by Parquet's own types. Old times of twelve bytes (INT96), which reach further than nanoseconds do,
/// are read as milliseconds: Athena knows no finer ones.
async fn read_metadata(file: &mut File) -> Result<ArrowReaderMetadata, ParquetError> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = file.get_metadata(Some(&options)).await?;
    let found = ArrowReaderMetadata::try_new(Arc::clone(&metadata), options.clone())?;
    let has_old_times = metadata.file_metadata().schema_descr().columns().iter().any(|column| column.physical_type() == Type::INT96);
    if !has_old_times {
        return Ok(found);
    }
    let schema = Schema::new(coarser(found.schema().fields()));
    ArrowReaderMetadata::try_new(metadata, options.with_schema(Arc::new(schema)))
}

/// The fields with milliseconds where they have nanoseconds.
fn coarser(fields: &Fields) -> Fields {
    fields.iter().map(coarser_field).collect()
}

fn coarser_field(field: &FieldRef) -> FieldRef {
    let kind = match field.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
        DataType::List(item) => DataType::List(coarser_field(item)),
        DataType::Map(entry, is_sorted) => DataType::Map(coarser_field(entry), *is_sorted),
        DataType::Struct(fields) => DataType::Struct(coarser(fields)),
        other => other.clone(),
    };
    Arc::new(Field::clone(field).with_data_type(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> Location {
        Location { bucket: "lake".to_owned(), key: "answers/unload/1/".to_owned() }
    }

    #[test]
    fn a_query_is_wrapped_with_its_comments_and_without_its_semicolon() {
        for (sql, query) in [
            ("SELECT 1", "SELECT 1"),
            ("  -- all\nselect ';' AS a -- the end ;\n ; -- so\n", "  -- all\nselect ';' AS a"),
            ("WITH a AS (SELECT 1) SELECT * FROM a;;", "WITH a AS (SELECT 1) SELECT * FROM a"),
            ("(SELECT 1)", "(SELECT 1)"),
        ] {
            let to = "TO 's3://lake/answers/unload/1/' WITH (format = 'PARQUET', compression = 'SNAPPY')";
            assert_eq!(statement(sql, &folder()).unwrap(), format!("UNLOAD (\n{query}\n) {to}"));
        }
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for sql in
            ["", "-- nothing", "SHOW TABLES", "INSERT INTO a SELECT 1", "UNLOAD (SELECT 1) TO 's3://a/' WITH (format = 'ORC')", "SELECT 'a"]
        {
            assert!(matches!(statement(sql, &folder()), Err(Error::Unload { .. })), "{sql}");
        }
        let quoted = Location { key: "it's/".to_owned(), ..folder() };
        assert!(statement("SELECT 1", &quoted).is_err());
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let refused = |message: &str| Error::Refused { execution: None, message: message.to_owned() };
        for (message, advice) in [
            ("NOT_SUPPORTED: Unsupported Hive type: timestamp(3) with time zone", "AS timestamp"),
            ("line 1:1: Column name 'a' specified more than once", "with AS"),
        ] {
            let said = explained(refused(message)).to_string();
            assert!(said.contains(message) && said.contains(advice), "{said}");
        }
        assert_eq!(explained(refused("line 1:8: no")).to_string(), refused("line 1:8: no").to_string());
    }

    #[test]
    fn old_times_become_milliseconds_at_any_depth() {
        let time = |unit| DataType::Timestamp(unit, None);
        let nested = |unit| {
            let item = Arc::new(Field::new("item", time(unit), true));
            let inner = Fields::from(vec![Field::new("a", DataType::List(item), true), Field::new("b", DataType::Int32, true)]);
            Fields::from(vec![Field::new("s", DataType::Struct(inner), true), Field::new("t", time(unit), false)])
        };
        assert_eq!(coarser(&nested(TimeUnit::Nanosecond)), nested(TimeUnit::Millisecond));
        assert_eq!(coarser(&nested(TimeUnit::Microsecond)), nested(TimeUnit::Microsecond));
    }
}
