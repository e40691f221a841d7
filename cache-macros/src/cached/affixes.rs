//! `key_prefix` and `version`: what stands around every key of a function.

use proc_macro2::{Ident, TokenStream};
use syn::{Expr, ExprLit, Lit};

use crate::errors::Errors;
use crate::mixed::mixed;
use crate::options::Options;
use crate::template::plain_text;

/// The texts that were given.
#[derive(Default)]
pub(crate) struct Affixes {
    prefix: Option<(Ident, String)>,
    version: Option<(Ident, String)>,
}

impl Affixes {
    /// Takes both from the options.
    pub(crate) fn take(options: &mut Options, errors: &mut Errors) -> Self {
        Self { prefix: prefix(options, errors), version: version(options, errors) }
    }

    /// The options that were given.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Ident> {
        self.prefix.iter().chain(&self.version).map(|(name, _)| name)
    }

    /// The statement in front of the key's own.
    pub(crate) fn before(&self, key: &Ident) -> Option<TokenStream> {
        self.prefix.as_ref().map(|(_, prefix)| mixed!(#key.literal(#prefix);))
    }

    /// The statement behind them.
    pub(crate) fn after(&self, key: &Ident) -> Option<TokenStream> {
        self.version.as_ref().map(|(_, version)| mixed!(#key.literal(#version);))
    }
}

/// The text and a separator.
fn prefix(options: &mut Options, errors: &mut Errors) -> Option<(Ident, String)> {
    let (name, value) = options.assigned("key_prefix", errors)?;
    let text = plain_text("key_prefix", &value, errors)?;
    Some((name, if text.ends_with([':', '/']) { text } else { text + ":" }))
}

/// `#` and the text. It comes last, so that patterns find all versions, and no argument's text has a `#`.
fn version(options: &mut Options, errors: &mut Errors) -> Option<(Ident, String)> {
    let (name, value) = options.assigned("version", errors)?;
    let text = match &value {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_digits().to_owned(),
        Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => plain_text("version", &value, errors)?,
        _ => {
            errors
                .on(&value, "`version` is a whole number or a text, such as `2` or `\"2024-05\"`");
            return None;
        }
    };
    Some((name, format!("#{text}")))
}
