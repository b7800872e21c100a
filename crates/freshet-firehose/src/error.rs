//! What a producer can fail with.

/// An error of the producer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An event line does not fit a record, whatever it is packed with.
    #[error("pack line {index} of {length} bytes into a record of at most {limit} bytes")]
    LineTooLong {
        /// The line's place among the lines given.
        index: usize,
        /// Its length with its newline, in bytes.
        length: usize,
        /// The most that a record holds, in bytes.
        limit: usize,
    },
    /// Neither Firehose nor S3 took the records: the sender must send them again.
    #[error("put {records} records into stream {stream} or under {key}: stream: {stream_reason}, bucket: {bucket_reason}")]
    NotDurable {
        /// How many records are not durable.
        records: usize,
        /// The delivery stream.
        stream: String,
        /// The object key that was tried.
        key: String,
        /// Why the stream did not take them.
        stream_reason: String,
        /// Why the bucket did not take them.
        bucket_reason: String,
    },
}
