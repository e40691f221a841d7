//! The lease operations.
//!
//! Each is one script, and one round trip, over values and their leases; on a cluster, it is one script for each value. Only
//! `revoke` scans the whole key space. All may be sent twice if the connection breaks: a token that has lost its lease changes
//! nothing.

use std::time::Duration;

use bytes::Bytes;
use cache_core::{
    Backend, BackendError, BackendResult, BoxFuture, LEASE_GRACE, LeaseCommit, LeaseOutcome,
    LeaseRequest, Leases, Message, Pattern, ReadRequest, RevokePage, SetEntry, VERSION_LEN,
};
use redis::Value;

use crate::Redis;
use crate::changes::{CHUNK, chunked, expiry, with_leases};
use crate::connection::{OnBreak, Reply, Request};
use crate::errors::Fault;
use crate::keys::{lease_glob, lease_key, value_key};
use crate::replay::What;
use crate::scripts::{ABORT, ACQUIRE, COMMIT, Call, READ_OR_ACQUIRE, RENEW};
use crate::values::{command, count, last_byte, number, read};

impl Leases for Redis {
    fn acquire<'a>(&'a self, request: LeaseRequest<'a>) -> BackendResult<'a, LeaseOutcome> {
        Box::pin(async move { self.one(self.acquire_now(&[request]).await, "acquire") })
    }

    fn acquire_each<'a>(
        &'a self,
        requests: &'a [LeaseRequest<'a>],
    ) -> BoxFuture<'a, Vec<Result<LeaseOutcome, BackendError>>> {
        Box::pin(self.acquire_now(requests))
    }

    /// If the connection breaks before the reply, the request is sent again. The result is `true` also
    /// if an earlier copy stored the entry.
    fn commit<'a>(
        &'a self,
        token: u64,
        write: &'a SetEntry,
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, bool> {
        Box::pin(async move {
            let commit = LeaseCommit::new(token, write).notice(notice);
            self.one(self.commit_now(&[commit]).await, "commit")
        })
    }

    fn commit_each<'a>(
        &'a self,
        commits: &'a [LeaseCommit<'a>],
    ) -> BoxFuture<'a, Vec<Result<bool, BackendError>>> {
        Box::pin(self.commit_now(commits))
    }

    fn renew<'a>(&'a self, key: &'a str, token: u64, ttl: Duration) -> BackendResult<'a, bool> {
        Box::pin(async move { self.one(self.renew_now(&[(key, token, ttl)]).await, "renew") })
    }

    fn renew_each<'a>(
        &'a self,
        leases: &'a [(&'a str, u64, Duration)],
    ) -> BoxFuture<'a, Vec<Result<bool, BackendError>>> {
        Box::pin(self.renew_now(leases))
    }

    fn abort<'a>(&'a self, key: &'a str, token: u64) -> BackendResult<'a, ()> {
        Box::pin(async move { self.one(self.abort_now(&[(key, token)]).await, "abort") })
    }

    fn abort_each<'a>(
        &'a self,
        leases: &'a [(&'a str, u64)],
    ) -> BoxFuture<'a, Vec<Result<(), BackendError>>> {
        Box::pin(self.abort_now(leases))
    }

    fn revoke<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, RevokePage> {
        Box::pin(async move {
            let page = self.page("revoke", &lease_glob(pattern), cursor).await?;
            let matches =
                |lease: &&String| value_key(lease).is_some_and(|key| pattern.matches(&key));
            let leases: Vec<_> = page.keys.iter().filter(matches).map(String::as_str).collect();
            Ok(RevokePage::new(self.end(&leases).await?, page.next))
        })
    }
}

