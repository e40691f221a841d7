//! `#[cache_put]`: stores a function's output in the entry of a cached function.

mod args;
mod expand;
mod model;

use proc_macro2::TokenStream;

use crate::errors::Errors;
use crate::signature::Function;
use crate::{fallback, mutator};
use args::Args;

const NAME: &str = "cache_put";

/// Expands the attribute.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    try_expand(args, item.clone()).unwrap_or_else(|error| fallback::keep(&error, item))
}

fn try_expand(args: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let function = Function::new(fallback::function(NAME, item)?);
    let mut errors = Errors::default();
    let args = Args::parse(args, &mut errors);
    mutator::check(NAME, &function, &mut errors);
    args.outcome.check(false, &function, &mut errors);
    let model = model::build(args, function, &mut errors);
    errors.check_some(model).map(|model| expand::expand(&model))
}
