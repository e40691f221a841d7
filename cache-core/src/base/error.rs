//! What can go wrong, in words a user can act on.

use std::sync::Arc;

/// An error of a backend: what was tried, and what the store answered.
///
/// Cloneable, so that one failure can be told to everybody who waited for it. The message never
/// holds a value or a password.
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
    /// No connection, or the connection broke. The operation may or may not have taken effect.
    #[error("unreachable")]
    Unreachable,
    /// No answer in time. The operation may or may not have taken effect.
    #[error("timed out")]
    TimedOut,
    /// The store answered with an error: nothing was done.
    #[error("refused")]
    Refused,
    /// The backend was given something it can't use: a URL, an option.
    #[error("bad configuration")]
    Config,
    /// The backend does not have this operation.
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

    /// What kind of failure it was.
    pub fn kind(&self) -> BackendErrorKind {
        self.kind
    }

    /// What the store answered, or what is wrong with what the backend was given.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The same, where only a part of the store is away, such as a node of a cluster.
    ///
    /// A cache goes on asking for what lies elsewhere: it is no reason to leave the whole tier alone for a
    /// moment. So a backend that says so has to fail fast by itself.
    #[must_use]
    pub fn of_a_part(self) -> Self {
        Self { of_a_part: true, ..self }
    }

    /// Whether other keys may still be asked for.
    pub fn is_of_a_part(&self) -> bool {
        self.of_a_part
    }
}

/// A load took longer than its function's `hard_timeout` and there was no old value to serve.
///
/// The error of such a function is made from this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the load took longer than the hard timeout, and no old value was at hand")]
#[non_exhaustive]
pub struct TimedOut;

impl TimedOut {
    pub(crate) const fn new() -> Self {
        Self
    }
}

/// An error of a load for several callers.
///
/// One load answers all who wait for it, also when it fails. Where its error is `Clone`, each caller gets a clone. Where
/// it is not, but can be made from any error (`Box<dyn Error>`, `anyhow::Error`), those who waited get one that is
/// made from this and has the text of the load's own error. A type of your own takes part with
/// `From<SharedError>` and `Display`.
///
/// [`Cache::get_or_load`](crate::engine::Cache::get_or_load) does not see whether an error is `Clone`. A load that maps its error
/// to a `SharedError` shares it there, too:
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
    /// Makes an error that can be cloned of one that can't; of text, too.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into().into())
    }

    /// The error that it was made of; where those who waited got it, an error of the same text.
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
/// A cached *function* never returns one: there a failing cache means a load, unless the function asks for
/// [`OnError::Fail`](super::policy::OnError::Fail).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The remote tier failed.
    #[error("the remote tier failed: {0}")]
    Backend(BackendError),
    /// A value could not be encoded for the remote tier.
    #[error("the value under `{key}` can't be encoded: {message}")]
    Encode {
        /// The key it was to be stored under.
        key: String,
        /// What the codec said.
        message: String,
    },
    /// Of what was asked for together, some failed: [`Cache::insert_many`](crate::engine::Cache::insert_many). All the rest
    /// is done.
    #[error("{} of {of} failed, the first one `{}`: {}", failed.len(), first(failed).0, first(failed).1)]
    Several {
        /// The keys that failed, in the order they were given, and why; at least one.
        failed: Vec<(String, Error)>,
        /// How many there were in all.
        of: usize,
    },
    /// [`Cache::close`](crate::engine::Cache::close) could not carry out all pending evictions: other processes may read what
    /// they are about from the remote tier until it expires.
    #[error("{evictions} evictions are still pending: {error}")]
    Pending {
        /// How many.
        evictions: usize,
        /// Why the last attempt failed.
        error: BackendError,
    },
    /// No cache of this name was installed.
    #[error(
        "no cache is called `{name}`; install one with \
         `Cache::builder().name(\"{name}\").build()?.install()` (installed: {known})"
    )]
    UnknownCache {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A rule of [`Cache::on`](crate::engine::Cache::on) panicked. What the other rules list was evicted.
    #[error(
        "a rule for `{event}` panicked, and what it would have evicted is not known: {message}"
    )]
    RulePanicked {
        /// The event's type.
        event: &'static str,
        /// What the panic said.
        message: String,
    },
    /// A builder or a configuration was given something that can't be.
    #[error("{field}: {message}")]
    Config {
        /// The field at fault, as the builder calls it.
        field: &'static str,
        /// What is wrong, and what to write instead.
        message: String,
    },
}

/// The message says all that the backend's does, so that it is no source of this one: who writes a whole chain would write it
/// twice.
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

/// For the message of [`Error::Several`].
fn first(failed: &[(String, Error)]) -> (&str, &dyn std::fmt::Display) {
    failed.first().map_or(("", &""), |(key, error)| (key, error))
}

/// An [`Error`] as logs have it at levels that go everywhere: without keys, and without what a type's own serde code said.
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
