//! The sequence of checks, and their alerts.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use super::alert::{Alert, AlertState};
use super::info::by_server;
use super::threshold::{Facts, Finding, Watch};
use super::{Callback, Monitor};
use crate::engine::{Cache, Engine};
use crate::stats::WallTimestamp;

/// How many consecutive checks must find a threshold uncrossed before its alert is cleared.
const CALM: u32 = 2;

pub(crate) struct Rounds {
    /// Weak: the checks end with the cache.
    cache: Weak<Engine>,
    monitor: Monitor,
    watches: Vec<Watch>,
}

impl Rounds {
    pub(super) fn new(cache: &Cache, monitor: Monitor) -> Self {
        let stats = cache.stats();
        let watches = monitor.thresholds.iter().cloned();
        let watches = watches.map(|threshold| Watch::new(threshold, &stats)).collect();
        Self { cache: Arc::downgrade(&cache.engine), monitor, watches }
    }

    /// One check; false if the cache is gone or closed.
    pub(super) async fn next(&mut self) -> bool {
        let engine = self.cache.upgrade().filter(|engine| !engine.switch().is_closed());
        let Some(engine) = engine else { return false };
        let cache = Cache::from(engine);
        let facts = self.facts(&cache).await;
        drop(cache);
        tell(&self.monitor.on_check, &facts.health);
        for watch in &mut self.watches {
            let Some(finding) = watch.judge(&facts) else { continue };
            if let Some(alert) = watch.turn(finding, &facts) {
                let (namespace, threshold) = (&*alert.health.namespace, alert.threshold);
                match alert.state {
                    AlertState::Raised => {
                        tracing::warn!(target: "larder::monitor", namespace, threshold, "larder: {alert}")
                    }
                    AlertState::Cleared => {
                        tracing::info!(target: "larder::monitor", namespace, threshold, "larder: {alert}")
                    }
                }
                tell(&self.monitor.on_alert, &alert);
            }
        }
        true
    }

    async fn facts(&self, cache: &Cache) -> Facts {
        let health = cache.probe(self.monitor.timeout).await;
        let answers = health.remote.as_ref().is_some_and(|remote| remote.round_trip.is_some());
        let asked = self.watches.iter().any(|watch| watch.threshold.needs_info());
        let info = match cache.engine.remote() {
            // A store that did not answer the ping would not answer this either.
            Some(remote) if asked && answers => {
                let clock = cache.engine.clock();
                let until = clock.now().after(self.monitor.timeout);
                let info = clock.timeout_at(until, remote.backend().info()).await;
                info.ok().and_then(Result::ok).map(by_server)
            }
            _ => None,
        };
        Facts { health, stats: cache.stats(), info, now: WallTimestamp::now(cache.engine.clock()) }
    }
}

impl Watch {
    /// Updates the watch with a finding; returns an alert if it was raised or cleared.
    fn turn(&mut self, finding: Finding, facts: &Facts) -> Option<Alert> {
        if finding.crossed {
            self.calm = 0;
            if self.raised.is_some() {
                return None;
            }
            self.raised = Some(facts.now);
            return Some(self.alert(AlertState::Raised, facts.now, finding, facts));
        }
        let raised = self.raised?;
        self.calm += 1;
        if self.calm < CALM {
            return None;
        }
        (self.raised, self.calm) = (None, 0);
        Some(self.alert(AlertState::Cleared, raised, finding, facts))
    }

    fn alert(
        &self,
        state: AlertState,
        raised: WallTimestamp,
        finding: Finding,
        facts: &Facts,
    ) -> Alert {
        Alert {
            state,
            threshold: self.threshold.name(),
            server: finding.server,
            message: finding.message,
            since: raised.since(facts.now),
            health: facts.health.clone(),
        }
    }
}

fn tell<T>(whom: &[Callback<T>], what: &T) {
    for tell in whom {
        if catch_unwind(AssertUnwindSafe(|| tell(what))).is_err() {
            tracing::error!(target: "larder::monitor", "larder: a monitor's callback panicked; its checks go on");
        }
    }
}
