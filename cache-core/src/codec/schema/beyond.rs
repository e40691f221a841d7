//! How a trace gets beyond what refuses every made-up value.
//!
//! A run ends where a value is refused, so it can't see what stands behind. In a list or an `Option` nothing stands
//! behind that could not be left out. In a struct the other fields are visited first from then on, by their names. In a
//! tuple what stands behind stays unknown.

use std::collections::{HashMap, HashSet};

/// What is under way: for the question what a refusal hides.
#[derive(Debug)]
pub(crate) enum Frame {
    /// A way from a node.
    Way { node: usize, way: usize, asked: usize },
    /// A field, which may come in any order.
    Field { of: String, index: usize, asked: usize },
    /// A part that has its place: whether none stands behind it.
    Part { last: bool, asked: usize },
}

impl Frame {
    /// How many answers had been given when it began.
    pub(super) fn asked(&self) -> usize {
        match self {
            Self::Way { asked, .. } | Self::Field { asked, .. } | Self::Part { asked, .. } => {
                *asked
            }
        }
    }
}

/// The fields of one struct, or of one variant.
#[derive(Default)]
struct Fields {
    /// Those that were refused; and whether it is the field itself, not a part of it.
    refusing: HashMap<usize, bool>,
    /// Further names of fields that were given already.
    aliases: HashSet<usize>,
    /// Its visitor takes no names.
    nameless: bool,
}

/// What refuses all that is made up.
#[derive(Default)]
pub(crate) struct Refusals {
    /// The last question before it.
    places: HashSet<String>,
    fields: HashMap<String, Fields>,
    /// The field whose name was given last.
    named: Option<(String, usize)>,
}

impl Refusals {
    pub(super) fn note(&mut self, place: String) {
        self.places.insert(place);
    }

    /// Whether a run that ended after the question at `place` ended where others are known to end.
    pub(super) fn are_known(&self, place: &str) -> bool {
        self.places.contains(place)
    }

    /// A field was refused, by `itself` or by a part of it. Says whether that is news.
    pub(super) fn field(&mut self, of: &str, index: usize, itself: bool) -> bool {
        let fields = self.fields.entry(of.to_owned()).or_default();
        if fields.nameless {
            return false;
        }
        let known = fields.refusing.insert(index, itself);
        known.is_none()
    }

    /// Whether fields have to be given by their names.
    pub(super) fn reorder(&self, of: &str) -> bool {
        self.fields.get(of).is_some_and(|fields| !fields.nameless && !fields.refusing.is_empty())
    }

    /// The order in which to give the fields: what is refused comes last.
    pub(super) fn order(&self, of: &str, total: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..total).collect();
        if let Some(fields) = self.fields.get(of) {
            order.retain(|index| !fields.aliases.contains(index));
            order.sort_by_key(|index| {
                fields.refusing.get(index).map_or(0, |itself| 1 + u8::from(*itself))
            });
        }
        order
    }

    /// Whether the field was refused and has nothing in it that was not visited.
    pub(super) fn is_hopeless(&self, of: &str, index: usize) -> bool {
        self.fields.get(of).is_some_and(|fields| fields.refusing.get(&index) == Some(&true))
    }

    /// A field's name is given.
    pub(super) fn names(&mut self, of: &str, index: usize) {
        self.named = Some((of.to_owned(), index));
    }

    /// The name that was given last is another one of a field that came before. Says whether that helps.
    pub(super) fn alias(&mut self) -> bool {
        let Some((of, index)) = self.named.take() else { return false };
        self.fields.entry(of).or_default().aliases.insert(index)
    }

    /// The visitor of these fields takes no names.
    pub(super) fn nameless(&mut self, of: &str) {
        self.fields.entry(of.to_owned()).or_default().nameless = true;
    }

    /// Whether what stands behind a field that is refused can't be reached.
    pub(super) fn is_nameless(&self, of: &str) -> bool {
        self.fields.get(of).is_some_and(|fields| fields.nameless)
    }

    /// How many of a struct's names may be further names of fields that are refused, which nothing tells.
    pub(super) fn unsure(&self, of: &str) -> usize {
        self.fields.get(of).map_or(0, |fields| fields.refusing.len().saturating_sub(1))
    }

    /// How many further names are known.
    pub(super) fn aliases(&self, of: &str) -> usize {
        self.fields.get(of).map_or(0, |fields| fields.aliases.len())
    }
}
