//! What can stop the services on loopback.

use std::path::PathBuf;

/// A service that could not start, or an operation of its store that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder could not be used.
    #[error("use the folder {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Another process has the folder.
    #[error("use the folder {path}: another process has it; stop that one, or name another folder")]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// The port could not be bound.
    #[error("listen on 127.0.0.1:{port}; is another process there? port 0 picks a free one")]
    Listen {
        /// The port.
        port: u16,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A file of the store could not be read or written.
    #[error("{tried}")]
    Store {
        /// What was tried.
        tried: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A function's binary is not there.
    #[error("find the function's binary {}", path.display())]
    Bootstrap {
        /// The binary.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
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
