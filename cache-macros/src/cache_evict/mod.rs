//! `#[cache_evict]`: evicts the entries that a mutator makes old.

mod args;
mod expand;
mod model;

use proc_macro2::TokenStream;

use crate::errors::Errors;
use crate::signature::Function;
use crate::{fallback, mutator};
use args::Args;
#[cfg(test)]
pub(crate) use args::GRAMMAR;

const NAME: &str = "cache_evict";

/// Expands the attribute.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    try_expand(args.clone(), item.clone()).unwrap_or_else(|error| {
        let root = Args::parse(args, &mut Errors::default()).root;
        fallback::keep(&error, fallback::documented(item, &root))
    })
}

fn try_expand(args: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let function = Function::new(fallback::function(NAME, item)?);
    let mut errors = Errors::default();
    let args = Args::parse(args, &mut errors);
    mutator::check(NAME, &function, &mut errors);
    let model = model::build(args, function, &mut errors);
    errors.check(model).map(|model| expand::expand(&model))
}
