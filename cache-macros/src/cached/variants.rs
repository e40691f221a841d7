//! `#[cfg]` on an argument, which rustc does not evaluate before the attribute. The attribute
//! generates two functions with an attribute each, and rustc takes one of them.

use proc_macro2::TokenStream;
use quote::quote;
use syn::visit::{self, Visit};
use syn::{Attribute, FnArg, Ident, ItemFn, PatType};

use super::Flavor;
use super::marks::Marks;
use super::order::macros;

/// The function with and without the first argument that has a `#[cfg]`.
pub(super) fn of_configurations(
    flavor: Flavor,
    marks: &Marks,
    args: &TokenStream,
    item: &TokenStream,
) -> Option<TokenStream> {
    let with: ItemFn = syn::parse2(item.clone()).ok()?;
    let at = with.sig.inputs.iter().position(|input| condition(input).is_some())?;
    let mut without = with.clone();
    let removed = without.sig.inputs.iter().nth(at).map(names).unwrap_or_default();
    without.sig.inputs = remaining(&with, at);
    let mut with = with;
    let condition = with.sig.inputs.iter_mut().nth(at).and_then(take_condition)?;
    let removed = marks.without.iter().cloned().chain(removed).collect();
    let marks_without = Marks { last: marks.last, without: removed };
    let name = Ident::new(flavor.name(), proc_macro2::Span::call_site());
    let macros = macros(flavor, args);
    Some(quote! {
        #[cfg(#condition)]
        #[#macros::#name(#marks #args)]
        #with

        #[cfg(not(#condition))]
        #[#macros::#name(#marks_without #args)]
        #without
    })
}

fn remaining(function: &ItemFn, at: usize) -> syn::punctuated::Punctuated<FnArg, syn::Token![,]> {
    let inputs = function.sig.inputs.iter().enumerate();
    inputs.filter(|(index, _)| *index != at).map(|(_, input)| input.clone()).collect()
}

fn is_condition(attr: &Attribute) -> bool {
    attr.path().is_ident("cfg")
}

fn condition(input: &FnArg) -> Option<&Attribute> {
    match input {
        FnArg::Typed(PatType { attrs, .. }) => attrs.iter().find(|attr| is_condition(attr)),
        FnArg::Receiver(_) => None,
    }
}

/// Removes the predicate from the argument, and returns it.
fn take_condition(input: &mut FnArg) -> Option<TokenStream> {
    let FnArg::Typed(PatType { attrs, .. }) = input else { return None };
    let at = attrs.iter().position(is_condition)?;
    Some(attrs.remove(at).meta.require_list().ok()?.tokens.clone())
}

/// The names that options may use for `input`.
fn names(input: &FnArg) -> Vec<Ident> {
    #[derive(Default)]
    struct Found(Vec<Ident>);
    impl<'ast> Visit<'ast> for Found {
        fn visit_pat_ident(&mut self, pat: &'ast syn::PatIdent) {
            self.0.push(pat.ident.clone());
            visit::visit_pat_ident(self, pat);
        }
    }
    let mut found = Found::default();
    if let FnArg::Typed(PatType { pat, .. }) = input {
        found.visit_pat(pat);
    }
    found.0
}
