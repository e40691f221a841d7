//! Hygiene of the generated code.

use proc_macro2::{Group, Span, TokenStream, TokenTree};

/// `tokens` with their own name resolution, but shown at `span`: rustc shows errors about them
/// there.
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

/// `quote!` whose local variables cannot collide with the user's. Interpolated tokens keep their
/// spans.
macro_rules! mixed {
    ($($tokens:tt)*) => {
        ::quote::quote_spanned! { ::proc_macro2::Span::mixed_site() => $($tokens)* }
    };
}

pub(crate) use mixed;
