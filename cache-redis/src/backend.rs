//! The operations of [`Backend`]: their commands and the meaning of the replies.
//!
//! Each operation states whether its requests may be sent twice if the connection breaks. A
//! repeated removal costs at most a miss; a repeated `SET` could overwrite a value that another
//! process wrote in between, and a repeated replacement could not tell whether the first one took
//! place.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cache_core::{
    Backend, BackendError, BackendErrorKind, BackendResult, BackendState, BoxFuture,
    GENERATION_TTL, LeaseOutcome, LeaseRequest, Leases, Message, MessageHandler, Pattern,
    ReadRequest, RemoveOutcome, SERIES, ScanPage, SetEntry, StoredValue, Subscription, VERSION_LEN,
};
use redis::Value;

use crate::Redis;
use crate::bus;
use crate::changes::{CHUNK, expiry, with_leases};
use crate::connection::{Failure, OnBreak, Reply, Request};
use crate::kept::FAR;
use crate::reads::Replies;
use crate::replay::What;
use crate::scripts::{BUMP, Call, GENERATIONS, PROLONG, READ, REPLACE};
use crate::values::{ABSENT, bytes, command, count, last_byte, number, read, reads};

/// How a generation is incremented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bump {
    /// To a new series.
    Hard,
    /// Within its series.
    Soft,
}

/// The replies do not tell whether there is a value.
struct Unsure;

impl Backend for Redis {
    fn name(&self) -> &str {
        "redis"
    }

    fn store(&self) -> Option<String> {
        Some(self.connection().endpoint().store())
    }

