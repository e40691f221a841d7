//! Parses the options.

use proc_macro2::{Ident, TokenStream};
use syn::spanned::Spanned as _;
use syn::{Expr, ExprLit, Lit, Type};

use super::affixes::Affixes;
use super::conditions::Conditions;
use super::model::CacheChoice;
use super::policy::Policy;
use crate::crate_path::Root;
use crate::errors::{Errors, did_you_mean};
use crate::options::{Grammar, Options};

/// The format of the values in the remote tier.
pub(crate) enum Format {
    /// One of larder's, by the name of its type.
    Larder(Ident),
    Own(Box<Type>),
}

/// larder's formats: their names, as in a configuration, and their types.
const FORMATS: [(&str, &str); 3] =
    [("json", "Json"), ("messagepack", "MessagePack"), ("postcard", "Postcard")];

/// Each option with its name, for messages.
pub(crate) struct Args {
    pub(crate) root: Root,
    pub(crate) policy: Policy,
    pub(crate) conditions: Conditions,
    pub(crate) key: Option<(Ident, Expr)>,
    pub(crate) key_with: Option<(Ident, Expr)>,
    pub(crate) cell: Option<(Ident, Option<Expr>)>,
    pub(crate) affixes: Affixes,
    pub(crate) tags: Option<(Ident, Expr)>,
    pub(crate) invalidate_on: Vec<Type>,
    pub(crate) skip: Vec<Ident>,
    /// Skips all arguments that `key` does not mention.
    pub(crate) skip_all: Option<Ident>,
    pub(crate) cache: CacheChoice,
    /// An expression over the arguments.
    pub(crate) tenant: Option<Expr>,
    pub(crate) local: Option<Ident>,
    /// `metrics = false`.
    pub(crate) silent: bool,
    /// Lets a sync function wait for the remote tier.
    pub(crate) blocking: Option<Ident>,
    /// The format in the remote tier.
    pub(crate) codec: Option<(Ident, Format)>,
    pub(crate) each: Option<(Ident, Expr)>,
    pub(crate) call: Option<(Ident, Ident)>,
    /// The name of the previous value in the body.
    pub(crate) previous: Option<(Ident, Ident)>,
}

impl Args {
    /// Parses the content of the attribute.
    pub(crate) fn parse(tokens: TokenStream, grammar: &Grammar, errors: &mut Errors) -> Self {
        let mut options = Options::parse(tokens, grammar, errors);
        Self {
            root: Root::take(&mut options, errors),
            policy: Policy::take(&mut options, errors),
            conditions: Conditions::take(&mut options, errors),
            key: options.assigned("key", errors),
            key_with: options.assigned("key_with", errors),
            cell: options.given("cell", errors),
            affixes: Affixes::take(&mut options, errors),
            tags: options.assigned("tags", errors),
            invalidate_on: options.types("invalidate_on"),
            skip: options.names("skip", errors).unwrap_or_default(),
            skip_all: options.flag("skip_all", errors),
            cache: cache_choice(&mut options, errors),
            tenant: tenant(&mut options, errors),
            local: options.flag("local", errors),
            silent: !metrics(&mut options, errors),
            blocking: options.flag("blocking", errors),
            codec: codec(&mut options, errors),
            each: options.assigned("each", errors),
            call: call(&mut options, errors),
            previous: previous(&mut options, errors),
        }
    }
}

/// Takes `metrics = false`. Default: true.
fn metrics(options: &mut Options, errors: &mut Errors) -> bool {
    match options.assigned("metrics", errors) {
        None => true,
        Some((_, Expr::Lit(ExprLit { lit: Lit::Bool(value), .. }))) => value.value,
        Some((_, other)) => {
            errors.on(&other, "`metrics` is `true` (the default) or `false`: whether the calls of this function are counted");
            true
        }
    }
}

/// Takes `codec = json` or `codec = path::to::Format<T>`.
fn codec(options: &mut Options, errors: &mut Errors) -> Option<(Ident, Format)> {
    let (option, ty) = options.one_type("codec")?;
    let name = match &ty {
        Type::Path(path) => path.path.get_ident().map(ToString::to_string),
        _ => None,
    };
    let Some(name) = name.filter(|name| name.starts_with(|first: char| first.is_lowercase()))
    else {
        return Some((option, Format::Own(Box::new(ty))));
    };
    match FORMATS.iter().find(|(text, _)| *text == name) {
        Some((_, choice)) => Some((option, Format::Larder(Ident::new(choice, ty.span())))),
        None => {
            let hint = did_you_mean(&name, &FORMATS.map(|(text, _)| text));
            errors.on(&ty, format!(
                "unknown format `{name}`{hint}{} larder's formats are `json`, `messagepack` and `postcard`; any other is a type with the \
                 trait `larder::codec::ValueCodec`", if hint.is_empty() { ":" } else { "" }
            ));
            None
        }
    }
}

/// Takes `call = name`.
fn call(options: &mut Options, errors: &mut Errors) -> Option<(Ident, Ident)> {
    let (name, value) = options.assigned("call", errors)?;
    let found = match &value {
        Expr::Path(path) => path.path.get_ident(),
        _ => None,
    };
    if found.is_none() {
        let message = "`call` is a name, such as `call = cached_config`: `call!(cached_config(id))` is then the call of this function";
        errors.on(&value, message);
    }
    Some((name, found?.clone()))
}

/// Takes `previous = name`.
fn previous(options: &mut Options, errors: &mut Errors) -> Option<(Ident, Ident)> {
    let (name, value) = options.assigned("previous", errors)?;
    let found = match &value {
        Expr::Path(path) => path.path.get_ident(),
        _ => None,
    };
    if found.is_none() {
        let message = "`previous` is a name, such as `previous = old`: in the body `old` is then the previous value, an `Option`";
        errors.on(&value, message);
    }
    Some((name, found?.clone()))
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
        Some((_, handle)) => {
            if let Some(message) = no_handle(&handle) {
                errors.on(&handle, message);
                return CacheChoice::Default;
            }
            CacheChoice::Handle(Box::new(handle))
        }
    }
}

/// Takes `tenant = ctx.tenant`.
pub(crate) fn tenant(options: &mut Options, errors: &mut Errors) -> Option<Expr> {
    let (_, value) = options.assigned("tenant", errors)?;
    let message = match &value {
        Expr::Closure(_) => {
            "`tenant` is an expression over the arguments, written with their names: `tenant = ctx.tenant`"
        }
        Expr::Await(_) | Expr::Try(_) => {
            "the tenant is part of the key, which is made before anything runs that could wait or fail: give an expression that returns the \
             name immediately, such as a field (`tenant = ctx.tenant`), or choose for the call: `get(id).tenant(name).await`"
        }
        Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) if name.value().is_empty() => {
            "the name of a tenant cannot be empty: leave `tenant` out for entries that all tenants share"
        }
        _ => return Some(value),
    };
    errors.on(&value, message);
    None
}

/// The error for an expression that cannot give a handle: the key and the cache are determined
/// before anything is awaited.
fn no_handle(handle: &Expr) -> Option<&'static str> {
    match handle {
        Expr::Closure(_) => Some(
            "`cache` is an expression over the arguments, written with their names: `cache = self.cache`, or `cache = cache_from(&ctx)`",
        ),
        Expr::Await(_) | Expr::Try(_) => Some(
            "the cache is chosen before anything runs that could wait or fail: give an expression that returns the handle immediately, such as a \
             field (`cache = self.cache`), or choose for the call: `get(id).cache(&cache).await`",
        ),
        _ => None,
    }
}
