//! Parses a template, and checks it against the arguments of the function.

use proc_macro2::Ident;
use syn::ext::IdentExt as _;
use syn::parse::Parser as _;
use syn::spanned::Spanned as _;
use syn::{Expr, ExprLit, ExprPath, Lit, LitStr};

use super::{Constant, Field, Part, Place, Template};
use crate::errors::Errors;
use crate::signature::Names;

/// The use of a template.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Key,
    Tag,
    /// A key in which `*` is a wildcard.
    Pattern,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Key => "key",
            Kind::Tag => "tag",
            Kind::Pattern => "pattern",
        }
    }
}

/// Parses `value` as a template. Mistakes are recorded at the literal.
pub(crate) fn parse(
    kind: Kind,
    value: &Expr,
    names: &Names,
    errors: &mut Errors,
) -> Option<Template> {
    let Expr::Lit(ExprLit { lit: Lit::Str(literal), .. }) = value else {
        let more = match kind {
            Kind::Tag => ", or a constant",
            Kind::Key if !matches!(value, Expr::Lit(_)) => {
                "; an expression that makes a text is given as `key_with = ...`"
            }
            _ => "",
        };
        let message =
            format!("a {} is a string literal such as \"user:{{id}}\"{more}", kind.name());
        errors.on(value, message);
        return None;
    };
    let mut reader = Reader { kind, literal, names, errors, good: true };
    let parts = reader.parts(&literal.value());
    reader.check(&parts);
    reader.good.then(|| Template { parts, literal: literal.clone() })
}

/// Parses a tag: a template, or a constant.
pub(crate) fn tag(value: &Expr, names: &Names, errors: &mut Errors) -> Option<Template> {
    let Expr::Path(path) = value else {
        return parse(Kind::Tag, value, names, errors);
    };
    if let Some(name) = path.path.get_ident().map(Ident::to_string)
        && names.value(&name).is_some()
    {
        let message =
            format!("a tag is a text or a constant: for the argument write \"{{{name}}}\"");
        errors.on(value, message);
        return None;
    }
    let part = Part::Const(Constant { path: path.clone(), fixed: is_of_module(path, names) });
    Some(Template { parts: vec![part], literal: LitStr::new("", path.span()) })
}

/// Whether a path certainly leads to an item of a module. `T::TAG` may be a constant of a type
/// parameter, which may belong to a surrounding `impl` block.
fn is_of_module(path: &ExprPath, names: &Names) -> bool {
    if path.path.leading_colon.is_some() {
        return true;
    }
    match path.path.get_ident() {
        Some(ident) => !names.generics().any(|generic| generic == ident),
        None => {
            let first = path.path.segments.first().map(|segment| segment.ident.to_string());
            first.is_some_and(|first| matches!(first.as_str(), "crate" | "self" | "super"))
        }
    }
}

/// Parses the text of `option`, which is a part of keys and has no placeholders.
pub(crate) fn plain_text(option: &str, value: &Expr, errors: &mut Errors) -> Option<String> {
    let Expr::Lit(ExprLit { lit: Lit::Str(literal), .. }) = value else {
        errors.on(value, format!("`{option}` is a text such as \"users\""));
        return None;
    };
    if literal.value().contains(['{', '}']) {
        let message = format!("`{option}` is the same for every call: placeholders stand in `key`");
        errors.at(literal.span(), message);
        return None;
    }
    if literal.value().is_empty() {
        errors.at(literal.span(), format!("`{option}` is empty: leave it out, or write a text"));
        return None;
    }
    let names =
        Names { all: Vec::new(), consts: Vec::new(), types: Vec::new(), this: None, each: None };
    parse(Kind::Key, value, &names, errors)?.fixed()
}

pub(super) struct Reader<'a> {
    pub(super) kind: Kind,
    literal: &'a LitStr,
    names: &'a Names,
    errors: &'a mut Errors,
    pub(super) good: bool,
}

impl Reader<'_> {
    pub(super) fn error(&mut self, message: &str) {
        self.good = false;
        self.errors.at(self.literal.span(), message);
    }

    fn parts(&mut self, text: &str) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let Some((inside, after)) = self.inside(brace, rest) else {
                return parts;
            };
            parts.extend(text_part(&mut literal));
            parts.extend(self.part(inside.trim()));
            rest = after;
        }
        literal.push_str(rest);
        parts.extend(text_part(&mut literal));
        parts
    }

    /// The text between `brace` and its partner, and the rest.
    fn inside<'t>(&mut self, brace: &str, rest: &'t str) -> Option<(&'t str, &'t str)> {
        let inside =
            rest.split_once('}').filter(|(inside, _)| brace == "{" && !inside.contains('{'));
        if inside.is_none() {
            self.error(&format!(
                "`{brace}` has no partner: write `{brace}{brace}` for the character itself"
            ));
        }
        inside
    }

    fn part(&mut self, inside: &str) -> Option<Part> {
        if self.names.find(inside).is_none()
            && let Some(ty) = self.names.ty(inside)
        {
            return Some(Part::Type(ty.clone()));
        }
        self.place(inside).map(Part::Place)
    }

    fn place(&mut self, inside: &str) -> Option<Place> {
        if let Some(mistake) = shape_mistake(self.kind, inside) {
            self.error(&mistake);
            return None;
        }
        let mut names = inside.split('.');
        let root = names.next().unwrap_or_default();
        let fields: Option<Vec<_>> = names.map(field).collect();
        let (Some(name), Some(fields)) = (ident(root), fields) else {
            self.error(&format!("`{{{inside}}}` is no argument and no field of one, such as `{{id}}`, `{{self.tenant}}` or `{{pair.0}}`"));
            return None;
        };
        let Some(root) = self.names.value(&name.to_string()) else {
            self.error(&self.names.unknown(root));
            return None;
        };
        Some(Place { root: root.clone(), fields })
    }
}

fn text_part(literal: &mut String) -> Option<Part> {
    (!literal.is_empty()).then(|| Part::Text(std::mem::take(literal)))
}

fn shape_mistake(kind: Kind, inside: &str) -> Option<String> {
    if inside.is_empty() {
        return Some(
            "`{}` names nothing: write the argument's name into it, such as `{id}`".to_owned(),
        );
    }
    if inside.contains('(') {
        let by_hand =
            if kind == Kind::Key { ", or write `key_with = ..` instead of `key`" } else { "" };
        return Some(format!(
            "`{{{inside}}}` calls something: a placeholder is an argument or a field of one; pass the result as an argument{by_hand}"
        ));
    }
    let place = inside.split(':').next().unwrap_or_default();
    (place != inside).then(|| {
        format!("`{{{inside}}}` has a format: a placeholder has none, and is written with `Display`: `{{{place}}}`")
    })
}

fn ident(text: &str) -> Option<Ident> {
    Ident::parse_any.parse_str(text).ok()
}

fn field(text: &str) -> Option<Field> {
    match text.parse() {
        Ok(index) => Some(Field::At(index)),
        Err(_) => ident(text).map(Field::Named),
    }
}
