//! Generates the statements that build keys and tags.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned as _;

use super::{Constant, Field, Part, Piece, Place, Template};
use crate::cached::Affixes;
use crate::mixed::mixed;

/// How the statements of a template name an argument (or a constant parameter): the place that it is in.
pub(crate) type Places<'a> = &'a dyn Fn(Ident) -> TokenStream;

/// As the function names it.
fn as_named(ident: Ident) -> TokenStream {
    ident.into_token_stream()
}

impl Template {
    /// A block whose value is the `KeyBuf` of this template.
    pub(crate) fn key_buf(&self, private: &TokenStream) -> TokenStream {
        let guard = self.guard(&Affixes::default());
        self.buf(private, guard.as_ref())
    }

    /// The same for a tag, which may begin with any text of an argument.
    pub(crate) fn tag_buf(&self, private: &TokenStream) -> TokenStream {
        self.buf(private, None)
    }

    /// The key with the texts around it, and with `more` after its own text.
    pub(crate) fn key_statements(
        &self,
        private: &TokenStream,
        affixes: &Affixes,
        places: Places<'_>,
        more: &TokenStream,
    ) -> TokenStream {
        let key = Ident::new("__larder_key", Span::mixed_site());
        let (prefix, version) = (affixes.before(private, &key, places), affixes.after(&key));
        let key = key.to_token_stream();
        let (guard, pushes) = (self.guard(affixes), self.pushes(private, places, &key, &key));
        mixed!(#prefix #pushes #guard #more #version)
    }

    fn guard(&self, affixes: &Affixes) -> Option<TokenStream> {
        let guarded = affixes.begins_with_argument(Some(self));
        guarded.then(|| mixed!(__larder_key.guard_head();))
    }

    fn buf(&self, private: &TokenStream, more: Option<&TokenStream>) -> TokenStream {
        let key = mixed!(__larder_key);
        let traits = self.traits(private);
        let pushes = self.pushes(private, &as_named, &key, &mixed!(&mut #key));
        mixed! {
            {
                #traits
                let mut #key = #private::KeyBuf::new();
                #pushes
                #more
                #key
            }
        }
    }

    /// The parts. `position`: the index of the argument that is called so.
    pub(crate) fn parts(
        &self,
        private: &TokenStream,
        position: &dyn Fn(&Ident) -> Option<usize>,
    ) -> Vec<TokenStream> {
        let whole = |place: &Place| position(&place.root).filter(|_| place.fields.is_empty());
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => mixed!(#private::Part::Text(#text)),
            Part::Place(place) => match whole(place) {
                Some(at) => mixed!(#private::Part::Argument(#at)),
                None => mixed!(#private::Part::Value),
            },
            // Constants occur only in tags.
            Part::Piece(_) | Part::Const(_) => mixed!(#private::Part::Value),
            Part::Type(_) => mixed!(#private::Part::Type),
        });
        parts.collect()
    }

    /// The imports that [`Template::pushes`] needs. They belong in a generated block, because the
    /// user's body must not see them.
    pub(crate) fn traits(&self, private: &TokenStream) -> Option<TokenStream> {
        let needed = self.places().next().is_some();
        needed.then(|| mixed!(use #private::{PushDisplay as _, PushExact as _};))
    }

    /// Statements that write the template. `buffer` takes method calls, `borrowed` is the same
    /// buffer as an argument.
    pub(crate) fn pushes(
        &self,
        private: &TokenStream,
        places: Places<'_>,
        buffer: &TokenStream,
        borrowed: &TokenStream,
    ) -> TokenStream {
        let pushes = self.parts.iter().map(|part| match part {
            Part::Text(text) => mixed!(#buffer.literal(#text);),
            Part::Place(place) => place.push(self.literal.span(), private, places, borrowed),
            Part::Type(ident) => {
                let ident = shown_ident(ident, self.literal.span());
                mixed!(#buffer.type_name::<#ident>();)
            }
            Part::Piece(piece) => mixed!(#buffer.literal(#piece.as_str());),
            Part::Const(constant) => {
                let text = constant.checked(private);
                mixed!(#buffer.literal(#text);)
            }
        });
        pushes.collect()
    }
}

impl Constant {
    /// The text, after rustc has checked that it is a valid tag. rustc shows an error at the path.
    pub(super) fn checked(&self, private: &TokenStream) -> TokenStream {
        let path = &self.path;
        let shown = Span::mixed_site().located_at(path.span());
        quote_spanned!(shown=> const { #private::tag(#path) })
    }
}

impl Piece {
    /// The statement that writes the place.
    pub(crate) fn statement(&self, private: &TokenStream) -> TokenStream {
        let (name, key) = (&self.name, Ident::new("__larder_key", Span::mixed_site()));
        let push = self.place.push(self.literal.span(), private, &as_named, &mixed!(&mut #key));
        mixed! {
            let #name = {
                use #private::{PushDisplay as _, PushExact as _};
                let mut #key = #private::KeyBuf::new();
                #push
                #key
            };
        }
    }
}

impl Place {
    /// The statement that writes the place. rustc shows its error about a type that is not
    /// `Display` at the template.
    fn push(
        &self,
        shown: Span,
        private: &TokenStream,
        places: Places<'_>,
        borrowed: &TokenStream,
    ) -> TokenStream {
        let place = self.expr(shown, places);
        let shown = Span::mixed_site().located_at(shown);
        quote_spanned!(shown=> (&#private::Field(&#place)).push(#borrowed);)
    }

    /// The place as an expression with the argument's name resolution, shown at the template.
    fn expr(&self, shown: Span, places: Places<'_>) -> TokenStream {
        let mut expr = places(shown_ident(&self.root, shown));
        for field in &self.fields {
            let field = match field {
                Field::Named(name) => {
                    let mut name = name.clone();
                    name.set_span(shown);
                    name.to_token_stream()
                }
                Field::At(index) => at(*index, shown),
            };
            expr = quote_spanned!(shown => #expr.#field);
        }
        expr
    }
}

/// `ident` with its own name resolution, shown at the template.
fn shown_ident(ident: &Ident, shown: Span) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(shown.resolved_at(ident.span()));
    ident
}

fn at(index: u32, shown: Span) -> TokenStream {
    let mut literal = Literal::u32_unsuffixed(index);
    literal.set_span(shown);
    literal.to_token_stream()
}
