//! Asking a cache how it is.

use std::time::Duration;

use crate::engine::Cache;
use crate::stats::{Health, MemoryHealth, Status, WallTimestamp};

impl Cache {
    /// How the cache is, as far as its operations have found out. It asks nobody and waits for nobody: for every request
    /// of a readiness endpoint, if need be.
    ///
    /// The rule for [`status`](Health::status):
    ///
    /// - Memory alone is always `Up`.
    /// - With both tiers it is `Up` if both are, else `Degraded`: memory still answers, or at least shares the loads of a process.
    /// - A closed cache is `Down`; one that is switched off is as its tiers are.
    /// - With a remote tier alone it is as that is: `Down` says that every call is a load. The functions answer even then.
    ///
    /// For how the tiers are see [`MemoryHealth::status`] and [`RemoteHealth::status`](crate::stats::RemoteHealth::status).
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error, MemoryBackend, Status};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().namespace("shop").remote(MemoryBackend::new()).build()?;
    /// let health = cache.health();
    /// assert_eq!(health.status, Status::Up);
    /// println!("{health}"); // shop is up; memory up for 0ns (0 entries, 0 bytes); remote (memory) up for 0ns
    /// # Ok(())
    /// # }
    /// ```
    pub fn health(&self) -> Health {
        let engine = &*self.engine;
        let now = WallTimestamp::now(&engine.clock);
        let remote = engine.remote.as_ref().map(|remote| remote.health(now));
        let bus = remote.as_ref().map(|remote| &remote.bus);
        let memory = engine.memory.as_ref().map(|memory| MemoryHealth {
            status: if bus.is_none_or(|bus| bus.linked) { Status::Up } else { Status::Degraded },
            since: bus.map_or_else(|| engine.built.since(now), |bus| bus.since),
            entries: memory.len(),
            bytes: memory.bytes(),
        });
        let statuses =
            (memory.as_ref().map(|tier| tier.status), remote.as_ref().map(|tier| tier.status));
        Health {
            cache: engine.name.clone(),
            namespace: engine.namespace.clone(),
            status: if self.is_closed() {
                Status::Down
            } else {
                Health::overall(statuses.0, statuses.1)
            },
            enabled: self.is_enabled(),
            closed: self.is_closed(),
            at: now.wall,
            memory,
            remote,
        }
    }

    /// [`health`](Self::health), after the remote tier was pinged, for no longer than `timeout`: its
    /// [`round_trip`](crate::stats::RemoteHealth::round_trip) says how long the answer took. Without a remote tier nothing is asked.
    ///
    /// The ping is an operation like others: it is sent even while the breaker is open, closes it if it is answered, and
    /// counts as a failure if it fails. Without an answer within `timeout` it counts for the health, but
    /// not for the breaker: the timeout may be too short. If the tier answers, the evictions that it is
    /// owed are carried out in the time that remains. Cancel-safe.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error, MemoryBackend};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().remote(MemoryBackend::new()).build()?;
    /// let health = cache.check(Duration::from_millis(500)).await;
    /// assert!(health.remote.is_some_and(|remote| remote.round_trip.is_some()));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn check(&self, timeout: Duration) -> Health {
        let round_trip = match &self.engine.remote {
            Some(remote) => remote.probe(timeout).await,
            None => None,
        };
        let mut health = self.health();
        if let Some(remote) = &mut health.remote {
            remote.round_trip = round_trip;
        }
        health
    }
}
