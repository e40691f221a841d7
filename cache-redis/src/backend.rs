//! The operations: which commands they are, and what their answers mean.
//!
//! Whether a request may be sent twice if the connection breaks is decided here: a repeated removal costs
//! a miss at most, a repeated `SET` could overwrite what somebody else has written in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use cache_core::{
    Backend, BackendError, BackendResult, BackendState, BoxFuture, Leases, Listener, MARK, Notice,
    Page, Pattern, Removed, Subscription, Write,
};
use redis::Value;

use crate::Redis;
use crate::bus;
use crate::changes::{CHUNK, expiry, with_leases};
use crate::connection::{Failure, OnBreak, Reply, Request};
use crate::scripts::{BUMP, Call, GENERATIONS, REPLACE};
use crate::values::{bytes, command, count, number};

impl Backend for Redis {
    fn name(&self) -> &str {
        "redis"
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BackendResult<'a, Vec<Option<Bytes>>> {
        Box::pin(async move { self.get_each(keys).await.into_iter().collect() })
    }

    fn get_each<'a>(
        &'a self,
        keys: &'a [&'a str],
    ) -> BoxFuture<'a, Vec<Result<Option<Bytes>, BackendError>>> {
        Box::pin(async move {
            let most = self.together(CHUNK);
            let name = if keys.len() == 1 || most == 1 { "GET" } else { "MGET" };
            let requests =
                keys.chunks(most).map(|keys| Request::of(keys[0], command(name, keys))).collect();
            let replies = match self.connection().run("get", OnBreak::Repeat, requests).await {
                Ok(replies) => replies,
                Err(error) => return keys.iter().map(|_| Err(error.clone())).collect(),
            };
            let chunks = keys.chunks(most).map(<[_]>::len);
            chunks.zip(replies).flat_map(|(count, reply)| self.found(count, reply)).collect()
        })
    }

    fn set<'a>(
        &'a self,
        entries: &'a [Write],
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, ()> {
        Box::pin(async move { self.set_each(entries, notice).await.into_iter().collect() })
    }

    fn set_each<'a>(
        &'a self,
        entries: &'a [Write],
        notice: Option<&'a Notice>,
    ) -> BoxFuture<'a, Vec<Result<(), BackendError>>> {
        Box::pin(async move {
            let stored = self.set_each_now(entries, notice).await;
            let done = entries.iter().zip(&stored).filter(|(_, stored)| stored.is_ok());
            let done: Vec<&str> = done.map(|(entry, _)| entry.key.as_str()).collect();
            if !done.is_empty() {
                self.remember(|recent| recent.changed(done.into_iter(), notice));
            }
            stored
        })
    }

    /// If the connection breaks before the answer, it is sent once more, and then says `false` even
    /// if the first copy has stored the entry.
    fn replace<'a>(
        &'a self,
        seen: [u8; MARK],
        write: &'a Write,
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, bool> {
        Box::pin(async move {
            let key = write.key.as_str();
            let args = [Bytes::copy_from_slice(&seen), write.value.clone(), expiry(write.ttl)];
            let args = args.into_iter().chain(self.told(notice)).collect();
            let replace = Call::new(&REPLACE, with_leases([key].into_iter()), args);
            let reply = self.call("replace", replace).await?;
            let replaced = count(reply).ok_or_else(|| self.unexpected("replace"))? == 1;
            if replaced {
                self.remember(|recent| recent.changed([key].into_iter(), notice));
            }
            Ok(replaced)
        })
    }

    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, u64> {
        Box::pin(async move {
            let removed = self.remove_now(keys, notice).await?;
            self.remember(|recent| recent.changed(keys.iter().copied(), notice));
            Ok(removed)
        })
    }

    fn remove_each<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Notice>,
    ) -> BoxFuture<'a, Removed> {
        Box::pin(async move {
            let removed = self.remove_each_now(keys, notice).await;
            // In the order of the keys.
            let mut failed = removed.failed.iter().map(|(place, _)| *place).peekable();
            let done = |(place, key): (usize, &&'a str)| {
                failed.next_if_eq(&place).is_none().then_some(*key)
            };
            let done: Vec<&str> = keys.iter().enumerate().filter_map(done).collect();
            if !done.is_empty() {
                self.remember(|recent| recent.changed(done.into_iter(), notice));
            }
            removed
        })
    }

    fn generations<'a>(&'a self, keys: &'a [&'a str]) -> BackendResult<'a, Vec<u64>> {
        Box::pin(async move {
            // Every read asks for them, and hardly ever is one missing: a script costs the server forty times a `GET`.
            let found = self.get_many(keys).await?;
            let mut found: Vec<Option<u64>> =
                found.iter().map(|value| generation(value.as_deref()?)).collect();
            let missing: Vec<&str> = keys
                .iter()
                .zip(&found)
                .filter_map(|(key, it)| it.is_none().then_some(*key))
                .collect();
            let mut minted = self.minted(&missing).await?.into_iter();
            let found = found.iter_mut().map(|found| found.take().or_else(|| minted.next()));
            found.collect::<Option<Vec<_>>>().ok_or_else(|| self.unexpected("generations"))
        })
    }

    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        Box::pin(async move {
            let generation = self.bump_now(key).await?;
            self.remember(|recent| recent.bumped(key));
            Ok(generation)
        })
    }

    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, Page> {
        Box::pin(async move { self.page("scan", &pattern.to_redis_glob(), cursor).await })
    }

    fn publish<'a>(&'a self, notice: &'a Notice) -> BackendResult<'a, ()> {
        Box::pin(async move {
            let publish = vec![self.publication(notice)];
            self.ask("publish", OnBreak::Repeat, publish).await.map(|_| ())
        })
    }

    fn subscribe(
        &self,
        channel: &str,
        listener: Arc<dyn Listener>,
    ) -> Result<Subscription, BackendError> {
        let runtime = self.connection().runtime().map_err(|fault| fault.of("subscribe"))?;
        let (connection, sender) = (self.inner.connection.clone(), Arc::clone(&self.inner.sender));
        Ok(bus::spawn(&runtime, connection, sender, channel, listener))
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
    /// The values of one `GET` or `MGET`, as many as it asked for.
    fn found(&self, count: usize, reply: Reply) -> Vec<Result<Option<Bytes>, BackendError>> {
        let error = match reply {
            Ok(Value::Array(values)) if values.len() == count => {
                return values.into_iter().map(|value| Ok(bytes(value))).collect();
            }
            Ok(value) if count == 1 => return vec![Ok(bytes(value))],
            Ok(_) => self.unexpected("get"),
            // A list or a hash is somebody else's; MGET answers nil for it, too.
            Err(Failure::Answer(error)) if error.code() == Some("WRONGTYPE") => {
                return vec![Ok(None)];
            }
            Err(failure) => self.failed("get", &failure),
        };
        vec![Err(error); count]
    }

    /// New generations, or those that somebody else has minted meanwhile.
    async fn minted(&self, keys: &[&str]) -> Result<Vec<u64>, BackendError> {
        let script = |keys| Request::script(Call::new(&GENERATIONS, owned(keys), Vec::new()));
        let requests = keys.chunks(self.together(CHUNK)).map(script).collect();
        let mut minted = Vec::with_capacity(keys.len());
        for reply in self.ask("generations", OnBreak::Repeat, requests).await? {
            let Value::Array(values) = reply else { return Err(self.unexpected("generations")) };
            minted.extend(values.into_iter().filter_map(number));
        }
        Ok(minted)
    }

    pub(crate) async fn bump_now(&self, key: &str) -> Result<u64, BackendError> {
        let bump = Call::new(&BUMP, owned(&[key]), Vec::new());
        let reply = self.call("bump", bump).await?;
        number(reply).ok_or_else(|| self.unexpected("bump"))
    }
}

/// As the scripts read it: anything else is somebody else's.
fn generation(value: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(value)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok().filter(|number| (1..1 << 53).contains(number))
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}
