//! Operations that change values: in chunks, and together with their notice.
//!
//! Chunks keep the server responsive for other clients and the buffers small. The script that
//! changes values also ends the leases of their keys.

use std::time::Duration;

use bytes::Bytes;
use cache_core::{BackendError, Message, RemoveOutcome, SetEntry};
use redis::{Value, cmd};

use crate::Redis;
use crate::connection::{OnBreak, Reply, Request};
use crate::errors::Fault;
use crate::keys::lease_key;
use crate::scripts::{Call, REMOVE, STORE};
use crate::values::{count, text};

/// The maximum number of entries or keys in one request.
pub(crate) const CHUNK: usize = 256;

/// The approximate maximum size of one request in bytes.
pub(crate) const CHUNK_BYTES: usize = 1 << 20;

/// The maximum number of keys that one script removes; this takes some milliseconds.
const REMOVE_AT_ONCE: usize = 4096;

/// The maximum time to live. Redis refuses times that overflow its clock.
const LONGEST_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Requests that change values.
struct Changes {
    requests: Vec<Request>,
    /// Whether the last request publishes the notice.
    told: bool,
}

impl Redis {
    pub(crate) async fn remove_now(
        &self,
        keys: &[&str],
        notice: Option<&Message>,
    ) -> Result<u64, BackendError> {
        let RemoveOutcome { count, failed, .. } = self.remove_each_now(keys, notice).await;
        failed.into_iter().next().map_or(Ok(count), |(_, error)| Err(error))
    }

    /// Removes as many keys as possible: each key separately on a cluster, all or none elsewhere.
    pub(crate) async fn remove_each_now(
        &self,
        keys: &[&str],
        notice: Option<&Message>,
    ) -> RemoveOutcome {
        let removal = "remove";
        let changes = self.removals(keys, notice);
        let each = changes.requests.len() == keys.len();
        let replies = match self.change_each(removal, OnBreak::Repeat, changes, notice).await {
            Ok(replies) => replies,
            Err(error) => return RemoveOutcome::none(keys.len(), &error),
        };
        let mut removed = RemoveOutcome::default();
        for (place, reply) in replies.into_iter().enumerate() {
            let answer = self.accept(removal, reply);
            match answer.and_then(|value| count(value).ok_or_else(|| self.unexpected(removal))) {
                Ok(count) => removed.count += count,
                Err(error) if each => removed.failed.push((place, error)),
                Err(error) => return RemoveOutcome::none(keys.len(), &error),
            }
        }
        removed
    }

    /// Stores as many entries as possible. The script reports which of its entries were refused; on
    /// a cluster each entry has its own request.
    pub(crate) async fn set_each_now(
        &self,
        entries: &[SetEntry],
        notice: Option<&Message>,
    ) -> Vec<Result<(), BackendError>> {
        let storing = "set";
        let size = |entry: &SetEntry| entry.key.len() + entry.value.len();
        let chunks: Vec<&[SetEntry]> = chunked(entries, self.together(CHUNK), size).collect();
        let changes = self.stores(chunks.clone(), notice);
        match self.change_each(storing, OnBreak::Fail, changes, notice).await {
            Ok(replies) => {
                let stored = |(chunk, reply): (&[SetEntry], Reply)| {
                    let stored = self.accept(storing, reply);
                    let stored = stored.and_then(|value| self.stored(storing, chunk.len(), value));
                    stored.unwrap_or_else(|error| vec![Err(error); chunk.len()])
                };
                chunks.into_iter().zip(replies).flat_map(stored).collect()
            }
            Err(error) => vec![Err(error); entries.len()],
        }
    }

    /// Decodes the reply of a script, or of a single `SET`, that stores `count` entries.
    fn stored(
        &self,
        operation: &'static str,
        count: usize,
        answer: Value,
    ) -> Result<Vec<Result<(), BackendError>>, BackendError> {
        let mut stored = vec![Ok(()); count];
        let Value::Array(refusals) = answer else { return Ok(stored) };
        for refusal in refusals {
            let refusal = text(refusal).ok_or_else(|| self.unexpected(operation))?;
            let (place, why) = refusal.split_once(' ').unwrap_or_default();
            let place = place.parse::<usize>().ok().and_then(|place| place.checked_sub(1));
            let place = place.and_then(|place| stored.get_mut(place));
            *place.ok_or_else(|| self.unexpected(operation))? =
                Err(Fault::refused(why, self.connection().endpoint()).of(operation));
        }
        Ok(stored)
    }

    /// The last arguments of a script that publishes the notice.
    pub(crate) fn told(&self, notice: Option<&Message>) -> impl Iterator<Item = Bytes> {
        let told = |Message { channel, message, .. }: &Message| {
            [channel.clone().into(), self.inner.sender.message(channel, message)]
        };
        notice.map(told).into_iter().flatten()
    }

    pub(crate) fn publication(&self, Message { channel, message, .. }: &Message) -> Request {
        let mut publish = cmd("PUBLISH");
        publish.arg(channel).arg(&self.inner.sender.message(channel, message)[..]);
        Request::anywhere(publish)
    }

