//! Tags as generations: an entry is valid while every generation with which it was stamped is current.
//! Evicting a tag is one increment, no matter how many entries carry the tag.
//!
//! `clear` increments the generation of the namespace, which acts as a tag of every entry. The *epoch* says
//! whether the memory tier can be trusted: it is odd while the bus link, which brings the evictions of other
//! processes, is down, and increases when the link comes back.
//!
//! A *soft* eviction takes the next number of the generation's [series](crate::backend::SERIES): entries of the
//! same series are only outdated, and can still replace a failed load. Hits compare numbers for equality only.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use arc_swap::ArcSwap;

use super::order::Evicted;
use super::snapshot::{Seen, TagSnapshot};
use super::trust::{Answered, Asked, Now};
use crate::backend::SERIES;
use crate::base::{AtomicU64, Mutex, Ordering, Timestamp};

/// This process's counts of evictions are sums: soft ones count in the lower half, the others in the upper half.
/// (Too many soft ones count as one of the others.)
const HARD: u64 = 1 << 32;

/// How an eviction ends entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strength {
    /// They must not be used any more.
    Hard,
    /// They are stale, and can replace a failed load.
    Soft,
}

impl Strength {
    fn count(self) -> u64 {
        match self {
            Self::Hard => HARD,
            Self::Soft => 1,
        }
    }
}

/// What has happened to entries since a generation that they saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Relation {
    Current,
    /// Soft evictions only.
    Outdated,
    Evicted,
}

/// What has happened to an entry, from the generations that it saw and the current ones.
pub(crate) fn relation(pairs: impl Iterator<Item = (u64, u64)>) -> Relation {
    let of = |(seen, now): (u64, u64)| match seen == now {
        true => Relation::Current,
        false if seen / SERIES == now / SERIES && seen < now => Relation::Outdated,
        false => Relation::Evicted,
    };
    pairs.map(of).max().unwrap_or(Relation::Current)
}

/// A tag's current generation, shared with the entries that carry the tag: a hit validates each tag with one
/// load and no lookup.
#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) name: Box<str>,
    /// The generation in the fleet; 0: this process does not know it.
    generation: AtomicU64,
    /// The number of evictions of the tag by this process.
    moved: AtomicU64,
    answered: Answered,
    evicted: Evicted,
}

/// The result of checking an entry's stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    Valid,
    /// No eviction is known, but the process may have missed one: the remote tier must be asked.
    Unverified,
    Evicted,
}

/// A cache's generations.
#[derive(Debug, Default)]
pub(crate) struct Generations {
    space: AtomicU64,
    moved: AtomicU64,
    answered: Answered,
    evicted: Evicted,
    epoch: AtomicU64,
    /// How often any of these generations changed.
    changes: AtomicU64,
    tags: Mutex<HashMap<Box<str>, Arc<Tag>>>,
    /// The last snapshot without tags.
    untagged: ArcSwap<Seen>,
}