    fn get_many<'a>(
        &'a self,
        keys: &'a [&'a str],
        most: usize,
    ) -> BackendResult<'a, Vec<Option<StoredValue>>> {
        Box::pin(async move { self.get_each(keys, most).await.into_iter().collect() })
    }

    fn get_each<'a>(
        &'a self,
        keys: &'a [&'a str],
        most: usize,
    ) -> BoxFuture<'a, Vec<Result<Option<StoredValue>, BackendError>>> {
        Box::pin(async move {
            match keys {
                _ if self.connection().cluster().is_some() => self.get_by_script(keys, most).await,
                [key] => vec![self.get_one(key, most).await],
                _ => self.get_together(keys, most).await,
            }
        })
    }

    /// One write to the connection, for one value on one server. Generations that are missing are
    /// created afterwards.
    fn read<'a>(
        &'a self,
        read: ReadRequest<'a>,
    ) -> BackendResult<'a, (Vec<u64>, Vec<Option<StoredValue>>)> {
        Box::pin(async move {
            let ReadRequest { keys, most, generations, keep, .. } = read;
            let key = match keys {
                [key] if self.is_one_request(generations.len()) => *key,
                _ => return Box::pin(self.read_many(read)).await,
            };
            let Replies { generations: known, left, value } =
                self.read_one(key, most, generations).await?;
            let value = self.whole_value((key, most), left, value).await?;
            Ok((self.whole(generations, known, keep).await?, vec![value]))
        })
    }

    fn read_or_acquire<'a>(
        &'a self,
        lease: LeaseRequest<'a>,
        generations: &'a [&'a str],
        keep: Duration,
    ) -> BackendResult<'a, (Vec<u64>, LeaseOutcome)> {
        Box::pin(self.read_or_acquire_now(lease, generations, keep))
    }

    fn set<'a>(
        &'a self,
        entries: &'a [SetEntry],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, ()> {
        Box::pin(async move { self.set_each(entries, notice).await.into_iter().collect() })
    }

    fn set_each<'a>(
        &'a self,
        entries: &'a [SetEntry],
        notice: Option<&'a Message>,
    ) -> BoxFuture<'a, Vec<Result<(), BackendError>>> {
        Box::pin(async move {
            let before = self.takeovers();
            let stored = self.set_each_now(entries, notice).await;
            let done = entries.iter().zip(&stored).filter(|(_, stored)| stored.is_ok());
            let done: Vec<&str> = done.map(|(entry, _)| entry.key.as_str()).collect();
            if !done.is_empty()
                && let Err(error) =
                    self.remember(before, What::changed(done.into_iter(), notice)).await
            {
                return stored.into_iter().map(|stored| stored.and(Err(error.clone()))).collect();
            }
            stored
        })
    }

    /// If the connection breaks before the reply, it fails, and the entry may have been stored. A
    /// second request would find the new value and report that nothing was replaced; the caller
    /// would then apply its change twice.
    fn replace<'a>(
        &'a self,
        seen: [u8; VERSION_LEN],
        write: &'a SetEntry,
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, bool> {
        Box::pin(async move {
            let key = write.key.as_str();
            let args = [Bytes::copy_from_slice(&seen), write.value.clone(), expiry(write.ttl)];
            let args = args.into_iter().chain(self.told(notice)).collect();
            let replace = Call::new(&REPLACE, with_leases([key].into_iter()), args);
            let before = self.takeovers();
            let requests = vec![Request::script(replace)];
            let reply = self.ask("replace", OnBreak::Fail, requests).await?.pop().and_then(count);
            let replaced = reply.ok_or_else(|| self.unexpected("replace"))? == 1;
            if replaced {
                self.remember(before, What::changed([key].into_iter(), notice)).await?;
            }
            Ok(replaced)
        })
    }

    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, u64> {
        Box::pin(async move {
            let before = self.takeovers();
            let removed = self.remove_now(keys, notice).await?;
            self.remember(before, What::changed(keys.iter().copied(), notice)).await?;
            Ok(removed)
        })
    }

    fn remove_each<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Message>,
    ) -> BoxFuture<'a, RemoveOutcome> {
        Box::pin(async move {
            let before = self.takeovers();
            let removed = self.remove_each_now(keys, notice).await;
            let Some(done) = done(keys, &removed) else { return removed };
            match self.remember(before, What::changed(done.into_iter(), notice)).await {
                Ok(()) => removed,
                Err(error) => RemoveOutcome::none(keys.len(), &error),
            }
        })
    }

    fn generations<'a>(
        &'a self,
        keys: &'a [&'a str],
        keep: Duration,
    ) -> BackendResult<'a, Vec<u64>> {
        Box::pin(async move {
            // Every read asks for generations, and they are rarely missing. A script costs the
            // server twenty times a `GET`.
            let found = self.stored_generations(keys).await?;
            self.whole(keys, found, keep).await
        })
    }

    fn prolong<'a>(&'a self, seen: &'a [(&'a str, u64)], keep: Duration) -> BackendResult<'a, ()> {
        Box::pin(async move {
            let short = self.inner.kept.not_for(keep, seen);
            if short.is_empty() {
                return Ok(());
            }
            // Longer than requested, so that the next store needs no request.
            let kept = keep.saturating_mul(2);
            let script = |seen: &[(&str, u64)]| {
                let keys = seen.iter().map(|(key, _)| (*key).to_owned()).collect();
                let numbers = seen.iter().map(|(_, number)| number.to_string().into());
                Request::script(Call::new(
                    &PROLONG,
                    keys,
                    std::iter::once(expiry(Some(kept))).chain(numbers).collect(),
                ))
            };
            let requests = short.chunks(self.together(CHUNK)).map(script).collect();
            let asked = Instant::now();
            self.ask("prolong", OnBreak::Repeat, requests).await?;
            self.inner.kept.note(asked + kept.min(FAR), &short);
            Ok(())
        })
    }

    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        Box::pin(self.bump_and_remember(key, Bump::Hard))
    }

    /// A failover that may have lost it repeats it as [`bump`](Backend::bump).
    fn bump_softly<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        Box::pin(self.bump_and_remember(key, Bump::Soft))
    }

    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, ScanPage> {
        Box::pin(async move { self.page("scan", &pattern.to_redis_glob(), cursor).await })
    }

    fn publish<'a>(&'a self, notice: &'a Message) -> BackendResult<'a, ()> {
        Box::pin(async move {
            let publish = vec![self.publication(notice)];
            self.ask("publish", OnBreak::Repeat, publish).await.map(|_| ())
        })
    }

    fn subscribe(
        &self,
        channel: &str,
        listener: Arc<dyn MessageHandler>,
    ) -> Result<Subscription, BackendError> {
        let runtime = self.connection().runtime().map_err(|fault| fault.of("subscribe"))?;
        let (connection, sender) = (self.inner.connection.clone(), Arc::clone(&self.inner.sender));
        let refused = |error: std::io::Error| {
            let message = format!("the thread of the bus can't be started: {error}");
            BackendError::new(BackendErrorKind::Unreachable, "subscribe", message)
        };
        bus::spawn(runtime, connection, sender, channel, listener).map_err(refused)
    }

    fn leases(&self) -> Option<&dyn Leases> {
        Some(self)
    }

    fn ping(&self) -> BackendResult<'_, ()> {
        Box::pin(self.ping_now())
    }

    fn state(&self) -> BackendState {
        self.connection().state()
    }

    fn info(&self) -> BackendResult<'_, BTreeMap<String, String>> {
        Box::pin(self.info_now())
    }
}

impl Redis {
    /// Whether one command can read this many generations.
    fn is_one_request(&self, generations: usize) -> bool {
        (1..=CHUNK).contains(&generations) && self.connection().cluster().is_none()
    }

