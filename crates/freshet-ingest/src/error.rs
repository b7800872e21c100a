//! What can go wrong between a record and its rows.

/// A record that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The line is no envelope.
    #[error("read a record's envelope")]
    UnreadableRecord {
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
    /// The envelope says two things, or none.
    #[error("read a record's envelope: it holds a delivery or refusals, and exactly one")]
    AmbiguousRecord,
    /// The envelope was written by newer code.
    #[error("read a record's envelope of version {version}: this code knows up to {known}; it waits for an update")]
    NewerRecord {
        /// The record's version.
        version: u32,
        /// The newest known.
        known: u32,
    },
    /// The envelope was written at a time that no clock shows.
    #[error("read a record's envelope: its time is not one that a clock shows")]
    ImpossibleTime,
    /// The body is not base64.
    #[error("read a record's body")]
    UnreadableBody {
        /// What the decoder says.
        #[source]
        source: base64::DecodeError,
    },
    /// The body does not unpack.
    #[error("unpack a record's body")]
    Unpack {
        /// What the decoder says.
        #[source]
        source: std::io::Error,
    },
    /// The body unpacks to too much.
    #[error("unpack a record's body: it is larger than {limit} bytes")]
    UnpackedTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

/// What becomes of a record that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// A row of `rejected_events` says why.
    Reject,
    /// It stays where it is until newer code comes.
    Wait,
}

impl Error {
    /// What becomes of the record.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::NewerRecord { .. } => Disposition::Wait,
            Self::UnreadableRecord { .. }
            | Self::AmbiguousRecord
            | Self::ImpossibleTime
            | Self::UnreadableBody { .. }
            | Self::Unpack { .. }
            | Self::UnpackedTooLarge { .. } => Disposition::Reject,
        }
    }
}