    /// Sends the changes and publishes their notice. On a cluster the changes happen on several
    /// nodes, in any order. So the notice is sent after them and also before them: other processes
    /// then forget their copies even if this process dies before it sends the second notice.
    async fn change_each(
        &self,
        operation: &'static str,
        on_break: OnBreak,
        Changes { mut requests, told }: Changes,
        notice: Option<&Message>,
    ) -> Result<Vec<Reply>, BackendError> {
        let changes = requests.len();
        if let Some(notice) = notice.filter(|_| !told && changes > 0) {
            requests.push(self.publication(notice));
        }
        let mut replies = self.run(operation, on_break, requests).await?;
        replies.truncate(changes);
        let is_done = replies.is_empty() || replies.iter().any(Result::is_ok);
        // The request that carries the notice may have failed while others succeeded.
        let told = told && replies.last().is_some_and(Result::is_ok);
        if let Some(notice) = notice.filter(|_| is_done && !told) {
            let publish = vec![self.publication(notice)];
            self.ask(operation, OnBreak::Repeat, publish).await?;
        }
        Ok(replies)
    }

    /// The entries in chunks; the last chunk carries the notice.
    fn stores(&self, chunks: Vec<&[SetEntry]>, notice: Option<&Message>) -> Changes {
        self.changes(chunks, notice, |chunk, notice| {
            let keys = with_leases(chunk.iter().map(|entry| entry.key.as_str()));
            let values = chunk.iter().flat_map(|entry| [entry.value.clone(), expiry(entry.ttl)]);
            Call::new(&STORE, keys, values.chain(self.told(notice)).collect())
        })
    }

    /// Removals in chunks. The last chunk carries the notice, so no notice precedes its removal.
    fn removals(&self, keys: &[&str], notice: Option<&Message>) -> Changes {
        let most = self.together(CHUNK);
        let chunks = match notice {
            // The keys of the last chunk and the notice are one step, as long as that takes little
            // time.
            Some(_) if most > 1 => {
                let last = keys.len().saturating_sub(1) / REMOVE_AT_ONCE * REMOVE_AT_ONCE;
                let (before, last) = keys.split_at(last);
                let last = (!last.is_empty()).then_some(last);
                before.chunks(most).chain(last).collect::<Vec<_>>()
            }
            _ => keys.chunks(most).collect(),
        };
        self.changes(chunks, notice, |keys, notice| {
            let args = self.told(notice).collect();
            Call::new(&REMOVE, with_leases(keys.iter().copied()), args)
        })
    }

    /// Builds a script for each chunk. The last one carries the notice if the server runs them in
    /// order.
    fn changes<T: ?Sized>(
        &self,
        chunks: Vec<&T>,
        notice: Option<&Message>,
        script: impl Fn(&T, Option<&Message>) -> Call,
    ) -> Changes {
        let in_order = self.inner.connection.cluster().is_none() || chunks.len() == 1;
        let told = in_order && !chunks.is_empty();
        let last = chunks.len().saturating_sub(1);
        let requests = chunks.into_iter().enumerate().map(|(place, chunk)| {
            let notice = notice.filter(|_| told && place == last);
            Request::script(script(chunk, notice))
        });
        Changes { requests: requests.collect(), told }
    }
}

/// Splits entries by number and size. An entry above the size limit forms a chunk alone.
pub(crate) fn chunked<T>(
    mut entries: &[T],
    most: usize,
    size: impl Fn(&T) -> usize,
) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let mut total = 0;
        let fits = |entry: &&T| {
            total += size(entry);
            total <= CHUNK_BYTES
        };
        let fitting = entries.iter().take(most).take_while(fits).count();
        let (chunk, rest) = entries.split_at(fitting.max(1).min(entries.len()));
        entries = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// The keys, followed by the keys of their leases.
pub(crate) fn with_leases<'a>(keys: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    keys.clone().map(str::to_owned).chain(keys.map(lease_key)).collect()
}

/// A time to live as an argument of a script; empty means without limit.
pub(crate) fn expiry(ttl: Option<Duration>) -> Bytes {
    ttl.map(|ttl| milliseconds(ttl).to_string().into()).unwrap_or_default()
}

fn milliseconds(ttl: Duration) -> u64 {
    u64::try_from(ttl.min(LONGEST_TTL).as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_live_is_at_least_a_millisecond_and_no_overflow() {
        assert_eq!(milliseconds(Duration::ZERO), 1);
        assert_eq!(milliseconds(Duration::from_micros(999)), 1);
        assert_eq!(milliseconds(Duration::from_millis(1500)), 1500);
        assert_eq!(milliseconds(Duration::MAX), 3_153_600_000_000);
    }

    #[test]
    fn writes_are_chunked_by_number_and_size() {
        let write = |size: usize| SetEntry::new("k", Bytes::from(vec![0; size]));
        let size = |entry: &SetEntry| entry.key.len() + entry.value.len();
        let lengths = |entries: &[SetEntry]| {
            chunked(entries, CHUNK, size).map(<[_]>::len).collect::<Vec<_>>()
        };
        assert_eq!(lengths(&vec![write(1); 600]), [256, 256, 88]);
        assert_eq!(lengths(&vec![write(600 << 10); 3]), [1, 1, 1]);
        assert_eq!(lengths(&vec![write(2 << 20); 2]), [1, 1]);
        assert!(lengths(&[]).is_empty());
    }
}
