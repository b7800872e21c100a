//! What can stop a function. None of it holds a payload or a secret.

/// A function that cannot do its work now.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A variable is missing.
    #[error("read the environment: {name} is not set")]
    MissingVariable {
        /// The variable.
        name: &'static str,
    },
    /// A variable has another form.
    #[error("read the environment: {name} has the form {form}")]
    MalformedVariable {
        /// The variable.
        name: &'static str,
        /// Its form.
        form: &'static str,
    },
    /// What a function is asked for has another form.
    #[error("read the event: {name} has the form {form}")]
    MalformedEvent {
        /// Its part.
        name: &'static str,
        /// Its form.
        form: &'static str,
    },
    /// A parameter could not be read.
    #[error("read the parameter {name} from SSM")]
    Parameter {
        /// The parameter, or the path of several.
        name: String,
        /// What SSM says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A parameter has another form, or there is none.
    #[error("read the parameter {name} from SSM: it has the form {form}")]
    MalformedParameter {
        /// The parameter, or the path of several.
        name: String,
        /// Its form.
        form: &'static str,
    },
    /// A body of the spill zone could not be fetched for now; Firehose calls again.
    #[error("fetch {key} from the lake")]
    Fetch {
        /// The object's key.
        key: String,
        /// What S3 says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An object could not be put; Firehose calls again.
    #[error("put {key} into the lake")]
    Put {
        /// The object's key.
        key: String,
        /// What S3 says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The tables could not be read or written.
    #[error("{tried}")]
    Tables {
        /// What was tried.
        tried: &'static str,
        /// What stopped it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A query of the scorer has no answer, or one of another form.
    #[error("ask {query} for scores")]
    Ask {
        /// The query.
        query: &'static str,
        /// What stopped it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A model could not be trained, read, written or used.
    #[error("{tried}")]
    Models {
        /// What was tried.
        tried: &'static str,
        /// What stopped it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no such version.
    #[error("find the {kind} model {version}: it is not on the shelf")]
    UnknownModel {
        /// The kind.
        kind: &'static str,
        /// The version.
        version: String,
    },
    /// No version has been promoted.
    #[error("find the current {kind} model: none has been promoted, so train one first")]
    NoModel {
        /// The kind.
        kind: &'static str,
    },
    /// A file of a version is not what its training wrote.
    #[error("read {file} of a model: it is not what the training wrote")]
    DamagedModel {
        /// The file.
        file: String,
    },
    /// There is nobody to learn about.
    #[error("train the {kind} model: the lake knows nobody by the end of {as_of}; --as-of takes a later day, today included")]
    Nobody {
        /// The kind.
        kind: &'static str,
        /// The day.
        as_of: String,
    },
    /// There is nothing to learn of accounts from.
    #[error(
        "train the smurf model: no verdict on an account is known by {as_of}, and it learns from nothing else. Scores need none (freshet score smurf); once admins look at the queue, send what they find as events of the type account_verdict (table game_verdicts), and train when {needed} accounts were found to be above their record and {needed} to fit it"
    )]
    NoVerdicts {
        /// The day.
        as_of: String,
        /// How many of each kind are needed.
        needed: usize,
    },
    /// The compaction stopped.
    #[error("compact the lake")]
    Compact {
        /// Where.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

#[cfg(feature = "tables")]
impl Error {
    pub(crate) fn models<E: std::error::Error + Send + Sync + 'static>(tried: &'static str) -> impl Fn(E) -> Self {
        move |source| Self::Models { tried, source: Box::new(source) }
    }

    pub(crate) fn tables(tried: &'static str) -> impl Fn(freshet_table::Error) -> Self {
        move |source| Self::Tables { tried, source: Box::new(source) }
    }
}
