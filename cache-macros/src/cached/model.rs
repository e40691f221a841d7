//! The validated attribute, which can be expanded without further checks.

use proc_macro2::{Ident, Span};
use quote::ToTokens as _;
use syn::{Expr, LitStr, Type};

use super::Flavor;
use super::affixes::Affixes;
use super::args::{Args, Format};
use super::check;
use super::conditions::Conditions;
use super::each::Each;
use super::key::{self, Key};
use super::policy::{Policy, no_remote_tier};
use crate::crate_path::Root;
use crate::errors::Errors;
use crate::signature::{Argument, Function, Names, SELF_TYPE};
use crate::subject::Subject;
use crate::target::mentions;
use crate::template::{self, Template};

/// The cache of the function.
pub(crate) enum CacheChoice {
    Default,
    Named(LitStr),
    /// An expression over the arguments.
    Handle(Box<Expr>),
}

/// A function and its options.
pub(crate) struct Model {
    pub(crate) function: Function,
    pub(crate) root: Root,
    pub(crate) policy: Policy,
    pub(crate) conditions: Conditions,
    pub(crate) local: bool,
    /// Its calls are not counted.
    pub(crate) silent: bool,
    /// Whether a sync function uses the remote tier, and blocks its thread meanwhile.
    pub(crate) blocking: bool,
    /// The format of its values in the remote tier.
    pub(crate) codec: Option<Format>,
    pub(crate) key: Key,
    /// `skip(Self)`: all types of a generic `impl` block share entries.
    pub(crate) every_type: bool,
    pub(crate) affixes: Affixes,
    pub(crate) tags: Vec<Template>,
    /// The types of the events that evict its entries.
    pub(crate) invalidate_on: Vec<Type>,
    pub(crate) cache: CacheChoice,
    pub(crate) tenant: Option<Expr>,
    /// The argument that the function is cached for each item of.
    pub(crate) each: Option<Each>,
    /// Under which name `call!` finds a function, if not under its own.
    pub(crate) call: Option<Ident>,
    /// The name of the previous value in the body.
    pub(crate) previous: Option<Ident>,
}

impl Model {
    /// Whether the function waits for the remote tier.
    pub(crate) fn may_wait(&self) -> bool {
        self.function.is_async() || self.blocking
    }
}

/// Validates `args` against `function`.
pub(crate) fn build(
    flavor: Flavor,
    mut args: Args,
    mut function: Function,
    errors: &mut Errors,
) -> Option<Model> {
    if args.each.is_some() {
        // Its load has all arguments as they are.
        function.args.iter_mut().for_each(|arg| arg.bindings = None);
    }
    let whole = function.names();
    let local = args.local.as_ref().or(args.cell.as_ref().map(|(name, _)| name));
    if let Some(name) = &args.blocking {
        may_block(name, &function, local, errors);
    }
    if let Some((name, _)) = &args.codec
        && let Some(why) = no_remote_tier(&function, local, args.blocking.is_some())
    {
        let message = format!("`{name}` is the format of values in the remote tier, {why}");
        errors.at(name.span(), message);
    }
    let each = args.each.as_ref().map(|(name, _)| name);
    args.conditions.sort(&function, each, errors);
    args.policy.sort(&function, args.conditions.has_ttl());
    args.policy.check(&function, local, args.blocking.is_some(), errors);
    // The return type of a batch is not stored as a whole.
    let uses_remote_tier = function.is_async() || args.blocking.is_some();
    let by_serde = !matches!(args.codec, Some((_, Format::Own(_))));
    if uses_remote_tier && local.is_none() && args.each.is_none() && by_serde {
        check::can_be_read_back(&function, errors);
    }
    if let Some(option) = args.policy.repeats() {
        can_repeat(option, each, args.cell.as_ref().map(|(name, _)| name), errors);
    }
    if let Some((option, name)) = &args.previous {
        has_previous(option, name, &function, each, errors);
    }
    if let Some((name, _)) = &args.call {
        can_be_found(name, &function, errors);
    }
    let each = args.each.as_ref().and_then(|(_, value)| Each::new(value, &function, errors));
    if args.each.is_some() && each.is_none() {
        return None;
    }
    // A key belongs to one item: it sees the item, and not the list.
    let (names, inputs) = match &each {
        Some(each) => (each.names(whole), each.inputs(&function)),
        None => (whole, function.inputs()),
    };
    let mut tags = args
        .tags
        .as_ref()
        .map(|(_, value)| tag_templates(value, &names, errors))
        .unwrap_or_default();
    one_for_all(&args.invalidate_on, &names, errors);
    tags.extend(args.affixes.subject.iter().flat_map(Subject::tags));
    args.affixes.resolve(&names, errors);
    let every_type = args.skip.iter().any(|ident| ident == SELF_TYPE);
    let key = key::build(flavor, &args, &function, &inputs, &names, errors)?;
    Some(Model {
        root: args.root,
        policy: args.policy,
        conditions: args.conditions,
        local: args.local.is_some() || matches!(key, Key::Cell(_)),
        blocking: args.blocking.is_some(),
        silent: args.silent,
        codec: args.codec.map(|(_, format)| format),
        key,
        every_type,
        affixes: args.affixes,
        tags,
        invalidate_on: args.invalidate_on,
        cache: args.cache,
        tenant: args.tenant,
        each,
        call: args.call.map(|(_, name)| name),
        previous: args.previous.map(|(_, name)| name),
        function,
    })
}

