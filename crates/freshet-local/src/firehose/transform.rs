//! The transformation of records by a function: the event it gets, the answer it must give, and what becomes of each record.
//!
//! The event and the answer are those of Firehose's page on data transformation; the error codes are those of its page on
//! monitoring.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::Utc;
use serde::{Deserialize, Serialize};
use tracing::warn;
use uuid::Uuid;

use super::REGION;
use crate::functions::Function;

/// The most bytes of an event or an answer: Lambda's limit for a synchronous call.
const MESSAGE_BYTES: usize = 6 * 1024 * 1024;

/// The bytes that an event has besides its records, and each record besides its data; more than either ever has.
const FRAME_BYTES: usize = 512;
const RECORD_FRAME_BYTES: usize = 192;

/// How often a failed call is repeated.
const REPETITIONS: u32 = 3;

/// The wait before the first repetition; it doubles. (Firehose does not say how long it waits.)
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// The longest that Firehose waits for a function.
const LONGEST_CALL: Duration = Duration::from_mins(5);

/// A record on its way through the function.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// Names it in the event and in the answer; the same in every repetition.
    pub(crate) id: String,
    /// When it arrived, in milliseconds since 1970.
    pub(crate) arrival: i64,
    /// The source record's data.
    pub(crate) data: Vec<u8>,
}

/// What becomes of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is delivered as this.
    Deliver(Vec<u8>),
    /// The function wants it dropped.
    Drop,
    /// It goes to the error prefix.
    Fail(Failure),
}

/// Why a record could not be processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Firehose's error code.
    pub(crate) code: &'static str,
    /// Its explanation.
    pub(crate) message: String,
    /// How often the function was called.
    pub(crate) attempts: u32,
    /// When the last call ended, in milliseconds since 1970.
    pub(crate) ended: i64,
}

/// A function that transforms a stream's records.
#[derive(Clone)]
pub(crate) struct Transformer {
    /// The function.
    pub(crate) function: Function,
    /// Its ARN.
    pub(crate) arn: String,
    /// The stream's ARN.
    pub(crate) stream_arn: String,
    /// The most bytes of record data in one call.
    pub(crate) buffer_bytes: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    invocation_id: String,
    delivery_stream_arn: &'a str,
    region: &'static str,
    records: Vec<EventRecord<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventRecord<'a> {
    record_id: &'a str,
    approximate_arrival_timestamp: i64,
    data: String,
}

#[derive(Deserialize)]
struct Answer {
    records: Vec<AnswerRecord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerRecord {
    record_id: String,
    result: Status,
    data: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
enum Status {
    Ok,
    Dropped,
    ProcessingFailed,
}

impl Transformer {
    /// Whether a call that carries this much still has room for a record of this length.
    pub(crate) fn has_room(&self, records: usize, bytes: usize, length: usize) -> bool {
        let message = FRAME_BYTES + (records + 1) * RECORD_FRAME_BYTES + (bytes + length).div_ceil(3) * 4 + records * 4;
        records == 0 || (bytes + length <= self.buffer_bytes && message <= MESSAGE_BYTES)
    }

    /// Calls the function, repeatedly where it fails; one verdict a record, in order.
    pub(crate) async fn transform(&self, records: &[Record]) -> Vec<Verdict> {
        let mut wait = FIRST_WAIT;
        let mut attempts = 1;
        let answered = loop {
            match self.call(records).await {
                Ok(answer) => break Ok(answer),
                Err(message) if attempts > REPETITIONS => break Err(message),
                Err(_) => {
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                    attempts += 1;
                }
            }
        };
        let fail = |code, message: String| Failure { code, message, attempts, ended: Utc::now().timestamp_millis() };
        let verdicts = match answered {
            Ok(answer) => verdicts(records, &answer)
                .map(|verdicts| verdicts.into_iter().map(|verdict| verdict.map_err(|(code, message)| fail(code, message)))),
            Err(message) => Err(("Lambda.FunctionError", message)),
        };
        let verdicts: Vec<Verdict> = match verdicts {
            Ok(verdicts) => verdicts.map(|verdict| verdict.unwrap_or_else(Verdict::Fail)).collect(),
            Err((code, message)) => vec![Verdict::Fail(fail(code, message)); records.len()],
        };
        let failed = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Fail(_))).count();
        if failed > 0 {
            let code = verdicts.iter().find_map(|verdict| match verdict {
                Verdict::Fail(failure) => Some(failure.code),
                Verdict::Deliver(_) | Verdict::Drop => None,
            });
            warn!(function = self.arn, records = records.len(), failed, attempts, code, "transformation failed");
        }
        verdicts
    }

