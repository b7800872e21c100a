//! Any bytes as a line of the stream: what is read is written and read again as the same.

#![no_main]

use freshet_ingest::envelope::{Envelope, gunzip};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(envelope) = Envelope::decode(data) {
        assert_eq!(Envelope::decode(&envelope.encode()).ok(), Some(envelope));
    }
    // Bytes that are no gzip are an error and no more.
    let _ = gunzip(data);
});
