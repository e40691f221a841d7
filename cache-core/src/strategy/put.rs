//! Writing a value that was not loaded.

use std::sync::Arc;
use std::time::Duration;

use super::Plan;
use super::store::Terms;
use crate::Error;
use crate::cache::Inner;
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
        plan.enlist(self, id);
        let stamps = self.generations.stamp(plan.tags());
        let mut ticket = self.fences.issue_write(id, plan.key.as_str(), stamps);
        let codec = plan.codec.filter(|_| self.remote.is_some() && !plan.policy.local);
        // A caller who goes away before the value is stored has evicted; so has a weigher that panics.
        let otherwise = self.evict_otherwise(id, plan.key.as_str(), codec.is_some());
        if codec.is_some() {
            self.stamp_remotely(plan, &mut ticket).await;
        }
        let entry = self.entry(plan, &ticket, value, self.ttl(&plan.policy), Duration::ZERO);
        // Beats the loads that began before, and the puts.
        let committed = ticket.commit_over(self.memory.as_ref(), &entry);
        // From here on the write itself sees to it.
        otherwise.settled();
        let Ok(committed) = committed else {
            // An eviction or a put of this process came.
            self.fenced(plan.site, plan.key.as_str());
            return match codec {
                Some(_) => self.evict_replaced(plan.key.as_str()).await,
                None => Ok(()),
            };
        };
        self.counters.of(plan.site).stores();
        let Some(codec) = codec else { return Ok(()) };
        // Writes of the key that were under way end first: one lock per key orders them.
        let terms = Terms { replaces: true, lease: None, seat: None, site: plan.site };
        self.write_remote(committed, codec, &entry, terms).await
    }
}
