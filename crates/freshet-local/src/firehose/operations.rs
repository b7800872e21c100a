//! The operations of the service: put records, describe and list streams.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::journal::segment::Entry;
use super::request::{Records, StreamName, put_record, put_record_batch, read, refusal};
use super::{ACCOUNT, DeliveryStream, Firehose, PartialFailure, Stream, function_arn};
use crate::service_error::ServiceError;

/// The most streams of a list that does not say how many it wants.
const LISTED: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    limit: Option<usize>,
    delivery_stream_type: Option<String>,
    exclusive_start_delivery_stream_name: Option<String>,
}

impl Firehose {
    /// Answers an operation, named without its service. `partial` refuses some records of a `PutRecordBatch`.
    pub(crate) async fn handle(&self, operation: &str, body: Bytes, partial: Option<PartialFailure>) -> Result<Value, ServiceError> {
        match operation {
            "PutRecord" => self.put_record(&body).await,
            "PutRecordBatch" => self.put_record_batch(&body, &partial.unwrap_or_default()).await,
            "DescribeDeliveryStream" => {
                let name = read::<StreamName>(&body)?.checked()?;
                Ok(json!({"DeliveryStreamDescription": describe(self.stream(&name)?)}))
            }
            "ListDeliveryStreams" => self.list(&read(&body)?),
            _ => Err(refusal("UnknownOperationException", format!("Firehose on loopback has no operation {operation}"))),
        }
    }

    async fn put_record(&self, body: &[u8]) -> Result<Value, ServiceError> {
        self.append(put_record(body)?, &PartialFailure::default()).await?;
        Ok(json!({"RecordId": record_id(), "Encrypted": false}))
    }

    async fn put_record_batch(&self, body: &[u8], partial: &PartialFailure) -> Result<Value, ServiceError> {
        let taken = self.append(put_record_batch(body)?, partial).await?;
        let failed = taken.iter().filter(|taken| !**taken).count();
        let responses: Vec<Value> =
            taken
                .into_iter()
                .map(|taken| {
                    if taken { json!({"RecordId": record_id()}) } else { json!({"ErrorCode": partial.code, "ErrorMessage": "Slow down."}) }
                })
                .collect();
        Ok(json!({"FailedPutCount": failed, "Encrypted": false, "RequestResponses": responses}))
    }

    /// Makes records durable; says of each whether it was taken.
    async fn append(&self, records: Records, partial: &PartialFailure) -> Result<Vec<bool>, ServiceError> {
        let stream = self.stream(&records.stream)?;
        if self.stopping.load(Ordering::Relaxed) || stream.is_behind() {
            return Err(unavailable("Slow down."));
        }
        let taken: Vec<bool> = (0..records.data.len()).map(|index| !partial.refuses(index)).collect();
        let arrival = Utc::now().timestamp_millis();
        let entries: Vec<Entry> =
            records.data.into_iter().zip(&taken).filter(|(_, taken)| **taken).map(|(data, _)| Entry { arrival, data }).collect();
        if !entries.is_empty() {
            // The cause is in the log; the sender can only try again.
            stream.journal.append(entries).await.map_err(|_| unavailable("the records could not be written"))?;
        }
        Ok(taken)
    }

    fn stream(&self, name: &str) -> Result<&Stream, ServiceError> {
        let missing = || refusal("ResourceNotFoundException", format!("Firehose {name} under account {ACCOUNT} not found."));
        self.streams.get(name).ok_or_else(missing)
    }

    fn list(&self, request: &List) -> Result<Value, ServiceError> {
        let limit = request.limit.unwrap_or(LISTED);
        if !(1..=10_000).contains(&limit) {
            return Err(refusal("ValidationException", "1 validation error detected: Value at 'limit' is not from 1 to 10000"));
        }
        let wanted = request.delivery_stream_type.as_deref().is_none_or(|wanted| wanted == "DirectPut");
        let after = request.exclusive_start_delivery_stream_name.as_deref().unwrap_or_default();
        let mut names: Vec<&String> = self.streams.keys().filter(|name| wanted && name.as_str() > after).collect();
        let more = names.len() > limit;
        names.truncate(limit);
        Ok(json!({"DeliveryStreamNames": names, "HasMoreDeliveryStreams": more}))
    }
}

fn unavailable(message: &str) -> ServiceError {
    ServiceError { status: 500, code: "ServiceUnavailableException".to_owned(), message: message.to_owned() }
}

fn record_id() -> String {
    Uuid::new_v4().simple().to_string()
}

/// A stream as `DescribeDeliveryStream` shows it.
fn describe(stream: &Stream) -> Value {
    let description = &stream.description;
    let mut destination = destination(description, &description.prefix, description.gzip);
    let parts = destination.as_object_mut().expect("a destination is an object");
    parts.insert("ErrorOutputPrefix".to_owned(), json!(description.error_prefix));
    parts.insert("ProcessingConfiguration".to_owned(), processing(description));
    let mode = if description.raw_prefix.is_some() { "Enabled" } else { "Disabled" };
    parts.insert("S3BackupMode".to_owned(), json!(mode));
    if let Some(prefix) = &description.raw_prefix {
        parts.insert("S3BackupDescription".to_owned(), self::destination(description, prefix, true));
    }
    json!({
        "DeliveryStreamName": description.name,
        "DeliveryStreamARN": description.arn(),
        "DeliveryStreamStatus": "ACTIVE",
        "DeliveryStreamType": "DirectPut",
        "VersionId": "1",
        "CreateTimestamp": stream.opened.timestamp(),
        "HasMoreDestinations": false,
        "Destinations": [{"DestinationId": "destinationId-000000000001", "ExtendedS3DestinationDescription": destination}],
    })
}

fn destination(description: &DeliveryStream, prefix: &str, gzip: bool) -> Value {
    json!({
        "RoleARN": format!("arn:aws:iam::{ACCOUNT}:role/firehose"),
        "BucketARN": format!("arn:aws:s3:::{}", description.bucket),
        "Prefix": prefix,
        "BufferingHints": {
            "SizeInMBs": description.buffering_bytes.div_ceil(1024 * 1024),
            "IntervalInSeconds": description.buffering.as_secs(),
        },
        "CompressionFormat": if gzip { "GZIP" } else { "UNCOMPRESSED" },
        "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
    })
}

fn processing(description: &DeliveryStream) -> Value {
    let parameter = |name: &str, value: String| json!({"ParameterName": name, "ParameterValue": value});
    let Some(function) = &description.transformer else {
        return json!({"Enabled": false, "Processors": []});
    };
    let bytes = u32::try_from(description.transform_buffer_bytes).expect("a transform buffer is at most 3 MiB");
    let size = format!("{}", f64::from(bytes) / f64::from(1024 * 1024));
    let parameters =
        [parameter("LambdaArn", function_arn(function)), parameter("NumberOfRetries", "3".to_owned()), parameter("BufferSizeInMBs", size)];
    json!({"Enabled": true, "Processors": [{"Type": "Lambda", "Parameters": parameters}]})
}
