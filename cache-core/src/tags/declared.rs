//! The tags of one call.

use super::generation::TagSnapshot;
use super::length::bounded;
use crate::base::READABLE;
use crate::key::KeyBuf;

/// The tags of one call beyond the policy's.
#[derive(Clone, Debug, Default)]
pub struct Tags(KeyBuf);

impl Tags {
    /// No tags.
    #[inline]
    pub fn new() -> Self {
        Self(KeyBuf::new())
    }

    /// Begins the next tag.
    pub fn begin(&mut self) {
        if !self.0.is_empty() {
            // The separator is unambiguous: arguments escape control characters, and templates refuse them.
            self.0.literal("\n");
        }
    }

    /// The buffer to which the current tag is written.
    pub fn text(&mut self) -> &mut KeyBuf {
        &mut self.0
    }

    /// Adds tags that are separated by line breaks.
    pub(crate) fn add(&mut self, tags: &str) {
        for tag in tags.split('\n') {
            self.begin();
            self.0.literal(&bounded(tag));
        }
    }

    /// Shortens each tag to the maximum length of a tag.
    pub(crate) fn bounded(mut self) -> Self {
        self.bound();
        self
    }

    /// Cuts tags that are longer than a tag may be.
    #[inline]
    pub(crate) fn bound(&mut self) {
        // All of them together.
        if self.0.len() > READABLE {
            *self = std::mem::take(self).bounded_each();
        }
    }

    #[cold]
    fn bounded_each(self) -> Self {
        let mut tags = Self::new();
        for tag in self.iter() {
            tags.begin();
            tags.text().literal(&bounded(tag));
        }
        tags
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.as_str().split('\n').filter(|tag| !tag.is_empty())
    }
}

/// The tags that a reader declares. An entry that lacks one of them is a miss for this reader, because
/// evicting that tag would not end the entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declared<'a> {
    fixed: &'static [&'static str],
    call: Option<&'a Tags>,
}

impl<'a> Declared<'a> {
    /// A reader that declares no tags.
    pub(crate) const NONE: Declared<'static> = Declared { fixed: &[], call: None };

    #[inline]
    pub(crate) fn new(fixed: &'static [&'static str], call: &'a Tags) -> Self {
        Self { fixed, call: (!call.0.is_empty()).then_some(call) }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'a str> {
        self.fixed.iter().copied().chain(self.call.into_iter().flat_map(Tags::iter))
    }

    /// Whether an entry with these stamps carries all declared tags.
    #[inline]
    pub(crate) fn are_carried_by(self, stamps: &TagSnapshot) -> bool {
        (self.fixed.is_empty() && self.call.is_none()) || stamps.carry(self.iter())
    }
}
