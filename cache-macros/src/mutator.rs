//! What `#[cache_evict]` and `#[cache_put]` share: a function that keeps its signature and whose body runs in the middle.

use proc_macro2::TokenStream;
use syn::visit::{self, Visit};
use syn::{ReturnType, Type};

use crate::crate_path::Root;
use crate::errors::Errors;
use crate::lifetimes::plain;
use crate::mixed::mixed;
use crate::signature::Function;

/// Records what neither attribute can go on.
pub(crate) fn check(name: &str, function: &Function, errors: &mut Errors) {
    if let Some(token) = &function.sig.constness {
        errors.on(
            token,
            format!("`#[{name}]` cannot go on a `const fn`: there is no cache at compile time"),
        );
    }
}

/// The function with `inside` for its body.
pub(crate) fn wrap(function: &Function, inside: &TokenStream) -> TokenStream {
    let Function { attrs, vis, sig, .. } = function;
    mixed! {
        #(#attrs)*
        #vis #sig {
            #inside
        }
    }
}

/// An expression that runs the user's body, `return` and `?` included, and yields its output.
///
/// With `keeps_arguments` the body takes only what it consumes, so that later expressions can use the rest. Otherwise it takes
/// all: a borrow would make the future `!Send` for arguments that are `Send` but not `Sync`.
pub(crate) fn run_body(function: &Function, root: &Root, keeps_arguments: bool) -> TokenStream {
    let (private, block) = (&root.private, function.body());
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

/// The output, unless it cannot be written down in a body.
pub(crate) fn nameable(function: &Function) -> Option<Type> {
    let output = function.output();
    let mut opaque = Opaque(matches!(plain(&output), Type::Never(_)));
    opaque.visit_type(&output);
    (!opaque.0).then_some(output)
}

/// Whether the function returns `()`.
pub(crate) fn returns_nothing(function: &Function) -> bool {
    match &function.sig.output {
        ReturnType::Default => true,
        ReturnType::Type(_, ty) => {
            matches!(plain(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
        }
    }
}

struct Opaque(bool);

impl<'ast> Visit<'ast> for Opaque {
    fn visit_type_impl_trait(&mut self, ty: &'ast syn::TypeImplTrait) {
        self.0 = true;
        visit::visit_type_impl_trait(self, ty);
    }
}
