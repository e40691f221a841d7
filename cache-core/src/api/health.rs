//! Methods that report the health of a cache.

use std::time::Duration;

use crate::engine::Cache;
use crate::stats::{Health, MemoryHealth, Outage, Status, WallTimestamp};

impl Cache {
    /// Returns the health of the cache, as far as its operations have found out. It sends no request and does
    /// not wait, so a readiness endpoint can call it for every request.
    ///
    /// The [`status`](Health::status) is:
    ///
    /// - Memory tier only: always `Up`.
    /// - Both tiers: `Up` if both are, otherwise `Degraded`, because memory still answers, or at least shares
    ///   the loads of a process.
    /// - A closed cache is `Down`; a cache that is switched off has the status of its tiers.
    /// - Remote tier only: the status of that tier. `Down` means that every call is a load; the functions
    ///   still return values.
    ///
    /// For the status of each tier see [`MemoryHealth::status`] and
    /// [`RemoteHealth::status`](crate::stats::RemoteHealth::status).
    ///
    /// ```
    /// # use cache_core::facade as larder;
    /// # use larder::{Cache, Error, backend::MemoryBackend, health::Status};
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
        let now = WallTimestamp::now(engine.clock());
        let remote = engine.remote().map(|remote| remote.health(now));
        let bus = remote.as_ref().map(|remote| &remote.bus);
        let memory = engine.memory().map(|memory| MemoryHealth {
            status: if bus.is_none_or(|bus| bus.linked) { Status::Up } else { Status::Degraded },
            since: bus.map_or_else(|| engine.built().since(now), |bus| bus.since),
            entries: memory.len(),
            bytes: memory.bytes(),
        });
        let statuses =
            (memory.as_ref().map(|tier| tier.status), remote.as_ref().map(|tier| tier.status));
        Health {
            cache: engine.name().map(str::to_owned),
            namespace: engine.namespace().to_owned(),
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

    /// Returns the last 64 outages of the remote tier and of its bus, the oldest first: when each began, how long it
    /// lasted, and how bad it was. Empty without a remote tier.
    ///
    /// An outage begins when the status is no longer [`Up`](Status::Up), and ends when it is again. The time until the tier
    /// is reached for the first time is no outage, unless operations failed so often that it was `Down`. Like
    /// [`health`](Self::health), it sends no request and does not wait.
    ///
    /// ```
    /// # use cache_core as larder;
    /// for outage in larder::default_cache().outages() {
    ///     println!("{} was {} for {:?}", outage.part, outage.worst, outage.since.lasting);
    /// }
    /// ```
    pub fn outages(&self) -> Vec<Outage> {
        let now = WallTimestamp::now(self.engine.clock());
        self.engine.remote().map(|remote| remote.outages(now)).unwrap_or_default()
    }

    /// Probes the cache: pings the remote tier for at most `timeout`, then returns the [`health`](Self::health). The duration
    /// of the ping is in [`round_trip`](crate::stats::RemoteHealth::round_trip). Without a remote tier no
    /// request is sent.
    ///
    /// The ping counts as an operation: it is sent even while the breaker is open, a success closes the
    /// breaker, and a failure counts as one. If no answer comes within `timeout`, that counts for the health
    /// but not for the breaker, because the timeout may be too short. If the tier answers, pending evictions
    /// are carried out in the remaining time. Cancel-safe.
    ///
    /// ```
    /// # use cache_core::facade as larder;
    /// # use larder::{Cache, Error, backend::MemoryBackend};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().remote(MemoryBackend::new()).build()?;
    /// let health = cache.probe(Duration::from_millis(500)).await;
    /// assert!(health.remote.is_some_and(|remote| remote.round_trip.is_some()));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn probe(&self, timeout: Duration) -> Health {
        let round_trip = match self.engine.remote() {
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
