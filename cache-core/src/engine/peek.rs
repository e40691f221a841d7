//! Reads cached values without a load.

use std::sync::Arc;

use super::handle::Engine;
use super::life::is_value;
use super::lookup::{FirstLook, promote, wanted};
use super::request::Request;
use super::scope;
use super::scope::Seen;
use super::together::TOGETHER;
use crate::backend::GENERATION_TTL;
use crate::base::{CacheValue, Error, Expiry, PLAIN, Pattern, Tiers};
use crate::entry::{Freshness, Stored, into_value};
use crate::key::KeyId;
use crate::memory::Ticket;
use crate::remote::Wanted;

/// The side effects of looking at a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trace {
    /// It is a read: it is counted, restarts the time to idle, and keeps the entry in memory.
    Read,
    /// No side effects.
    Nothing,
}

impl Engine {
    /// Returns the fresh cached value, without loading.
    pub(crate) async fn peek<T: CacheValue>(
        self: &Arc<Self>,
        request: &Request,
        trace: Trace,
    ) -> Result<Option<T>, Error> {
        match scope::seen(self, request) {
            Seen::Through => {}
            Seen::Hidden => return Ok(None),
            Seen::Own(entry) => return Ok(into_value(entry)),
        }
        if request.is_write_only() {
            return Ok(None);
        }
        let id = request.key.id();
        if let Some(hit) = self.look_fresh(request, id, trace) {
            return Ok(Some(hit));
        }
        let Some(codec) = request.wanted_there() else { return Ok(None) };
        let mut ticket = request.ticket(self);
        // Again, because the ticket now sees later changes: a value from before a put between the first look
        // and the ticket must not be promoted over the put.
        if let Some(hit) = self.look_fresh(request, id, trace) {
            return Ok(Some(hit));
        }
        match self.look_remote(request, codec, &mut ticket, None).await {
            Ok(found) if trace == Trace::Nothing => Ok(self.fresh_value(found.entry)),
            Ok(found) => Ok(self.take_fresh(found.entry, &ticket, request)),
            Err(error) if trace == Trace::Nothing => {
                let entry =
                    request.memory(self).and_then(|_| self.peek_unverified(id, request.declared()));
                Ok(into_value(entry.ok_or(error)?))
            }
            Err(error) => {
                match request.memory(self).and_then(|_| self.unverified(id, request.declared())) {
                    Some(entry) => {
                        self.counters.of(request.site).memory_hits();
                        Ok(into_value(entry))
                    }
                    None => Err(error.into()),
                }
            }
        }
    }

    /// Returns the cached value even if it is not fresh, without loading.
    pub(crate) async fn get_stale<T: CacheValue>(
        self: &Arc<Self>,
        request: &Request,
    ) -> Result<Option<T>, Error> {
        let fresh = self.peek(request, Trace::Read).await;
        if let Ok(Some(_)) = fresh {
            return fresh;
        }
        if !matches!(scope::seen(self, request), Seen::Through) {
            return fresh;
        }
        let id = request.key.id();
        if request.is_write_only() {
            return fresh;
        }
        let here = request.memory(self);
        let mut old = here
            .and_then(|_| self.fallback(id, request.declared(), fresh.is_err()))
            .and_then(into_value);
        let codec = request.wanted_there().filter(|_| fresh.is_ok());
        if let (None, Some(codec)) = (&old, codec) {
            let mut ticket = request.ticket(self);
            let found = self.look_remote(request, codec, &mut ticket, None).await?;
            old = found.entry.and_then(into_value);
        }
        match old {
            Some(old) => {
                self.counters.of(request.site).stale_hits();
                Ok(Some(old))
            }
            None => fresh,
        }
    }

    /// Like [`peek`](Self::peek), for many keys. For each thousand keys: one request for the values that
    /// memory does not have, and one for all generations.
    pub(crate) async fn peek_many<T: CacheValue>(
        self: &Arc<Self>,
        mut requests: Vec<Request>,
        trace: Trace,
    ) -> Result<Vec<Option<T>>, Error> {
        let mut values = Vec::with_capacity(requests.len());
        while !requests.is_empty() {
            let rest = requests.split_off(requests.len().min(TOGETHER));
            let together = std::mem::replace(&mut requests, rest);
            values.extend(self.peek_together(together, trace).await?);
        }
        Ok(values)
    }