    /// Generations and values in separate requests at the same time.
    async fn read_many(
        &self,
        ReadRequest { keys, most, generations, keep, .. }: ReadRequest<'_>,
    ) -> Result<(Vec<u64>, Vec<Option<StoredValue>>), BackendError> {
        let known = self.generations(generations, keep);
        let (known, values) = tokio::join!(known, self.get_many(keys, most));
        Ok((known?, values?))
    }

    /// Reads values of one server with one write to the connection.
    async fn get_together(
        &self,
        keys: &[&str],
        most: usize,
    ) -> Vec<Result<Option<StoredValue>, BackendError>> {
        let replies = match self.read_all(keys, most).await {
            Ok(replies) => replies,
            Err(error) => return keys.iter().map(|_| Err(error.clone())).collect(),
        };
        let (mut found, mut unsure) = (Vec::with_capacity(keys.len()), Vec::new());
        for (place, (left, value)) in replies.enumerate() {
            found.push(self.value(left, value).unwrap_or_else(|Unsure| {
                unsure.push(place);
                Ok(None)
            }));
        }
        if !unsure.is_empty() {
            let keys: Vec<&str> = unsure.iter().map(|place| keys[*place]).collect();
            let again = Box::pin(self.get_by_script(&keys, most)).await;
            unsure.into_iter().zip(again).for_each(|(place, again)| found[place] = again);
        }
        found
    }

    async fn get_by_script(
        &self,
        keys: &[&str],
        most: usize,
    ) -> Vec<Result<Option<StoredValue>, BackendError>> {
        let at_once = self.together(CHUNK);
        self.connection().asks_for(at_once.min(keys.len()), most);
        let script = |keys| Request::script(Call::new(&READ, owned(keys), vec![last_byte(most)]));
        let requests = keys.chunks(at_once).map(script).collect();
        let replies = match self.run("get", OnBreak::Repeat, requests).await {
            Ok(replies) => replies,
            Err(error) => return keys.iter().map(|_| Err(error.clone())).collect(),
        };
        let chunks = keys.chunks(at_once).map(<[_]>::len);
        chunks.zip(replies).flat_map(|(count, reply)| self.found(count, reply)).collect()
    }

    /// Decodes the reply to a read script that asked for `count` values.
    fn found(&self, count: usize, reply: Reply) -> Vec<Result<Option<StoredValue>, BackendError>> {
        let error = match reply {
            Ok(Value::Array(values)) => match reads(values, count) {
                Some(reads) => return reads.into_iter().map(Ok).collect(),
                None => self.unexpected("get"),
            },
            Ok(_) => self.unexpected("get"),
            Err(failure) => self.failed("get", &failure),
        };
        vec![Err(error); count]
    }

    /// Reads the stored generations. A value that is not a generation is foreign and counts as
    /// missing.
    async fn stored_generations(&self, keys: &[&str]) -> Result<Vec<Option<u64>>, BackendError> {
        let at_once = self.together(CHUNK);
        let name = if at_once == 1 { "GET" } else { "MGET" };
        let request = |keys: &[&str]| Request::read(keys[0], command(name, keys));
        let requests = keys.chunks(at_once).map(request).collect();
        let replies = self.run("generations", OnBreak::Repeat, requests).await?;
        self.known(keys.len(), replies)
    }

    /// Decodes the replies to reads of `count` generations.
    pub(crate) fn known(
        &self,
        count: usize,
        replies: Vec<Reply>,
    ) -> Result<Vec<Option<u64>>, BackendError> {
        let mut found = Vec::with_capacity(count);
        for reply in replies {
            match reply {
                Ok(Value::Array(values)) => {
                    found.extend(values.into_iter().map(|value| generation(&bytes(value)?)));
                }
                Ok(value) => found.push(bytes(value).and_then(|value| generation(&value))),
                // The same result as from `MGET`: a foreign list or hash counts as missing.
                Err(Failure::Answer(error)) if error.code() == Some("WRONGTYPE") => {
                    found.push(None)
                }
                Err(failure) => return Err(self.failed("generations", &failure)),
            }
        }
        if found.len() == count { Ok(found) } else { Err(self.unexpected("generations")) }
    }

