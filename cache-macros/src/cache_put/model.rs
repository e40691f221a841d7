//! The validated attribute.

use proc_macro2::Span;
use syn::Type;

use super::args::Args;
use crate::crate_path::Root;
use crate::entries::Entries;
use crate::errors::Errors;
use crate::mutator::{nameable, returns_nothing};
use crate::outcome::Outcome;
use crate::signature::Function;
use crate::target::Target;

/// A function and the call whose entry it writes.
pub(crate) struct Model {
    pub(crate) function: Function,
    pub(crate) root: Root,
    pub(crate) target: Target,
    pub(crate) outcome: Outcome,
    pub(crate) output: Type,
}

/// Validates `args` against `function`.
pub(crate) fn build(args: Args, function: Function, errors: &mut Errors) -> Option<Model> {
    let mut targets = args.targets.into_iter();
    let first = targets.next();
    if first.is_none() && errors.is_empty() {
        let message = "`#[cache_put]` needs the call whose entry it writes, such as `#[cache_put(get_user(db, user.id))]`";
        errors.at(Span::call_site(), message);
    }
    for more in targets {
        errors.on(&more, "`#[cache_put]` writes one entry: put a second `#[cache_put]` on the function for another");
    }
    let output = output(&function, errors);
    let first = first?;
    if !matches!(Entries::read(&first), Ok(None)) {
        errors.on(&first, "`#[cache_put]` writes one entry: give all arguments of the call");
        return None;
    }
    let target = Target::new(first, &function, errors)?;
    Some(Model { root: args.root, target, outcome: args.outcome, output: output?, function })
}

fn output(function: &Function, errors: &mut Errors) -> Option<Type> {
    let name = &function.sig.ident;
    if returns_nothing(function) {
        errors.at(
            name.span(),
            format!("`{name}` returns nothing: there is nothing to put into the cache"),
        );
        return None;
    }
    let output = nameable(function);
    if output.is_none() {
        let message = "a cached value is stored, so its type needs a name: return a concrete type";
        errors.on(&function.sig.output, message);
    }
    output
}
