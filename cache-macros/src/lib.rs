//! The attributes of larder: [`macro@cached`], [`macro@cached_property`], [`macro@cache_evict`],
//! [`macro@cache_put`], and the macro [`call!`].
//!
//! Use them through `larder`. Each attribute is parsed (`args`), validated (`model`) and expanded
//! (`expand`, which cannot fail); all mistakes in one attribute are reported together. An expansion
//! builds a key and calls one function of `larder::__private`, which contains the behaviour as
//! ordinary code.
#![forbid(unsafe_code)]

mod cache_evict;
mod cache_put;
mod cached;
mod cached_impl;
mod cached_property;
mod call;
mod crate_path;
mod duration;
mod elsewhere;
mod entries;
mod errors;
mod fallback;
mod foreign;
mod ide;
mod kept;
mod mixed;
mod mutator;
mod options;
mod outcome;
mod plain;
mod returns;
mod signature;
mod subject;
mod target;
mod template;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

#[doc = include_str!("../docs/cached.md")]
#[proc_macro_attribute]
pub fn cached(args: TokenStream, item: TokenStream) -> TokenStream {
    cached::expand(args.into(), item.into()).into()
}

#[doc = include_str!("../docs/cached_property.md")]
#[proc_macro_attribute]
pub fn cached_property(args: TokenStream, item: TokenStream) -> TokenStream {
    cached_property::expand(args.into(), item.into()).into()
}

#[doc = include_str!("../docs/cache_evict.md")]
#[proc_macro_attribute]
pub fn cache_evict(args: TokenStream, item: TokenStream) -> TokenStream {
    cache_evict::expand(args.into(), item.into()).into()
}

#[doc = include_str!("../docs/cached_impl.md")]
#[proc_macro_attribute]
pub fn cached_impl(args: TokenStream, item: TokenStream) -> TokenStream {
    cached_impl::expand(args.into(), item.into()).into()
}

#[doc = include_str!("../docs/cache_put.md")]
#[proc_macro_attribute]
pub fn cache_put(args: TokenStream, item: TokenStream) -> TokenStream {
    cache_put::expand(args.into(), item.into()).into()
}

#[doc = include_str!("../docs/call.md")]
#[proc_macro]
pub fn call(input: TokenStream) -> TokenStream {
    call::expand(input.into()).into()
}

#[doc = include_str!("../docs/entries.md")]
#[proc_macro]
pub fn entries(input: TokenStream) -> TokenStream {
    entries::expand(input.into()).into()
}
