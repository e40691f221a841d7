//! Marks at the start of the options, by which one expansion of the attribute informs the next one.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::{Parse as _, ParseStream, Parser as _};
use syn::{Token, parenthesized};

/// Marks the last expansion: not every unknown attribute is a macro, so the attribute must not move
/// again.
const LAST: &str = "__larder_last";
/// Lists the arguments that a `#[cfg]` has removed.
const WITHOUT: &str = "__larder_without";

/// The marks of an attribute.
#[derive(Default)]
pub(super) struct Marks {
    pub(super) last: bool,
    /// The names of the arguments that do not exist in this configuration.
    pub(super) without: Vec<Ident>,
}

impl Marks {
    /// Splits the tokens into the marks and the options.
    pub(super) fn take(args: TokenStream) -> (Self, TokenStream) {
        let parser = |input: ParseStream<'_>| {
            let mut marks = Self::default();
            while let Some(name) = input.fork().parse::<Ident>().ok().filter(is_mark) {
                input.parse::<Ident>()?;
                if name == LAST {
                    marks.last = true;
                } else {
                    let inside;
                    parenthesized!(inside in input);
                    marks.without.extend(inside.parse_terminated(Ident::parse, Token![,])?);
                }
                input.parse::<Token![,]>()?;
            }
            Ok((marks, input.parse()?))
        };
        parser.parse2(args.clone()).unwrap_or((Self::default(), args))
    }
}

fn is_mark(name: &Ident) -> bool {
    name == LAST || name == WITHOUT
}

impl ToTokens for Marks {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        if self.last {
            let last = Ident::new(LAST, Span::call_site());
            tokens.extend(quote!(#last,));
        }
        if !self.without.is_empty() {
            let (name, without) = (Ident::new(WITHOUT, Span::call_site()), &self.without);
            tokens.extend(quote!(#name(#(#without),*),));
        }
    }
}
