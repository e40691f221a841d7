//! Snapshots of expansions, and the text of every error.

mod cached;
mod cached_cell;
mod cached_detached;
mod cached_impl;
mod cached_keys;
mod cached_policy;
mod cached_sync;
mod call;
mod errors_cached;
mod errors_mutators;
mod errors_policy;
mod errors_template;
mod hygiene;
mod models;
mod mutators;

use expect_test::Expect;
use proc_macro2::TokenStream;

pub(crate) use expect_test::expect;
pub(crate) use quote::quote;

/// An attribute as a function.
type Attribute = fn(TokenStream, TokenStream) -> TokenStream;

/// Compares the formatted expansion with `expected`.
fn check(attribute: Attribute, args: TokenStream, item: TokenStream, expected: &Expect) {
    expected.assert_eq(&pretty(attribute(args, item)));
}

/// The same for an attribute on a method.
fn check_method(attribute: Attribute, args: TokenStream, item: TokenStream, expected: &Expect) {
    let methods = attribute(args, item);
    expected.assert_eq(&pretty(quote!(impl Type { #methods })));
}

fn pretty(tokens: TokenStream) -> String {
    match syn::parse2(tokens.clone()) {
        Ok(file) => prettyplease::unparse(&file),
        Err(error) => panic!("{error} in {tokens}"),
    }
}

/// The messages of a failed expansion. The item follows them, as it was written or expanded without
/// options.
fn messages(attribute: Attribute, args: TokenStream, item: TokenStream) -> Vec<String> {
    let expansion = attribute(args, item.clone());
    let failed = expansion.to_string();
    let kept = failed.ends_with(&item.to_string()) || failed.contains("__private :: Fetch");
    assert!(kept, "the item is gone: {failed}");
    found(&expansion)
}

/// The texts of all `compile_error!`s in `tokens`.
fn found(tokens: &TokenStream) -> Vec<String> {
    let mut out = Vec::new();
    let mut was_error = false;
    for token in tokens.clone() {
        match token {
            proc_macro2::TokenTree::Ident(ident) => was_error = ident == "compile_error",
            proc_macro2::TokenTree::Group(group) if was_error => {
                was_error = false;
                let text: syn::Result<syn::LitStr> = syn::parse2(group.stream());
                out.extend(text.map(|text| text.value()));
            }
            _ => {}
        }
    }
    out
}

/// Asserts that there are exactly these errors, each identified by a part of its text.
fn fails(attribute: Attribute, args: TokenStream, item: TokenStream, parts: &[&str]) {
    let messages = messages(attribute, args, item);
    assert_eq!(messages.len(), parts.len(), "{messages:#?}");
    for part in parts {
        assert!(
            messages.iter().any(|message| message.contains(part)),
            "no {part:?} in {messages:#?}"
        );
    }
}
