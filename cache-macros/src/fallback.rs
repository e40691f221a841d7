//! What is emitted when an attribute is wrong: its errors, and the user's item as it was written (or, for wrong options of
//! `#[cached]`, as it would be without them).
//!
//! Keeping the item means that one mistake gives one message, not one more for every use of the function.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Item, ItemFn};

/// `item` beside the errors.
pub(crate) fn keep(error: &syn::Error, item: TokenStream) -> TokenStream {
    let errors = error.to_compile_error();
    quote! { #errors #item }
}

/// The function that the attribute `name` was put on.
pub(crate) fn function(name: &str, item: TokenStream) -> syn::Result<ItemFn> {
    let error = match syn::parse2::<ItemFn>(item.clone()) {
        Ok(function) => return Ok(function),
        Err(error) => error,
    };
    match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Verbatim(_)) => Err(syn::Error::new_spanned(item, no_body(name))),
        Ok(other) => Err(syn::Error::new_spanned(
            item,
            format!("`#[{name}]` goes on a function; found {}", kind(&other)),
        )),
        Err(_) if is_declaration(&item) => Err(syn::Error::new_spanned(item, no_body(name))),
        Err(_) => Err(error),
    }
}

fn no_body(name: &str) -> String {
    format!("`#[{name}]` goes on a function with a body: put it on the implementation")
}

fn is_declaration(item: &TokenStream) -> bool {
    syn::parse2::<syn::TraitItemFn>(item.clone()).is_ok()
}

fn kind(item: &Item) -> &'static str {
    match item {
        Item::Struct(_) => "a struct",
        Item::Enum(_) => "an enum",
        Item::Union(_) => "a union",
        Item::Mod(_) => "a module",
        Item::Impl(_) => "an impl block: put it on the methods",
        Item::Trait(_) => "a trait: put it on the methods of an implementation",
        Item::Const(_) => "a constant",
        Item::Static(_) => "a static",
        Item::Type(_) => "a type alias",
        Item::Use(_) => "an import",
        Item::Macro(_) => "a macro",
        _ => "something else",
    }
}
