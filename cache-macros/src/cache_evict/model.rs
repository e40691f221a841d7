//! The validated attribute.

use proc_macro2::Span;
use quote::ToTokens;
use syn::{Expr, Type};

use super::args::Args;
use crate::cached::{CacheChoice, tag_templates};
use crate::crate_path::Root;
use crate::entries::Entries;
use crate::errors::Errors;
use crate::mutator::nameable;
use crate::outcome::Outcome;
use crate::signature::{Function, Names};
use crate::target::{self, RESULT, Target, mentions, result_is_free};
use crate::template::{self, Kind, Piece, Template};

/// A target.
pub(crate) enum Evict {
    Call(Target),
    /// All entries of a function, or some by their first arguments.
    Entries(Entries),
    Key(Template),
    Pattern(Template),
    Tag(Template),
    Event(Type),
    All,
}

/// A function and its targets.
pub(crate) struct Model {
    pub(crate) function: Function,
    pub(crate) root: Root,
    pub(crate) cache: CacheChoice,
    /// The tenant of the targets that name none.
    pub(crate) tenant: Option<Expr>,
    pub(crate) before: bool,
    /// Whether the values are kept for failed loads.
    pub(crate) soft: bool,
    pub(crate) outcome: Outcome,
    /// The targets that are known before the body runs.
    pub(crate) early: Vec<Evict>,
    /// The targets that need the function's result.
    pub(crate) late: Vec<Evict>,
    /// The arguments in the late templates, written before the body, which may consume the
    /// arguments.
    pub(crate) pieces: Vec<Piece>,
}

/// Validates `args` against `function`.
pub(crate) fn build(args: Args, function: Function, errors: &mut Errors) -> Model {
    if args.is_empty() && errors.is_empty() {
        let message = "`#[cache_evict]` needs something to evict: a call such as `get_user(db, id)`, or `key`, `keys`, `pattern`, \
                       `tags`, `model`, `events` or `all`";
        errors.at(Span::call_site(), message);
    }
    let names = target::names(&function);
    let mut targets = templates(&args, &names, errors);
    let calls: Vec<_> = args
        .calls
        .into_iter()
        .filter_map(|call| call_or_entries(call, &function, errors))
        .collect();
    targets.splice(0..0, calls);
    targets.extend(args.subject.iter().map(|subject| Evict::Tag(subject.narrowest())));
    targets.extend(args.events.into_iter().map(Evict::Event));
    targets.extend(args.all.then_some(Evict::All));
    let free = result_is_free(&function);
    let (mut late, early): (Vec<_>, Vec<_>) =
        targets.into_iter().partition(|target| free && needs_result(target));
    for target in &late {
        result_is_there(target, args.before, &function, errors);
    }
    args.outcome.check(args.before, &function, errors);
    let mut pieces = Vec::new();
    late.iter_mut().filter_map(template).for_each(|late| late.set_apart(RESULT, &mut pieces));
    Model {
        root: args.root,
        cache: args.cache,
        tenant: args.tenant,
        before: args.before,
        soft: args.soft,
        outcome: args.outcome,
        early,
        late,
        pieces,
        function,
    }
}

fn call_or_entries(call: Expr, function: &Function, errors: &mut Errors) -> Option<Evict> {
    match Entries::read(&call) {
        Ok(Some(entries)) => Some(Evict::Entries(entries)),
        Ok(None) => Target::new(call, function, errors).map(Evict::Call),
        Err(error) => {
            errors.push(error);
            None
        }
    }
}

fn template(target: &mut Evict) -> Option<&mut Template> {
    match target {
        Evict::Key(template) | Evict::Pattern(template) | Evict::Tag(template) => Some(template),
        Evict::Call(_) | Evict::Entries(_) | Evict::Event(_) | Evict::All => None,
    }
}

fn templates(args: &Args, names: &Names, errors: &mut Errors) -> Vec<Evict> {
    let mut targets = Vec::new();
    for (name, value) in args.keys.iter().chain(&args.tags) {
        if matches!(value, Expr::Array(list) if list.elems.is_empty()) {
            errors.on(value, format!("`{name}` is empty, so that it evicts nothing: name what to evict, or remove `{name}`"));
        }
    }
    if let Some((_, value)) = &args.key {
        targets.extend(template::parse(Kind::Key, value, names, errors).map(Evict::Key));
    }
    match &args.keys {
        Some((_, Expr::Array(keys))) => {
            let keys =
                keys.elems.iter().filter_map(|key| template::parse(Kind::Key, key, names, errors));
            targets.extend(keys.map(Evict::Key));
        }
        Some((_, other)) => errors.on(
            other,
            "`keys` takes a list: `keys = [\"user:{id}\", \"users\"]`; for one write `key`",
        ),
        None => {}
    }
    if let Some((_, value)) = &args.pattern {
        targets.extend(template::parse(Kind::Pattern, value, names, errors).map(Evict::Pattern));
    }
    if let Some((_, value)) = &args.tags {
        targets.extend(tag_templates(value, names, errors).into_iter().map(Evict::Tag));
    }
    targets
}

fn needs_result(target: &Evict) -> bool {
    match target {
        Evict::Call(call) => call.uses_result,
        Evict::Entries(entries) => mentions(RESULT, entries.arguments()),
        Evict::Key(template) | Evict::Pattern(template) | Evict::Tag(template) => {
            template.mentions(RESULT)
        }
        Evict::Event(_) | Evict::All => false,
    }
}

fn result_is_there(target: &Evict, before: bool, function: &Function, errors: &mut Errors) {
    let shown = match target {
        Evict::Call(call) => call.expr.to_token_stream(),
        Evict::Entries(entries) => entries.arguments(),
        Evict::Key(template) | Evict::Pattern(template) | Evict::Tag(template) => {
            template.literal().to_token_stream()
        }
        Evict::Event(_) | Evict::All => return,
    };
    if before {
        errors.on(&shown, "there is no `result` yet with `before`: remove `before`, or name the target by the arguments");
    }
    if nameable(function).is_none() {
        errors.on(&shown, "`result` needs a return type that has a name: return a concrete type instead of `impl Trait`");
    }
}
