//! Hygiene of what we emit.

/// `quote!` whose own local variables cannot collide with the user's. Interpolated tokens keep their spans.
macro_rules! mixed {
    ($($tokens:tt)*) => {
        ::quote::quote_spanned! { ::proc_macro2::Span::mixed_site() => $($tokens)* }
    };
}

pub(crate) use mixed;