impl Redis {
    async fn acquire_now(
        &self,
        requests: &[LeaseRequest<'_>],
    ) -> Vec<Result<LeaseOutcome, BackendError>> {
        let at_once = self.together(CHUNK);
        let most = requests.iter().map(|request| request.most).max().unwrap_or_default();
        self.connection().asks_for(at_once.min(requests.len()), most);
        let chunks = requests.chunks(at_once);
        self.each("acquire", chunks, acquisition, acquired).await
    }

    /// One script on one server. On a cluster, the generations may be on other nodes than the value.
    pub(crate) async fn read_or_acquire_now(
        &self,
        lease: LeaseRequest<'_>,
        generations: &[&str],
        keep: Duration,
    ) -> Result<(Vec<u64>, LeaseOutcome), BackendError> {
        if self.connection().cluster().is_none() && generations.len() <= CHUNK {
            self.connection().asks_for(1, lease.most);
            let reply = self.call("acquire", reading(lease, generations)).await?;
            if let Some(answered) = self.answered(reply, generations.len())? {
                return Ok(answered);
            }
        }
        // A generation is missing, so it must be created first.
        let keys = [lease.key];
        let read = ReadRequest::new(&keys, lease.most).generations(generations, keep);
        let (known, mut values) = self.read(read).await?;
        let outcome = match values.pop().flatten() {
            Some(value) => LeaseOutcome::Value(value),
            None => {
                let generation = LeaseRequest::newest(&known);
                self.acquire(lease.generation(generation)).await?
            }
        };
        Ok((known, outcome))
    }

    /// Decodes the reply to [`reading`]; `None` if a generation is missing.
    fn answered(
        &self,
        reply: Value,
        generations: usize,
    ) -> Result<Option<(Vec<u64>, LeaseOutcome)>, BackendError> {
        let Value::Array(mut answers) = reply else { return Err(self.unexpected("acquire")) };
        let Some(outcome) = answers.pop() else { return Ok(None) };
        let known: Option<Vec<u64>> = answers.into_iter().map(number).collect();
        let known = known.filter(|known| known.len() == generations);
        let known = known.ok_or_else(|| self.unexpected("acquire"))?;
        Ok(Some((known, self.item(outcome, "acquire", acquired)?)))
    }

    async fn commit_now(&self, commits: &[LeaseCommit<'_>]) -> Vec<Result<bool, BackendError>> {
        let before = self.takeovers();
        let size = |commit: &LeaseCommit<'_>| commit.entry.key.len() + commit.entry.value.len();
        let chunks = chunked(commits, self.together(CHUNK), size);
        let script = |chunk: &[LeaseCommit<'_>]| self.committing(chunk);
        let mut stored = self.each("commit", chunks, script, flag).await;
        for (commit, stored) in commits.iter().zip(&mut stored) {
            let LeaseCommit { entry, notice, .. } = commit;
            if matches!(stored, Ok(true)) && notice.is_some() {
                // The value replaced one that other processes may hold. A failover that loses this
                // write brings the old value back.
                let replaced = What::changed([entry.key.as_str()].into_iter(), *notice);
                *stored = self.remember(before, replaced).await.map(|()| true);
            }
        }
        stored
    }

    fn committing(&self, commits: &[LeaseCommit<'_>]) -> Call {
        let keys = with_leases(commits.iter().map(|commit| commit.entry.key.as_str()));
        let args = commits.iter().flat_map(|LeaseCommit { token, entry, notice, .. }| {
            let mut told = self.told(*notice);
            let told = [told.next(), told.next()].map(Option::unwrap_or_default);
            [text(*token), entry.value.clone(), expiry(entry.ttl)].into_iter().chain(told)
        });
        Call::new(&COMMIT, keys, args.collect())
    }

    async fn renew_now(&self, leases: &[(&str, u64, Duration)]) -> Vec<Result<bool, BackendError>> {
        let script = |leases: &[(&str, u64, Duration)]| {
            let args = leases.iter().flat_map(|(_, token, ttl)| {
                let [ttl, px] = times(*ttl);
                [text(*token), ttl, px]
            });
            let keys = leases.iter().map(|(key, ..)| lease_key(key));
            Call::new(&RENEW, keys.collect(), args.collect())
        };
        self.each("renew", leases.chunks(self.together(CHUNK)), script, flag).await
    }

    async fn abort_now(&self, leases: &[(&str, u64)]) -> Vec<Result<(), BackendError>> {
        let script = |leases: &[(&str, u64)]| {
            let args = leases.iter().map(|(_, token)| text(*token)).collect();
            Call::new(&ABORT, leases.iter().map(|(key, _)| lease_key(key)).collect(), args)
        };
        let chunks: Vec<_> = leases.chunks(self.together(CHUNK)).collect();
        let requests = chunks.iter().map(|chunk| Request::script(script(chunk))).collect();
        let replies = match self.run("abort", OnBreak::Repeat, requests).await {
            Ok(replies) => replies,
            Err(error) => return vec![Err(error); leases.len()],
        };
        let ended = |(chunk, reply): (&[_], Reply)| {
            vec![self.accept("abort", reply).map(drop); chunk.len()]
        };
        chunks.into_iter().zip(replies).flat_map(ended).collect()
    }

    /// Sends a script for each chunk of items. A script returns a list with one element for each item; a text is the reason why
    /// a full server refused the item.
    async fn each<'i, I: 'i, T: Clone>(
        &self,
        operation: &'static str,
        chunks: impl Iterator<Item = &'i [I]>,
        script: impl Fn(&[I]) -> Call,
        answer: fn(Value) -> Option<T>,
    ) -> Vec<Result<T, BackendError>> {
        let chunks: Vec<&[I]> = chunks.collect();
        let requests = chunks.iter().map(|chunk| Request::script(script(chunk))).collect();
        let replies = match self.run(operation, OnBreak::Repeat, requests).await {
            Ok(replies) => replies,
            Err(error) => return vec![Err(error); chunks.iter().map(|chunk| chunk.len()).sum()],
        };
        let one = |item: Value| self.item(item, operation, answer);
        let all = |(chunk, reply): (&[I], Reply)| match self.accept(operation, reply) {
            Ok(Value::Array(items)) if items.len() == chunk.len() => {
                items.into_iter().map(one).collect()
            }
            Ok(_) => vec![Err(self.unexpected(operation)); chunk.len()],
            Err(error) => vec![Err(error); chunk.len()],
        };
        chunks.into_iter().zip(replies).flat_map(all).collect()
    }

    /// Decodes what a script returns for one item.
    fn item<T>(
        &self,
        item: Value,
        operation: &'static str,
        answer: fn(Value) -> Option<T>,
    ) -> Result<T, BackendError> {
        match item {
            Value::BulkString(why) => {
                let why = String::from_utf8_lossy(&why);
                Err(Fault::refused(&why, self.connection().endpoint()).of(operation))
            }
            item => answer(item).ok_or_else(|| self.unexpected(operation)),
        }
    }

    /// The result of the only item.
    fn one<T>(
        &self,
        results: Vec<Result<T, BackendError>>,
        operation: &'static str,
    ) -> Result<T, BackendError> {
        results.into_iter().next().unwrap_or_else(|| Err(self.unexpected(operation)))
    }

    async fn end(&self, leases: &[&str]) -> Result<u64, BackendError> {
        let unlink = |leases: &[&str]| Request::of(leases[0], command("UNLINK", leases));
        let requests = leases.chunks(self.together(CHUNK)).map(unlink).collect();
        let replies = self.ask("revoke", OnBreak::Repeat, requests).await?;
        let ended = replies.into_iter().map(count).sum::<Option<u64>>();
        ended.ok_or_else(|| self.unexpected("revoke"))
    }
}

fn acquisition(requests: &[LeaseRequest<'_>]) -> Call {
    let keys = with_leases(requests.iter().map(|request| request.key));
    let args = requests.iter().flat_map(|request| {
        let LeaseRequest { token, ttl, seen, generation, steal, most, .. } = *request;
        // With leading zeros, the texts compare as the numbers do.
        let generation = format!("{generation:020}").into();
        let seen = seen.map(|mark| Bytes::copy_from_slice(&mark)).unwrap_or_default();
        let steal = Bytes::from_static(if steal { b"steal" } else { b"" });
        let [ttl, px] = times(ttl);
        [text(token), generation, ttl, px, seen, steal, last_byte(most)]
    });
    Call::new(&ACQUIRE, keys, [text(VERSION_LEN as u64)].into_iter().chain(args).collect())
}

fn reading(LeaseRequest { key, token, ttl, most, .. }: LeaseRequest<'_>, tags: &[&str]) -> Call {
    let mut keys = with_leases([key].into_iter());
    keys.extend(tags.iter().map(|&tag| tag.to_owned()));
    let [ttl, px] = times(ttl);
    let args = vec![text(VERSION_LEN as u64), text(token), ttl, px, last_byte(most)];
    Call::new(&READ_OR_ACQUIRE, keys, args)
}

fn acquired(reply: Value) -> Option<LeaseOutcome> {
    match reply {
        Value::Array(answer) => {
            let mut answer = answer.into_iter();
            match (answer.next()?, answer.next()) {
                (left, Some(value)) => Some(LeaseOutcome::Value(read(left, value)?)),
                (takeovers, None) => {
                    let takeovers = count(takeovers)?.try_into().ok()?;
                    Some(LeaseOutcome::Lead { takeovers })
                }
            }
        }
        reply => Some(LeaseOutcome::Wait(Duration::from_millis(count(reply)?))),
    }
}

fn flag(reply: Value) -> Option<bool> {
    Some(count(reply)? == 1)
}

/// How long the lease excludes other holders, and after how long Redis removes its key.
fn times(ttl: Duration) -> [Bytes; 2] {
    [expiry(Some(ttl)), expiry(Some(ttl.saturating_add(LEASE_GRACE)))]
}

/// A number as an argument of a script. Tokens stay text in the script: Lua's numbers have 53 bits.
fn text(number: u64) -> Bytes {
    number.to_string().into()
}
