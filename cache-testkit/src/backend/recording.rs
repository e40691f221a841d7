//! A backend that records its operations.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache_core::{
    Backend, BackendError, BackendErrorKind, BackendResult, Leases, MessageHandler, Subscription,
};

use super::answer::Answer;
use super::layer::{EachLease, EachResult, Layer, Layered};
use super::operation::Operation;

/// A backend that records every operation of the backend that it wraps: see [`OperationLog`]. Clones share the log.
///
/// ```
/// use larder::{Cache, Error, backend::MemoryBackend};
/// use larder::testing::{Operation, Recording};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let backend = Recording::new(MemoryBackend::new());
/// let log = backend.log();
/// let cache = Cache::builder().remote(backend).build()?;
/// cache.insert("k", 1u64).await?;
/// assert_eq!(log.keys(Operation::Set), ["larder:k"]);
/// cache.get::<u64>("k").await?;
/// assert_eq!(log.count(Operation::Get), 0, "memory had it:\n{log}");
/// # Ok(())
/// # }
/// ```
pub type Recording<B> = Layered<B, OperationLog>;

/// The operations of a [`Recording`] backend, in the order in which they began. Clones share the log. Its
/// `Display` has one line for each operation.
#[derive(Clone, Debug, Default)]
pub struct OperationLog(Arc<Mutex<Vec<Recorded>>>);

/// One operation. Values are not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// The operation.
    pub operation: Operation,
    /// Its keys, including the namespace; or its pattern or channel.
    pub keys: Vec<String>,
    /// Its outcome.
    pub outcome: OperationOutcome,
}

/// The outcome of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OperationOutcome {
    /// It has no answer yet.
    Running,
    /// Its future was dropped before the answer; it may have taken effect.
    Dropped,
    /// It failed.
    Failed(BackendErrorKind),
    /// It succeeded without a result.
    Done,
    /// Which of the keys had a value. (For an `acquire`: a value, and no lease.)
    Found(Vec<bool>),
    /// The generations, or the number of affected keys.
    Numbers(Vec<u64>),
    /// The keys of a page.
    Keys(Vec<String>),
    /// The caller has the lease.
    Lead,
    /// Another caller has the lease.
    Wait,
    /// Whether the lease still held, or the value was the same; for a commit and a replacement, whether it
    /// was stored.
    Held(bool),
    /// Of an operation on many leases: the outcome of each, in the order of the keys.
    Each(Vec<OperationOutcome>),
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}: {:?}", self.operation, self.keys, self.outcome)
    }
}

impl fmt::Display for OperationLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().iter().try_for_each(|recorded| writeln!(f, "{recorded}"))
    }
}

impl OperationLog {
    fn lock(&self) -> MutexGuard<'_, Vec<Recorded>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns all operations so far.
    pub fn all(&self) -> Vec<Recorded> {
        self.lock().clone()
    }

    /// Returns all operations so far, and empties the log.
    pub fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut *self.lock())
    }

    /// Returns the operations of one kind.
    pub fn of(&self, operation: Operation) -> Vec<Recorded> {
        self.lock().iter().filter(|recorded| recorded.operation == operation).cloned().collect()
    }

    /// Returns the number of operations of one kind.
    pub fn count(&self, operation: Operation) -> usize {
        self.lock().iter().filter(|recorded| recorded.operation == operation).count()
    }

    /// Returns the keys of all operations of one kind, concatenated.
    pub fn keys(&self, operation: Operation) -> Vec<String> {
        self.of(operation).into_iter().flat_map(|recorded| recorded.keys).collect()
    }

    /// Returns the operations on this key (including its namespace).
    pub fn about(&self, key: &str) -> Vec<Recorded> {
        let names = |recorded: &&Recorded| recorded.keys.iter().any(|named| named == key);
        self.lock().iter().filter(names).cloned().collect()
    }

    fn begin(&self, operation: Operation, keys: Vec<String>) -> Line {
        let mut recorded = self.lock();
        recorded.push(Recorded { operation, keys, outcome: OperationOutcome::Running });
        Line { log: self.clone(), number: recorded.len() - 1, operation, ended: false }
    }
}

/// An operation in progress, and the number of its line.
struct Line {
    log: OperationLog,
    number: usize,
    operation: Operation,
    ended: bool,
}

impl Line {
    fn end(&mut self, outcome: OperationOutcome) {
        self.ended = true;
        // The log may have been taken meanwhile.
        let mut recorded = self.log.lock();
        let line = recorded.get_mut(self.number);
        let running = |line: &&mut Recorded| {
            line.operation == self.operation && line.outcome == OperationOutcome::Running
        };
        if let Some(line) = line.filter(running) {
            line.outcome = outcome;
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.ended {
            self.end(OperationOutcome::Dropped);
        }
    }
}

fn outcome<T: Answer>(done: &Result<T, BackendError>) -> OperationOutcome {
    match done {
        Ok(answer) => answer.outcome(),
        Err(error) => OperationOutcome::Failed(error.kind()),
    }
}

impl<B: Backend> Layered<B, OperationLog> {
    /// Wraps `backend`.
    pub fn new(backend: B) -> Self {
        Self { backend, layer: OperationLog::default() }
    }

    /// Returns the log.
    pub fn log(&self) -> OperationLog {
        self.layer.clone()
    }
}

impl Layer for OperationLog {
    fn around<'a, T: Answer + 'a>(
        &'a self,
        operation: Operation,
        keys: Vec<String>,
        next: BackendResult<'a, T>,
    ) -> BackendResult<'a, T> {
        Box::pin(async move {
            let mut line = self.begin(operation, keys);
            let done = next.await;
            line.end(outcome(&done));
            done
        })
    }

    fn around_each<'a, I: Copy + Send + Sync + 'a, T: Answer + 'a>(
        &'a self,
        operation: Operation,
        keys: Vec<String>,
        leases: &'a dyn Leases,
        items: &'a [I],
        next: EachLease<I, T>,
    ) -> EachResult<'a, T> {
        Box::pin(async move {
            let mut line = self.begin(operation, keys);
            let done = next(leases, items).await;
            line.end(OperationOutcome::Each(done.iter().map(outcome).collect()));
            done
        })
    }

    fn subscribe(
        &self,
        backend: &dyn Backend,
        channel: &str,
        handler: Arc<dyn MessageHandler>,
    ) -> Result<Subscription, BackendError> {
        let mut line = self.begin(Operation::Subscribe, vec![channel.to_owned()]);
        let done = backend.subscribe(channel, handler);
        line.end(match &done {
            Ok(_) => OperationOutcome::Done,
            Err(error) => OperationOutcome::Failed(error.kind()),
        });
        done
    }
}
