//! `on` and `when`: conditions on the outcome of the body.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens as _;
use syn::{Expr, ExprLit, Lit};

use crate::errors::Errors;
use crate::mixed::mixed;
use crate::mutator::nameable;
use crate::options::Options;
use crate::signature::Function;
use crate::target::{result_ident, result_is_free};

/// The given conditions.
#[derive(Default)]
pub(crate) struct Outcome {
    /// `on = "ok"`, if given.
    on_ok: Option<Expr>,
    when: Option<(Ident, Expr)>,
}

impl Outcome {
    /// Takes both from the options.
    pub(crate) fn take(options: &mut Options, errors: &mut Errors) -> Self {
        let on_ok = options.assigned("on", errors).and_then(|(_, value)| on_ok(value, errors));
        Self { on_ok, when: when(options, errors) }
    }

    /// Records conditions on an output that `function` does not have.
    pub(crate) fn check(&self, before: bool, function: &Function, errors: &mut Errors) {
        if let Some(value) = &self.on_ok {
            if before {
                errors.on(value, "with `before` there is no outcome yet: remove `before` or `on`");
            }
            if nameable(function).is_none() {
                errors.on(value, "`on = \"ok\"` needs a return type that has a name: return a concrete type instead of `impl Trait`");
            }
        }
        if let (Some((name, _)), true) = (&self.when, before) {
            errors.at(
                name.span(),
                "`when` is asked after the body, where `before` has evicted already: remove one of them",
            );
        }
    }

    /// Whether only an `Ok` counts.
    pub(crate) fn on_ok(&self) -> bool {
        self.on_ok.is_some()
    }

    /// The tokens of `when`, to find the arguments in them.
    pub(crate) fn used(&self) -> Option<TokenStream> {
        self.when.as_ref().map(|(_, when)| when.to_token_stream())
    }

    /// `when` as a `bool`, after the body.
    pub(crate) fn wanted(&self, function: &Function) -> Option<TokenStream> {
        let (_, when) = self.when.as_ref()?;
        let result = result_is_free(function).then(|| {
            let result = result_ident();
            mixed! {
                #[allow(unused_variables)]
                let #result = &__larder_output;
            }
        });
        Some(
            mixed!({ #result let __larder_wanted: ::core::primitive::bool = #when; __larder_wanted }),
        )
    }
}

fn on_ok(value: Expr, errors: &mut Errors) -> Option<Expr> {
    if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &value {
        match text.value().as_str() {
            "ok" => return Some(value),
            "always" => return None,
            _ => {}
        }
    }
    errors.on(
        &value,
        "`on` is \"always\" (every way out of the body, the default) or \"ok\" (an `Ok` only)",
    );
    None
}

fn when(options: &mut Options, errors: &mut Errors) -> Option<(Ident, Expr)> {
    let (name, value) = options.assigned("when", errors)?;
    if let Expr::Closure(_) = value {
        let message = "`when` is a condition on the arguments and on `result`, a reference to what the function returns, written with \
                       their names: `when = result.is_ok()`";
        errors.on(&value, message);
        return None;
    }
    Some((name, value))
}
