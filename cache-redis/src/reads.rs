//! Reads of single values that begin while others are running are sent together.
//!
//! A request costs its sender several times what its commands cost: a timer, a message to the task of the connection, a
//! wake-up for the reply. Under load all reads that begin at the same time share these, and the generations that they
//! have in common. A read that is alone is sent immediately.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cache_core::BackendError;
use futures_util::future::join_all;
use redis::Cmd;
use tokio::runtime::{Handle, Id, RuntimeFlavor};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::Redis;
use crate::connection::{OnBreak, Reply, Request};
use crate::errors::Fault;
use crate::values::{command, last};

/// The most reads of one request: its readers wait for the replies to all of them.
const TOGETHER: usize = 32;

/// The most generations of one read that is sent with others.
const FEW: usize = 8;

/// The replies to one read.
pub(crate) struct Replies {
    pub(crate) generations: Vec<Option<u64>>,
    /// The remaining time of the value.
    pub(crate) left: Reply,
    pub(crate) value: Reply,
}

/// The reads over one connection.
#[derive(Default)]
pub(crate) struct Reads {
    running: AtomicUsize,
    waiting: Mutex<Vec<Batch>>,
}

/// Reads that are sent together.
struct Batch {
    /// The runtime that sends it. A read on another one must not depend on it.
    runtime: Id,
    generations: Vec<String>,
    requests: Vec<Request>,
    readers: Vec<Reader>,
}

struct Reader {
    /// The positions of its generations.
    generations: Vec<usize>,
    replies: oneshot::Sender<Result<Replies, BackendError>>,
}

/// Counts a running read.
struct Running<'a>(&'a AtomicUsize);

/// The duty to send the reads that wait. If it is dropped, because its runtime ends, they are sent one by one.
struct Sender {
    redis: Redis,
    place: usize,
    due: bool,
}

impl Reads {
    /// For so many connections.
    pub(crate) fn over(connections: usize) -> Box<[Self]> {
        (0..connections.max(1)).map(|_| Self::default()).collect()
    }

