//! The keys and tags of a batch's ids.

use std::mem::replace;
use std::str::from_utf8;
use std::sync::Arc;

use crate::base::{Error, Spares, keep, spare};
use crate::key::{EntryKey, KeyBuf, KeyId};
use crate::tags::Tags;

/// The number of ids for which a list in place has room.
pub(crate) const FEW: usize = 4;

/// The largest list that a thread keeps.
const KEPT: usize = 64;

/// The largest text that a thread keeps.
const KEPT_TEXT: usize = 4096;

thread_local! {
    static LISTS: Spares<Item> = const { Spares::new() };
    static TEXTS: Spares<u8> = const { Spares::new() };
}

/// The keys and the tags of all ids. Their texts follow each other in one buffer, because a buffer for each would be moved with each id.
#[derive(Debug)]
pub(crate) struct Items {
    list: Vec<Item>,
    text: Vec<u8>,
}

/// One id.
#[derive(Debug)]
struct Item {
    /// Where its key ends in the text; its tags follow. Its key begins where the tags of the item before it end.
    key_end: usize,
    tags_end: usize,
    id: KeyId,
    is_here: bool,
    refused: Option<Arc<Error>>,
}

/// The key and the tags of one id.
#[derive(Clone, Copy)]
pub(crate) struct ItemText<'a> {
    item: &'a Item,
    key: &'a [u8],
    tags: &'a str,
}

impl Items {
    /// An empty list with room for `count` items.
    pub(super) fn with_room(count: usize) -> Self {
        let mut list = spare(&LISTS);
        list.reserve(count);
        Self { list, text: spare(&TEXTS) }
    }

    #[inline]
    pub(super) fn push(&mut self, key: &KeyBuf, tags: &Tags) {
        self.text.extend_from_slice(key.bytes());
        let key_end = self.text.len();
        self.text.extend_from_slice(tags.as_str().as_bytes());
        let (is_here, refused) = (key.is_here(), key.refused().cloned());
        self.list.push(Item { key_end, tags_end: self.text.len(), id: key.id(), is_here, refused });
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = ItemText<'_>> {
        let mut start = 0;
        self.list.iter().map(move |item| {
            let begin = replace(&mut start, item.tags_end);
            let key = &self.text[begin..item.key_end];
            let tags = match item.tags_end - item.key_end {
                // Most items have none, and then nothing is validated.
                0 => "",
                _ => from_utf8(&self.text[item.key_end..item.tags_end]).unwrap_or_default(),
            };
            ItemText { item, key, tags }
        })
    }
}

impl<'a> ItemText<'a> {
    /// The identity in memory.
    pub(super) fn id(self) -> KeyId {
        self.item.id
    }

    pub(super) fn key(self) -> EntryKey {
        let Item { id, is_here, ref refused, .. } = *self.item;
        EntryKey::new(self.key, id, is_here, refused.clone())
    }

    /// The tags of the call, separated by line breaks.
    pub(super) fn tags(self) -> &'a str {
        self.tags
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        if (1..=KEPT).contains(&self.list.capacity()) {
            keep(&LISTS, &mut self.list);
        }
        if (1..=KEPT_TEXT).contains(&self.text.capacity()) {
            keep(&TEXTS, &mut self.text);
        }
    }
}
