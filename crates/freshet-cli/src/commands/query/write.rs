//! An answer as it is written for machines: a page or a batch at a time, never gathered first.

use std::io::Write;
use std::pin::pin;

use anyhow::{Context as _, Result};
use arrow::array::RecordBatch;
use arrow::ipc::writer::FileWriter;
use freshet_query::json::{Object, keys};
use freshet_query::{Error, Page, csv};
use futures::{Stream, TryStreamExt as _};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde::Serializer as _;
use serde::ser::SerializeSeq as _;

/// Bytes of rows that a Parquet file's writer holds before it writes them out as a row group.
const ROW_GROUP_BYTES: usize = 64 * 1024 * 1024;
const FAILED: &str = "write the answer";

/// Comma-separated values; the number of rows, as from all of these.
pub(crate) async fn csv(out: &mut (impl Write + Send), pages: impl Stream<Item = Result<Page, Error>>) -> Result<u64> {
    let (mut rows, mut is_first, mut pages) = (0, true, pin!(pages));
    while let Some(page) = pages.try_next().await? {
        let mut text = if is_first { csv::header(&page.columns) } else { String::new() };
        is_first = false;
        csv::rows(&mut text, &page.rows);
        out.write_all(text.as_bytes()).context(FAILED)?;
        rows += page.rows.len() as u64;
    }
    Ok(rows)
}

/// An array of objects.
pub(crate) async fn json(out: &mut (impl Write + Send), pages: impl Stream<Item = Result<Page, Error>>) -> Result<u64> {
    let (mut rows, mut pages) = (0, pin!(pages));
    let mut serializer = serde_json::Serializer::pretty(&mut *out);
    let mut array = serializer.serialize_seq(None).context(FAILED)?;
    while let Some(page) = pages.try_next().await? {
        let keys = keys(&page.columns);
        for row in &page.rows {
            array.serialize_element(&Object { keys: &keys, columns: &page.columns, row }).context(FAILED)?;
        }
        rows += page.rows.len() as u64;
    }
    array.end().context(FAILED)?;
    out.write_all(b"\n").context(FAILED)?;
    Ok(rows)
}

/// A Parquet file.
pub(crate) async fn parquet(out: &mut (impl Write + Send), batches: impl Stream<Item = Result<RecordBatch, Error>>) -> Result<u64> {
    let (mut rows, mut batches, mut out, mut writer) = (0, pin!(batches), Some(out), None);
    while let Some(batch) = batches.try_next().await? {
        if let Some(out) = out.take() {
            let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
            writer = Some(ArrowWriter::try_new(out, batch.schema(), Some(properties)).context(FAILED)?);
        }
        if let Some(writer) = &mut writer {
            writer.write(&batch).context(FAILED)?;
            if writer.in_progress_size() > ROW_GROUP_BYTES {
                writer.flush().context(FAILED)?;
            }
        }
        rows += batch.num_rows() as u64;
    }
    writer.context("write the answer: it says no columns")?.close().context(FAILED)?;
    Ok(rows)
}

/// An Arrow IPC file.
pub(crate) async fn arrow(out: &mut (impl Write + Send), batches: impl Stream<Item = Result<RecordBatch, Error>>) -> Result<u64> {
    let (mut rows, mut batches, mut out, mut writer) = (0, pin!(batches), Some(out), None);
    while let Some(batch) = batches.try_next().await? {
        if let Some(out) = out.take() {
            writer = Some(FileWriter::try_new(out, &batch.schema()).context(FAILED)?);
        }
        if let Some(writer) = &mut writer {
            writer.write(&batch).context(FAILED)?;
        }
        rows += batch.num_rows() as u64;
    }
    writer.context("write the answer: it says no columns")?.finish().context(FAILED)?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use freshet_query::json::Objects;
    use freshet_query::{Answer, Decoder, ResultColumn};
    use futures::stream;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;

    fn columns() -> Vec<ResultColumn> {
        let column =
            |name: &str, kind: &str, precision, scale| ResultColumn { name: name.to_owned(), kind: kind.to_owned(), precision, scale };
        vec![column("id", "bigint", 19, 0), column("sum", "decimal", 38, 4), column("id", "varchar", 10, 0)]
    }

    fn page(rows: &[[Option<&str>; 3]]) -> Page {
        Page { columns: columns(), rows: rows.iter().map(|row| row.iter().map(|value| value.map(str::to_owned)).collect()).collect() }
    }

    fn told() -> Vec<Page> {
        vec![page(&[[Some("1"), Some("1.5000"), Some("")], [None, None, None]]), page(&[[Some("2"), Some("-0.0001"), Some("a\"b\n")]])]
    }

    fn batches(pages: &[Page]) -> Vec<RecordBatch> {
        let mut decoder = Decoder::new(&columns());
        pages.iter().map(|page| decoder.decode(&page.rows).unwrap()).collect()
    }

    #[tokio::test]
    async fn pages_are_written_as_the_whole_would_be() {
        for pages in [vec![], vec![page(&[])], told()] {
            let whole = Answer {
                columns: pages.first().map(|page| page.columns.clone()).unwrap_or_default(),
                rows: pages.iter().flat_map(|page| page.rows.clone()).collect(),
                scanned_bytes: 0,
                execution_id: "e".to_owned(),
            };
            let mut text = Vec::new();
            let rows = csv(&mut text, stream::iter(pages.clone().into_iter().map(Ok))).await.unwrap();
            assert_eq!((rows, String::from_utf8(text).unwrap()), (whole.rows.len() as u64, csv::to_csv(&whole)));
            let mut text = Vec::new();
            json(&mut text, stream::iter(pages.into_iter().map(Ok))).await.unwrap();
            assert_eq!(String::from_utf8(text).unwrap(), serde_json::to_string_pretty(&Objects(&whole)).unwrap() + "\n");
        }
    }

    #[tokio::test]
    async fn files_read_back_equal() {
        for pages in [vec![page(&[])], told()] {
            let expected = batches(&pages);
            let stream = || stream::iter(expected.clone().into_iter().map(Ok));
            let whole = arrow::compute::concat_batches(&expected[0].schema(), &expected).unwrap();
            let mut file = Vec::new();
            assert_eq!(parquet(&mut file, stream()).await.unwrap(), whole.num_rows() as u64);
            let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file)).unwrap().build().unwrap();
            let read: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
            assert_eq!(arrow::compute::concat_batches(&whole.schema(), &read).unwrap(), whole);
            let mut file = Vec::new();
            arrow(&mut file, stream()).await.unwrap();
            let reader = arrow::ipc::reader::FileReader::try_new(std::io::Cursor::new(file), None).unwrap();
            let read: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
            assert_eq!(read, expected);
        }
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_an_error() {
        let broken = || {
            let error = Error::Malformed { operation: "GetQueryResults", message: "of a test".to_owned() };
            stream::iter([Ok(batches(&told())[0].clone()), Err(error)])
        };
        assert!(parquet(&mut Vec::new(), broken()).await.is_err() && arrow(&mut Vec::new(), broken()).await.is_err());
        assert!(parquet(&mut Vec::new(), stream::empty()).await.is_err());
    }
}
