//! Checks whether a history keeps the promises. The checker knows the operations and their outcomes, but not how the
//! cache works.
//!
//! The age of a value is that of its load. A value that was put counts as made when the put ended, because two
//! concurrent puts may take effect in either order.

use std::collections::BTreeSet;
use std::fmt;

use super::facts::{Evict, Facts, Load, Moment, NEVER, Operation, Read, USES};
use super::history::{How, Key, Outcome, Record, ValueId, What};
use super::node::{PATIENT, Rules, tags};
use super::weather::{BUS_DELAY, BUS_NOTICE, HANG, LEASE, LOAD, OPERATION, Weather};

/// A broken promise.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) promise: &'static str,
    what: String,
    /// The records that show it.
    orders: Vec<usize>,
}

impl Violation {
    pub(crate) fn new(promise: &'static str, what: impl Into<String>, orders: Vec<usize>) -> Self {
        Self { promise, what: what.into(), orders }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (records {:?})", self.promise, self.what, self.orders)
    }
}

/// The guarantees that the world of the history gives.
pub(crate) struct Terms {
    pub(crate) one_load_per_node: bool,
    pub(crate) leases_hold: bool,
    /// Whether the store rejects writes that an eviction has ended, or only the evicting process does.
    pub(crate) fenced: bool,
    /// Whether nothing prevents a put from taking effect.
    pub(crate) puts_hold: bool,
    /// The longest time for which a value of each key may be served.
    pub(crate) lives: Vec<u64>,
    /// Which keys are cached in memory only.
    pub(crate) local: Vec<bool>,
}

impl Terms {
    pub(crate) fn of(weather: Weather, rules: &[Rules]) -> Self {
        Self {
            one_load_per_node: weather.loads_succeed() && weather.forgettings == 0,
            leases_hold: weather.leases_hold(),
            fenced: weather.leases,
            puts_hold: weather.puts_hold(),
            lives: rules.iter().map(|rules| rules.life).collect(),
            local: rules.iter().map(|rules| rules.local).collect(),
        }
    }
}

/// How long a dropped put may continue by itself.
const SETTLED: u64 = 20 * OPERATION;
/// How long callers may join a flight that began while the link was down.
const FLIGHT: u64 = 2 * LEASE + 4 * OPERATION;
/// The breaker pauses requests after a failure: during the pause the tier counts as unreachable too.
const LEFT_ALONE: u64 = 3_000;
/// A caller during the pause may load for one lease and then get the value in memory, which is throttled for a while.
/// Memory may serve for this long if no call has used the tier since.
const UNASKED: u64 = 1_000 + LEASE + 1_000 + OPERATION;
/// The longest wait for an answer, unless the caller's own load hangs: three hung leaders in a row, each with twice the
/// time of the one before.
const PATIENCE: u64 = (1 + 2 + 4) * LEASE + 2 * LOAD + 20 * OPERATION;
/// How long a write may be under way. Its value lives longer by this much, because the store receives durations and not
/// times.
const WRITTEN: u64 = 250;
/// The longest duration of an operation that waits for no load: a few requests in a row. It is shorter than the time
/// for which one caller waits for another.
const TIMELY: u64 = 4 * OPERATION;
/// No value expires earlier.
const FRESH: u64 = 230;
/// How long after an eviction flights of another process may still be replaced.
const ECHO: u64 = BUS_DELAY + 4 * OPERATION;

pub(crate) fn check(records: &[Record], terms: &Terms) -> Result<(), Violation> {
    let facts = Facts::of(records);
    let checker = Checker { facts: &facts };
    checker.values()?;
    checker.kept(terms)?;
    checker.refreshed(terms)?;
    checker.life(terms)?;
    checker.late()?;
    checker.one_process(terms)?;
    checker.fleet(terms)?;
    checker.store(terms)?;
    checker.one_load(terms)?;
    checker.nobody_stranded()?;
    checker.timely()
}

struct Checker<'a> {
    facts: &'a Facts,
}

fn covers(what: What, key: Key) -> bool {
    match what {
        What::Key(evicted) | What::Stale(evicted) | What::Life(evicted) | What::Put(evicted, _) => {
            evicted == key
        }
        What::Pattern | What::Clear | What::StalePattern | What::StaleAll => true,
        What::Tag(tag) | What::StaleTag(tag) => tags(key).contains(&tag),
    }
}

