//! Templates: literal text with `{place}` in it, as in `key = "user:{id}"`.

mod check;
mod emit;
mod parse;

pub(crate) use parse::{Kind, parse};

use proc_macro2::Ident;
use syn::LitStr;

/// A template all of whose placeholders are known.
pub(crate) struct Template {
    parts: Vec<Part>,
    /// Where its mistakes are shown, also those that rustc finds.
    literal: LitStr,
}

enum Part {
    Text(String),
    Place(Place),
}

/// `id`, `self.tenant`, `pair.0`.
struct Place {
    /// The argument that it begins with.
    root: Ident,
    fields: Vec<Field>,
}

enum Field {
    Named(Ident),
    At(u32),
}

impl Template {
    /// Whether a placeholder begins with `name`.
    pub(crate) fn mentions(&self, name: &str) -> bool {
        self.places().any(|place| place.root == name)
    }

    /// Whether a placeholder is a field of `self`.
    pub(crate) fn mentions_field_of_self(&self) -> bool {
        self.places().any(|place| place.root == "self" && !place.fields.is_empty())
    }

    /// The text, if it has no placeholder.
    pub(crate) fn fixed(&self) -> Option<String> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text.clone()),
            _ => None,
        }
    }

    /// Where it was written.
    pub(crate) fn literal(&self) -> &LitStr {
        &self.literal
    }

    fn places(&self) -> impl Iterator<Item = &Place> {
        self.parts.iter().filter_map(|part| match part {
            Part::Place(place) => Some(place),
            Part::Text(_) => None,
        })
    }
}
