//! Templates: text with places such as `{id}`, as in `key = "user:{id}"`.

mod check;
mod emit;
mod parse;

pub(crate) use check::is_separator;
pub(crate) use emit::Places;
pub(crate) use parse::{Kind, parse, plain_text, tag};

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, format_ident};
use syn::{ExprPath, LitStr};

/// A template whose placeholders are all known.
pub(crate) struct Template {
    parts: Vec<Part>,
    /// Where its mistakes are shown, including those that rustc finds.
    literal: LitStr,
}

#[derive(Clone)]
enum Part {
    Text(String),
    Place(Place),
    /// `{T}`: the name of the type parameter's type.
    Type(Ident),
    /// A place whose text was written into this variable before the body.
    Piece(Ident),
    /// A constant that is a whole tag.
    Const(Constant),
}

/// `PRODUCTS`, `crate::tags::PRODUCTS`, `Self::TAG`.
#[derive(Clone)]
struct Constant {
    path: ExprPath,
    /// Whether it is the same in all instances of the function.
    fixed: bool,
}

/// One place of a template.
pub(crate) struct Piece {
    name: Ident,
    place: Place,
    literal: LitStr,
}

/// `id`, `self.tenant`, `pair.0`.
#[derive(Clone)]
struct Place {
    /// The argument that it begins with.
    root: Ident,
    fields: Vec<Field>,
}

#[derive(Clone)]
enum Field {
    Named(Ident),
    At(u32),
}

impl Template {
    /// A valid text without placeholders.
    pub(crate) fn plain(text: String, literal: LitStr) -> Self {
        Self { parts: vec![Part::Text(text)], literal }
    }

    /// Whether a placeholder begins with `name`.
    pub(crate) fn mentions(&self, name: &str) -> bool {
        self.places().any(|place| place.root == name)
            || self.parts.iter().any(|part| matches!(part, Part::Type(ident) if ident == name))
    }

    /// The names of which a placeholder has a part only. `is_whole`: whether a name is a whole argument.
    pub(crate) fn partial(
        &self,
        is_whole: &dyn Fn(&Ident) -> bool,
    ) -> impl Iterator<Item = &Ident> {
        let partial = |place: &&Place| !place.fields.is_empty() || !is_whole(&place.root);
        self.places().filter(partial).map(|place| &place.root)
    }

    /// Whether a placeholder is a field of `self`.
    pub(crate) fn mentions_field_of_self(&self) -> bool {
        self.places().any(|place| place.root == "self" && !place.fields.is_empty())
    }

    /// The text as an expression for a `static`, if it is the same for all calls of all instances
    /// of the function.
    pub(crate) fn constant(&self, private: &TokenStream) -> Option<TokenStream> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text.to_token_stream()),
            [Part::Const(constant)] if constant.fixed => Some(constant.checked(private)),
            _ => None,
        }
    }

    /// The text with `*` for every part that depends on the call; `None` for a constant, whose text
    /// is unknown.
    pub(crate) fn pattern(&self) -> Option<String> {
        let part = |part: &Part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Place(_) | Part::Type(_) | Part::Piece(_) => Some("*".to_owned()),
            Part::Const(_) => None,
        };
        self.parts.iter().map(part).collect()
    }

    /// Whether it begins with text of the programmer.
    pub(crate) fn begins_with_text(&self) -> bool {
        matches!(self.parts.first(), Some(Part::Text(_)))
    }

    /// Whether it ends with a separator of parts.
    pub(crate) fn ends_with_separator(&self) -> bool {
        matches!(self.parts.last(), Some(Part::Text(text)) if text.ends_with([':', '/']))
    }

    /// Appends text of the programmer.
    pub(crate) fn push_text(&mut self, more: &str) {
        match self.parts.last_mut() {
            Some(Part::Text(text)) => text.push_str(more),
            _ => self.parts.push(Part::Text(more.to_owned())),
        }
    }

    /// The text, if it has no placeholder.
    pub(crate) fn fixed(&self) -> Option<String> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text.clone()),
            _ => None,
        }
    }

    /// The literal in the source.
    pub(crate) fn literal(&self) -> &LitStr {
        &self.literal
    }

    /// Moves all places except those of `late` into `pieces`, which are written earlier.
    pub(crate) fn set_apart(&mut self, late: &str, pieces: &mut Vec<Piece>) {
        for part in &mut self.parts {
            if let Part::Place(place) = part
                && place.root != late
            {
                let name =
                    format_ident!("__larder_piece{}", pieces.len(), span = Span::mixed_site());
                let piece = Part::Piece(name.clone());
                pieces.push(Piece { name, place: place.clone(), literal: self.literal.clone() });
                *part = piece;
            }
        }
    }

    fn places(&self) -> impl Iterator<Item = &Place> {
        self.parts.iter().filter_map(|part| match part {
            Part::Place(place) => Some(place),
            Part::Text(_) | Part::Type(_) | Part::Piece(_) | Part::Const(_) => None,
        })
    }
}
