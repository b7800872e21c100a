//! The functions that services call: Lambda's Invoke, inside the process.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

/// A function: the event's JSON in, the answer's JSON or the error's text out.
pub type Function = Arc<dyn Fn(Bytes) -> BoxFuture<'static, Result<Bytes, String>> + Send + Sync>;

/// Functions by their names.
pub type Functions = BTreeMap<String, Function>;
