//! The validated attribute: everything in here can be expanded without a further question.

use syn::{Expr, LitStr};

use super::Flavor;
use super::affixes::Affixes;
use super::args::Args;
use super::conditions::Conditions;
use super::each::Each;
use super::key::{self, Key};
use super::policy::Policy;
use crate::crate_path::Root;
use crate::errors::Errors;
use crate::signature::{Function, Names, SELF_TYPE};
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
    pub(crate) policy: Policy,
    pub(crate) conditions: Conditions,
    pub(crate) local: bool,
    pub(crate) key: Key,
    /// `skip(Self)`: types of one generic `impl` block may share entries.
    pub(crate) every_type: bool,
    pub(crate) affixes: Affixes,
    pub(crate) tags: Vec<Template>,
    pub(crate) cache: CacheChoice,
    /// The argument that the function is cached for each item of.
    pub(crate) each: Option<Each>,
}

/// Validates `args` against `function`.
pub(crate) fn build(
    flavor: Flavor,
    args: Args,
    function: Function,
    errors: &mut Errors,
) -> Option<Model> {
    let whole = function.names();
    args.policy.check(&function, errors);
    args.conditions.check(&whole, errors);
    let each = args.each.as_ref().and_then(|(_, value)| Each::new(value, &function, errors));
    if args.each.is_some() && each.is_none() {
        return None;
    }
    // A key is one item's: it sees that, and not the list.
    let (names, inputs) = match &each {
        Some(each) => (each.names(whole), each.inputs(&function)),
        None => (whole, function.args.clone()),
    };
    let tags = args
        .tags
        .as_ref()
        .map(|(_, value)| tag_templates(value, &names, errors))
        .unwrap_or_default();
    let every_type = args.skip.iter().any(|ident| ident == SELF_TYPE);
    let key = key::build(flavor, &args, &function, &inputs, &names, errors)?;
    Some(Model {
        root: args.root,
        policy: args.policy,
        conditions: args.conditions,
        local: args.local,
        key,
        every_type,
        affixes: args.affixes,
        tags,
        cache: args.cache,
        each,
        function,
    })
}

/// `function` without any option, and with nothing in its key that its types may not allow.
pub(crate) fn plain(function: Function, root: Root) -> Model {
    Model {
        root,
        policy: Policy::default(),
        conditions: Conditions::default(),
        local: true,
        key: Key::Automatic { args: Vec::new(), generics: Vec::new() },
        every_type: false,
        affixes: Affixes::default(),
        tags: Vec::new(),
        cache: CacheChoice::Default,
        each: None,
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
