//! `cache_if`, `unless`, `ttl_with`: functions of the value. `stale_if`, `err_ttl_with`: functions of the error. `skip_if`: a condition on
//! the arguments.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::Expr;
use syn::spanned::Spanned as _;

use super::copied::{Copied, takes_one};
use crate::errors::Errors;
use crate::mixed::{mixed, shown_at};
use crate::options::Options;
use crate::signature::Function;

/// The given conditions.
#[derive(Default)]
pub(crate) struct Conditions {
    cache_if: Option<OnValue>,
    unless: Option<OnValue>,
    ttl_with: Option<OnValue>,
    stale_if: Option<OnValue>,
    pub(super) err_ttl_with: Option<OnValue>,
    skip_if: Option<Expr>,
    /// What the functions of the value use of the arguments.
    pub(super) copied: Copied,
}

/// A function of the value, or of the error.
pub(super) struct OnValue {
    pub(super) name: Ident,
    function: Expr,
    /// Whether it uses arguments.
    of_call: bool,
}

impl Conditions {
    /// Takes the conditions from the options.
    pub(crate) fn take(options: &mut Options, errors: &mut Errors) -> Self {
        Self {
            cache_if: on_value("cache_if", options, errors),
            unless: on_value("unless", options, errors),
            ttl_with: on_value("ttl_with", options, errors),
            stale_if: on_error("stale_if", options, errors),
            err_ttl_with: on_error("err_ttl_with", options, errors),
            skip_if: on_arguments(options, errors),
            copied: Copied::default(),
        }
    }

    /// Whether the value decides how long it is fresh.
    pub(crate) fn has_ttl(&self) -> bool {
        self.ttl_with.is_some()
    }

    /// Finds the arguments that the functions of the value use. With `each` they cannot use any.
    pub(crate) fn sort(&mut self, function: &Function, each: Option<&Ident>, errors: &mut Errors) {
        let names = function.names();
        let Self { cache_if, unless, ttl_with, copied, .. } = self;
        for given in [cache_if, unless, ttl_with].into_iter().flatten() {
            let option = given.name.to_string();
            given.of_call = copied.add(&option, &mut given.function, &names, errors);
            if let Some(each) = each.filter(|_| given.of_call) {
                let message = format!(
                    "with `{each}`, `{option}` sees the value of an item only, and no arguments: a condition on the arguments is `skip_if`"
                );
                errors.at(given.name.span(), message);
            }
        }
        self.copied.check(function, errors);
        for given in [&mut self.stale_if, &mut self.err_ttl_with].into_iter().flatten() {
            let option = given.name.to_string();
            let message = if Copied::default().add(&option, &mut given.function, &names, errors) {
                format!(
                    "`{option}` sees the error only, and no arguments: put what it needs into the error"
                )
            } else if let Some(each) = each {
                format!(
                    "with `{each}`, the items of a load share one error: `{option}` is for functions without `{each}`"
                )
            } else {
                continue;
            };
            errors.at(given.name.span(), message);
        }
    }

    fn all(&self) -> impl Iterator<Item = &OnValue> {
        [&self.cache_if, &self.unless, &self.ttl_with].into_iter().flatten()
    }

