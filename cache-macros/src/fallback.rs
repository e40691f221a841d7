//! The output for an invalid attribute: its errors, and the user's item as it was written (or, for
//! invalid options of `#[cached]`, expanded without options).
//!
//! Since the item is kept, one mistake gives one message, and uses of the function give no others.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Item, ItemFn};

/// The errors, followed by `item`.
pub(crate) fn keep(error: &syn::Error, item: TokenStream) -> TokenStream {
    let errors = error.to_compile_error();
    quote! { #errors #item }
}

/// Parses the function that has the attribute `name`.
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