/// Whether the eviction is a new generation.
fn has_generation(what: What) -> bool {
    matches!(what, What::Tag(_) | What::Clear | What::StaleTag(_) | What::StaleAll)
}

/// Whether a read must not return older values. A peek does not return a value that is kept for failed loads.
fn forbids(what: What, read: &Read) -> bool {
    covers(what, read.key)
        && match what {
            What::Life(_) => false,
            What::Stale(_) | What::StalePattern | What::StaleTag(_) | What::StaleAll => {
                read.how == How::Peek
            }
            _ => true,
        }
}

impl Checker<'_> {
    /// The reads that returned a value.
    fn found(&self) -> impl Iterator<Item = (&Read, Moment, ValueId)> {
        self.facts.reads.values().filter_map(|read| match read.ended {
            Some((ended, Outcome::Value(value, _))) => Some((read, ended, value)),
            _ => None,
        })
    }

    /// When a value was made.
    fn made(&self, value: ValueId) -> Option<Moment> {
        if let Some(load) = self.facts.loads.get(&value) {
            return Some(load.began);
        }
        let put = |evict: &&Evict| matches!(evict.what, What::Put(_, put) if put == value);
        let put = self.facts.evicts.values().find(put)?;
        let ended = put.ended.map_or(NEVER, |(ended, _)| ended);
        let stored = self.facts.operations.values().filter(|write| {
            // A changed life does not change the age.
            write.stored == Some(value) && write.name != "replace"
        });
        Some(stored.filter_map(|write| write.applied).fold(ended, Moment::max))
    }

    fn is_older(&self, value: ValueId, evict: &Evict) -> bool {
        self.made(value).is_some_and(|made| made.order < evict.started.order)
    }

    /// When the guarantee of an eviction begins for its own process.
    fn returned(&self, evict: &Evict) -> Moment {
        match (evict.ended, evict.what) {
            (Some((ended, Outcome::Cancelled)), What::Put(..)) => {
                Moment { at: ended.at + SETTLED, ..ended }
            }
            (Some((ended, _)), _) => ended,
            (None, _) => NEVER,
        }
    }

    /// When the guarantee begins for the fleet: the eviction returned, or it failed and its process has used the remote
    /// tier since.
    fn effective(&self, evict: &Evict) -> Moment {
        if let Some((ended, Outcome::Ok)) = evict.ended {
            return ended;
        }
        let returned = self.returned(evict);
        let mut operations = self.facts.operations.values();
        let used = operations.find(|operation| {
            operation.node == evict.node
                && operation.applied.is_some()
                && operation.sent.order > returned.order
                && operation.sent.at >= returned.at
                && USES.contains(&operation.name)
                && !self.waited_for_its_turn(operation, returned)
                && !self.continues_a_read(operation, returned)
        });
        used.and_then(|operation| operation.applied).unwrap_or(NEVER)
    }

    /// Whether the operation is a write that may have waited for other writes of its key since before this moment.
    /// During its turn a write waits for no eviction, because a pending eviction may wait for it. It reads no evicted
    /// value.
    fn waited_for_its_turn(&self, write: &Operation, since: Moment) -> bool {
        let Some(value) = write.value.filter(|_| ["set", "commit"].contains(&write.name)) else {
            return false;
        };
        let loaded = self.facts.loads.get(&value).map(|load| load.ended);
        let put = |evict: &&Evict| matches!(evict.what, What::Put(_, put) if put == value);
        let put = || self.facts.evicts.values().find(put).map(|put| put.started);
        loaded.or_else(put).is_some_and(|ready| ready < since)
    }

    /// Whether the operation may be the second step of a read from before this moment: it requests the lease at once, when it has
    /// found no value. What it returns goes to callers from before that moment, too.
    fn continues_a_read(&self, acquire: &Operation, since: Moment) -> bool {
        let began = |read: &Operation| {
            read.node == acquire.node
                && ["get", "generations"].contains(&read.name)
                && read.sent < since
                && read.answered.is_some_and(|answered| {
                    answered < acquire.sent && acquire.sent.at <= answered.at + 1
                })
        };
        acquire.name == "acquire" && self.facts.operations.values().any(began)
    }

    /// P1: a read returns a value of the requested key.
    fn values(&self) -> Result<(), Violation> {
        for read in self.facts.reads.values() {
            let Some((ended, Outcome::Value(value, key))) = read.ended else { continue };
            if key != read.key || self.made(value).is_none() {
                let orders = vec![read.started.order, ended.order];
                let what = format!("read {} got value {value}, which is another's", read.id);
                return Err(Violation::new("P1", what, orders));
            }
        }
        Ok(())
    }

    /// A read on the same node finds a put that returned, unless an eviction, another put or a refresh ran at the same
    /// time or later. Notices of earlier operations of another process must not remove it. (A read may miss if it
    /// learns of a new generation meanwhile.)
    fn kept(&self, terms: &Terms) -> Result<(), Violation> {
        if !terms.puts_hold {
            return Ok(());
        }
        for put in self.facts.evicts.values() {
            let (What::Put(key, _), Some((ended, Outcome::Ok))) = (put.what, put.ended) else {
                continue;
            };
            if terms.local[key as usize] {
                continue;
            }
            let nothing = self.facts.reads.values().find_map(|read| {
                let found = read.ended.filter(|(_, outcome)| *outcome == Outcome::Nothing)?;
                let asked = read.node == put.node && read.key == key && read.started > ended;
                // The ttl counts from the write to memory, which may have waited for other writes after that. The
                // store's report of the age counts from before the request, so the duration of the read counts twice.
                let under_way = found.0.at - read.started.at;
                let fresh = found.0.at + under_way < put.started.at + FRESH;
                (asked && fresh && !self.disturbed(put, key, found.0)).then_some((read, found.0))
            });
            if let Some((read, found)) = nothing {
                let orders = vec![put.started.order, read.started.order, found.order];
                let what = format!("read {} did not find put {} of key {key}", read.id, put.id);
                return Err(Violation::new("kept", what, orders));
            }
        }
        Ok(())
    }

    /// Whether another operation that ends a key's values ran between the start of the put and a later moment.
    fn disturbed(&self, put: &Evict, key: Key, until: Moment) -> bool {
        let evicted = self.facts.evicts.values().any(|evict| {
            let generation = has_generation(evict.what);
            let echo = if generation { ECHO } else { 0 };
            evict.id != put.id
                && covers(evict.what, key)
                && evict.started < until
                && evict.ended.is_none_or(|(ended, _)| {
                    ended > put.started || ended.at + echo > put.started.at
                })
        });
        let refreshed = self.facts.reads.values().any(|read| {
            let loads = self.facts.loads.values().filter(|load| load.read == read.id);
            read.how == How::Refresh
                && read.key == key
                && read.started < until
                && (read.ended.is_none_or(|(ended, _)| ended.at + ECHO > put.started.at)
                    || loads
                        .into_iter()
                        .any(|load| load.ended.at.saturating_add(ECHO) > put.started.at))
        });
        evicted || refreshed
    }

    /// A refresh returns the value of its own load, and (if the nodes can agree) no older value is served after it.
    fn refreshed(&self, terms: &Terms) -> Result<(), Violation> {
        for (read, ended, value) in self.found().filter(|(read, ..)| read.how == How::Refresh) {
            if self.made(value).is_some_and(|made| made < read.started) {
                let what = format!("refresh {} got the older value {value}", read.id);
                return Err(Violation::new("refresh", what, vec![read.started.order, ended.order]));
            }
            let done = self.refresh_done(read, ended, value);
            for (later, found, older) in self.found() {
                let after = later.node == read.node && later.key == read.key;
                let unlinked = &self.facts.unlinked;
                if terms.leases_hold
                    && after
                    && later.started > done
                    && self.made(older).is_some_and(|made| made < read.started)
                    && !Facts::any(unlinked, read.node, read.started.at, found.at)
                    && !self.evicted(read.key, read.started.at, found.at)
                {
                    let what = format!("value {older} is older than refresh {}", read.id);
                    let orders = vec![read.started.order, ended.order, found.order];
                    return Err(Violation::new("refresh", what, orders));
                }
            }
        }
        Ok(())
    }

    /// When a refresh has finished in the store. If its caller timed out, the value may still be on its way there. If
    /// the store then rejects it, or another change came first, the replaced value has yet to be removed.
    fn refresh_done(&self, read: &Read, ended: Moment, value: ValueId) -> Moment {
        if ended.at < read.started.at + PATIENT {
            return ended;
        }
        let operations = || self.facts.operations.values();
        // Loads that may have read the older value end when the answer arrives.
        let answered = |operation: &Operation| operation.answered.unwrap_or(NEVER);
        let stored = operations().filter(|write| write.stored == Some(value));
        if let Some(answered) = stored.map(answered).max() {
            return ended.max(answered);
        }
        let loaded = self.facts.loads.get(&value).map_or(NEVER, |load| load.ended);
        let until = ended.at + 2 * OPERATION;
        let removals = operations().filter(|removal| {
            let under_way = loaded < removal.sent && removal.sent.at < until;
            removal.name == "remove" && removal.node == read.node && under_way
        });
        removals.map(answered).fold(ended, Moment::max)
    }

    /// No value is served after its ttl, on whatever path it got to where it was found.
    fn life(&self, terms: &Terms) -> Result<(), Violation> {
        for (read, ended, value) in self.found() {
            let Some(load) = self.facts.loads.get(&value) else { continue };
            // The store receives durations, which count from the arrival of a write, however long it was under way (a
            // node may be paused meanwhile).
            let writes = self.facts.operations.values().filter(|write| write.stored == Some(value));
            let delay = |write: &Operation| {
                let applied = write.applied?.at;
                let paused = Facts::any(&self.facts.paused, write.node, load.ended.at, applied);
                let from = if paused { load.ended.at } else { write.sent.at };
                Some(applied.saturating_sub(from))
            };
            let delays: u64 = writes.filter_map(delay).sum();
            let life = terms.lives[read.key as usize] + WRITTEN + delays;
            let until = load.ended.at.saturating_add(life);
            if read.started.at > until {
                let orders = vec![load.ended.order, read.started.order, ended.order];
                let what = format!("value {value} of key {} was served too long", read.key);
                return Err(Violation::new("life", what, orders));
            }
        }
        Ok(())
    }

    /// P5: another caller took over from a hung leader, and the leader's late value is not kept.
    fn late(&self) -> Result<(), Violation> {
        let loads = || self.facts.loads.values();
        for (read, ended, value) in self.found() {
            let Some(hung) = self.facts.loads.get(&value) else { continue };
            let same = |load: &&Load| load.node == hung.node && load.key == hung.key;
            let overdue = hung.began.at.saturating_add(LEASE);
            let taken_over = loads().filter(same).find(|load| {
                load.began.at >= overdue && load.outcome == Outcome::Ok && load.ended < hung.ended
            });
            let Some(successor) = taken_over else { continue };
            // The waiters of a failed load retry side by side.
            let side_by_side = loads().filter(same).any(|load| {
                load.outcome == Outcome::Failed
                    && load.ended < successor.began
                    && load.ended.at + 2 * LEASE > hung.began.at
            });
            // A load that begins after the echo of an eviction is no successor either: it does not join, and waits for
            // the lease.
            let echo = self.evicted(hung.key, hung.began.at, successor.began.at);
            if read.node == hung.node && read.started > hung.ended && !side_by_side && !echo {
                let orders = vec![hung.began.order, successor.began.order, ended.order];
                let what = format!("value {value} of a leader that hung was kept");
                return Err(Violation::new("P5", what, orders));
            }
        }
        Ok(())
    }

    /// P2: no read that starts after an eviction returned on its node returns an older value.
    fn one_process(&self, terms: &Terms) -> Result<(), Violation> {
        let held = |evict: &&Evict| terms.fenced || !self.gave_way(evict);
        for evict in self.facts.evicts.values().filter(held) {
            let returned = self.returned(evict);
            for (read, ended, value) in self.found() {
                let after = read.started.order > returned.order && read.started.at >= returned.at;
                if read.node == evict.node
                    && after
                    && forbids(evict.what, read)
                    && self.is_older(value, evict)
                {
                    return Err(self.old(read, ended, value, evict, "P2"));
                }
            }
        }
        Ok(())
    }

    /// Whether the put may have given way to a concurrent operation. A store without leases does not reject the writes
    /// that this operation has yet to wait for.
    fn gave_way(&self, put: &Evict) -> bool {
        let What::Put(key, _) = put.what else { return false };
        let ended = put.ended.map_or(NEVER, |(ended, _)| ended);
        self.facts.evicts.values().any(|other| {
            other.id != put.id
                && covers(other.what, key)
                && other.started < ended
                && other.ended.is_none_or(|(ended, _)| ended > put.started)
        })
    }

    fn old(
        &self,
        read: &Read,
        ended: Moment,
        value: ValueId,
        evict: &Evict,
        promise: &'static str,
    ) -> Violation {
        let made = self.made(value).map(|made| made.order);
        let orders = [evict.started.order, read.started.order, ended.order];
        let orders = made.into_iter().chain(orders).collect();
        let what = format!(
            "read {} of key {} on node {} got value {value}, which eviction {} ended",
            read.id, read.key, read.node, evict.id
        );
        Violation::new(promise, what, orders)
    }

    /// P3 and P7: no read on another node returns an older value either, once the node must know of the eviction.
    fn fleet(&self, terms: &Terms) -> Result<(), Violation> {
        for evict in self.facts.evicts.values() {
            let effective = self.effective(evict);
            if effective == NEVER || (!terms.fenced && self.gave_way(evict)) {
                continue;
            }
            for (read, ended, value) in self.found() {
                if read.started.order > effective.order
                    && forbids(evict.what, read)
                    && self.is_older(value, evict)
                    && (self.is_strict(terms, read, ended)
                        || read.started.at > self.told(evict, effective, read))
                    && !self.cut_off(evict, read, ended)
                    && !(terms.local[read.key as usize] && self.unheard(evict, read, ended))
                {
                    let ok = matches!(evict.ended, Some((_, Outcome::Ok)));
                    let promise = if ok { "P3" } else { "P7" };
                    return Err(self.old(read, ended, value, evict, promise));
                }
            }
        }
        Ok(())
    }

    /// Whether the read asks a store that answers, and does not depend on notices.
    fn is_strict(&self, terms: &Terms, read: &Read, ended: Moment) -> bool {
        let from = read.started.at.saturating_sub(LEFT_ALONE);
        let answers = self.facts.answers.get(&read.node).map_or(&[][..], Vec::as_slice);
        let failed = answers.iter().any(|(at, ok)| !ok && (from..=ended.at).contains(&at.at));
        self.facts.strict.contains(&read.node) && !terms.local[read.key as usize] && !failed
    }

    /// When the node of the read must know of the eviction.
    fn told(&self, evict: &Evict, effective: Moment, read: &Read) -> u64 {
        let facts = self.facts;
        let (node, began) = (read.node, evict.started.at);
        let mut told = effective.at + BUS_DELAY;
        if Facts::any(&facts.unlinked, node, began, told) {
            told += BUS_NOTICE;
            if Facts::any(&facts.told, node, read.started.at, read.started.at) {
                told += FLIGHT;
            }
        }
        let paused = facts.paused.get(&node).into_iter().flatten();
        paused
            .filter(|span| span.touches(began, told))
            .fold(told, |told, span| told.max(span.to.saturating_add(BUS_DELAY + BUS_NOTICE)))
    }

    /// Memory serves on while the remote tier cannot be asked for missed evictions.
    fn cut_off(&self, evict: &Evict, read: &Read, ended: Moment) -> bool {
        let from = read.started.at.saturating_sub(LEFT_ALONE);
        let answers = self.facts.answers.get(&read.node).map_or(&[][..], Vec::as_slice);
        let failed = answers.iter().any(|(at, ok)| !ok && (from..=ended.at).contains(&at.at));
        let last = answers.iter().rev().find(|(at, _)| *at < read.started);
        let unasked = last.is_some_and(|(at, ok)| !ok && at.at + UNASKED >= read.started.at);
        (failed || unasked)
            && Facts::any(&self.facts.unlinked, read.node, evict.started.at, ended.at)
    }

    /// Only the bus reports evictions of values cached in memory only, and it does not report puts.
    fn unheard(&self, evict: &Evict, read: &Read, ended: Moment) -> bool {
        matches!(evict.what, What::Put(..))
            || Facts::any(&self.facts.unlinked, read.node, evict.started.at, ended.at)
    }

    /// P3: a load that began before an eviction does not store its value after it. (The eviction of a tag ends no
    /// lease: a value stored under the old generation is never read.)
    fn store(&self, terms: &Terms) -> Result<(), Violation> {
        if !terms.fenced {
            // The process removes the value itself.
            return Ok(());
        }
        for evict in self.facts.evicts.values() {
            let effective = match (evict.what, evict.ended) {
                (What::Tag(_) | What::Stale(_) | What::Life(_), _) => continue,
                (What::StalePattern | What::StaleTag(_) | What::StaleAll, _) => continue,
                (What::Clear, Some((_, outcome))) if outcome != Outcome::Ok => continue,
                _ if self.is_left_to_a_clear(evict) => continue,
                _ => self.effective(evict),
            };
            for write in self.facts.operations.values() {
                let Some((value, applied)) = write.stored.zip(write.applied) else { continue };
                let Some(load) = self.facts.loads.get(&value) else { continue };
                if covers(evict.what, load.key)
                    && load.began.order < evict.started.order
                    && effective.order < applied.order
                {
                    let orders =
                        vec![load.began.order, evict.started.order, effective.order, applied.order];
                    let what = format!(
                        "value {value} of key {} was stored after eviction {}",
                        load.key, evict.id
                    );
                    return Err(Violation::new("P3", what, orders));
                }
            }
        }
        Ok(())
    }

    /// Whether a failed eviction is covered by a `clear` that was already pending on its node: the generation of the
    /// `clear` also ends values that are stored later.
    fn is_left_to_a_clear(&self, evict: &Evict) -> bool {
        let failed = |evict: &Evict| {
            evict.ended.filter(|(_, outcome)| *outcome != Outcome::Ok).map(|(ended, _)| ended)
        };
        let Some(ended) = failed(evict) else { return false };
        self.facts.evicts.values().any(|clear| {
            clear.what == What::Clear
                && clear.node == evict.node
                && failed(clear).is_some_and(|owed| owed < ended)
                && self.effective(clear) > ended
        })
    }

    /// P4: one load at a time.
    fn one_load(&self, terms: &Terms) -> Result<(), Violation> {
        let loads: Vec<&Load> = self.facts.loads.values().collect();
        for first in &loads {
            for second in loads.iter().filter(|second| second.key == first.key) {
                let within = first.node == second.node;
                let promised = if within {
                    terms.one_load_per_node
                } else {
                    terms.leases_hold && !terms.local[first.key as usize]
                };
                let overlap = first.began < second.began && second.began < first.ended;
                if promised
                    && overlap
                    && !self.may_load_too(first, second)
                    && !(terms.local[first.key as usize] && self.learns_late(second))
                {
                    let orders = vec![first.began.order, second.began.order, first.ended.order];
                    let what = format!(
                        "loads {} and {} of key {} ran at the same time",
                        first.id, second.id, first.key
                    );
                    return Err(Violation::new("P4", what, orders));
                }
            }
        }
        Ok(())
    }

    /// Whether an eviction of the key, or its echo, ends loads between the two times.
    fn evicted(&self, key: Key, from: u64, to: u64) -> bool {
        self.facts.evicts.values().any(|evict| {
            // A failed or dropped eviction is carried out when its node uses the tier again.
            let over = || self.effective(evict).at.saturating_add(ECHO);
            covers(evict.what, key) && evict.started.at <= to && over() >= from
        })
    }

    /// Whether a removal in the store ends loads between the two times. Some are part of no eviction.
    fn removed(&self, key: Key, from: u64, to: u64) -> bool {
        let removed = |at: u64| at <= to && at + ECHO >= from;
        self.facts.removed.iter().any(|&(at, removal)| removal == key && removed(at.at))
    }

    /// Whether there is a reason for a second load: a refresh, an eviction or a removal since either load was requested (a
    /// caller that waits for another process's lease may get it with generations that others know to be old), a takeover, or
    /// a lost link.
    fn may_load_too(&self, first: &Load, second: &Load) -> bool {
        let facts = self.facts;
        let asked = |load: &Load| facts.reads.get(&load.read).map(|read| read.started.at);
        let (Some(asked), Some(other)) = (asked(first), asked(second)) else { return true };
        // The caller that began later may be the first to load.
        let asked = asked.min(other);
        // A paused node receives all messages when it continues.
        let now = second.began.at;
        let paused = |node| facts.paused.get(node).into_iter().flatten();
        let since = paused(&first.node)
            .chain(paused(&second.node))
            .filter(|span| span.touches(asked.saturating_sub(ECHO), now))
            .fold(asked, |since, span| since.min(span.from));
        let refreshed = facts.reads.values().any(|read| {
            read.how == How::Refresh
                && read.key == first.key
                && (read.id == first.read
                    || (read.started.at <= now
                        && read.ended.is_none_or(|(at, _)| at.at + ECHO >= asked)))
        });
        let evicted = self.evicted(first.key, since, now) || self.removed(first.key, since, now);
        let unlinked = |node| Facts::any(&facts.unlinked, node, asked, now);
        let overdue = now >= asked + LEASE;
        refreshed || evicted || overdue || unlinked(first.node) || unlinked(second.node)
    }

    /// Values cached in memory only do not read generations. If a generation changed while the node's link was down,
    /// the node may learn of it whenever it reads the generation for another key.
    fn learns_late(&self, load: &Load) -> bool {
        self.facts.evicts.values().any(|evict| {
            let over = || self.effective(evict).at.saturating_add(ECHO);
            has_generation(evict.what)
                && covers(evict.what, load.key)
                && evict.started.at <= load.began.at
                && Facts::any(&self.facts.unlinked, load.node, evict.started.at, over())
        })
    }

    /// P6: if the store answers all requests of a node, an operation that waits for no load ends within the timeouts of
    /// its requests.
    fn timely(&self) -> Result<(), Violation> {
        let facts = self.facts;
        let peeks = facts.reads.values().filter(|read| read.how == How::Peek);
        let peeks = peeks.map(|read| (read.node, read.started, read.ended, TIMELY));
        let evicts = facts.evicts.values();
        let evicts = evicts.map(|evict| (evict.node, evict.started, evict.ended, TIMELY));
        for (node, started, ended, bound) in peeks.chain(evicts) {
            let until = ended.map_or(u64::MAX, |(ended, _)| ended.at);
            let paused = Facts::any(&facts.paused, node, started.at, until);
            let answers = facts.answers.get(&node).map_or(&[][..], Vec::as_slice);
            let from = started.at.saturating_sub(OPERATION);
            let failed = answers.iter().any(|(at, ok)| !ok && (from..=until).contains(&at.at));
            if paused || failed || facts.killed.contains(&node) {
                continue;
            }
            if until > started.at + bound {
                let what = format!(
                    "an operation that began at {} ms on node {node} took too long",
                    started.at
                );
                return Err(Violation::new("P6", what, vec![started.order]));
            }
        }
        Ok(())
    }

    /// P5: every caller gets an answer, and at the end no load is left.
    fn nobody_stranded(&self) -> Result<(), Violation> {
        let facts = self.facts;
        let hung = |load: &&Load| load.ended.at.saturating_sub(load.began.at) > LOAD;
        let hung: BTreeSet<u64> = facts.loads.values().filter(hung).map(|load| load.read).collect();
        let reads = facts.reads.values().map(|read| {
            let own = if hung.contains(&read.id) { HANG + LOAD } else { 0 };
            (read.node, read.started, read.ended, own)
        });
        let evicts = facts.evicts.values();
        let evicts = evicts.map(|evict| (evict.node, evict.started, evict.ended, 0));
        for (node, started, ended, own) in reads.chain(evicts) {
            let paused = facts.paused.get(&node).into_iter().flatten();
            let paused: u64 = paused.map(|span| span.to.saturating_sub(span.from).min(HANG)).sum();
            let until = started.at + PATIENCE + paused + own;
            let late = ended.is_none_or(|(ended, _)| ended.at > until);
            if late && !facts.killed.contains(&node) {
                let what =
                    format!("a call that began at {} ms on node {node} took too long", started.at);
                return Err(Violation::new("P5", what, vec![started.order]));
            }
        }
        match facts.rest.iter().find(|(_, in_flight)| *in_flight > 0) {
            Some((node, left)) => {
                let what = format!("node {node} has {left} loads under way for ever");
                Err(Violation::new("P5", what, Vec::new()))
            }
            None => Ok(()),
        }
    }
}
