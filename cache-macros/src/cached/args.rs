//! The options as they are written.

use proc_macro2::{Ident, TokenStream};
use syn::{Expr, ExprLit, Lit};

use super::affixes::Affixes;
use super::conditions::Conditions;
use super::model::CacheChoice;
use super::policy::Policy;
use crate::crate_path::Root;
use crate::errors::Errors;
use crate::options::{Grammar, Options};

/// Each option with the name that it was given under, for messages.
pub(crate) struct Args {
    pub(crate) root: Root,
    pub(crate) policy: Policy,
    pub(crate) conditions: Conditions,
    pub(crate) key: Option<(Ident, Expr)>,
    pub(crate) key_with: Option<(Ident, Expr)>,
    pub(crate) affixes: Affixes,
    pub(crate) tags: Option<(Ident, Expr)>,
    pub(crate) skip: Vec<Ident>,
    pub(crate) cache: CacheChoice,
    pub(crate) local: bool,
    pub(crate) each: Option<(Ident, Expr)>,
}

impl Args {
    /// Parses the inside of the attribute.
    pub(crate) fn parse(tokens: TokenStream, grammar: &Grammar, errors: &mut Errors) -> Self {
        let mut options = Options::parse(tokens, grammar, errors);
        Self {
            root: Root::take(&mut options, errors),
            policy: Policy::take(&mut options, errors),
            conditions: Conditions::take(&mut options, errors),
            key: options.assigned("key", errors),
            key_with: options.assigned("key_with", errors),
            affixes: Affixes::take(&mut options, errors),
            tags: options.assigned("tags", errors),
            skip: options.names("skip", errors).unwrap_or_default(),
            cache: cache_choice(&mut options, errors),
            local: options.flag("local", errors).is_some(),
            each: options.assigned("each", errors),
        }
    }
}

/// Takes `cache = "name"` or `cache = handle`.
pub(crate) fn cache_choice(options: &mut Options, errors: &mut Errors) -> CacheChoice {
    match options.assigned("cache", errors) {
        None => CacheChoice::Default,
        Some((_, Expr::Lit(ExprLit { lit: Lit::Str(name), .. }))) => {
            if name.value().is_empty() {
                errors.at(
                    name.span(),
                    "the name of a cache cannot be empty: leave `cache` out for the default cache",
                );
            }
            CacheChoice::Named(name)
        }
        Some((_, handle)) => CacheChoice::Handle(Box::new(handle)),
    }
}
