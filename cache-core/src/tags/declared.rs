//! The tags of one call.

use super::length::bounded;
use super::snapshot::TagSnapshot;
use crate::base::READABLE;
use crate::key::{KeyBuf, ShortText};

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
        for tag in tags_of(tags) {
            self.begin();
            self.0.literal(&bounded(tag));
        }
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
        tags_of(self.as_str())
    }

    /// The tags, separated by line breaks.
    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        // Most calls have none, and then nothing is validated.
        if self.0.is_empty() { "" } else { self.0.as_str() }
    }
}

fn tags_of(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').filter(|tag| !tag.is_empty())
}

/// The tags of a request beyond the policy's, separated by line breaks. [`Tags`] has room to write them. This has less, because
/// each request has them.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestTags(ShortText<40>);

impl RequestTags {
    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Adds tags that are separated by line breaks.
    pub(crate) fn add(&mut self, tags: &str) {
        let mut all = Tags::new();
        all.text().literal(self.as_str());
        all.add(tags);
        *self = Self::from(&all);
    }
}

impl From<&str> for RequestTags {
    #[inline]
    fn from(tags: &str) -> Self {
        Self(ShortText::from(tags))
    }
}

impl From<&Tags> for RequestTags {
    #[inline]
    fn from(tags: &Tags) -> Self {
        Self::from(tags.as_str())
    }
}

/// The tags that a reader declares. An entry that lacks one of them is a miss for this reader, because
/// evicting that tag would not end the entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declared<'a> {
    fixed: &'static [&'static str],
    /// Those of the call, separated by line breaks.
    call: Option<&'a str>,
}

impl<'a> Declared<'a> {
    /// A reader that declares no tags.
    pub(crate) const NONE: Declared<'static> = Declared { fixed: &[], call: None };

    #[inline]
    pub(crate) fn new(fixed: &'static [&'static str], call: &'a str) -> Self {
        Self { fixed, call: (!call.is_empty()).then_some(call) }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'a str> {
        self.fixed.iter().copied().chain(self.call.into_iter().flat_map(tags_of))
    }

    /// Whether an entry with these stamps carries all declared tags.
    #[inline]
    pub(crate) fn are_carried_by(self, stamps: &TagSnapshot) -> bool {
        (self.fixed.is_empty() && self.call.is_none()) || stamps.carry(self.iter())
    }
}
