//! The lease operations.
//!
//! Each is one script, and one round trip, over a value and its lease; only `revoke` scans the
//! whole key space. All may be sent twice if the connection breaks: a token that has lost its lease
//! changes nothing.

use std::time::Duration;

use bytes::Bytes;
use cache_core::{
    Acquire, Acquired, BackendError, BackendResult, KEPT, Leases, MARK, Notice, Pattern, Revoked,
    Write,
};
use redis::Value;

use crate::Redis;
use crate::changes::{CHUNK, expiry, with_leases};
use crate::connection::{OnBreak, Request};
use crate::keys::{lease_glob, lease_key, value_key};
use crate::replay::What;
use crate::scripts::{ABORT, ACQUIRE, COMMIT, Call, RENEW};
use crate::values::{command, count, last_byte, read};

impl Leases for Redis {
    fn acquire<'a>(&'a self, request: Acquire<'a>) -> BackendResult<'a, Acquired> {
        Box::pin(async move {
            self.connection().asks_for(1, request.most);
            let reply = self.call("acquire", acquisition(request)).await?;
            acquired(reply).ok_or_else(|| self.unexpected("acquire"))
        })
    }

    /// If the connection breaks before the reply, the request is sent once more. The result is then
    /// `false` even if the first copy stored the entry.
    fn commit<'a>(
        &'a self,
        token: u64,
        write: &'a Write,
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, bool> {
        Box::pin(async move {
            let keys = with_leases([write.key.as_str()].into_iter());
            let args = [text(token), write.value.clone(), expiry(write.ttl)];
            let args = args.into_iter().chain(self.told(notice)).collect();
            let before = self.takeovers();
            let reply = self.call("commit", Call::new(&COMMIT, keys, args)).await?;
            let stored = count(reply).ok_or_else(|| self.unexpected("commit"))? == 1;
            if stored && notice.is_some() {
                // The value replaced one that other processes may hold. A failover that loses this
                // write brings the old value back.
                let replaced = What::changed([write.key.as_str()].into_iter(), notice);
                self.remember(before, replaced).await?;
            }
            Ok(stored)
        })
    }

    fn renew<'a>(&'a self, key: &'a str, token: u64, ttl: Duration) -> BackendResult<'a, bool> {
        Box::pin(async move {
            let [ttl, px] = times(ttl);
            let args = vec![text(token), ttl, px];
            let reply = self.call("renew", Call::new(&RENEW, vec![lease_key(key)], args)).await?;
            Ok(count(reply).ok_or_else(|| self.unexpected("renew"))? == 1)
        })
    }

    fn abort<'a>(&'a self, key: &'a str, token: u64) -> BackendResult<'a, ()> {
        Box::pin(async move {
            let script = Call::new(&ABORT, vec![lease_key(key)], vec![text(token)]);
            self.call("abort", script).await.map(|_| ())
        })
    }

    fn revoke<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, Revoked> {
        Box::pin(async move {
            let page = self.page("revoke", &lease_glob(pattern), cursor).await?;
            let matches =
                |lease: &&String| value_key(lease).is_some_and(|key| pattern.matches(&key));
            let leases: Vec<_> = page.keys.iter().filter(matches).map(String::as_str).collect();
            Ok(Revoked { count: self.end(&leases).await?, next: page.next })
        })
    }
}

impl Redis {
    async fn end(&self, leases: &[&str]) -> Result<u64, BackendError> {
        let unlink = |leases: &[&str]| Request::of(leases[0], command("UNLINK", leases));
        let requests = leases.chunks(self.together(CHUNK)).map(unlink).collect();
        let replies = self.ask("revoke", OnBreak::Repeat, requests).await?;
        let ended = replies.into_iter().map(count).sum::<Option<u64>>();
        ended.ok_or_else(|| self.unexpected("revoke"))
    }
}

fn acquisition(request: Acquire<'_>) -> Call {
    let Acquire { key, token, ttl, seen, generation, steal, most } = request;
    // With leading zeros, the texts compare as the numbers do.
    let generation = format!("{generation:020}").into();
    let seen = seen.map(|mark| Bytes::copy_from_slice(&mark)).unwrap_or_default();
    let steal = Bytes::from_static(if steal { b"steal" } else { b"" });
    let [ttl, px] = times(ttl);
    let args =
        vec![text(token), generation, ttl, px, text(MARK as u64), seen, steal, last_byte(most)];
    Call::new(&ACQUIRE, with_leases([key].into_iter()), args)
}

fn acquired(reply: Value) -> Option<Acquired> {
    match reply {
        Value::Array(answer) => {
            let mut answer = answer.into_iter();
            match (answer.next()?, answer.next()) {
                (left, Some(value)) => Some(Acquired::Value(read(left, value)?)),
                (takeovers, None) => {
                    let takeovers = count(takeovers)?.try_into().ok()?;
                    Some(Acquired::Lead { takeovers })
                }
            }
        }
        reply => Some(Acquired::Wait(Duration::from_millis(count(reply)?))),
    }
}

/// How long the lease excludes other holders, and after how long Redis removes its key.
fn times(ttl: Duration) -> [Bytes; 2] {
    [expiry(Some(ttl)), expiry(Some(ttl.saturating_add(KEPT)))]
}

/// A number as an argument of a script. Tokens stay text in the script: Lua's numbers have 53 bits.
fn text(number: u64) -> Bytes {
    number.to_string().into()
}
