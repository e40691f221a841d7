//! Borrowed arguments for a load in the background: owned copies, which the body borrows again.
//!
//! The tokens show what a type borrows. A reference, also inside an `Option`, a `Vec` or a slice,
//! can be copied to an owned value; for other types the macro does not know how.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{GenericArgument, Ident, Lifetime, PathArguments, Type, TypeReference};

use crate::mixed::{mixed, shown_at};
use crate::plain::plain;
use crate::signature::Function;

/// Where a type contains a borrow.
enum Borrow<'a> {
    Nowhere,
    Whole(&'a Type),
    InOption(&'a Type),
    InList(&'a Type),
    Elsewhere,
}

fn borrow(ty: &Type) -> Borrow<'_> {
    if !borrows(ty) {
        return Borrow::Nowhere;
    }
    match plain(ty) {
        Type::Reference(reference) if reference.mutability.is_none() => {
            Borrow::Whole(&reference.elem)
        }
        Type::Slice(slice) => Borrow::InList(&slice.elem),
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else { return Borrow::Elsewhere };
            let PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return Borrow::Elsewhere;
            };
            match (last.ident.to_string().as_str(), arguments.args.first()) {
                ("Option", Some(GenericArgument::Type(ty))) => Borrow::InOption(ty),
                ("Vec", Some(GenericArgument::Type(ty))) => Borrow::InList(ty),
                _ => Borrow::Elsewhere,
            }
        }
        _ => Borrow::Elsewhere,
    }
}

/// Whether the tokens of `ty` show a borrow that is shorter than `'static`.
pub(crate) fn borrows(ty: &Type) -> bool {
    struct Borrows(bool);
    impl<'ast> Visit<'ast> for Borrows {
        fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
            self.0 |= reference.lifetime.is_none();
            visit::visit_type_reference(self, reference);
        }
        fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
            self.0 |= lifetime.ident != "static";
        }
        // Their references belong to a future call.
        fn visit_type_fn_ptr(&mut self, _: &'ast syn::TypeFnPtr) {}
        fn visit_parenthesized_generic_arguments(
            &mut self,
            _: &'ast syn::ParenthesizedGenericArguments,
        ) {
        }
    }
    let mut borrows = Borrows(false);
    borrows.visit_type(ty);
    borrows.0
}

/// The arguments that cannot be copied to owned values. (Does not report `&mut`, which has its own
/// error.)
pub(crate) fn bound(function: &Function) -> Vec<&Type> {
    let mutable = |ty: &Type| matches!(plain(ty), Type::Reference(it) if it.mutability.is_some());
    let types = function.args.iter().filter(|arg| !arg.item).map(|arg| &arg.ty);
    types.filter(|ty| !mutable(ty) && !can_be_owned(ty)).collect()
}

fn can_be_owned(ty: &Type) -> bool {
    match borrow(ty) {
        // A new value can be borrowed as a whole, but not from inside another value.
        Borrow::Whole(inner) => can_be_owned_inside(inner),
        _ => can_be_owned_inside(ty),
    }
}

fn can_be_owned_inside(ty: &Type) -> bool {
    match borrow(ty) {
        Borrow::Nowhere => true,
        Borrow::Whole(inner) => !borrows(inner),
        Borrow::InOption(inner) | Borrow::InList(inner) => can_be_owned_inside(inner),
        Borrow::Elsewhere => false,
    }
}

/// How an argument gets into a load in the background.
pub(super) struct Owning {
    /// The statement that makes it owned; empty if it already is.
    pub(super) copy: TokenStream,
    /// The argument as the body takes it.
    pub(super) lent: TokenStream,
}

