//! Firehose's call of the transformer: any JSON as the event, and any bytes as its records. Every record id comes back once.

#![no_main]

use std::sync::LazyLock;

use freshet_ingest::normalize::Normalizer;
use freshet_ingest::secret::{HashKey, Secret};
use freshet_ingest::transform::{Fetched, TransformEvent, TransformRecord, pointers, transform};
use freshet_schema::Contract;
use libfuzzer_sys::fuzz_target;

static NORMALIZER: LazyLock<Normalizer> =
    LazyLock::new(|| Normalizer::new(Contract::embedded(), HashKey { id: "k".to_owned(), secret: Secret::new("key") }));

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data).into_owned();
    let record = |data: String| TransformRecord { record_id: "r".to_owned(), approximate_arrival_timestamp: i64::MIN, data };
    let own = TransformEvent {
        invocation_id: String::new(),
        delivery_stream_arn: String::new(),
        region: String::new(),
        records: vec![record(text)],
    };
    for event in std::iter::once(own).chain(serde_json::from_slice(data).ok()) {
        let fetched: Fetched = pointers(&event).into_iter().map(|key| (key, Some(data.to_vec()))).collect();
        let (response, _) = transform(&NORMALIZER, &event, &fetched);
        let asked: Vec<&str> = event.records.iter().map(|record| record.record_id.as_str()).collect();
        let answered: Vec<&str> = response.records.iter().map(|answer| answer.record_id.as_str()).collect();
        assert_eq!(asked, answered);
    }
});
