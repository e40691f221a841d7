//! `#[cached_property]`: `#[cached]` for a value of an instance. Its key must name the instance, or
//! the value is in a cell of the instance.

pub(crate) mod cell;

use proc_macro2::TokenStream;

use crate::cached::{self, Flavor};

/// Expands the attribute.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    cached::expand_as(Flavor::Property, args, item)
}