impl Owning {
    /// For an argument `name` of type `ty`.
    pub(super) fn new(private: &TokenStream, name: &Ident, ty: &Type) -> Self {
        Self::by(&mixed!(#private::detached), private, name, ty)
    }

    /// The same with another function that copies.
    pub(super) fn by(
        detached: &TokenStream,
        private: &TokenStream,
        name: &Ident,
        ty: &Type,
    ) -> Self {
        let makers = Makers { detached, private, span: name.span() };
        let (made, lent) = match borrow(ty) {
            Borrow::Nowhere | Borrow::Elsewhere => return Self::as_it_is(name),
            Borrow::Whole(inner) if borrows(inner) => {
                let lent = makers.lent(inner, &mixed!(&#name));
                (makers.made(inner, &mixed!(#name)), mixed!(&#lent))
            }
            Borrow::Whole(inner) => (makers.made(inner, &mixed!(#name)), mixed!(&#name)),
            _ => (makers.made(ty, &mixed!(&#name)), makers.lent(ty, &mixed!(&#name))),
        };
        let shown = Span::mixed_site().located_at(name.span());
        Self { copy: quote_spanned!(shown=> let #name = #made;), lent }
    }

    /// For an argument that is already owned.
    pub(super) fn as_it_is(name: &Ident) -> Self {
        Self { copy: TokenStream::new(), lent: name.to_token_stream() }
    }
}

struct Makers<'a> {
    /// The function that copies.
    detached: &'a TokenStream,
    private: &'a TokenStream,
    span: Span,
}

impl Makers<'_> {
    /// An owned copy of the value behind `place`, a reference to a `ty`. rustc shows its error
    /// about a type that is not `Clone` at the argument.
    fn made(&self, ty: &Type, place: &TokenStream) -> TokenStream {
        match borrow(ty) {
            Borrow::Nowhere | Borrow::Elsewhere => {
                let detached = shown_at(self.span, self.detached);
                let shown = Span::mixed_site().located_at(self.span);
                quote_spanned!(shown=> #detached(#place))
            }
            Borrow::Whole(inner) => self.made(inner, &mixed!(*#place)),
            Borrow::InOption(inner) => {
                let made = self.made(inner, &mixed!(it));
                mixed!((#place).as_ref().map(|it| #made))
            }
            Borrow::InList(inner) => {
                let made = self.made(inner, &mixed!(it));
                mixed!((#place).iter().map(|it| #made).collect::<::std::vec::Vec<_>>())
            }
        }
    }

    /// A `ty` that borrows from the copy behind `place`.
    fn lent(&self, ty: &Type, place: &TokenStream) -> TokenStream {
        let private = self.private;
        match borrow(ty) {
            Borrow::Nowhere | Borrow::Elsewhere => mixed!(::core::clone::Clone::clone(#place)),
            Borrow::Whole(_) => mixed!(#private::lent(#place)),
            Borrow::InOption(inner) => {
                let lent = self.lent(inner, &mixed!(it));
                mixed!((#place).as_ref().map(|it| #lent))
            }
            Borrow::InList(inner) => {
                let lent = self.lent(inner, &mixed!(it));
                mixed!((#place).iter().map(|it| #lent).collect::<::std::vec::Vec<_>>())
            }
        }
    }
}

/// `ty` with anonymous lifetimes instead of the function's own.
pub(super) fn anonymous(ty: &Type) -> Type {
    struct Anonymous;
    impl VisitMut for Anonymous {
        fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
            reference.lifetime.take_if(|lifetime| lifetime.ident != "static");
            visit_mut::visit_type_reference_mut(self, reference);
        }
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if lifetime.ident != "static" {
                *lifetime = Lifetime::new("'_", lifetime.apostrophe);
            }
        }
        fn visit_type_fn_ptr_mut(&mut self, _: &mut syn::TypeFnPtr) {}
        fn visit_parenthesized_generic_arguments_mut(
            &mut self,
            _: &mut syn::ParenthesizedGenericArguments,
        ) {
        }
    }
    let mut ty = plain(ty).clone();
    Anonymous.visit_type_mut(&mut ty);
    ty
}