    /// The functions that use no arguments, as setters of `Rules`. These take function pointers, so that rustc infers the
    /// argument types.
    pub(crate) fn rules(&self, private: &TokenStream) -> TokenStream {
        let of_value = |given: &&OnValue| !given.of_call;
        let keeps = self
            .cache_if
            .iter()
            .filter(of_value)
            .map(|OnValue { function, .. }| mixed!(.keeps(#function)));
        let unless = self
            .unless
            .iter()
            .filter(of_value)
            .map(|OnValue { function, .. }| mixed!(.unless(#function)));
        let terms = self.ttl_with.iter().filter(of_value).map(|given| {
            let ttl = given.statement(private);
            mixed!(.terms(|__larder_value, __larder_terms| { #ttl }))
        });
        mixed!(#(#keeps)* #(#unless)* #(#terms)*)
    }

    /// The functions of the error, as a setter of `Rules`. `shape` is the expression that finds the error.
    pub(super) fn of_error(
        &self,
        private: &TokenStream,
        shape: &TokenStream,
    ) -> Option<TokenStream> {
        let given: Vec<_> = [&self.stale_if, &self.err_ttl_with].into_iter().flatten().collect();
        let first = given.first()?;
        let statements = given.iter().map(|given| given.statement(private));
        let error = shown_at(first.name.span(), &mixed!(#private::error_of));
        Some(mixed! {
            .fails(|__larder_output, __larder_terms| {
                if let ::core::option::Option::Some(__larder_value) = #error(#shape, __larder_output) {
                    #(#statements)*
                }
            })
        })
    }

    /// The statements of a closure that decides by the arguments, if a function of the value uses some.
    pub(super) fn of_call(
        &self,
        function: &Function,
        private: &TokenStream,
    ) -> Option<TokenStream> {
        if self.copied.is_empty() {
            return None;
        }
        let statements =
            self.all().filter(|given| given.of_call).map(|given| given.statement(private));
        let (copies, lent) =
            (self.copied.copies(function, private), self.copied.lent(function, private));
        Some(mixed! {
            if __larder_directed.wants_terms() {
                #copies
                __larder_directed.terms(__larder_shape, move |__larder_value, __larder_terms| {
                    #lent
                    #(#statements)*
                });
            }
        })
    }

    /// The condition as a setter of `Fetch`.
    pub(crate) fn fetch(&self) -> Option<TokenStream> {
        self.skip_if.as_ref().map(|skip| mixed!(.skip_if(#skip)))
    }
}

impl OnValue {
    /// The statement that applies it to the value.
    fn statement(&self, private: &TokenStream) -> TokenStream {
        let Self { name, function, .. } = self;
        // rustc shows its error about what the function returns at the function.
        let shown = Span::mixed_site().located_at(function.span());
        let applied = quote_spanned!(shown=> #private::applied(__larder_value, #function));
        match name.to_string().as_str() {
            "cache_if" | "stale_if" => mixed!(__larder_terms.keep_if(#applied);),
            "unless" => mixed!(__larder_terms.keep_if(!#applied);),
            _ => {
                let (of, ttl) = (
                    shown_at(function.span(), &mixed!(#private::ttl_of)),
                    Ident::new("__larder_life", shown),
                );
                mixed! {
                    match #applied {
                        #ttl => #of(__larder_terms, #ttl),
                    }
                }
            }
        }
    }
}

/// A function of the value.
fn on_value(name: &str, options: &mut Options, errors: &mut Errors) -> Option<OnValue> {
    let (ident, value) = options.assigned(name, errors)?;
    match &value {
        Expr::Path(_) => {}
        Expr::Closure(closure) if takes_one(closure) => {}
        Expr::Closure(_) => {
            errors.on(
                &value,
                format!("`{name}` takes one argument, the value: `{name} = |value| ...`. It may use the function's arguments by their names"),
            );
            return None;
        }
        _ if name == "ttl_with" => {
            let message = "`ttl_with` takes a function of the cached value: a closure such as `|token| token.expires_in`, or a path. An \
                           expression over the arguments is `ttl = ...`";
            errors.on(&value, message);
            return None;
        }
        _ => {
            let message = format!(
                "`{name}` takes a function of the cached value: a closure such as `|user| user.active`, or a path such as \
                 `Vec::is_empty`. A condition on the arguments is `skip_if`"
            );
            errors.on(&value, message);
            return None;
        }
    }
    Some(OnValue { name: ident, function: value, of_call: false })
}

/// A function of the error.
fn on_error(name: &str, options: &mut Options, errors: &mut Errors) -> Option<OnValue> {
    let (ident, value) = options.assigned(name, errors)?;
    match &value {
        Expr::Path(_) => {}
        Expr::Closure(closure) if takes_one(closure) => {}
        _ => {
            let example = if name == "stale_if" { "is_transient()" } else { "retry_after()" };
            let message = format!(
                "`{name}` takes a function of the error: `{name} = |error| error.{example}`, or a path"
            );
            errors.on(&value, message);
            return None;
        }
    }
    Some(OnValue { name: ident, function: value, of_call: false })
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
