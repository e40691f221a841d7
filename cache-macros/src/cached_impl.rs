//! `#[cached_impl]`: options that the attributes in an `impl` block share.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprArray, ImplItem, Item, Meta, Signature, Token, TraitItem};

use crate::cached::Flavor;
use crate::crate_path::Root;
use crate::errors::{Errors, list};
use crate::mixed::mixed;
use crate::options::{self, Part, unknown};
use crate::returns::Returns;
use crate::{fallback, ide};

/// The options of one function. No other one can have the same.
const OF_ONE: [&str; 7] = ["key", "key_with", "op", "skip", "skip_all", "each", "call"];

/// The options of a policy. A function with a policy of its own gets none of them.
const OF_POLICY: [&str; 19] = [
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
    "stampede",
    "lease",
    "on_error",
    "tiers",
    "access",
    "policy",
];

/// The options that a sync function cannot have: its load cannot go on in the background.
const OF_BACKGROUND: [&str; 5] =
    ["stale", "early_refresh", "refresh_every", "soft_timeout", "hard_timeout"];

/// The options that a function with a list or a cell cannot have: it has no arguments that can be kept.
const OF_ONE_KEY: [&str; 1] = ["refresh_every"];

/// The options about the time before and after the `ttl`.
const OF_EXPIRY: [&str; 5] = ["stale", "stale_if_error", "throttle", "jitter", "early_refresh"];

/// The options about a remote tier.
const OF_REMOTE_TIER: [&str; 4] = ["memory_ttl", "on_error", "tiers", "codec"];

/// The options about a key, which a value in a cell does not have, and about the tiers of such a value.
const OF_KEY: [&str; 4] = ["key_prefix", "version", "model", "local"];

/// Expands the attribute.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let documented = documented(args.clone());
    let expanded =
        try_expand(args, item.clone()).unwrap_or_else(|error| fallback::keep(&error, item));
    mixed!(#documented #expanded)
}

/// See [`ide::documented`].
fn documented(args: TokenStream) -> TokenStream {
    let names: Vec<Ident> =
        options::parts(args).into_iter().flatten().filter_map(|part| part.name).collect();
    ide::documented_beside(&Root::found().private, "cached", &names)
}

fn try_expand(args: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    let defaults = Defaults::parse(args, &mut errors);
    let mut block: Item = syn::parse2(item)?;
    let mut found = false;
    match &mut block {
        Item::Impl(block) => {
            for item in &mut block.items {
                if let ImplItem::Fn(method) = item {
                    found |= defaults.complete(&mut method.attrs, &method.sig);
                }
            }
        }
        Item::Trait(block) => {
            for item in &mut block.items {
                if let TraitItem::Fn(method) = item {
                    found |= defaults.complete(&mut method.attrs, &method.sig);
                }
            }
        }
        other => errors
            .on(other, "`#[cached_impl]` goes on an `impl` block, whose methods it gives options"),
    }
    if !found && errors.is_empty() {
        errors.at(
            proc_macro2::Span::call_site(),
            "no method of this block has `#[cached]`, `#[cached_property]`, `#[cache_evict]` or `#[cache_put]`, so these options have no \
             effect",
        );
    }
    errors.check(block.into_token_stream())
}

/// The options that are given at the block.
struct Defaults(Vec<Part>);

/// A kind of attribute that takes defaults.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cached(Flavor),
    Evict,
    Put,
}

impl Kind {
    fn of(attribute: &Attribute) -> Option<Self> {
        let last = attribute.path().segments.last()?.ident.unraw().to_string();
        Some(match last.as_str() {
            "cached" => Self::Cached(Flavor::Function),
            "cached_property" => Self::Cached(Flavor::Property),
            "cache_evict" => Self::Evict,
            "cache_put" => Self::Put,
            _ => return None,
        })
    }

    fn takes(self, option: &str) -> bool {
        match self {
            Self::Cached(flavor) => flavor.grammar().known.contains(&option),
            Self::Evict => matches!(option, "cache" | "tenant" | "crate"),
            Self::Put => matches!(option, "tenant" | "crate"),
        }
    }
}

