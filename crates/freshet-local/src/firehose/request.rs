//! Requests with records: from JSON to data, within Firehose's limits or refused with its codes.
//!
//! A field that breaks its own constraint is a `ValidationException`, a call that is too large as a whole an
//! `InvalidArgumentException`: so the service answers (kolide/fleet#2022, osquery/osquery#3568, and the API reference).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::service_error::ServiceError;

/// The most records of a call.
const CALL_RECORDS: usize = 500;

/// The most bytes of a call's records, before base64.
const CALL_BYTES: usize = 4 * 1024 * 1024;

/// The most bytes of a record, before base64: 1,000 KiB.
const RECORD_BYTES: usize = 1_000 * 1024;

/// A refusal with status 400.
pub(crate) fn refusal(code: &str, message: impl Into<String>) -> ServiceError {
    ServiceError { status: 400, code: code.to_owned(), message: message.into() }
}

/// Reads a request. What does not parse is refused without being quoted.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ServiceError> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        refusal("SerializationException", format!("the request is not of this operation's form at line {line}, column {column}"))
    })
}

/// Names a stream; all that some operations need.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StreamName {
    delivery_stream_name: Option<String>,
}

impl StreamName {
    pub(crate) fn checked(self) -> Result<String, ServiceError> {
        match self.delivery_stream_name {
            Some(name) if name.is_empty() => Err(violation("deliveryStreamName", "Member must have length greater than or equal to 1")),
            Some(name) => Ok(name),
            None => Err(missing("deliveryStreamName")),
        }
    }
}

/// Records for a stream, decoded and within the limits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Records {
    pub(crate) stream: String,
    pub(crate) data: Vec<Vec<u8>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecord {
    #[serde(flatten)]
    name: StreamName,
    record: Option<RecordField>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecordBatch {
    #[serde(flatten)]
    name: StreamName,
    records: Option<Vec<RecordField>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RecordField {
    data: Option<String>,
}

/// Reads a `PutRecord` request.
pub(crate) fn put_record(body: &[u8]) -> Result<Records, ServiceError> {
    let request: PutRecord = read(body)?;
    let stream = request.name.checked()?;
    let data = decode(request.record.ok_or_else(|| missing("record"))?, "record.data")?;
    Ok(Records { stream, data: vec![data] })
}

/// Reads a `PutRecordBatch` request.
pub(crate) fn put_record_batch(body: &[u8]) -> Result<Records, ServiceError> {
    let request: PutRecordBatch = read(body)?;
    let stream = request.name.checked()?;
    let records = request.records.ok_or_else(|| missing("records"))?;
    if records.is_empty() {
        return Err(violation("records", "Member must have length greater than or equal to 1"));
    }
    if records.len() > CALL_RECORDS {
        return Err(violation("records", "Member must have length less than or equal to 500"));
    }
    let fields = records.into_iter().enumerate();
    let data: Vec<Vec<u8>> =
        fields.map(|(index, record)| decode(record, &format!("records.{}.member.data", index + 1))).collect::<Result<_, _>>()?;
    if data.iter().map(Vec::len).sum::<usize>() > CALL_BYTES {
        return Err(refusal("InvalidArgumentException", "Records size exceeds 4 MB limit"));
    }
    Ok(Records { stream, data })
}

fn decode(record: RecordField, field: &str) -> Result<Vec<u8>, ServiceError> {
    let text = record.data.ok_or_else(|| missing(field))?;
    let data = STANDARD.decode(text).map_err(|_| refusal("SerializationException", format!("{field} is not base64")))?;
    if data.len() > RECORD_BYTES {
        return Err(violation(field, "Member must have length less than or equal to 1024000"));
    }
    Ok(data)
}

fn missing(field: &str) -> ServiceError {
    violation(field, "Member must not be null")
}

fn violation(field: &str, constraint: &str) -> ServiceError {
    let message = format!("1 validation error detected: Value at '{field}' failed to satisfy constraint: {constraint}");
    refusal("ValidationException", message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn batch(lengths: &[usize]) -> Result<Records, ServiceError> {
        let records: Vec<_> = lengths.iter().map(|length| json!({"Data": STANDARD.encode(vec![b'x'; *length])})).collect();
        put_record_batch(json!({"DeliveryStreamName": "events", "Records": records}).to_string().as_bytes())
    }

    fn code(result: Result<Records, ServiceError>) -> String {
        let refused = result.unwrap_err();
        assert_eq!(refused.status, 400);
        refused.code
    }

    #[test]
    fn a_call_takes_500_records_four_mebibytes_and_records_of_1000_kibibytes() {
        assert_eq!(batch(&[1; 500]).unwrap().data.len(), 500);
        assert_eq!(batch(&[1_024_000, 1_024_000, 1_024_000, 1_024_000, 98_304]).unwrap().data.len(), 5);
        assert_eq!(batch(&[0]).unwrap().data, [b""]);
    }

    #[test]
    fn a_call_above_a_limit_is_refused_with_the_services_code() {
        assert_eq!(code(batch(&[])), "ValidationException");
        assert_eq!(code(batch(&[1; 501])), "ValidationException");
        assert_eq!(code(batch(&[1, 1_024_001])), "ValidationException");
        assert_eq!(code(batch(&[1_024_000, 1_024_000, 1_024_000, 1_024_000, 98_305])), "InvalidArgumentException");
    }

    #[test]
    fn a_call_of_another_form_is_refused_without_being_quoted() {
        for (body, expected) in [
            ("", "SerializationException"),
            ("[]", "SerializationException"),
            (r#"{"DeliveryStreamName":"s","Records":"secret"}"#, "SerializationException"),
            (r#"{"DeliveryStreamName":"s","Records":[{"Data":"secret!"}]}"#, "SerializationException"),
            (r#"{"DeliveryStreamName":"s","Records":[{}]}"#, "ValidationException"),
            (r#"{"DeliveryStreamName":"s"}"#, "ValidationException"),
            (r#"{"DeliveryStreamName":"","Records":[{"Data":""}]}"#, "ValidationException"),
            (r#"{"Records":[{"Data":""}]}"#, "ValidationException"),
        ] {
            let refused = put_record_batch(body.as_bytes()).unwrap_err();
            assert_eq!(refused.code, expected, "{body}");
            assert!(!refused.message.contains("secret"), "{}", refused.message);
        }
        assert_eq!(code(put_record(br#"{"DeliveryStreamName":"s"}"#)), "ValidationException");
    }
}
