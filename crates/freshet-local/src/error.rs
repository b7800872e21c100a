//! What AWS on loopback can fail with.

use std::path::PathBuf;

/// An error of AWS on loopback.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A delivery stream is described in a way that Firehose would refuse.
    #[error("describe delivery stream {stream}: {message}")]
    DeliveryStream {
        /// The stream's name.
        stream: String,
        /// What is wrong with it.
        message: String,
    },
    /// A delivery stream's journal could not be read or written.
    #[error("{tried} {}", path.display())]
    Journal {
        /// What was tried.
        tried: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// Buffered records could not be delivered; they stay in the journal and are tried again.
    #[error("deliver the records of stream {stream}: {message}")]
    Delivery {
        /// The stream's name.
        stream: String,
        /// Why not.
        message: String,
    },
}