    /// Adds the generations that are missing; creates those that no other process has created.
    async fn whole(
        &self,
        keys: &[&str],
        mut found: Vec<Option<u64>>,
        keep: Duration,
    ) -> Result<Vec<u64>, BackendError> {
        let missing: Vec<&str> =
            keys.iter().zip(&found).filter_map(|(key, it)| it.is_none().then_some(*key)).collect();
        if !missing.is_empty() {
            let asked = Instant::now();
            let minted = Box::pin(self.minted(&missing, keep)).await?;
            let new: Vec<_> = missing.iter().copied().zip(minted.iter().copied()).collect();
            self.inner.kept.note(asked + keep.min(FAR), &new);
            let mut minted = minted.into_iter();
            found.iter_mut().for_each(|found| *found = found.take().or_else(|| minted.next()));
        }
        let whole: Option<Vec<u64>> = found.into_iter().collect();
        whole.ok_or_else(|| self.unexpected("generations"))
    }

    async fn get_one(&self, key: &str, most: usize) -> Result<Option<StoredValue>, BackendError> {
        let Replies { left, value, .. } = self.read_one(key, most, &[]).await?;
        self.whole_value((key, most), left, value).await
    }

    /// Decodes the replies to a read of one value.
    ///
    /// # Errors
    /// [`Unsure`], if only a script can tell whether there is a value.
    fn value(
        &self,
        left: Reply,
        value: Reply,
    ) -> Result<Result<Option<StoredValue>, BackendError>, Unsure> {
        let value = match value {
            // A value that is not a string is foreign and counts as missing.
            Err(Failure::Answer(error)) if error.code() == Some("WRONGTYPE") => Ok(None),
            value => self.accept("get", value).map(Some),
        };
        Ok(match (self.accept("get", left), value) {
            (Err(error), _) | (_, Err(error)) => Err(error),
            (Ok(ABSENT), _) | (_, Ok(None)) => Ok(None),
            // Either the value is empty, or it was removed between the two commands.
            (_, Ok(Some(Value::BulkString(bytes)))) if bytes.is_empty() => return Err(Unsure),
            (Ok(left), Ok(Some(value))) => {
                read(left, value).map(Some).ok_or_else(|| self.unexpected("get"))
            }
        })
    }

    /// The same, with the script if it is needed.
    async fn whole_value(
        &self,
        (key, most): (&str, usize),
        left: Reply,
        value: Reply,
    ) -> Result<Option<StoredValue>, BackendError> {
        match self.value(left, value) {
            Ok(found) => found,
            Err(Unsure) => {
                let found = Box::pin(self.get_by_script(&[key], most)).await.pop();
                found.unwrap_or_else(|| Err(self.unexpected("get")))
            }
        }
    }

    /// Creates generations, or returns those that another process created in the meantime.
    async fn minted(&self, keys: &[&str], keep: Duration) -> Result<Vec<u64>, BackendError> {
        let args = || vec![expiry(Some(keep))];
        let script = |keys| Request::script(Call::new(&GENERATIONS, owned(keys), args()));
        let requests = keys.chunks(self.together(CHUNK)).map(script).collect();
        let mut minted = Vec::with_capacity(keys.len());
        for reply in self.ask("generations", OnBreak::Repeat, requests).await? {
            let Value::Array(values) = reply else { return Err(self.unexpected("generations")) };
            minted.extend(values.into_iter().filter_map(number));
        }
        Ok(minted)
    }

    async fn bump_and_remember(&self, key: &str, bump: Bump) -> Result<u64, BackendError> {
        let before = self.takeovers();
        let generation = self.bump_now(key, bump).await?;
        self.remember(before, What::bumped(key)).await?;
        Ok(generation)
    }

    pub(crate) async fn bump_now(&self, key: &str, bump: Bump) -> Result<u64, BackendError> {
        let soft = (bump == Bump::Soft).then(|| Bytes::from_static(b"soft"));
        let args = std::iter::once(expiry(Some(GENERATION_TTL))).chain(soft).collect();
        let bump = Call::new(&BUMP, owned(&[key]), args);
        let reply = self.call("bump", bump).await?;
        number(reply).ok_or_else(|| self.unexpected("bump"))
    }
}

/// Parses a generation as the scripts do. Any other value is foreign.
fn generation(value: &[u8]) -> Option<u64> {
    let digits =
        |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let number = std::str::from_utf8(value).ok().filter(digits)?.parse::<u64>().ok();
    number.filter(|number| (1..1 << 53).contains(&(number / SERIES)))
}

/// The keys that were removed; `None` if there are none.
fn done<'a>(keys: &[&'a str], removed: &RemoveOutcome) -> Option<Vec<&'a str>> {
    // `failed` is in the order of the keys.
    let mut failed = removed.failed.iter().map(|(place, _)| *place).peekable();
    let done =
        |(place, key): (usize, &&'a str)| failed.next_if_eq(&place).is_none().then_some(*key);
    let done: Vec<&str> = keys.iter().enumerate().filter_map(done).collect();
    (!done.is_empty()).then_some(done)
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}
