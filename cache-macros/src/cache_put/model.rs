//! The validated attribute.

use proc_macro2::Span;
use syn::{Expr, Type};

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
    /// The value to put, instead of the output.
    pub(crate) value: Option<Expr>,
    pub(crate) outcome: Outcome,
    /// The tenant of the target, unless that names one.
    pub(crate) tenant: Option<Expr>,
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
    let value = args.value.and_then(|(_, value)| value_of(value, errors));
    let output = output(&function, value.is_some(), errors);
    let first = first?;
    if !matches!(Entries::read(&first), Ok(None)) {
        errors.on(&first, "`#[cache_put]` writes one entry: give all arguments of the call");
        return None;
    }
    let target = Target::new(first, &function, errors)?;
    let (root, outcome, tenant, output) = (args.root, args.outcome, args.tenant, output?);
    Some(Model { root, target, value, outcome, tenant, output, function })
}

/// The expression of `value`.
fn value_of(value: Expr, errors: &mut Errors) -> Option<Expr> {
    if let Expr::Closure(_) = value {
        errors.on(
            &value,
            "`value` is an expression over the arguments and `result`, the function's value, written with their names: \
             `value = Some(result.clone())`",
        );
        return None;
    }
    Some(value)
}

/// The type of the output. `is_given`: whether something else is put.
fn output(function: &Function, is_given: bool, errors: &mut Errors) -> Option<Type> {
    let name = &function.sig.ident;
    if returns_nothing(function) && !is_given {
        let message = format!(
            "`{name}` returns nothing: there is nothing to put into the cache. Name the value: `value = user.clone()`"
        );
        errors.at(name.span(), message);
        return None;
    }
    let output = nameable(function);
    if output.is_none() {
        let message = "a cached value is stored, so its type needs a name: return a concrete type";
        errors.on(&function.sig.output, message);
    }
    output
}
