//! Hygiene of what we emit.

use proc_macro2::{Group, Span, TokenStream, TokenTree};

/// Our `tokens` as they resolve, but shown at `span`: what rustc says of them is then said there.
pub(crate) fn shown_at(span: Span, tokens: &TokenStream) -> TokenStream {
    let shown = |token: TokenTree| {
        let mut token = match token {
            TokenTree::Group(group) => {
                Group::new(group.delimiter(), shown_at(span, &group.stream())).into()
            }
            token => token,
        };
        token.set_span(token.span().located_at(span));
        token
    };
    tokens.clone().into_iter().map(shown).collect()
}

/// `quote!` whose own local variables cannot collide with the user's. Interpolated tokens keep their spans.
macro_rules! mixed {
    ($($tokens:tt)*) => {
        ::quote::quote_spanned! { ::proc_macro2::Span::mixed_site() => $($tokens)* }
    };
}

pub(crate) use mixed;
