//! Assigns the user's attributes to the items that replace the function.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Attribute;

use crate::target::mentions;

/// Lints that the generated function would trigger and the user's function would not.
pub(crate) fn allowed() -> TokenStream {
    quote! {
        #[allow(
            refining_impl_trait,
            clippy::double_must_use,
            clippy::elidable_lifetime_names,
            clippy::extra_unused_lifetimes,
            clippy::needless_lifetimes,
            clippy::type_complexity,
            clippy::used_underscore_binding,
        )]
    }
}

/// The same for a hidden item without a counterpart in the user's code.
pub(crate) fn allowed_hidden() -> TokenStream {
    quote! {
        #[doc(hidden)]
        #[allow(
            async_fn_in_trait,
            missing_docs,
            clippy::missing_errors_doc,
            clippy::missing_panics_doc,
            clippy::must_use_candidate,
            clippy::unused_async,
        )]
    }
}

/// Attributes for the hidden item that contains the body: conditions, lint levels, and permission
/// to call deprecated items if the function is deprecated.
pub(crate) fn for_body(attrs: &[Attribute]) -> TokenStream {
    let mut out = TokenStream::new();
    for attr in attrs.iter().filter(|attr| !expects_dead_code(attr)) {
        if is(attr, &["cfg", "cfg_attr", "allow", "expect", "warn", "deny", "forbid"]) {
            out.extend(quote!(#attr));
        }
    }
    out.extend(leave(attrs));
    out
}

/// Attributes for an item that only passes its arguments to the item with the body.
pub(crate) fn for_forwarding(attrs: &[Attribute]) -> TokenStream {
    let lints = attrs.iter().filter(|attr| is(attr, &["cfg_attr", "allow"]));
    let leave = leave(attrs);
    quote!(#(#lints)* #leave)
}

/// Permission to call deprecated items.
fn leave(attrs: &[Attribute]) -> Option<TokenStream> {
    attrs.iter().any(|attr| is(attr, &["deprecated"])).then(|| quote!(#[allow(deprecated)]))
}

/// Attributes for an item without a body.
pub(crate) fn conditions(attrs: &[Attribute]) -> TokenStream {
    attrs.iter().filter(|attr| is(attr, &["cfg"])).map(|attr| quote!(#attr)).collect()
}

/// Attributes for the item that users call, if its body is in another item: an expected lint occurs
/// in the body, except that the function is never used.
pub(crate) fn for_wrapper(attrs: &[Attribute]) -> TokenStream {
    let stays = |attr: &&Attribute| !is(attr, &["expect"]) || expects_dead_code(attr);
    attrs.iter().filter(stays).map(|attr| quote!(#attr)).collect()
}

/// Whether the user expects the function to be unused.
pub(crate) fn expect_dead_code(attrs: &[Attribute]) -> bool {
    attrs.iter().any(expects_dead_code)
}

fn expects_dead_code(attr: &Attribute) -> bool {
    is(attr, &["expect"]) && mentions("dead_code", quote!(#attr))
}

fn is(attr: &Attribute, names: &[&str]) -> bool {
    names.iter().any(|name| attr.path().is_ident(name))
}
