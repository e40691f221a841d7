//! The output for an invalid attribute: its errors, and the user's item as it was written (or, for
//! invalid options of `#[cached]`, expanded without options).
//!
//! Since the item is kept, one mistake gives one message, and uses of the function give no others.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;
use syn::{Item, ItemFn};

use crate::crate_path::Root;
use crate::ide;

/// The errors, followed by `item`.
pub(crate) fn keep(error: &syn::Error, item: TokenStream) -> TokenStream {
    let errors = error.to_compile_error();
    // rust-analyzer relates a token to the first one in the expansion, and an error has tokens at each mistake.
    match ide::is_asking() {
        true => quote! { #item #errors },
        false => quote! { #errors #item },
    }
}

/// The function, with the documentation of its attribute's options in its body.
pub(crate) fn documented(item: TokenStream, root: &Root) -> TokenStream {
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    let documented = &root.documented;
    if let Some(TokenTree::Group(body)) = tokens.last_mut()
        && body.delimiter() == Delimiter::Brace
        && !documented.is_empty()
    {
        let (inside, span) = (body.stream(), body.span());
        *body = Group::new(Delimiter::Brace, quote!(#documented #inside));
        body.set_span(span);
    }
    let item: TokenStream = tokens.into_iter().collect();
    // The attributes of a valid expansion: rust-analyzer completes a name only if both look alike up to the name.
    if documented.is_empty() { item } else { quote!(#[allow(clippy::must_use_candidate)] #item) }
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
