//! The entries of a function: which keys they may have.

use super::Site;
use crate::base::{Pattern, Selection};
use crate::key::{EntryKey, KeyBuf, Part, Written};

/// A leading argument of a call, as keys may contain it; `None` if its type cannot be part of such a key.
#[derive(Clone, Debug, Default)]
pub struct LeadTexts {
    /// In an automatic key.
    pub(crate) automatic: Option<KeyBuf>,
    /// In a template.
    pub(crate) template: Option<KeyBuf>,
}

/// The names that the compiler gives to a closure and to an item in a function: they tell its instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inside {
    pub(crate) closure: &'static str,
    pub(crate) item: &'static str,
}

impl Site {
    /// All entries of the function, if a tag has exactly these: one increment ends them.
    pub(crate) fn tagged_entries(&self) -> Option<Selection<EntryKey>> {
        self.operation.map(|tag| Selection::Tag(tag.to_owned()))
    }

    /// The pattern of the keys of this instance, for calls with these first arguments. It matches every such
    /// key. It may also match keys of other functions.
    pub(crate) fn pattern(&self, inside: Inside, leading: &[LeadTexts]) -> Pattern {
        let mut text = PatternText::default();
        for part in self.parts {
            match part {
                Part::Text(part) => text.literal(part),
                Part::Path => {
                    text.literal(self.name);
                    text.literal(":");
                }
                Part::Place => text.place(&self.written(inside.closure)),
                Part::Instance | Part::TraitInstance => text.place(&instance(*part, inside)),
                Part::Value | Part::Type => text.any(),
                Part::Argument(at) => {
                    match leading.get(*at).and_then(|lead| lead.template.as_ref()) {
                        Some(argument) => text.argument(argument),
                        None => text.any(),
                    }
                }
                Part::Arguments { types, positions } => {
                    let types = *types || self.parts.iter().any(|part| is_typed(*part, inside));
                    text.arguments(types, positions, leading);
                    // All versions: the version is the last part.
                    break;
                }
            }
        }
        text.finish()
    }
}

/// What the keys contain about the instance.
fn instance(part: Part, Inside { closure, item }: Inside) -> Written {
    match part {
        Part::Instance => Written::of_instance(closure, item),
        Part::TraitInstance => Written::of_trait(closure, item),
        _ => Written::default(),
    }
}

fn is_typed(part: Part, inside: Inside) -> bool {
    instance(part, inside).around.is_some()
}

/// A pattern while it is written.
#[derive(Default)]
struct PatternText {
    /// The literals before the last wildcard.
    done: Vec<String>,
    last: String,
}

impl PatternText {
    fn literal(&mut self, text: &str) {
        self.last.push_str(text);
    }

    fn any(&mut self) {
        // Two wildcards in succession are one.
        if !self.last.is_empty() || self.done.is_empty() {
            self.done.push(std::mem::take(&mut self.last));
        }
    }

    fn place(&mut self, written: &Written) {
        let mut text = KeyBuf::new();
        text.place(written);
        self.literal(text.as_str());
    }

    /// The text of a placeholder.
    fn argument(&mut self, text: &KeyBuf) {
        let mut text = text.clone();
        if self.done.is_empty() && self.last.is_empty() {
            text.guard_head();
        }
        self.literal(text.as_str());
    }

    /// The arguments of an automatic key: the leading ones, and any others.
    fn arguments(&mut self, types: bool, positions: &[usize], leading: &[LeadTexts]) {
        let known = positions.iter().map_while(|at| leading.get(*at)?.automatic.as_ref());
        let known: Vec<_> = known.collect();
        if types && !known.is_empty() {
            self.literal("<");
            self.any();
            self.literal(">");
        }
        known.into_iter().for_each(|text| self.literal(text.as_str()));
        self.any();
    }

    fn finish(self) -> Pattern {
        let Self { mut done, last } = self;
        done.push(last);
        Pattern::of_literals(done)
    }
}