    async fn peek_together<T: CacheValue>(
        self: &Arc<Self>,
        requests: Vec<Request>,
        trace: Trace,
    ) -> Result<Vec<Option<T>>, Error> {
        let mut values: Vec<Option<T>> = Vec::with_capacity(requests.len());
        let mut missing = Vec::new();
        for (index, request) in requests.into_iter().enumerate() {
            match scope::seen(self, &request) {
                Seen::Through => {}
                Seen::Hidden => {
                    values.push(None);
                    continue;
                }
                Seen::Own(entry) => {
                    values.push(into_value(entry));
                    continue;
                }
            }
            if request.is_write_only() {
                values.push(None);
                continue;
            }
            let id = request.key.id();
            let mut value = self.look_fresh::<T>(&request, id, trace);
            let codec = request.wanted_there();
            if value.is_none()
                && let Some(codec) = codec
            {
                // The ticket before the request, and a second look after it, as for a single key.
                let ticket = request.ticket(self);
                value = self.look_fresh::<T>(&request, id, trace);
                if value.is_none() {
                    missing.push((index, request, codec, ticket));
                }
            }
            values.push(value);
        }
        let Some(remote) = self.remote.as_ref().filter(|_| !missing.is_empty()) else {
            if trace == Trace::Read {
                missing.iter().for_each(|_| self.counters.direct.misses());
            }
            return Ok(values);
        };
        let wanted = missing.iter().map(|(_, request, ..)| wanted(request));
        let wanted: Vec<Wanted<'_>> = wanted.collect();
        let found = match remote.read_each(&wanted, GENERATION_TTL, &self.generations).await {
            Ok(found) => found,
            Err(error) => {
                self.counters.direct.remote_errors();
                for (index, request, ..) in &missing {
                    // The remote tier cannot be asked: memory serves entries without a known eviction, if
                    // only the verification was missing.
                    let (id, tags) = (request.key.id(), request.declared());
                    let entry = request.memory(self).and_then(|_| match trace {
                        Trace::Read => self.unverified(id, tags),
                        Trace::Nothing => self.peek_unverified(id, tags),
                    });
                    let value = entry.and_then(into_value);
                    values[*index] = Some(value.ok_or_else(|| error.clone())?);
                }
                return Ok(values);
            }
        };
        for ((index, request, codec, mut ticket), found) in missing.into_iter().zip(found) {
            ticket.stamp(found.space, &found.tags);
            let entry = match found.value {
                Some(value) => self.decode_late(&request, codec, &ticket, &value).await?.entry,
                None => None,
            };
            values[index] = match trace {
                Trace::Read => self.take_fresh(entry, &ticket, &request),
                Trace::Nothing => self.fresh_value(entry),
            };
        }
        Ok(values)
    }

    /// The memory tier's value, if it is fresh.
    fn look_fresh<T: CacheValue>(&self, request: &Request, id: KeyId, trace: Trace) -> Option<T> {
        request.memory(self)?;
        if trace == Trace::Nothing {
            return self.peek_verified(id, request.declared())?.value::<T>().cloned();
        }
        self.first_look(id, request.declared(), &PLAIN, request.site, &mut FirstLook::default())
    }

    fn fresh_value<T: CacheValue>(&self, entry: Option<Stored>) -> Option<T> {
        let entry = entry.filter(|entry| entry.at(self.clock.now()) == Freshness::Fresh)?;
        into_value(entry)
    }

    /// The value of a remote entry, if it is fresh; promotes it.
    fn take_fresh<T: CacheValue>(
        &self,
        entry: Option<Stored>,
        ticket: &Ticket,
        request: &Request,
    ) -> Option<T> {
        let tally = self.counters.of(request.site);
        let entry = entry.filter(|entry| entry.at(self.clock.now()) == Freshness::Fresh);
        let Some(entry) = entry else {
            tally.misses();
            if self.remote.is_some() {
                tally.remote_misses();
            }
            return None;
        };
        promote(self, ticket, &entry, request);
        tally.remote_hits();
        into_value(entry)
    }

    /// How long the request's key stays fresh, without its value.
    pub(crate) async fn expiry(
        self: &Arc<Self>,
        request: &Request,
    ) -> Result<Option<Expiry>, Error> {
        let id = request.key.id();
        let of = |entry: Stored| {
            is_value(&entry).then(|| Expiry::of(entry.fresh_until(), self.clock.now()))
        };
        match scope::seen(self, request) {
            Seen::Through => {}
            Seen::Hidden => return Ok(None),
            Seen::Own(entry) => return Ok(of(entry)),
        }
        let memory = request.memory(self);
        if let Some(entry) = memory.and_then(|_| self.peek_verified(id, request.declared())) {
            return Ok(of(entry));
        }
        let there = request.reaches_remote(self) && request.policy.tiers != Tiers::Memory;
        let Some(remote) = self.remote.as_ref().filter(|_| there) else {
            return Ok(None);
        };
        let lying = match self.lying(remote, request.key.as_str()).await {
            Ok(Some(lying)) => lying,
            Ok(None) => return Ok(None),
            Err(error) => {
                self.counters.direct.remote_errors();
                return memory
                    .and_then(|_| self.peek_unverified(id, request.declared()))
                    .and_then(of)
                    .map(Some)
                    .ok_or_else(|| error.into());
            }
        };
        let stamps = self.generations.stamp(lying.tags());
        let now = self.clock.now();
        let until = lying.fresh_until();
        let fresh = now < until
            && request.declared().are_carried_by(&stamps)
            && !scope::hides(self, request, &stamps);
        Ok(fresh.then(|| Expiry::of(until, now)))
    }

    /// The keys of fresh values that match.
    pub(crate) fn keys_in_memory(&self, pattern: &Pattern) -> Vec<String> {
        let mut keys = Vec::new();
        self.each_key_in_memory(pattern, |key| keys.push(key.to_owned()));
        keys
    }

    /// Shows the keys of fresh values that match to `show`, which runs under a lock of the tier.
    pub(crate) fn each_key_in_memory(&self, pattern: &Pattern, mut show: impl FnMut(&str)) {
        let Some(memory) = &self.memory else { return };
        let now = self.clock.now();
        memory.retain(|entry| {
            let alive =
                entry.at(now) == Freshness::Fresh && self.generations.current(&entry.stamps);
            if alive && is_value(entry) && pattern.matches(&entry.key) {
                show(&entry.key);
            }
            true
        });
    }
}
