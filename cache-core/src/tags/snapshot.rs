//! The generations that an entry saw.

use std::ops::Deref;
use std::sync::Arc;

use super::generation::Tag;
use crate::backend::newest;

/// The generations as they were before a load: a handle. Entries without tags share one copy until a generation changes, so an
/// entry holds one pointer, and the copy stays in the processor's cache.
#[derive(Clone, Debug, Default)]
pub(crate) struct TagSnapshot(Arc<Seen>);

/// The generations that a load saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) tags: Box<[(Arc<Tag>, u64)]>,
    pub(crate) space: u64,
    /// This process's own evictions of the namespace and of all the tags, summed up (each only grows).
    pub(crate) moved: u64,
    pub(crate) epoch: u64,
}

impl Deref for TagSnapshot {
    type Target = Seen;
    #[inline]
    fn deref(&self) -> &Seen {
        &self.0
    }
}

impl TagSnapshot {
    pub(super) fn of(seen: Arc<Seen>) -> Self {
        Self(seen)
    }

    #[cfg(test)]
    pub(super) fn is_same_copy(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Records other generations of the namespace and of the tags in their order. Keeps the shared copy if they are the same.
    pub(crate) fn see(&mut self, space: u64, tags: impl Iterator<Item = u64> + Clone) {
        let seen = self.tags.iter().map(|(_, seen)| *seen);
        if self.space == space && seen.zip(tags.clone()).all(|(seen, now)| seen == now) {
            return;
        }
        let own = Arc::make_mut(&mut self.0);
        own.space = space;
        own.tags.iter_mut().zip(tags).for_each(|((_, seen), now)| *seen = now);
    }

    /// Takes the epoch over from `other`, and the count of own evictions if that is of the same tags.
    pub(crate) fn as_of(&mut self, other: &Self, same_tags: bool) {
        let moved = if same_tags { other.moved } else { self.moved };
        if (self.moved, self.epoch) != (moved, other.epoch) {
            let own = Arc::make_mut(&mut self.0);
            (own.moved, own.epoch) = (moved, other.epoch);
        }
    }

    /// Whether the entry carries all of these tags.
    #[inline]
    pub(crate) fn carry<'a>(&self, tags: impl Iterator<Item = &'a str>) -> bool {
        // The reader is usually the function that stored the entry, which names its tags in the same order.
        let same =
            |at: usize, tag: &str| self.tags.get(at).is_some_and(|(own, _)| *own.name == *tag);
        let any = |tag: &str| self.tags.iter().any(|(own, _)| *own.name == *tag);
        tags.enumerate().all(|(at, tag)| same(at, tag) || any(tag))
    }

    /// How new the fleet's generations are: a number that grows with each eviction of one of them. A soft eviction does not
    /// make a generation the newest, so the places in the series are added up.
    pub(crate) fn newest(&self) -> u64 {
        newest(self.tags.iter().map(|(_, seen)| *seen).chain([self.space]))
    }
}
