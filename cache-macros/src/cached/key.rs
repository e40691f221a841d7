//! The arguments in the key. None may be forgotten, because that leads to wrong values.

use proc_macro2::Ident;
use quote::ToTokens as _;
use syn::{Expr, Receiver, Type};

use super::Flavor;
use super::args::Args;
use super::key_with;
use crate::cached_property::cell;
use crate::errors::Errors;
use crate::signature::{Argument, Function, Names, occurs};
use crate::template::{self, Kind, Template};

/// The content of the key.
pub(crate) enum Key {
    /// The function's path, and these arguments and generic parameters.
    Automatic { args: Vec<Ident>, generics: Vec<Ident> },
    /// The function's path, its generic parameters, and a text from the user's expression. `args`
    /// are the arguments that are not skipped, whose types may be generic parameters.
    Custom { text: Box<Expr>, args: Vec<Ident>, generics: Vec<Ident> },
    /// A cell of the instance.
    Cell(Box<Expr>),
    /// Only the template.
    Template(Template),
}

/// Validates `key` and `skip`. `inputs` are the arguments in the key, without `self`.
pub(crate) fn build(
    flavor: Flavor,
    args: &Args,
    function: &Function,
    inputs: &[Argument],
    names: &Names,
    errors: &mut Errors,
) -> Option<Key> {
    skip_is_known(&args.skip, names, errors);
    if let Some(option) = &args.skip_all {
        skip_all_is_alone(option, args, names, errors);
    }
    if let Some((name, value)) = &args.cell {
        return Some(cell::build(name, value.as_ref()?, args, errors));
    }
    no_item_skipped(&args.skip, inputs, errors);
    if let Some((name, value)) = &args.key_with {
        return key_with::build(flavor, (name, value), args, (function, inputs), names, errors);
    }
    let Some((_, value)) = &args.key else {
        return automatic(flavor, args, function, inputs, names, errors);
    };
    let template = template::parse(Kind::Key, value, names, errors)?;
    not_both(&args.skip, &template, errors);
    match flavor {
        Flavor::Function => {
            let mentions = |name: &str| template.mentions(name) || args.affixes.mentions(name);
            let skip = skipped(args, inputs, names, mentions);
            nothing_forgotten(&skip, function, inputs, &mentions, errors);
            no_generics_forgotten(&skip, function, names, &mentions, errors);
        }
        Flavor::Property if !template.mentions_field_of_self() => {
            errors.at(
                template.literal().span(),
                "this key names no instance, so that all would share one value: mention at least one field of `self`, such as \
                 `{self.id}`",
            );
        }
        Flavor::Property => {}
    }
    Some(Key::Template(template))
}

fn automatic(
    flavor: Flavor,
    args: &Args,
    function: &Function,
    inputs: &[Argument],
    names: &Names,
    errors: &mut Errors,
) -> Option<Key> {
    if flavor == Flavor::Property {
        errors.at(
            function.sig.ident.span(),
            "`#[cached_property]` needs a key that names the instance, such as `key = \"user:{self.id}:posts\"`, or a cell in the \
             instance (`cell = self.posts`): without one all instances would share one value",
        );
        return None;
    }
    let skip = skipped(args, inputs, names, |_| false);
    nothing_mutable(&skip, inputs, errors);
    Some(Key::Automatic {
        args: all(inputs, names).filter(|ident| !skip.contains(ident)).collect(),
        generics: names.generics().filter(|ident| !skip.contains(ident)).cloned().collect(),
    })
}

/// Records arguments that the body may change: a hit does not run the body, so it leaves them as they are. A pattern such as
/// `&mut ref ids` gives the body no `&mut`.
fn nothing_mutable(skip: &[Ident], inputs: &[Argument], errors: &mut Errors) {
    let kept = inputs.iter().filter(|arg| arg.pattern.is_none() && !skip.contains(&arg.ident));
    for Argument { ident, ty, span, .. } in kept {
        if matches!(ty, Type::Reference(reference) if reference.mutability.is_some()) {
            let message = format!(
                "`{ident}` is a `&mut`, but a hit does not run the body and changes nothing: take it by `&`, or return what changes. If \
                 the value does not depend on it (a connection), write `skip({ident})`"
            );
            errors.on(span, message);
        }
    }
}

/// The receiver and the arguments.
fn all(inputs: &[Argument], names: &Names) -> impl Iterator<Item = Ident> {
    let this = names.find("self").cloned();
    this.into_iter().chain(inputs.iter().map(|arg| arg.ident.clone()))
}

