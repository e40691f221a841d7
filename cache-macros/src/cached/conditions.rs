//! `cache_if` and `unless`: conditions on the value. `skip_if`: a condition on the arguments.

use proc_macro2::{Ident, TokenStream};
use syn::visit::{self, Visit};
use syn::{Expr, ExprClosure};

use crate::errors::Errors;
use crate::mixed::mixed;
use crate::options::Options;
use crate::signature::Names;

/// The given conditions.
#[derive(Default)]
pub(crate) struct Conditions {
    cache_if: Option<Expr>,
    unless: Option<Expr>,
    skip_if: Option<Expr>,
}

impl Conditions {
    /// Takes the conditions from the options.
    pub(crate) fn take(options: &mut Options, errors: &mut Errors) -> Self {
        Self {
            cache_if: on_value("cache_if", options, errors),
            unless: on_value("unless", options, errors),
            skip_if: on_arguments(options, errors),
        }
    }

    /// Records conditions on the value that use arguments, which they cannot see.
    pub(crate) fn check(&self, names: &Names, errors: &mut Errors) {
        for (option, condition) in [("cache_if", &self.cache_if), ("unless", &self.unless)] {
            for capture in condition.iter().flat_map(|condition| captures(condition, names)) {
                let message = format!(
                    "`{option}` sees the cached value only, and `{capture}` is an argument: a condition on the arguments is `skip_if`"
                );
                errors.on(capture, message);
            }
        }
    }

    /// The conditions as setters of `Rules`. These take function pointers, so that rustc infers the
    /// argument types.
    pub(crate) fn rules(&self) -> TokenStream {
        let keeps = self.cache_if.as_ref().map(|keeps| mixed!(.keeps(#keeps)));
        let unless = self.unless.as_ref().map(|unless| mixed!(.unless(#unless)));
        mixed!(#keeps #unless)
    }

    /// The condition as a setter of `Fetch`.
    pub(crate) fn fetch(&self) -> Option<TokenStream> {
        self.skip_if.as_ref().map(|skip| mixed!(.skip_if(#skip)))
    }
}

/// A function of the value. It is evaluated at every call, so it must be cheap and capture nothing.
fn on_value(name: &str, options: &mut Options, errors: &mut Errors) -> Option<Expr> {
    let (_, value) = options.assigned(name, errors)?;
    match &value {
        Expr::Path(_) => return Some(value),
        Expr::Closure(closure) if takes_one(closure) => return Some(value),
        Expr::Closure(_) => {
            errors.on(
                &value,
                format!("`{name}` looks at the value and at nothing else: `{name} = |value| ...`"),
            );
        }
        _ => {
            let message = format!(
                "`{name}` takes a function of the cached value: a closure such as `|user| user.active`, or a path such as \
                 `Vec::is_empty`. A condition on the arguments is `skip_if`"
            );
            errors.on(&value, message);
        }
    }
    None
}

fn takes_one(closure: &ExprClosure) -> bool {
    closure.inputs.len() == 1 && closure.asyncness.is_none()
}

/// A `bool` expression over the arguments.
fn on_arguments(options: &mut Options, errors: &mut Errors) -> Option<Expr> {
    let (_, value) = options.assigned("skip_if", errors)?;
    if let Expr::Closure(_) = value {
        let message = "`skip_if` is a condition on the arguments, written with their names: `skip_if = page > 100`. A condition on the \
                       value is `cache_if` or `unless`";
        errors.on(&value, message);
        return None;
    }
    Some(value)
}

/// The arguments that a closure names. Inside macros, and for a name that is bound again, rustc
/// reports the mistake.
fn captures<'ast>(condition: &'ast Expr, names: &Names) -> Vec<&'ast Ident> {
    let Expr::Closure(closure) = condition else {
        return Vec::new();
    };
    let mut used = Used::default();
    used.visit_expr_closure(closure);
    let argument = |name: &Ident| names.all.contains(name) && !used.bound.contains(&name);
    used.named.iter().copied().filter(|name| argument(name)).collect()
}

/// The variables of an expression.
#[derive(Default)]
struct Used<'ast> {
    named: Vec<&'ast Ident>,
    bound: Vec<&'ast Ident>,
}

impl<'ast> Visit<'ast> for Used<'ast> {
    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        self.named.extend(path.path.get_ident());
    }

    fn visit_pat_ident(&mut self, pat: &'ast syn::PatIdent) {
        self.bound.push(&pat.ident);
        visit::visit_pat_ident(self, pat);
    }
}
