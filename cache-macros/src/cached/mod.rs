//! `#[cached]`: caches a function. `#[cached_property]` shares all of this.

mod affixes;
mod args;
mod attrs;
mod check;
mod conditions;
mod copied;
mod detached;
mod each;
mod expand;
mod key;
mod key_with;
mod leads;
mod marks;
mod model;
mod order;
mod owning;
mod policy;
mod prologue;
mod rules;
mod sync;
mod variants;
mod write;

use proc_macro2::{Ident, TokenStream};

use crate::errors::Errors;
use crate::fallback;
use crate::options::Grammar;
use crate::signature::{Function, mentions_self_type};
pub(crate) use affixes::Affixes;
pub(crate) use args::{Args, cache_choice, tenant};
pub(crate) use key::Key;
use marks::Marks;
pub(crate) use model::{CacheChoice, tag_templates};
pub(crate) use owning::borrows;
pub(crate) use prologue::{borrowed, for_tenant, shape, with_handle};

/// The options in the order of the documentation.
const KNOWN: [&str; 45] = [
    "ttl",
    "tti",
    "memory_ttl",
    "jitter",
    "stale",
    "stale_if_error",
    "throttle",
    "early_refresh",
    "refresh_every",
    "soft_timeout",
    "hard_timeout",
    "none_ttl",
    "err_ttl",
    "ttl_with",
    "err_ttl_with",
    "stale_if",
    "cache_if",
    "unless",
    "skip_if",
    "previous",
    "stampede",
    "lease",
    "on_error",
    "tiers",
    "access",
    "policy",
    "key",
    "key_with",
    "key_prefix",
    "version",
    "model",
    "op",
    "tags",
    "invalidate_on",
    "cache",
    "tenant",
    "local",
    "metrics",
    "blocking",
    "codec",
    "crate",
    "skip",
    "skip_all",
    "each",
    "call",
];

/// The options of a property. It has one argument, so there is no `skip`, no `skip_all` and no list; it has
/// an instance, which may have a `cell`.
const OF_PROPERTY: [&str; KNOWN.len() - 3] = {
    let mut known = ["cell"; KNOWN.len() - 3];
    let mut at = 0;
    while at < KNOWN.len() - 4 {
        known[at] = KNOWN[at];
        at += 1;
    }
    known
};

/// The attribute that is expanded. The two differ in their requirements for the function and the
/// key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavor {
    Function,
    Property,
}

impl Flavor {
    fn name(self) -> &'static str {
        match self {
            Flavor::Function => "cached",
            Flavor::Property => "cached_property",
        }
    }

    pub(crate) fn grammar(self) -> Grammar {
        let known: &[&str] = match self {
            Flavor::Function => &KNOWN,
            Flavor::Property => &OF_PROPERTY,
        };
        Grammar { known, targets: false, docs: "cached" }
    }
}

/// Expands `#[cached]`.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    expand_as(Flavor::Function, args, item)
}

/// Expands either attribute.
pub(crate) fn expand_as(flavor: Flavor, args: TokenStream, item: TokenStream) -> TokenStream {
    let (marks, args) = Marks::take(args);
    if let Some(variants) = variants::of_configurations(flavor, &marks, &args, &item) {
        return variants;
    }
    let without = marks.without.clone();
    if !marks.last
        && let Some(reordered) = order::behind_others(flavor, marks, &args, &item)
    {
        return reordered;
    }
    try_expand(flavor, args.clone(), &without, item.clone()).unwrap_or_else(|error| {
        let kept = plain(flavor, args, item.clone()).unwrap_or(item);
        fallback::keep(&error, kept)
    })
}

/// The function with an attribute without options, if only the options are wrong. Code that uses
/// the function as a cached one (`get(1).refresh()`, `call!(fib(7))`) then causes no further
/// errors.
fn plain(flavor: Flavor, args: TokenStream, item: TokenStream) -> Option<TokenStream> {
    let function = Function::new(fallback::function(flavor.name(), item).ok()?);
    let mut errors = Errors::default();
    check::signature(flavor, &function, &mut errors);
    if !errors.is_empty() {
        return None;
    }
    let root = Args::parse(args, &flavor.grammar(), &mut errors).root;
    Some(expand::expand(&model::plain(function, root)))
}

/// `without` names the arguments that do not exist in this configuration.
fn try_expand(
    flavor: Flavor,
    args: TokenStream,
    without: &[Ident],
    item: TokenStream,
) -> syn::Result<TokenStream> {
    let mut function = Function::new(fallback::function(flavor.name(), item)?);
    // The template `{Self}`, `skip(Self)`, and expressions that name it.
    function.associated |= mentions_self_type(args.clone());
    let mut errors = Errors::default();
    let mut args = Args::parse(args, &flavor.grammar(), &mut errors);
    args.skip.retain(|name| !without.contains(name));
    check::signature(flavor, &function, &mut errors);
    let model = model::build(flavor, args, function, &mut errors);
    errors.check_some(model).map(|model| expand::expand(&model))
}
