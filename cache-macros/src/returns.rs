//! The result of a call of the user's function: a value, or a future of one, in each form.

use proc_macro2::{Span, TokenStream};
use syn::punctuated::Punctuated;
use syn::visit::Visit;
use syn::visit_mut::{self, VisitMut};
use syn::{
    AssocType, GenericArgument, Lifetime, PathArguments, PathSegment, ReturnType, Signature, Token,
    Type, TypeImplTrait, TypeParamBound, parse_quote,
};

use crate::mixed::mixed;
use crate::plain::plain;

/// The form in which a function returns its output.
pub(crate) enum Returns {
    /// A sync function.
    Value,
    /// An `async fn`.
    Async,
    /// `-> impl Future<Output = T> + Send`.
    Opaque(Opaque),
    /// `-> Pin<Box<dyn Future<Output = T> + Send>>`, also the result of `#[async_trait]` for an
    /// `async fn`.
    Boxed(Boxed),
}

/// An `impl Future`.
pub(crate) struct Opaque {
    output: Type,
    /// `Future<Output = T>`, as the user's module names it.
    future: TypeParamBound,
    /// Other bounds, such as `Send`.
    promises: Vec<TypeParamBound>,
}

/// A future in a box.
pub(crate) struct Boxed {
    output: Type,
    whole: Type,
}

impl Returns {
    /// Reads the form from `sig`.
    pub(crate) fn new(sig: &Signature) -> Self {
        let ReturnType::Type(_, ty) = &sig.output else {
            return if sig.asyncness.is_some() { Self::Async } else { Self::Value };
        };
        match plain(ty) {
            _ if sig.asyncness.is_some() => Self::Async,
            Type::ImplTrait(opaque) => match future_in(&opaque.bounds) {
                Some((future, output)) => {
                    let promises = opaque.bounds.iter().filter(|bound| is_promise(bound));
                    let promises = promises.cloned().collect();
                    Self::Opaque(Opaque { output, future: future.clone(), promises })
                }
                None => Self::Value,
            },
            whole => match boxed_output(whole) {
                Some(output) => Self::Boxed(Boxed { output, whole: whole.clone() }),
                None => Self::Value,
            },
        }
    }

    /// Whether the function returns a future.
    pub(crate) fn is_future(&self) -> bool {
        !matches!(self, Self::Value)
    }

    /// The other bounds of an `impl Future`: ` + Send + 'a`.
    pub(crate) fn promises(&self) -> TokenStream {
        match self {
            Self::Opaque(Opaque { promises, .. }) => {
                promises.iter().map(|promise| mixed!(+ #promise)).collect()
            }
            _ => TokenStream::new(),
        }
    }

    /// `block`, the body of the function, as an expression that awaits its future.
    pub(crate) fn awaited(&self, private: &TokenStream, block: &TokenStream) -> TokenStream {
        let closure = match self {
            Self::Value | Self::Async => return block.clone(),
            // Named so that the user's import of `Future` is used.
            Self::Opaque(Opaque { future, .. }) => {
                mixed!(#private::awaited::<dyn #future, _>(move || #block))
            }
            Self::Boxed(Boxed { whole, .. }) => {
                let whole = anywhere(whole);
                mixed!(#private::awaited::<#whole, #whole>(move || #block))
            }
        };
        mixed!(#closure.await)
    }
}

/// The output of a function: `T` of `T`, `impl Future<Output = T>` or a box of one; `()` if there
/// is no return type.
pub(crate) fn output(sig: &Signature) -> Type {
    match (Returns::new(sig), &sig.output) {
        (Returns::Opaque(Opaque { output, .. }) | Returns::Boxed(Boxed { output, .. }), _) => {
            output
        }
        (_, ReturnType::Default) => parse_quote!(()),
        (_, ReturnType::Type(_, ty)) => (**ty).clone(),
    }
}

/// The bound `Future<Output = T>` and its `T`.
fn future_in(bounds: &Punctuated<TypeParamBound, Token![+]>) -> Option<(&TypeParamBound, Type)> {
    bounds.iter().find_map(|bound| {
        let future = trait_of(bound).filter(|last| last.ident == "Future")?;
        let output = arguments(future).find_map(|argument| match argument {
            GenericArgument::AssocType(AssocType { ident, ty, .. }) if ident == "Output" => {
                Some(ty.clone())
            }
            _ => None,
        });
        Some((bound, output?))
    })
}

fn trait_of(bound: &TypeParamBound) -> Option<&PathSegment> {
    match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last(),
        _ => None,
    }
}

/// Whether a bound is kept. `use<..>` is not: the generated type captures everything that it could
/// name.
fn is_promise(bound: &TypeParamBound) -> bool {
    match bound {
        TypeParamBound::Lifetime(_) => true,
        bound => trait_of(bound).is_some_and(|last| last.ident != "Future"),
    }
}

/// `T` of `Pin<Box<dyn Future<Output = T>>>`, or of its alias in `futures`.
fn boxed_output(ty: &Type) -> Option<Type> {
    let outer = last_segment(ty)?;
    if outer.ident == "BoxFuture" || outer.ident == "LocalBoxFuture" {
        return only_type(outer).cloned();
    }
    let boxed = last_segment(only_type(outer).filter(|_| outer.ident == "Pin")?)?;
    match plain(only_type(boxed).filter(|_| boxed.ident == "Box")?) {
        Type::TraitObject(object) => future_in(&object.bounds).map(|(_, output)| output),
        _ => None,
    }
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match plain(ty) {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        _ => None,
    }
}

fn arguments(segment: &PathSegment) -> impl Iterator<Item = &GenericArgument> {
    let arguments = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    };
    arguments.into_iter().flatten()
}

/// The type argument of a path, if there is exactly one.
fn only_type(segment: &PathSegment) -> Option<&Type> {
    let mut types = arguments(segment).filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.next().filter(|_| types.next().is_none())
}

/// `ty` with anonymous lifetimes: a load in the background borrows for a shorter time than its
/// caller.
fn anywhere(ty: &Type) -> Type {
    struct Anywhere;
    impl VisitMut for Anywhere {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if lifetime.ident != "static" {
                *lifetime = Lifetime::new("'_", Span::mixed_site());
            }
        }
        // The output type is unchanged.
        fn visit_assoc_type_mut(&mut self, _: &mut AssocType) {}
    }
    let mut ty = ty.clone();
    visit_mut::visit_type_mut(&mut Anywhere, &mut ty);
    ty
}

/// Whether `ty` contains an `impl Trait`, which cannot be written elsewhere.
pub(crate) fn is_opaque(ty: &Type) -> bool {
    struct Opaque(bool);
    impl<'ast> Visit<'ast> for Opaque {
        fn visit_type_impl_trait(&mut self, _: &'ast TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut opaque = Opaque(false);
    opaque.visit_type(ty);
    opaque.0
}