/// The names in `skip`, and with `skip_all` all arguments that are not `mentioned`. An item of a list is not
/// skipped: only the item distinguishes the entries.
fn skipped(
    args: &Args,
    inputs: &[Argument],
    names: &Names,
    mentioned: impl Fn(&str) -> bool,
) -> Vec<Ident> {
    let is_item = |name: &Ident| inputs.iter().any(|arg| arg.item && arg.ident == *name);
    let rest = all(inputs, names).filter(|name| !is_item(name) && !mentioned(&name.to_string()));
    let rest = rest.filter(|_| args.skip_all.is_some());
    args.skip.iter().cloned().chain(rest).collect()
}

/// Records options that contradict `skip_all`, or repeat it.
fn skip_all_is_alone(option: &Ident, args: &Args, names: &Names, errors: &mut Errors) {
    if args.key_with.is_some() {
        errors.at(
            option.span(),
            "`key_with` determines itself which arguments the key has: remove `skip_all`",
        );
    }
    for name in args.skip.iter().filter(|name| names.find(&name.to_string()).is_some()) {
        let message = format!("`skip_all` skips `{name}` already: remove one of them");
        errors.at(name.span(), message);
    }
}

fn skip_is_known(skip: &[Ident], names: &Names, errors: &mut Errors) {
    for (at, ident) in skip.iter().enumerate() {
        let known = names.value(&ident.to_string()).or_else(|| names.ty(&ident.to_string()));
        if known.is_none() {
            errors.at(ident.span(), names.unknown(&ident.to_string()));
        } else if skip[..at].contains(ident) {
            errors.at(ident.span(), format!("`{ident}` is skipped twice: keep one"));
        }
    }
}

/// Records a skipped item: only the item distinguishes the entries.
fn no_item_skipped(skip: &[Ident], inputs: &[Argument], errors: &mut Errors) {
    for ident in skip {
        if inputs.iter().any(|arg| arg.item && arg.ident == *ident) {
            let message =
                format!("`{ident}` cannot be skipped: the function is cached for each `{ident}`");
            errors.at(ident.span(), message);
        }
    }
}

fn not_both(skip: &[Ident], template: &Template, errors: &mut Errors) {
    for ident in skip.iter().filter(|ident| template.mentions(&ident.to_string())) {
        errors.at(
            ident.span(),
            format!("`{ident}` is in `key` and in `skip(...)`: remove it from one of them"),
        );
    }
}

fn nothing_forgotten(
    skip: &[Ident],
    function: &Function,
    inputs: &[Argument],
    mentions: &dyn Fn(&str) -> bool,
    errors: &mut Errors,
) {
    let missing = |name: &str| !skip.iter().any(|ident| ident == name) && !mentions(name);
    if let Some(Receiver { self_token, .. }) = function.receiver()
        && missing("self")
    {
        let message = "`self` is an argument like the others: add `skip(self)` if the value does not depend on it, or name what it \
                       depends on in `key`";
        errors.at(self_token.span, message);
    }
    for arg in inputs.iter().filter(|arg| missing(&arg.ident.to_string())) {
        errors.on(&arg.span, forgotten(arg));
    }
}

/// Two instances of a generic function are two functions.
fn no_generics_forgotten(
    skip: &[Ident],
    function: &Function,
    names: &Names,
    mentions: &dyn Fn(&str) -> bool,
    errors: &mut Errors,
) {
    for name in names.generics() {
        let skipped = skip.contains(name) || is_of_skipped(name, skip, function);
        if !skipped && !mentions(&name.to_string()) {
            let message = format!(
                "`{name}` is neither in `key` nor in `skip(...)`: instances of this function that differ in `{name}` would share one \
                 entry. Add `{{{name}}}` to the key or `skip({name})`"
            );
            errors.at(name.span(), message);
        }
    }
}

/// Whether the generic parameter `name` occurs only in the types of skipped arguments, and not in
/// the body or the output. The value then depends on it no more than on these arguments.
fn is_of_skipped(name: &Ident, skip: &[Ident], function: &Function) -> bool {
    let of = |arg: &&Argument| occurs(name, arg.ty.to_token_stream());
    let mut args = function.args.iter().filter(of).peekable();
    let skipped = |arg: &Argument| arg.inputs().iter().all(|input| skip.contains(&input.ident));
    args.peek().is_some()
        && args.all(skipped)
        && !occurs(name, function.output().to_token_stream())
        && !occurs(name, function.block.to_token_stream())
}

fn forgotten(arg: &Argument) -> String {
    if arg.pattern.is_some() {
        return "`key` cannot use the names in this pattern (they borrow, or the function has `each`): give the argument a plain name and destructure it in the body".to_owned();
    }
    let name = &arg.ident;
    if arg.item {
        return format!(
            "`{name}` is not in `key`: all items would share one entry. Add `{{{name}}}` to the key"
        );
    }
    format!(
        "`{name}` is neither in `key` nor in `skip(...)`: two calls that differ in `{name}` would share one entry. \
         Add `{{{name}}}` to the key or `skip({name})`"
    )
}
