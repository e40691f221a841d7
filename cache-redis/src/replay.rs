//! Replays evictions that a failover may have lost.
//!
//! Replication is asynchronous. A server that acknowledged an eviction may die before its replica
//! receives it, and a server that was replaced without noticing still acknowledges evictions that
//! are lost. So this process keeps its recently acknowledged evictions and repeats them on each
//! server that takes over. Removing a value that is not old costs at most a load.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use cache_core::{BackendError, Message};
use futures_util::{StreamExt, stream};
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep};

use crate::Redis;
use crate::backend::Bump;
use crate::connection::{LONGEST_OF_MANY, backoff};
use crate::tier::Inner;

/// How long an eviction is kept, counted back from the last acknowledged one. (No eviction is
/// forgotten while none is acknowledged, however long the failover takes.)
const KEPT: Duration = Duration::from_secs(10);

/// The maximum number of keys; the oldest evictions are dropped first, and the newest never.
const MOST: usize = 20_000;

/// The maximum number of concurrent replays: they share a connection with other operations.
const AT_ONCE: usize = 256;

/// The recently acknowledged evictions.
#[derive(Default)]
pub(crate) struct Recent(Mutex<List>);

#[derive(Default)]
struct List {
    evictions: VecDeque<Eviction>,
    /// The sum of their keys.
    keys: usize,
}

#[derive(Clone)]
struct Eviction {
    acknowledged: Instant,
    what: What,
}

/// An acknowledged eviction.
#[derive(Clone)]
pub(crate) enum What {
    Keys(Arc<[String]>, Option<Message>),
    Generation(Arc<str>),
}

impl What {
    /// These keys were removed, or got a newer value.
    pub(crate) fn changed<'a>(
        keys: impl Iterator<Item = &'a str>,
        notice: Option<&Message>,
    ) -> Self {
        Self::Keys(keys.map(str::to_owned).collect(), notice.cloned())
    }

    /// A generation was incremented.
    pub(crate) fn bumped(key: &str) -> Self {
        Self::Generation(key.into())
    }
}

impl Recent {
    pub(crate) fn add(&self, what: What) {
        let eviction = Eviction { acknowledged: Instant::now(), what };
        let oldest_kept = eviction.acknowledged.checked_sub(KEPT);
        let mut list = self.list();
        list.keys += eviction.keys();
        list.evictions.push_back(eviction);
        while list.evictions.len() > 1
            && let Some(oldest) = list.evictions.front()
            && (list.keys > MOST || Some(oldest.acknowledged) < oldest_kept)
        {
            list.keys -= oldest.keys();
            list.evictions.pop_front();
        }
    }

    fn all(&self) -> Vec<Eviction> {
        self.list().evictions.iter().cloned().collect()
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Eviction {
    fn keys(&self) -> usize {
        match &self.what {
            What::Keys(keys, _) => keys.len(),
            What::Generation(_) => 1,
        }
    }
}

/// Replays evictions after every takeover, as long as the [`Redis`] exists. Other operations on the
/// new master wait for the replay.
pub(crate) async fn replay_after_failovers(redis: Weak<Inner>, mut takeovers: Receiver<u64>) {
    let redis = Replaying(redis);
    loop {
        let count = *takeovers.borrow_and_update();
        redis.replay(count).await;
        if takeovers.changed().await.is_err() {
            return;
        }
    }
}

/// The replaying task. However it ends, even with its runtime, no operation waits for it
/// afterwards.
struct Replaying(Weak<Inner>);

impl Replaying {
    fn redis(&self) -> Option<Redis> {
        Redis::replaying(&self.0)
    }

    /// Repeats the evictions that the first `count` takeovers may have lost.
    async fn replay(&self, count: u64) {
        let mut failures = 0;
        while let Some(redis) = self.redis() {
            let evictions = redis.recent().all();
            let takeovers = redis.connection().takeovers();
            if takeovers.are_settled() {
                return;
            }
            let made_again = evictions.len();
            match redis.replay(evictions).await {
                // Keys on an unreachable node cannot be read from any other node either.
                Err(error) if !error.is_of_a_part() => {
                    failures += 1;
                    tracing::debug!(target: "larder::redis", %error, failures, "redis: evictions are not replayed yet");
                }
                _ => {
                    takeovers.replayed(count);
                    tracing::debug!(target: "larder::redis", evictions = made_again, "redis: evictions replayed");
                    return;
                }
            }
            drop(redis);
            sleep(backoff(failures, LONGEST_OF_MANY)).await;
        }
    }
}

impl Drop for Replaying {
    fn drop(&mut self) {
        if let Some(redis) = self.redis() {
            redis.connection().takeovers().are_not_replayed();
        }
    }
}

impl Redis {
    /// Repeats many evictions concurrently, because operations wait for them. Prefers an error of
    /// all servers to one of a part.
    async fn replay(&self, evictions: Vec<Eviction>) -> Result<(), BackendError> {
        let replay = |what: What| async move { self.replay_one(&what).await };
        let replays = evictions.into_iter().map(|eviction| replay(eviction.what));
        let mut replays = stream::iter(replays).buffer_unordered(AT_ONCE);
        let mut outcome = Ok(());
        while let Some(replayed) = replays.next().await {
            match replayed {
                Err(error) if !error.is_of_a_part() => return Err(error),
                Err(error) => outcome = Err(error),
                Ok(()) => {}
            }
        }
        outcome
    }

    pub(crate) async fn replay_one(&self, what: &What) -> Result<(), BackendError> {
        match what {
            What::Keys(keys, notice) => {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                self.remove_now(&keys, notice.as_ref()).await.map(drop)
            }
            What::Generation(key) => self.bump_now(key, Bump::Hard).await.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(recent: &Recent, keys: usize) {
        let keys: Vec<String> = (0..keys).map(|id| id.to_string()).collect();
        recent.add(What::changed(keys.iter().map(String::as_str), None));
    }

    fn kept(recent: &Recent) -> Vec<usize> {
        recent.all().iter().map(Eviction::keys).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_evictions_are_dropped() {
        let recent = Recent::default();
        for keys in [MOST / 2, MOST / 4, MOST / 4] {
            add(&recent, keys);
        }
        assert_eq!(kept(&recent), [MOST / 2, MOST / 4, MOST / 4]);
        recent.add(What::bumped("tag"));
        assert_eq!(kept(&recent), [MOST / 4, MOST / 4, 1], "too many keys");
        add(&recent, MOST + 1);
        assert_eq!(kept(&recent), [MOST + 1], "the newest one stays");
        add(&recent, 1);
        assert_eq!(kept(&recent), [1]);

        tokio::time::advance(KEPT).await;
        add(&recent, 2);
        assert_eq!(kept(&recent), [1, 2]);
        tokio::time::advance(Duration::from_millis(1)).await;
        add(&recent, 3);
        assert_eq!(kept(&recent), [2, 3], "too old");
    }
}
