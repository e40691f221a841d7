//! The validated attribute: everything in here can be expanded without a further question.

use std::time::Duration;

use proc_macro2::Ident;
use syn::{Expr, LitStr};

use super::Flavor;
use super::args::Args;
use super::key::{self, Key};
use crate::crate_path::Root;
use crate::duration;
use crate::errors::Errors;
use crate::signature::{Function, Held, Names, held};
use crate::template::{self, Kind, Template};

/// Which cache serves the function.
pub(crate) enum CacheChoice {
    Default,
    Named(LitStr),
    /// An expression over the arguments.
    Handle(Box<Expr>),
}

/// A function and how to cache it.
pub(crate) struct Model {
    pub(crate) function: Function,
    pub(crate) root: Root,
    pub(crate) ttl: Option<Duration>,
    pub(crate) stale: Option<Duration>,
    pub(crate) local: bool,
    pub(crate) key: Key,
    pub(crate) tags: Vec<Template>,
    pub(crate) cache: CacheChoice,
}

/// Validates `args` against `function`.
pub(crate) fn build(
    flavor: Flavor,
    args: Args,
    function: Function,
    errors: &mut Errors,
) -> Option<Model> {
    let names = function.names();
    let ttl = args
        .ttl
        .as_ref()
        .and_then(|(name, value)| duration::read(&name.to_string(), value, errors));
    let stale = args
        .stale
        .as_ref()
        .and_then(|(name, value)| duration::read(&name.to_string(), value, errors));
    if let Some((name, _)) = &args.stale {
        if args.ttl.is_none() {
            let message = "`stale` needs a `ttl`: it says for how long after the `ttl` the old value may be served";
            errors.at(name.span(), message);
        }
        refreshable(name, &function, errors);
    }
    let tags = args
        .tags
        .as_ref()
        .map(|(_, value)| tag_templates(value, &names, errors))
        .unwrap_or_default();
    let key = key::build(flavor, &args, &function, &names, errors)?;
    Some(Model {
        root: args.root,
        ttl,
        stale,
        local: args.local,
        key,
        tags,
        cache: args.cache,
        function,
    })
}

/// `function` without any option, and with nothing in its key that its types may not allow.
pub(crate) fn plain(function: Function, root: Root) -> Model {
    Model {
        root,
        ttl: None,
        stale: None,
        local: true,
        key: Key::Automatic(Vec::new()),
        tags: Vec::new(),
        cache: CacheChoice::Default,
        function,
    }
}

/// Reads `tags = ["a", "user:{id}"]`.
pub(crate) fn tag_templates(value: &Expr, names: &Names, errors: &mut Errors) -> Vec<Template> {
    let Expr::Array(array) = value else {
        errors.on(value, "`tags` takes a list: `tags = [\"users\", \"user:{id}\"]`");
        return Vec::new();
    };
    array.elems.iter().filter_map(|tag| template::parse(Kind::Tag, tag, names, errors)).collect()
}

/// A refresh in the background outlives the call, so that it needs owned inputs.
fn refreshable(stale: &Ident, function: &Function, errors: &mut Errors) {
    if !function.is_async() {
        let message = "`stale` needs an async function: a sync function cannot be refreshed in the background yet. Remove `stale`, \
                       or make the function async";
        errors.at(stale.span(), message);
    }
    let fix = "`stale` refreshes in the background, which needs arguments of its own, and a `&mut` cannot be cloned: take `&` or \
               an owned value, or remove `stale`";
    if let Some(receiver) = function.receiver()
        && matches!(held(receiver), Held::Mutable)
    {
        errors.on(receiver, fix);
    }
    for arg in &function.args {
        if let Some(reference) = arg.reference().filter(|reference| reference.mutability.is_some())
        {
            errors.on(reference, fix);
        }
    }
}
