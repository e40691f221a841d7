//! The shared part of `#[cache_evict]` and `#[cache_put]`: a function that keeps its signature,
//! with additional code around its body.

use proc_macro2::TokenStream;
use syn::Type;

use crate::crate_path::Root;
use crate::errors::Errors;
use crate::mixed::mixed;
use crate::plain::plain;
use crate::returns::{Returns, is_opaque};
use crate::signature::Function;

/// Records functions that cannot have either attribute.
pub(crate) fn check(name: &str, function: &Function, errors: &mut Errors) {
    if let Some(token) = &function.sig.constness {
        errors.on(
            token,
            format!("`#[{name}]` cannot go on a `const fn`: there is no cache at compile time"),
        );
    }
}

/// The function with the body `inside`.
pub(crate) fn wrap(function: &Function, root: &Root, inside: &TokenStream) -> TokenStream {
    let Function { attrs, vis, sig, .. } = function;
    let inside = match function.returns {
        Returns::Value | Returns::Async => inside.clone(),
        Returns::Opaque(_) => mixed!(async move { #inside }),
        Returns::Boxed(_) => mixed!(::std::boxed::Box::pin(async move { #inside })),
    };
    let uses = function.uses(|_| true);
    let documented = &root.documented;
    let block = function.block_of(&mixed!(#documented #uses #inside));
    mixed! {
        #(#attrs)*
        #[allow(clippy::must_use_candidate)]
        #vis #sig #block
    }
}

/// An expression that runs the user's body, including `return` and `?`, and yields its output.
///
/// With `keeps_arguments` the body captures only the arguments that it consumes, so that later
/// expressions can use the rest. Otherwise it captures all by value: a borrow would make the future
/// `!Send` for arguments that are `Send` but not `Sync`.
pub(crate) fn run_body(function: &Function, root: &Root, keeps_arguments: bool) -> TokenStream {
    let private = &root.private;
    let block = function.returns.awaited(private, &function.body());
    let capture = (!keeps_arguments).then(|| mixed!(move));
    let named = nameable(function);
    if !function.is_async() {
        let output = named.map(|output| mixed!(-> #output));
        return mixed!((#capture || #output #block)());
    }
    let hint = named.map(|output| {
        mixed! {
            if false {
                return #private::typed::<#output>();
            }
        }
    });
    mixed!(async #capture { #hint #block }.await)
}

/// The output type, unless a body cannot name it.
pub(crate) fn nameable(function: &Function) -> Option<Type> {
    let output = function.output();
    let named = !is_opaque(&output) && !matches!(plain(&output), Type::Never(_));
    named.then_some(output)
}

/// Whether the function returns `()`.
pub(crate) fn returns_nothing(function: &Function) -> bool {
    matches!(plain(&function.output()), Type::Tuple(tuple) if tuple.elems.is_empty())
}
