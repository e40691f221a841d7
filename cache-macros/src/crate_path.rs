//! The path to the runtime: the facade if the user depends on it, otherwise `cache-core`.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Expr, Path};

use crate::errors::Errors;
use crate::options::Options;

/// The path to the facade, the path to its private part, and what connects the options with their documentation.
#[derive(Clone)]
pub(crate) struct Root {
    /// `::larder`
    pub(crate) larder: TokenStream,
    /// `::larder::__private`
    pub(crate) private: TokenStream,
    /// See [`Options::documented`].
    pub(crate) documented: TokenStream,
}

impl Root {
    /// Takes `crate = path` from the options, or reads the user's Cargo.toml.
    pub(crate) fn take(options: &mut Options, errors: &mut Errors) -> Self {
        let larder = match options.assigned("crate", errors) {
            Some((_, expr)) => given(&expr, errors).unwrap_or_else(found),
            None => found(),
        };
        let root = Self::new(larder);
        Self { documented: options.documented(&root.private), ..root }
    }

    /// Reads the user's Cargo.toml.
    pub(crate) fn found() -> Self {
        Self::new(found())
    }

    fn new(larder: TokenStream) -> Self {
        let private = quote!(#larder::__private);
        Self { larder, private, documented: TokenStream::new() }
    }
}

/// The path to the attributes, if the user depends on them without the facade.
pub(crate) fn macros() -> Option<TokenStream> {
    named("larder").or_else(|| named("cache-macros"))
}

fn given(expr: &Expr, errors: &mut Errors) -> Option<TokenStream> {
    let path: syn::Result<Path> = syn::parse2(expr.to_token_stream());
    match path {
        Ok(path) => Some(path.to_token_stream()),
        Err(_) => {
            errors.on(expr, "`crate` takes a path to larder, such as `crate = my_crate::larder`");
            None
        }
    }
}

fn found() -> TokenStream {
    // The facade's own tests and examples use it as an external crate, so `Itself` needs no special
    // case.
    named("larder").or_else(|| named("cache-core")).unwrap_or_else(|| quote!(::larder))
}

fn named(package: &str) -> Option<TokenStream> {
    let name = match crate_name(package).ok()? {
        FoundCrate::Itself => package.replace('-', "_"),
        FoundCrate::Name(name) => name,
    };
    let name = Ident::new(&name, Span::call_site());
    Some(quote!(::#name))
}