    fn begin(&self) -> (Running<'_>, bool) {
        let alone = self.running.fetch_add(1, Ordering::Relaxed) == 0;
        (Running(&self.running), alone)
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Batch>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    fn new(runtime: Id) -> Self {
        Self { runtime, generations: Vec::new(), requests: Vec::new(), readers: Vec::new() }
    }

    /// The positions of these generations, of which each is requested once.
    fn places(&mut self, generations: &[&str]) -> Vec<usize> {
        let place = |key: &&str| {
            let known = self.generations.iter().position(|known| known == key);
            known.unwrap_or_else(|| {
                self.generations.push((*key).to_owned());
                self.generations.len() - 1
            })
        };
        generations.iter().map(place).collect()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Redis {
    /// The stored generations and one value of at most `most` bytes and one more, with one write to the connection. Not for a
    /// cluster, where each key may be on another node.
    pub(crate) async fn read_one(
        &self,
        key: &str,
        most: usize,
        generations: &[&str],
    ) -> Result<Replies, BackendError> {
        self.connection().asks_for(1, most);
        let place = self.connection().number_of(key);
        let reads = &self.inner.reads[place];
        let (_running, alone) = reads.begin();
        if !alone
            && generations.len() <= FEW
            && let Some(replies) = self.join(place, key, most, generations)
        {
            let replies = match polls_all() {
                true => replies.await,
                false => Box::pin(self.in_time(replies)).await?,
            };
            // Otherwise its runtime ends.
            if let Ok(replies) = replies {
                return replies;
            }
        }
        // In a box, so that the futures of reads that are sent together are small.
        Box::pin(self.read_alone(key, most, generations)).await
    }

    /// Waits for a reply. The task that sends the request keeps to the operation timeout; this ends the wait if another thread
    /// of the runtime has that task and does not poll it.
    async fn in_time<T>(&self, replies: impl Future<Output = T>) -> Result<T, BackendError> {
        let limit = self.connection().config().limits.operation_timeout;
        let late = || Fault::timed_out(limit, self.connection().endpoint()).of("get");
        timeout(limit.saturating_mul(2), replies).await.map_err(|_| late())
    }

    /// Adds a read to those that wait, unless it needs a request of its own.
    fn join(
        &self,
        place: usize,
        key: &str,
        most: usize,
        generations: &[&str],
    ) -> Option<oneshot::Receiver<Result<Replies, BackendError>>> {
        let runtime = Handle::try_current().ok().filter(|_| !self.replays)?;
        let mut waiting = self.inner.reads[place].waiting();
        if waiting.first().is_some_and(|batch| batch.runtime != runtime.id()) {
            return None;
        }
        let first = waiting.is_empty();
        if waiting.last().is_none_or(|batch| batch.readers.len() == TOGETHER) {
            waiting.push(Batch::new(runtime.id()));
        }
        let batch = waiting.last_mut()?;
        let generations = batch.places(generations);
        batch.requests.extend(one_value(key, most));
        let (sender, replies) = oneshot::channel();
        batch.readers.push(Reader { generations, replies: sender });
        drop(waiting);
        if first {
            let sender = Sender { redis: self.clone(), place, due: true };
            runtime.spawn(sender.send());
        }
        Some(replies)
    }

    async fn read_alone(
        &self,
        key: &str,
        most: usize,
        generations: &[&str],
    ) -> Result<Replies, BackendError> {
        let requests = one_value(key, most);
        let (known, mut replies) = self.send_reads(generations, requests.into()).await?;
        match (replies.next(), replies.next()) {
            (Some(left), Some(value)) => Ok(Replies { generations: known, left, value }),
            _ => Err(self.unexpected("get")),
        }
    }

    /// The remaining time and the value of each key, of at most `most` bytes and one more. Not for a cluster, as
    /// [`read_one`](Self::read_one).
    pub(crate) async fn read_all(
        &self,
        keys: &[&str],
        most: usize,
    ) -> Result<impl Iterator<Item = (Reply, Reply)> + use<>, BackendError> {
        self.connection().asks_for(1, most);
        let mut requests = Vec::with_capacity(2 * keys.len());
        requests.extend(keys.iter().flat_map(|key| one_value(key, most)));
        let (_, mut replies) = self.send_reads(&[], requests).await?;
        Ok(std::iter::from_fn(move || Some((replies.next()?, replies.next()?))))
    }

    async fn send_batch(&self, batch: Batch) {
        let Batch { generations, requests, readers, .. } = batch;
        let generations: Vec<&str> = generations.iter().map(String::as_str).collect();
        match self.send_reads(&generations, requests).await {
            Ok((known, mut replies)) => {
                for reader in readers {
                    let generation = |place: usize| known.get(place).copied().flatten();
                    let generations = reader.generations.into_iter().map(generation).collect();
                    let (Some(left), Some(value)) = (replies.next(), replies.next()) else {
                        return;
                    };
                    // The caller may be gone.
                    let _ = reader.replies.send(Ok(Replies { generations, left, value }));
                }
            }
            Err(error) => readers.into_iter().for_each(|reader| {
                let _ = reader.replies.send(Err(error.clone()));
            }),
        }
    }

    /// Sends reads after the request for generations.
    async fn send_reads(
        &self,
        generations: &[&str],
        reads: Vec<Request>,
    ) -> Result<(Vec<Option<u64>>, impl Iterator<Item = Reply> + use<>), BackendError> {
        let count = reads.len() + usize::from(!generations.is_empty());
        let mut requests = Vec::with_capacity(count);
        if let (Some(first), false) = (reads.first(), generations.is_empty()) {
            requests.push(first.beside(command("MGET", generations)));
        }
        requests.extend(reads);
        let replies = self.run("get", OnBreak::Repeat, requests).await?;
        if replies.len() != count {
            return Err(self.unexpected("get"));
        }
        let mut replies = replies.into_iter();
        let known = match generations {
            [] => Vec::new(),
            _ => self.known(generations.len(), replies.next().into_iter().collect())?,
        };
        Ok((known, replies))
    }
}

/// Whether the thread that polls the caller polls all tasks of its runtime.
fn polls_all() -> bool {
    let runtime = Handle::try_current();
    runtime.is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::CurrentThread)
}

impl Sender {
    async fn send(mut self) {
        // The other tasks that are ready begin their reads before.
        tokio::task::yield_now().await;
        let batches = self.take();
        join_all(batches.into_iter().map(|batch| self.redis.send_batch(batch))).await;
    }

    /// The reads that wait. The next one that begins gets a sender of its own.
    fn take(&mut self) -> Vec<Batch> {
        self.due = false;
        std::mem::take(&mut *self.redis.inner.reads[self.place].waiting())
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if self.due {
            drop(self.take());
        }
    }
}

/// Reads one value without a script, which would cost the server ten times as much.
///
/// The remaining time comes first. If the value is replaced between the two, the time is that of the
/// old value: the reader may take the new value to be older than it is, and asks again earlier. The
/// other order could make an old value look new; on a cluster, a redirection could cause it, so a
/// cluster gets the script.
fn one_value(key: &str, most: usize) -> [Request; 2] {
    let mut value = Cmd::with_capacity(4, key.len() + 24);
    value.arg("GETRANGE").arg(key).arg(0).arg(last(most));
    let left = Request::read(key, command("PTTL", &[key]));
    let value = left.beside(value);
    [left, value]
}
