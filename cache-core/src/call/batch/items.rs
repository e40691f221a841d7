//! The keys and tags of a batch's ids.

use std::ops::Deref;

use crate::base::{Spares, keep, spare};
use crate::key::KeyBuf;
use crate::tags::Tags;

/// The number of ids for which a list in place has room.
pub(crate) const FEW: usize = 4;

/// The largest list that a thread keeps. (An item takes a third of a kilobyte.)
const KEPT: usize = 16;

thread_local!(static LISTS: Spares<Item> = const { Spares::new() });

/// The key and the tags of one id.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(super) key: KeyBuf,
    pub(super) tags: Tags,
}

/// The keys and tags of all ids. They are too large to move with the batch, so the thread keeps the list.
#[derive(Debug)]
pub(crate) struct Items(Vec<Item>);

impl Items {
    /// An empty list with room for `count` items.
    pub(super) fn with_room(count: usize) -> Self {
        let mut list = spare(&LISTS);
        list.reserve(count);
        Self(list)
    }

    pub(super) fn push(&mut self, item: Item) {
        self.0.push(item);
    }
}

impl Deref for Items {
    type Target = [Item];
    fn deref(&self) -> &[Item] {
        &self.0
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        if (1..=KEPT).contains(&self.0.capacity()) {
            keep(&LISTS, &mut self.0);
        }
    }
}
