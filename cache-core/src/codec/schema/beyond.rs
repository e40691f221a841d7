//! How a trace continues after a type that refuses every made-up value.
//!
//! A run ends where a value is refused, so it does not see the parts after it. In a list or an `Option` the
//! refused part can be left out. In a struct the next runs visit the other fields first, by their names. In a
//! tuple the parts after it stay unknown.

use std::collections::{HashMap, HashSet};

/// A part that a run is visiting, to find what a refusal hides.
#[derive(Debug)]
pub(crate) enum Frame {
    /// A way from a node.
    Way { node: usize, way: usize, asked: usize },
    /// A field; fields may come in any order.
    Field { of: String, index: usize, asked: usize },
    /// A part with a fixed position; `last`: no part comes after it.
    Part { last: bool, asked: usize },
}

impl Frame {
    /// The number of answers given before the part began.
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
    /// The refused fields, and whether the field itself is refused, not a part of it.
    refusing: HashMap<usize, bool>,
    /// Other names of fields that were already given.
    aliases: HashSet<usize>,
    /// Its visitor takes no names.
    nameless: bool,
}

/// The parts of a type that refuse all made-up values.
#[derive(Default)]
pub(crate) struct Refusals {
    /// The last question before each refusal.
    places: HashSet<String>,
    fields: HashMap<String, Fields>,
    /// The field whose name was given last.
    named: Option<(String, usize)>,
}

impl Refusals {
    pub(super) fn note(&mut self, place: String) {
        self.places.insert(place);
    }

    /// Whether a run that ended after the question at `place` ended at a known refusal.
    pub(super) fn are_known(&self, place: &str) -> bool {
        self.places.contains(place)
    }

    /// Records that a field was refused, by `itself` or by a part of it. Returns whether that is new.
    pub(super) fn field(&mut self, of: &str, index: usize, itself: bool) -> bool {
        let fields = self.fields.entry(of.to_owned()).or_default();
        if fields.nameless {
            return false;
        }
        let known = fields.refusing.insert(index, itself);
        known.is_none()
    }

    /// Whether the fields must be given by name.
    pub(super) fn reorder(&self, of: &str) -> bool {
        self.fields.get(of).is_some_and(|fields| !fields.nameless && !fields.refusing.is_empty())
    }

    /// The order in which to give the fields: refused fields come last.
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

    /// Whether the field was refused and has no unvisited part.
    pub(super) fn is_hopeless(&self, of: &str, index: usize) -> bool {
        self.fields.get(of).is_some_and(|fields| fields.refusing.get(&index) == Some(&true))
    }

    /// Records that a field's name is given.
    pub(super) fn names(&mut self, of: &str, index: usize) {
        self.named = Some((of.to_owned(), index));
    }

    /// Records that the last name is another name of an earlier field. Returns whether that is new.
    pub(super) fn alias(&mut self) -> bool {
        let Some((of, index)) = self.named.take() else { return false };
        self.fields.entry(of).or_default().aliases.insert(index)
    }

    /// Records that the visitor of these fields takes no names.
    pub(super) fn nameless(&mut self, of: &str) {
        self.fields.entry(of.to_owned()).or_default().nameless = true;
    }

    /// Whether the parts after a refused field cannot be reached.
    pub(super) fn is_nameless(&self, of: &str) -> bool {
        self.fields.get(of).is_some_and(|fields| fields.nameless)
    }

    /// How many of a struct's names may be aliases of refused fields, which nothing reveals.
    pub(super) fn unsure(&self, of: &str) -> usize {
        self.fields.get(of).map_or(0, |fields| fields.refusing.len().saturating_sub(1))
    }

    /// The number of known aliases.
    pub(super) fn aliases(&self, of: &str) -> usize {
        self.fields.get(of).map_or(0, |fields| fields.aliases.len())
    }
}