impl Generations {
    fn tag(&self, name: &str) -> Arc<Tag> {
        let mut tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tag) = tags.get(name) {
            return Arc::clone(tag);
        }
        if tags.len() >= 1024 && tags.len().is_power_of_two() {
            // Drops the tags that no entry carries. No stamp refers to them, so a new cell of the same name
            // may start at any number.
            tags.retain(|_, tag| Arc::strong_count(tag) > 1);
        }
        let tag = Arc::new(Tag {
            name: name.into(),
            generation: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            answered: Answered::default(),
            evicted: Evicted::default(),
        });
        tags.insert(name.into(), Arc::clone(&tag));
        tag
    }

    /// Whether an entry has carried the tag or the tag was evicted, as far as this process remembers.
    pub(crate) fn knows(&self, tag: &str) -> bool {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner).contains_key(tag)
    }

    /// Remembers a tag that entries may carry.
    pub(crate) fn declare(&self, tag: &str) {
        drop(self.tag(tag));
    }

    /// The current generations, for a load that is about to begin.
    pub(crate) fn stamp<'a>(&self, tags: impl Iterator<Item = &'a str>) -> TagSnapshot {
        // Epoch first: if the link is lost while the tags are read, the stamps must show it.
        let epoch = self.epoch.load(Ordering::Acquire);
        let space = self.space.load(Ordering::Acquire);
        let stamp = |name| {
            let tag = self.tag(name);
            let generation = tag.generation.load(Ordering::Acquire);
            (tag, generation)
        };
        let mut moved = self.moved.load(Ordering::Acquire);
        let tags: Box<[_]> = tags
            .map(|name| {
                let (tag, generation) = stamp(name);
                moved = moved.wrapping_add(tag.moved.load(Ordering::Acquire));
                (tag, generation)
            })
            .collect();
        self.shared(Seen { tags, space, moved, epoch })
    }

    /// The shared copy, if there are no tags.
    fn shared(&self, seen: Seen) -> TagSnapshot {
        if !seen.tags.is_empty() {
            return TagSnapshot::of(Arc::new(seen));
        }
        let last = self.untagged.load();
        if (last.space, last.moved, last.epoch) == (seen.space, seen.moved, seen.epoch) {
            return TagSnapshot::of(Arc::clone(&last));
        }
        let new = Arc::new(seen);
        self.untagged.store(Arc::clone(&new));
        TagSnapshot::of(new)
    }

    /// Records the namespace's generation from the remote tier. Generations only grow, so an answer that
    /// arrives after a newer one from the bus changes nothing.
    pub(crate) fn learn_space(&self, generation: u64) {
        let known = self.space.fetch_max(generation, Ordering::AcqRel);
        if known < generation {
            self.changed();
            if known != 0 {
                self.evicted.now();
            }
        }
    }

    /// Records a tag's generation, like [`learn_space`](Self::learn_space).
    pub(crate) fn learn_tag(&self, name: &str, generation: u64) {
        let tag = self.tag(name);
        let known = tag.generation.fetch_max(generation, Ordering::AcqRel);
        if known < generation {
            self.changed();
            if known != 0 {
                tag.evicted.now();
            }
        }
    }

    /// What this process knows before it asks the remote tier for the generations of the namespace and of
    /// `tags`. `settled` is the number of changes of the pending evictions.
    pub(crate) fn asking(&self, tags: &[&str], at: Timestamp, settled: u64) -> Vec<Asked> {
        let now = Now { at, epoch: self.epoch.load(Ordering::Acquire), settled };
        let tags = tags.iter().map(|name| now.asks(&self.tag(name).moved));
        std::iter::once(now.asks(&self.moved)).chain(tags).collect()
    }

    /// Records that the answers to these questions were [learnt](Self::learn_tag).
    pub(crate) fn answered(&self, tags: &[&str], asked: &[Asked]) {
        let Some((space, asked)) = asked.split_first() else { return };
        self.answered.note(*space);
        tags.iter().zip(asked).for_each(|(name, asked)| self.tag(name).answered.note(*asked));
    }

    /// The known generations, if all of them were asked for after `since`, no change of them is known since
    /// then, and the bus is linked.
    pub(crate) fn trusted(
        &self,
        tags: &[&str],
        since: Timestamp,
        settled: u64,
    ) -> Option<(u64, Vec<u64>)> {
        let now = Now { at: since, epoch: self.epoch.load(Ordering::Acquire), settled };
        if !now.epoch.is_multiple_of(2) || !self.answered.holds(&now, &self.moved) {
            return None;
        }
        let tag = |name: &&str| {
            let tag = self.tag(name);
            tag.answered.holds(&now, &tag.moved).then(|| tag.generation.load(Ordering::Acquire))
        };
        let tags = tags.iter().map(tag).collect::<Option<Vec<_>>>()?;
        Some((self.space.load(Ordering::Acquire), tags))
    }

    /// Applies a `clear` by another process. Like [`learn_space`](Self::learn_space), but also ends entries
    /// that were loaded without asking for the generation, even if this process has learnt the generation
    /// meanwhile.
    pub(crate) fn heed_space(&self, generation: u64, strength: Strength) {
        self.learn_space(generation);
        self.bump_space(strength);
    }

    /// Applies another process's eviction of a tag, like [`heed_space`](Self::heed_space).
    pub(crate) fn heed_tag(&self, name: &str, generation: u64, strength: Strength) {
        self.learn_tag(name, generation);
        self.bump_tag(name, strength);
    }

    /// Ends all entries that carry the tag.
    pub(crate) fn bump_tag(&self, name: &str, strength: Strength) {
        let tag = self.tag(name);
        tag.moved.fetch_add(strength.count(), Ordering::AcqRel);
        tag.evicted.now();
        self.changed();
    }

    /// Ends all entries.
    pub(crate) fn bump_space(&self, strength: Strength) {
        self.moved.fetch_add(strength.count(), Ordering::AcqRel);
        self.evicted.now();
        self.changed();
    }

    /// Whether the namespace or one of the tags was evicted after `moment`.
    pub(crate) fn has_evicted_since(&self, moment: u64, stamps: &TagSnapshot) -> bool {
        self.evicted.since(moment) || stamps.tags.iter().any(|(tag, _)| tag.evicted.since(moment))
    }

    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// The number of changes. If it equals an earlier number, no generation has ended an entry in between.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Sets whether messages of other processes arrive. Each change makes every entry unverified.
    pub(crate) fn link(&self, up: bool) {
        let _ = self.epoch.fetch_update(Ordering::AcqRel, Ordering::Acquire, |epoch| {
            (up == (epoch % 2 == 1)).then_some(epoch + 1)
        });
    }

    /// Whether the bus link is up (or there is no bus).
    pub(crate) fn is_linked(&self) -> bool {
        self.epoch.load(Ordering::Acquire).is_multiple_of(2)
    }

    #[inline]
    pub(crate) fn check(&self, stamps: &TagSnapshot) -> Validity {
        if !self.current(stamps) {
            return Validity::Evicted;
        }
        let epoch = self.epoch.load(Ordering::Acquire);
        if stamps.epoch == epoch && epoch.is_multiple_of(2) {
            Validity::Valid
        } else {
            Validity::Unverified
        }
    }

    /// Whether no generation changed since the stamps were taken.
    #[inline]
    pub(crate) fn current(&self, stamps: &TagSnapshot) -> bool {
        self.unmoved(stamps)
            && stamps.space == self.space.load(Ordering::Acquire)
            && stamps.tags.iter().all(|(tag, seen)| tag.generation.load(Ordering::Acquire) == *seen)
    }

    /// The current generations, for an entry that only soft evictions have outdated. None if the entry is current,
    /// or was evicted. An eviction that comes later is visible in the result.
    #[cold]
    pub(crate) fn since_outdated(&self, stamps: &TagSnapshot) -> Option<TagSnapshot> {
        let space = self.space.load(Ordering::Acquire);
        let tags: Box<[_]> = stamps
            .tags
            .iter()
            .map(|(tag, _)| (Arc::clone(tag), tag.generation.load(Ordering::Acquire)))
            .collect();
        let moved = self.moved_with(stamps);
        let seen = stamps.tags.iter().map(|(_, seen)| *seen);
        let pairs = seen.zip(tags.iter().map(|(_, now)| *now)).chain([(stamps.space, space)]);
        let relation = relation(pairs);
        let moved_softly = moved.wrapping_sub(stamps.moved) < HARD;
        let is_same = relation == Relation::Current && moved == stamps.moved;
        let outdated = relation != Relation::Evicted && moved_softly && !is_same;
        outdated.then(|| self.shared(Seen { tags, space, moved, epoch: stamps.epoch }))
    }

    /// Like [`current`](Self::current), for a load that began before the fleet's generations were known: a
    /// generation that becomes known is not an eviction. A load that began before the link was lost or came
    /// back may have missed an eviction, so it does not count.
    pub(crate) fn counts(&self, stamps: &TagSnapshot) -> bool {
        let same = |seen: u64, now: &AtomicU64| seen == 0 || seen == now.load(Ordering::Acquire);
        self.unmoved(stamps)
            && stamps.epoch == self.epoch.load(Ordering::Acquire)
            && same(stamps.space, &self.space)
            && stamps.tags.iter().all(|(tag, seen)| same(*seen, &tag.generation))
    }

    /// Whether this process evicted neither the namespace nor one of the tags since the stamps were taken.
    #[inline]
    pub(crate) fn unmoved(&self, stamps: &TagSnapshot) -> bool {
        self.moved_with(stamps) == stamps.moved
    }

    /// This process's own evictions of the namespace and of all the tags, summed up.
    #[inline]
    fn moved_with(&self, stamps: &TagSnapshot) -> u64 {
        let space = self.moved.load(Ordering::Acquire);
        let sum = |sum: u64, tag: &Tag| sum.wrapping_add(tag.moved.load(Ordering::Acquire));
        stamps.tags.iter().fold(space, |moved, (tag, _)| sum(moved, tag))
    }

    /// Makes every entry unverified, because a message was not understood. The link stays as it is.
    pub(crate) fn distrust(&self) {
        self.epoch.fetch_add(2, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_without_tags_share_one_copy_until_a_generation_changes() {
        let generations = Generations::default();
        let stamp = || generations.stamp(std::iter::empty());
        let first = stamp();
        assert!(first.is_same_copy(&stamp()));
        generations.bump_space(Strength::Hard);
        let second = stamp();
        assert!(!first.is_same_copy(&second) && second.is_same_copy(&stamp()));
        assert!(!generations.current(&first) && generations.current(&second));
    }

    #[test]
    fn other_generations_are_seen_only_by_the_snapshot_that_learns_them() {
        let generations = Generations::default();
        let (first, mut second) =
            (generations.stamp(["a"].into_iter()), generations.stamp([].into_iter()));
        let third = second.clone();
        second.see(0, [].into_iter());
        assert!(second.is_same_copy(&third));
        second.see(7, [].into_iter());
        assert_eq!((second.space, third.space), (7, 0));
        let mut own = first.clone();
        own.see(0, [9].into_iter());
        assert_eq!((own.newest(), first.newest()), (9, 0));
    }
}