    /// One call of the function.
    async fn call(&self, records: &[Record]) -> Result<Bytes, String> {
        let event = Event {
            invocation_id: Uuid::new_v4().to_string(),
            delivery_stream_arn: &self.stream_arn,
            region: REGION,
            records: records
                .iter()
                .map(|record| EventRecord {
                    record_id: &record.id,
                    approximate_arrival_timestamp: record.arrival,
                    data: STANDARD.encode(&record.data),
                })
                .collect(),
        };
        let event = Bytes::from(serde_json::to_vec(&event).expect("text and numbers are JSON"));
        // A task of its own, so that a panic in the function is its error and not the stream's end.
        let function = Arc::clone(&self.function);
        let call = tokio::spawn(async move { function(event).await });
        let failed = |why: &str| format!("The Lambda function was successfully invoked but it returned an error result. {why}");
        let answer = match tokio::time::timeout(LONGEST_CALL, call).await {
            Ok(Ok(Ok(answer))) => answer,
            Ok(Ok(Err(message))) => return Err(failed(&message)),
            Ok(Err(_panicked)) => return Err(failed("The function panicked.")),
            Err(_elapsed) => return Err(failed("The function took longer than five minutes.")),
        };
        if answer.len() > MESSAGE_BYTES {
            return Err(failed(&format!("Its answer has {} bytes, the limit is {MESSAGE_BYTES}.", answer.len())));
        }
        Ok(answer)
    }
}

/// An error code and its explanation.
type Fault = (&'static str, String);

/// What an answer says of each record, or why it says nothing that can be used.
fn verdicts(records: &[Record], answer: &[u8]) -> Result<Vec<Result<Verdict, Fault>>, Fault> {
    let answer: Answer = serde_json::from_slice(answer).map_err(|error| {
        // The parser's own words could quote the answer.
        let (line, column) = (error.line(), error.column());
        (
            "Lambda.JsonProcessingException",
            format!(
                "There was an error parsing returned records from the Lambda function at line {line}, column {column}. Ensure that the \
                 returned records follow the status model that is required by Firehose."
            ),
        )
    })?;
    let mut places: HashMap<&str, Option<AnswerRecord>> = records.iter().map(|record| (record.id.as_str(), None)).collect();
    for record in answer.records {
        match places.get_mut(record.record_id.as_str()) {
            Some(place @ None) => *place = Some(record),
            Some(Some(_)) => {
                return Err((
                    "Lambda.DuplicatedRecordId",
                    "Multiple records were returned with the same record ID. Ensure that the Lambda function returns unique record IDs for \
                     each record."
                        .to_owned(),
                ));
            }
            None => {
                return Err((
                    "Lambda.MissingRecordId",
                    "A record was returned with a record ID that was not sent. Ensure that the Lambda function returns all received record \
                     IDs and no other."
                        .to_owned(),
                ));
            }
        }
    }
    Ok(records.iter().map(|record| verdict(places.remove(record.id.as_str()).flatten())).collect())
}

fn verdict(answered: Option<AnswerRecord>) -> Result<Verdict, Fault> {
    let Some(answered) = answered else {
        return Err((
            "Lambda.MissingRecordId",
            "One or more record IDs were not returned. Ensure that the Lambda function returns all received record IDs.".to_owned(),
        ));
    };
    match answered.result {
        Status::Dropped => Ok(Verdict::Drop),
        Status::ProcessingFailed => Err(("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record".to_owned())),
        Status::Ok => match answered.data.map(|data| STANDARD.decode(data)) {
            Some(Ok(data)) => Ok(Verdict::Deliver(data)),
            Some(Err(_)) => Err(("Lambda.InvalidReturnFormat", "The data field is not base64.".to_owned())),
            None => Err(("Lambda.InvalidReturnFormat", "The data field cannot be null when the processing result is Ok.".to_owned())),
        },
    }
}

#[cfg(test)]
mod tests;
