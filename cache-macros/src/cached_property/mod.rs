//! `#[cached_property]`: `#[cached]` for a value of an instance, whose key must therefore name the instance, or which lies in a
//! cell of it.

pub(crate) mod cell;

use proc_macro2::TokenStream;

use crate::cached::{self, Flavor};

/// The attribute as a function of its tokens.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    cached::expand_as(Flavor::Property, args, item)
}
