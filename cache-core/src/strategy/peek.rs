//! Reading what is cached, without a load.

use std::sync::Arc;

use super::{Failure, Look, Plan, promote};
use crate::cache::{Inner, plain};
use crate::codec::{RemoteValue, coder};
use crate::entry::{Freshness, Stored};
use crate::invalidation::Ticket;
use crate::key::{KeyBuf, KeyId};
use crate::policy::PLAIN;
use crate::scope;
use crate::site::Site;
use crate::value::CacheValue;
use crate::{Error, Pattern, Source};

impl Inner {
    /// What is cached and fresh, without loading.
    pub(crate) async fn peek<T: CacheValue>(
        self: &Arc<Self>,
        plan: &Plan,
    ) -> Result<Option<T>, Error> {
        if scope::shadowed(self, plan) {
            return Ok(None);
        }
        let id = plan.key.id();
        if let Some(hit) = self.look_fresh(id, plan.site) {
            return Ok(Some(hit));
        }
        let Some(codec) = plan.codec.filter(|_| !plan.policy.local) else { return Ok(None) };
        let mut ticket = plan.ticket(self, id);
        // Again, now that what comes ends the ticket: a put between look and ticket is not to be promoted over.
        if let Some(hit) = self.look_fresh(id, plan.site) {
            return Ok(Some(hit));
        }
        match self.look_remote(plan, codec, &mut ticket, None).await {
            Ok(found) => Ok(self.take_fresh(found.entry, &ticket, plan.site)),
            Err(error) => match self.unverified(id) {
                Some(entry) => {
                    self.counters.of(plan.site).memory_hits();
                    Ok(entry.value::<T>().cloned())
                }
                None => Err(error.into()),
            },
        }
    }

    /// As [`peek`](Self::peek), of many: one request for what memory does not have.
    pub(crate) async fn peek_many<T: RemoteValue>(
        self: &Arc<Self>,
        keys: &[&str],
    ) -> Result<Vec<Option<T>>, Error> {
        let mut values: Vec<Option<T>> = Vec::with_capacity(keys.len());
        let mut missing = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            if !scope::is_quiet() && scope::shadowed(self, &plain::<T>(*key)) {
                values.push(None);
                continue;
            }
            let id = KeyBuf::from(*key).id();
            let mut value = self.look_fresh::<T>(id, None);
            if value.is_none() {
                // The ticket before the request, and the look once more after it: as for a single key.
                let plan = plain::<T>(*key);
                let ticket = plan.ticket(self, id);
                value = self.look_fresh::<T>(id, None);
                if value.is_none() {
                    missing.push((index, plan, ticket));
                }
            }
            values.push(value);
        }
        let Some(remote) = self.remote.as_ref().filter(|_| !missing.is_empty()) else {
            missing.iter().for_each(|_| self.counters.direct.misses());
            return Ok(values);
        };
        let names: Vec<&str> = missing.iter().map(|(_, plan, _)| plan.key.as_str()).collect();
        let asked = match remote.learn(&[], &self.generations).await {
            Ok(learned) => remote.read_many(&names).await.map(|found| (learned.space, found)),
            Err(error) => Err(error),
        };
        let (space, found) = match asked {
            Ok(found) => found,
            Err(error) => {
                self.counters.direct.remote_errors();
                for (index, plan, _) in &missing {
                    // The remote tier can't be asked: memory serves what no eviction is known against, if that
                    // is all that was missing.
                    let entry = self.unverified(plan.key.id());
                    let value = entry.and_then(|entry| entry.value::<T>().cloned());
                    values[*index] = Some(value.ok_or_else(|| error.clone())?);
                }
                return Ok(values);
            }
        };
        for ((index, plan, ticket), bytes) in missing.iter().zip(found) {
            let entry = match bytes {
                Some(bytes) => {
                    self.decode(plan, coder::<T>(), ticket, &bytes, &[], space).await?.entry
                }
                None => None,
            };
            values[*index] = self.take_fresh(entry, ticket, None);
        }
        Ok(values)
    }

    /// The memory tier's value, if it is fresh.
    fn look_fresh<T: CacheValue>(&self, id: KeyId, site: Option<&'static Site>) -> Option<T> {
        match self.look::<T>(id, &PLAIN, false) {
            Look::Hit(hit) if hit.source == Source::Memory => {
                self.counters.of(site).memory_hits();
                Some(hit.value)
            }
            _ => None,
        }
    }

    /// The value of an entry that the remote tier had, if it is fresh; it is promoted.
    fn take_fresh<T: CacheValue>(
        &self,
        entry: Option<Stored>,
        ticket: &Ticket,
        site: Option<&'static Site>,
    ) -> Option<T> {
        let tally = self.counters.of(site);
        let entry = entry.filter(|entry| entry.at(self.clock.now()) == Freshness::Fresh);
        let Some(entry) = entry else {
            tally.misses();
            if self.remote.is_some() {
                tally.remote_misses();
            }
            return None;
        };
        promote(self, ticket, &entry, site);
        tally.remote_hits();
        entry.value::<T>().cloned()
    }

    /// The keys of fresh values that match.
    pub(crate) fn keys_in_memory(&self, pattern: &Pattern) -> Vec<String> {
        let mut keys = Vec::new();
        let Some(memory) = &self.memory else { return keys };
        let now = self.clock.now();
        memory.retain(|entry| {
            let alive =
                entry.at(now) == Freshness::Fresh && self.generations.current(&entry.stamps);
            let value = entry.value::<Failure>().is_none();
            if alive && value && pattern.matches(&entry.key) {
                keys.push(entry.key.to_string());
            }
            true
        });
        keys
    }
}
