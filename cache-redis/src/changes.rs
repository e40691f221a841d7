//! What changes values: in chunks, and together with the notice that tells of it.
//!
//! Chunks keep the server responsive for others and the buffers small. Whatever ends the leases of keys
//! does so in the script that changes the values.

use std::time::Duration;

use bytes::Bytes;
use cache_core::{BackendError, Notice, Removed, Write};
use redis::{Value, cmd};

use crate::Redis;
use crate::connection::{OnBreak, Reply, Request};
use crate::errors::Fault;
use crate::keys::lease_key;
use crate::scripts::{Call, REMOVE, STORE};
use crate::values::{count, text};

/// So many entries or keys in one request.
pub(crate) const CHUNK: usize = 256;

/// So many bytes in one request, about.
pub(crate) const CHUNK_BYTES: usize = 1 << 20;

/// So many keys are removed in one script; it takes some milliseconds.
const REMOVE_AT_ONCE: usize = 4096;

/// A longer time to live is cut to this; Redis refuses those that overflow its clock.
const LONGEST_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// What changes values.
struct Changes {
    requests: Vec<Request>,
    /// Whether the notice is sent with the last of them.
    told: bool,
}

impl Redis {
    pub(crate) async fn remove_now(
        &self,
        keys: &[&str],
        notice: Option<&Notice>,
    ) -> Result<u64, BackendError> {
        let Removed { count, failed } = self.remove_each_now(keys, notice).await;
        failed.into_iter().next().map_or(Ok(count), |(_, error)| Err(error))
    }

    /// Removes what can be removed: on a cluster each key is by itself, elsewhere it is all or nothing.
    pub(crate) async fn remove_each_now(&self, keys: &[&str], notice: Option<&Notice>) -> Removed {
        let removal = "remove";
        let changes = self.removals(keys, notice);
        let each = changes.requests.len() == keys.len();
        let replies = match self.change_each(removal, OnBreak::Repeat, changes, notice).await {
            Ok(replies) => replies,
            Err(error) => return Removed::none(keys.len(), &error),
        };
        let mut removed = Removed::default();
        for (place, reply) in replies.into_iter().enumerate() {
            let answer = self.accept(removal, reply);
            match answer.and_then(|value| count(value).ok_or_else(|| self.unexpected(removal))) {
                Ok(count) => removed.count += count,
                Err(error) if each => removed.failed.push((place, error)),
                Err(error) => return Removed::none(keys.len(), &error),
            }
        }
        removed
    }

    /// Stores what can be stored: a script says which of its entries were refused, and on a cluster each entry is
    /// by itself.
    pub(crate) async fn set_each_now(
        &self,
        entries: &[Write],
        notice: Option<&Notice>,
    ) -> Vec<Result<(), BackendError>> {
        let storing = "set";
        let chunks: Vec<&[Write]> = chunked(entries, self.together(CHUNK)).collect();
        let changes = self.stores(chunks.clone(), notice);
        match self.change_each(storing, OnBreak::Fail, changes, notice).await {
            Ok(replies) => {
                let stored = |(chunk, reply): (&[Write], Reply)| {
                    let stored = self.accept(storing, reply);
                    let stored = stored.and_then(|value| self.stored(storing, chunk.len(), value));
                    stored.unwrap_or_else(|error| vec![Err(error); chunk.len()])
                };
                chunks.into_iter().zip(replies).flat_map(stored).collect()
            }
            Err(error) => vec![Err(error); entries.len()],
        }
    }

    /// What a script, or a single `SET`, says of the entries it was to store.
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

    /// A notice as the last arguments of a script.
    pub(crate) fn told(&self, notice: Option<&Notice>) -> impl Iterator<Item = Bytes> {
        let told = |Notice { channel, message }: &Notice| {
            [channel.clone().into(), self.inner.sender.message(channel, message)]
        };
        notice.map(told).into_iter().flatten()
    }

    pub(crate) fn publication(&self, Notice { channel, message }: &Notice) -> Request {
        let mut publish = cmd("PUBLISH");
        publish.arg(channel).arg(&self.inner.sender.message(channel, message)[..]);
        Request::anywhere(publish)
    }

    /// The answers to changes that a notice tells of. On a cluster they are made at several places, in any order: the
    /// notice is sent behind them all, and before, so that others forget what they have even if this
    /// process does not live to send the second.
    async fn change_each(
        &self,
        operation: &'static str,
        on_break: OnBreak,
        Changes { mut requests, told }: Changes,
        notice: Option<&Notice>,
    ) -> Result<Vec<Reply>, BackendError> {
        let changes = requests.len();
        if let Some(notice) = notice.filter(|_| !told && changes > 0) {
            requests.push(self.publication(notice));
        }
        let mut replies = self.run(operation, on_break, requests).await?;
        replies.truncate(changes);
        let is_done = replies.is_empty() || replies.iter().any(Result::is_ok);
        // What it should have come with may have failed where others did not.
        let told = told && replies.last().is_some_and(Result::is_ok);
        if let Some(notice) = notice.filter(|_| is_done && !told) {
            let publish = vec![self.publication(notice)];
            self.ask(operation, OnBreak::Repeat, publish).await?;
        }
        Ok(replies)
    }

    /// The entries in chunks, the notice with the last.
    fn stores(&self, chunks: Vec<&[Write]>, notice: Option<&Notice>) -> Changes {
        self.changes(chunks, notice, |chunk, notice| {
            let keys = with_leases(chunk.iter().map(|entry| entry.key.as_str()));
            let values = chunk.iter().flat_map(|entry| [entry.value.clone(), expiry(entry.ttl)]);
            Call::new(&STORE, keys, values.chain(self.told(notice)).collect())
        })
    }

    /// Removals in chunks, the last together with the notice: none precedes the removal it tells of.
    fn removals(&self, keys: &[&str], notice: Option<&Notice>) -> Changes {
        let most = self.together(CHUNK);
        let chunks = match notice {
            // What the notice comes with is removed in one step, as far as that is short.
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

    /// A script for each chunk. The notice goes with the last, if they are made one after the other.
    fn changes<T: ?Sized>(
        &self,
        chunks: Vec<&T>,
        notice: Option<&Notice>,
        script: impl Fn(&T, Option<&Notice>) -> Call,
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

/// Chunks by number and size; an entry that is too large is one by itself.
fn chunked(mut entries: &[Write], most: usize) -> impl Iterator<Item = &[Write]> {
    std::iter::from_fn(move || {
        let mut size = 0;
        let fits = |entry: &&Write| {
            size += entry.key.len() + entry.value.len();
            size <= CHUNK_BYTES
        };
        let fitting = entries.iter().take(most).take_while(fits).count();
        let (chunk, rest) = entries.split_at(fitting.max(1).min(entries.len()));
        entries = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// The keys, then those of their leases.
pub(crate) fn with_leases<'a>(keys: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    keys.clone().map(str::to_owned).chain(keys.map(lease_key)).collect()
}

/// A time to live as an argument of a script; empty: for ever.
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
        let write = |size: usize| Write {
            key: "k".to_owned(),
            value: Bytes::from(vec![0; size]),
            ttl: None,
        };
        let lengths =
            |entries: &[Write]| chunked(entries, CHUNK).map(<[_]>::len).collect::<Vec<_>>();
        assert_eq!(lengths(&vec![write(1); 600]), [256, 256, 88]);
        assert_eq!(lengths(&vec![write(600 << 10); 3]), [1, 1, 1]);
        assert_eq!(lengths(&vec![write(2 << 20); 2]), [1, 1]);
        assert!(lengths(&[]).is_empty());
    }
}