impl Defaults {
    fn parse(args: TokenStream, errors: &mut Errors) -> Self {
        let parts = match options::parts(args) {
            Ok(parts) => parts,
            Err(error) => {
                errors.push(error);
                Vec::new()
            }
        };
        let grammar = Flavor::Function.grammar();
        let shared: Vec<&str> =
            grammar.known.iter().filter(|known| !OF_ONE.contains(known)).copied().collect();
        for (at, part) in parts.iter().enumerate() {
            let Some(name) = &part.name else {
                errors.on(&part.tokens, format!("expected an option: {}", list(&shared)));
                continue;
            };
            let text = name.to_string();
            if ide::is_completed(name) {
                continue;
            }
            if OF_ONE.contains(&text.as_str()) {
                let message = format!(
                    "`{name}` belongs to one function: give it in the function's attribute"
                );
                errors.at(name.span(), message);
            } else if !shared.contains(&text.as_str()) {
                unknown(name, &shared, errors);
            } else if parts[..at].iter().any(|other| other.name.as_ref() == Some(name)) {
                errors.at(name.span(), format!("`{name}` is given twice: keep one"));
            }
        }
        if parts.is_empty() && errors.is_empty() {
            let message =
                "`#[cached_impl]` needs the options that the methods share, such as `ttl = \"5m\"`";
            errors.at(proc_macro2::Span::call_site(), message);
        }
        Self(parts)
    }

    /// Adds the defaults to the attributes of a method. Returns whether there is such an attribute.
    fn complete(&self, attributes: &mut [Attribute], sig: &Signature) -> bool {
        let mut found = false;
        for attribute in attributes {
            if let Some(kind) = Kind::of(attribute) {
                found = true;
                self.add(attribute, kind, sig);
            }
        }
        found
    }

    fn add(&self, attribute: &mut Attribute, kind: Kind, sig: &Signature) {
        let given = match &attribute.meta {
            Meta::Path(_) => TokenStream::new(),
            Meta::List(list) => list.tokens.clone(),
            Meta::NameValue(_) => return,
        };
        // The attribute itself reports what it cannot read.
        let Ok(mut own) = options::parts(given) else { return };
        let is_never =
            |part: &Part| part.is("ttl") && part.tokens.to_string().contains("\"never\"");
        let given = Given {
            names: own.iter().filter_map(|part| part.name.clone()).collect(),
            never: own.iter().any(is_never),
        };
        for default in &self.0 {
            let Some(name) = default.name.as_ref().map(ToString::to_string) else { continue };
            if !kind.takes(&name) && !default.name.as_ref().is_some_and(ide::is_completed) {
                continue;
            }
            if name == "tags"
                && let Some(tags) = own.iter_mut().find(|part| part.is("tags"))
            {
                tags.tokens = both(&tags.tokens, &default.tokens);
            } else if !given.excludes(&name, sig, self) {
                own.push(default.clone());
            }
        }
        let tokens = own.iter().map(|part| &part.tokens);
        let (path, tokens) = (attribute.path(), mixed!(#(#tokens),*));
        attribute.meta = match syn::parse2(mixed!(#path(#tokens))) {
            Ok(list) => Meta::List(list),
            Err(_) => return,
        };
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|part| part.is(name))
    }
}

/// The options that a function's attribute gives itself.
struct Given {
    names: Vec<Ident>,
    /// `ttl = "never"`
    never: bool,
}

impl Given {
    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|given| given == name)
    }

    /// Whether the function has another value of the option, or cannot have it.
    fn excludes(&self, name: &str, sig: &Signature, defaults: &Defaults) -> bool {
        let sync = !Returns::new(sig).is_future();
        let blocking = self.has("blocking") || defaults.has("blocking");
        let in_memory =
            self.has("local") || self.has("cell") || defaults.has("local") || (sync && !blocking);
        let old_values = ["stale_if_error", "stale"].iter().any(|window| {
            (self.has(window) || defaults.has(window)) && !(sync && *window == "stale")
        });
        self.has(name)
            || (self.has("policy") && OF_POLICY.contains(&name))
            || (sync && OF_BACKGROUND.contains(&name))
            || (!sync && name == "blocking")
            || (in_memory && OF_REMOTE_TIER.contains(&name))
            || (self.has("cell") && OF_KEY.contains(&name))
            || ((self.has("cell") || self.has("each")) && OF_ONE_KEY.contains(&name))
            || (self.never && OF_EXPIRY.contains(&name))
            || (name == "throttle" && !old_values)
    }
}

/// `tags = [..]` with the tags of both.
fn both(own: &TokenStream, default: &TokenStream) -> TokenStream {
    let tags = |tokens: &TokenStream| -> Option<Punctuated<Expr, Token![,]>> {
        let option: syn::ExprAssign = syn::parse2(tokens.clone()).ok()?;
        match *option.right {
            Expr::Array(ExprArray { elems, .. }) => Some(elems),
            _ => None,
        }
    };
    // The attribute reports a list of another form.
    let (Some(mut all), Some(more)) = (tags(own), tags(default)) else { return own.clone() };
    let text = |tag: &Expr| tag.to_token_stream().to_string();
    for tag in more {
        if !all.iter().any(|other| text(other) == text(&tag)) {
            all.push(tag);
        }
    }
    mixed!(tags = [#all])
}
