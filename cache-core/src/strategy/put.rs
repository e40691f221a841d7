//! Writing a value that was not loaded.

use std::sync::Arc;
use std::time::Duration;

use super::Plan;
use super::store::Terms;
use crate::Error;
use crate::cache::Inner;
use crate::invalidation::{Otherwise, Reach};
use crate::value::CacheValue;

impl Inner {
    /// Stores a value that did not come from a load. It takes a ticket all the same: an eviction
    /// that comes while the remote tier is written wins.
    pub(crate) async fn write_through<T: CacheValue>(
        self: &Arc<Self>,
        plan: &Plan,
        value: T,
    ) -> Result<(), Error> {
        plan.policy.check()?;
        let id = plan.key.id();
        // Beats the loads that began before.
        let _ = self.forget(id, Reach::All);
        let stamps = self.generations.stamp(plan.tags());
        let mut ticket = self.fences.issue_write(id, plan.key.as_str(), stamps);
        let codec = plan.codec.filter(|_| self.remote.is_some() && !plan.policy.local);
        // A caller who goes away before the write has begun has evicted.
        let otherwise = codec.and_then(|_| self.evict_otherwise(id, plan.key.as_str()));
        if codec.is_some() {
            self.stamp_remotely(plan, &mut ticket).await;
        }
        let entry = self.entry(plan, &ticket, value, self.ttl(&plan.policy), Duration::ZERO);
        let Ok(committed) = ticket.commit_over(self.memory.as_ref(), &entry) else {
            // An eviction or a put of this process came.
            self.counters.fenced();
            let Some(otherwise) = otherwise else { return Ok(()) };
            otherwise.settled();
            return self.evict_replaced(plan.key.as_str()).await;
        };
        self.counters.stores();
        let Some(codec) = codec else { return Ok(()) };
        // From here on the write itself sees to it.
        otherwise.into_iter().for_each(Otherwise::settled);
        // Writes of the key that were under way end first: one lock per key orders them.
        let terms = Terms { replaces: true, lease: None, seat: None };
        self.write_remote(committed, codec, &entry, terms).await
    }
}