/// Records a name of the previous value that hides an argument, and an option without one previous value.
fn has_previous(
    option: &Ident,
    name: &Ident,
    function: &Function,
    each: Option<&Ident>,
    errors: &mut Errors,
) {
    if let Some(each) = each {
        let message = format!(
            "with `{each}`, a load has many previous values: `{option}` is for functions without `{each}`"
        );
        errors.at(option.span(), message);
    }
    if function.args.iter().flat_map(Argument::inputs).any(|input| input.ident == *name) {
        let message =
            format!("`{name}` is already an argument: choose another name for the previous value");
        errors.at(name.span(), message);
    }
}

/// Records `refresh_every` on a function whose values have no key of their own to refresh.
fn can_repeat(option: &Ident, each: Option<&Ident>, cell: Option<&Ident>, errors: &mut Errors) {
    let message = match (each, cell) {
        (Some(each), _) => format!(
            "`{option}` loads one value again, and with `{each}` a load is for many: remove one of them, or use `stale`"
        ),
        (None, Some(cell)) => format!(
            "`{option}` needs copies of the arguments, and with `{cell}` a value ends with its instance, which the copies would keep: \
             remove one of them"
        ),
        (None, None) => return,
    };
    errors.at(option.span(), message);
}

/// Records `blocking` on a function that waits without it, or has no remote tier to wait for.
fn may_block(option: &Ident, function: &Function, local: Option<&Ident>, errors: &mut Errors) {
    let message = match local {
        Some(local) => format!(
            "`{option}` lets a sync function use the remote tier, and with `{local}` there is none: remove one of them"
        ),
        None if function.is_async() => format!(
            "`{option}` is for sync functions; an async function waits for the remote tier without blocking its thread: remove it"
        ),
        None => return,
    };
    errors.at(option.span(), message);
}

/// Records `call` on a function that is not a free sync function: only these are found by a type.
fn can_be_found(option: &Ident, function: &Function, errors: &mut Errors) {
    let why = match (function.is_async(), function.associated) {
        (true, _) => "a call of an async function is a `Call` already: remove it",
        (false, true) => "a method is found under its own name: remove it",
        (false, false) => return,
    };
    let message = format!("`{option}` is the name of a free sync function for `call!`; {why}");
    errors.at(option.span(), message);
}

/// Records events that use generic parameters: the events belong to the function, and not to one
/// instance of it.
fn one_for_all(events: &[Type], names: &Names, errors: &mut Errors) {
    let this = Ident::new("Self", Span::call_site());
    for event in events {
        let tokens = event.to_token_stream();
        let generic = |name: &&Ident| mentions(&name.to_string(), tokens.clone());
        if let Some(name) = names.generics().chain([&this]).find(generic) {
            let message = format!(
                "`invalidate_on` is one list for all instances of this function: it cannot use `{name}`"
            );
            errors.on(event, message);
        }
    }
}

/// `function` without options, and with an empty key, because its types may not allow one.
pub(crate) fn plain(function: Function, root: Root) -> Model {
    Model {
        root,
        policy: Policy::default(),
        conditions: Conditions::default(),
        local: true,
        silent: false,
        blocking: false,
        codec: None,
        key: Key::Automatic { args: Vec::new(), generics: Vec::new() },
        every_type: false,
        affixes: Affixes::default(),
        tags: Vec::new(),
        invalidate_on: Vec::new(),
        cache: CacheChoice::Default,
        tenant: None,
        each: None,
        call: None,
        previous: None,
        function,
    }
}

/// Parses `tags = ["a", "user:{id}"]`.
pub(crate) fn tag_templates(value: &Expr, names: &Names, errors: &mut Errors) -> Vec<Template> {
    let Expr::Array(array) = value else {
        errors.on(value, "`tags` takes a list: `tags = [\"users\", \"user:{id}\"]`");
        return Vec::new();
    };
    array.elems.iter().filter_map(|tag| template::tag(tag, names, errors)).collect()
}
