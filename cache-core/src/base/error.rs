//! Errors, with messages a user can act on.

use std::sync::Arc;

/// An error of a backend: the operation, and the store's answer.
///
/// It is cloneable, so that every caller that waits for one operation gets the failure. The message never
/// contains a value or a password.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{operation}: {kind}: {message}")]
pub struct BackendError {
    kind: BackendErrorKind,
    operation: &'static str,
    message: Arc<str>,
    of_a_part: bool,
}

/// The kinds of [`BackendError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BackendErrorKind {
    /// There is no connection, or the connection broke. The operation may or may not have taken effect.
    #[error("unreachable")]
    Unreachable,
    /// No answer came in time. The operation may or may not have taken effect.
    #[error("timed out")]
    TimedOut,
    /// The store answered with an error and did nothing.
    #[error("refused")]
    Refused,
    /// The configuration of the backend is wrong: a URL, an option.
    #[error("bad configuration")]
    Config,
    /// The backend does not support this operation.
    #[error("unsupported")]
    Unsupported,
}

impl BackendError {
    /// An error of `operation` (a short name such as `"get"`).
    pub fn new(
        kind: BackendErrorKind,
        operation: &'static str,
        message: impl Into<Arc<str>>,
    ) -> Self {
        Self { kind, operation, message: message.into(), of_a_part: false }
    }

    /// Returns the kind of failure.
    pub fn kind(&self) -> BackendErrorKind {
        self.kind
    }

    /// Returns the name of the operation that failed, such as `"get"`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// Returns the store's answer, or what is wrong with the configuration.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Marks the failure as a failure of a part of the store, such as a node of a cluster.
    ///
    /// The cache then keeps asking for keys on other parts: the failure does not open the breaker for the
    /// whole tier. So a backend that marks its errors must fail fast on its own.
    #[must_use]
    pub fn of_a_part(self) -> Self {
        Self { of_a_part: true, ..self }
    }

    /// Whether keys on other parts of the store may still be requested.
    pub fn is_of_a_part(&self) -> bool {
        self.of_a_part
    }
}

/// A load took longer than its function's `hard_timeout` and there was no old value to serve.
///
/// Such a function makes its error from this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the load took longer than the hard timeout, and no old value was at hand")]
#[non_exhaustive]
pub struct TimedOut;

impl TimedOut {
    pub(crate) const fn new() -> Self {
        Self
    }
}

/// An error that one load shares between several callers.
///
/// One load answers all callers that wait for it, even if it fails. If its error is `Clone`, each caller gets
/// a clone. If it is not, but can be made from any error (`Box<dyn Error>`, `anyhow::Error`), each waiter
/// gets an error with the text of the load's own error. To support this for your own type, implement
/// `From<SharedError>` and `Display`.
///
/// [`Cache::get_or_load`](crate::engine::Cache::get_or_load) cannot know whether an error is `Clone`. A load
/// that maps its error to a `SharedError` shares it there, too:
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, SharedError};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let cache = Cache::builder().build()?;
/// let port = cache
///     .get_or_load("port", || async { "80".parse::<u16>().map_err(SharedError::new) })
///     .await?;
/// assert_eq!(port, 80);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SharedError(Arc<dyn std::error::Error + Send + Sync>);

impl SharedError {
    /// Makes a cloneable error from an error that is not, or from text.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into().into())
    }

    /// Returns the original error; for a waiter, an error with the same text.
    pub fn get_ref(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl std::fmt::Debug for SharedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.0, f)
    }
}

impl std::fmt::Display for SharedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for SharedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// An error of the cache's own methods.
///
/// A cached *function* never returns one: if the cache fails, the function loads, unless its policy says
/// [`OnError::Fail`](super::policy::OnError::Fail).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The remote tier failed.
    #[error("the remote tier failed: {0}")]
    Backend(BackendError),
    /// A value could not be encoded for the remote tier.
    #[error("the value under `{key}` can't be encoded: {message}")]
    #[non_exhaustive]
    Encode {
        /// The key of the value.
        key: String,
        /// The codec's message.
        message: String,
    },
    /// Some operations of one request failed, for example of
    /// [`Cache::insert_many`](crate::engine::Cache::insert_many). All others succeeded.
    #[error("{} of {of} failed, the first one `{}`: {}", failed.len(), first(failed).0, first(failed).1)]
    #[non_exhaustive]
    Several {
        /// The failed keys and their errors, in the given order; at least one.
        failed: Vec<(String, Error)>,
        /// The number of operations in the request.
        of: usize,
    },
    /// [`Cache::close`](crate::engine::Cache::close) could not carry out all pending evictions: other
    /// processes may read the evicted values from the remote tier until they expire.
    #[error("{evictions} evictions are still pending: {error}")]
    #[non_exhaustive]
    Pending {
        /// The number of pending evictions.
        evictions: usize,
        /// The error of the last attempt.
        error: BackendError,
    },
    /// No cache of this name is installed.
    #[error(
        "no cache is called `{name}`; install one with \
         `Cache::builder().name(\"{name}\").build()?.install()` (installed: {known})"
    )]
    #[non_exhaustive]
    UnknownCache {
        /// The requested name.
        name: String,
        /// The installed names.
        known: String,
    },
    /// A rule of [`Cache::on`](crate::engine::Cache::on) panicked. The evictions of the other rules were
    /// carried out.
    #[error("a rule for `{event}` panicked, so its evictions are unknown: {message}")]
    #[non_exhaustive]
    RulePanicked {
        /// The event's type.
        event: &'static str,
        /// The panic message.
        message: String,
    },
    /// A builder or a configuration got an invalid value.
    #[error("{field}: {message}")]
    Config {
        /// The name of the wrong field in the builder.
        field: &'static str,
        /// What is wrong, and the fix.
        message: String,
    },
}

/// The backend error is not the `source()`, because this message contains its whole text: a log of the error
/// chain would print it twice.
impl From<BackendError> for Error {
    fn from(error: BackendError) -> Self {
        Self::Backend(error)
    }
}

impl From<super::policy::PolicyError> for Error {
    fn from(error: super::policy::PolicyError) -> Self {
        Self::config(error.field, error.message)
    }
}

/// The first failure, for the message of [`Error::Several`].
fn first(failed: &[(String, Error)]) -> (&str, &dyn std::fmt::Display) {
    failed.first().map_or(("", &""), |(key, error)| (key, error))
}

/// Formats an [`Error`] for log levels that are widely shared: without keys and without messages of a type's
/// serde code.
pub(crate) struct Discreet<'a>(pub(crate) &'a Error);

impl std::fmt::Display for Discreet<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Error::Encode { .. } => f.write_str("a value can't be encoded"),
            Error::Several { failed, of } => {
                write!(f, "{} of {of} failed", failed.len())?;
                match failed.first() {
                    Some((_, error)) => write!(f, ", the first one: {}", Discreet(error)),
                    None => Ok(()),
                }
            }
            error => error.fmt(f),
        }
    }
}

impl Error {
    pub(crate) fn config(field: &'static str, message: impl Into<String>) -> Self {
        Self::Config { field, message: message.into() }
    }
}
