//! Names the lifetimes that a signature elides.
//!
//! After expansion a cached function is not `async` any more: it returns an opaque type, which (in
//! edition 2021) captures only the lifetimes that its bounds mention. To be mentioned, they need
//! names.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt as _;
use syn::visit_mut::{self, VisitMut};
use syn::{
    FnArg, GenericParam, Lifetime, LifetimeParam, Pat, ReceiverKind, ReturnType, Signature, Type,
};

use crate::mixed::mixed;

/// A signature in which every lifetime has a name.
pub(crate) struct Named {
    pub(crate) sig: Signature,
    /// The declared and the new lifetimes.
    lifetimes: Vec<Lifetime>,
}

impl Named {
    /// `sig` unchanged.
    pub(crate) fn as_written(sig: Signature) -> Self {
        Self { sig, lifetimes: Vec::new() }
    }

    /// Names the elided lifetimes of `sig`.
    pub(crate) fn new(mut sig: Signature) -> Self {
        let mut namer = Namer::default();
        let mut elided_self = None;
        for input in &mut sig.inputs {
            match input {
                FnArg::Receiver(receiver) => {
                    namer.of("self");
                    elided_self = name_receiver(receiver, &mut namer);
                }
                FnArg::Typed(arg) => {
                    namer.of(&name_of(&arg.pat));
                    namer.visit_type_mut(&mut arg.ty);
                }
            }
        }
        if let Some(lifetime) = elided_self.or_else(|| only(&namer)) {
            Output(lifetime).visit_return_type_mut(&mut sig.output);
        }
        let declared: Vec<_> =
            sig.generics.lifetimes().map(|param| param.lifetime.clone()).collect();
        for lifetime in namer.made.iter().rev() {
            sig.generics
                .params
                .insert(0, GenericParam::Lifetime(LifetimeParam::new(lifetime.clone())));
        }
        let lifetimes = declared.into_iter().chain(namer.made).collect();
        Self { sig, lifetimes }
    }

    /// ` + Captures<(&'a (), ..., Self)>`, or nothing if nothing is borrowed.
    pub(crate) fn captures(&self, private: &TokenStream, mentions_self: bool) -> TokenStream {
        if self.lifetimes.is_empty() && !mentions_self {
            return TokenStream::new();
        }
        let lifetimes = &self.lifetimes;
        // `Self` is last, because only the last member of a tuple may be unsized, as `Self` is in a
        // trait.
        let this = mentions_self.then(|| mixed!(Self,));
        mixed!(+ #private::Captures<(#(&#lifetimes (),)* #this)>)
    }
}

/// The meaning of elided lifetimes in the output without a `&self`: the only lifetime of the
/// arguments.
fn only(namer: &Namer) -> Option<Lifetime> {
    match namer.used.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    }
}

/// The name on which the lifetimes of an argument are based.
fn name_of(pattern: &Pat) -> String {
    match pattern {
        Pat::Ident(pat) => pat.ident.unraw().to_string(),
        _ => "argument".to_owned(),
    }
}

fn name_receiver(receiver: &mut syn::Receiver, namer: &mut Namer) -> Option<Lifetime> {
    match &mut receiver.kind {
        ReceiverKind::Reference(_, lifetime, _) => {
            let named = lifetime
                .take()
                .filter(|lifetime| lifetime.ident != "_")
                .unwrap_or_else(|| namer.fresh());
            *lifetime = Some(named.clone());
            Some(named)
        }
        ReceiverKind::Typed(_, ty) => {
            let of = namer.of.clone();
            let mut own = Namer { made: std::mem::take(&mut namer.made), used: Vec::new(), of };
            own.visit_type_mut(ty);
            namer.made = own.made;
            own.used.into_iter().next()
        }
        _ => None,
    }
}

#[derive(Default)]
struct Namer {
    made: Vec<Lifetime>,
    /// Every lifetime so far, new or written.
    used: Vec<Lifetime>,
    /// The current argument.
    of: String,
}

impl Namer {
    /// Begins with the argument `name`.
    fn of(&mut self, name: &str) {
        name.clone_into(&mut self.of);
    }

    /// A lifetime named after its argument, so that rustc's messages are clear. A plain `'db` could
    /// collide with a lifetime of the surrounding `impl` block.
    fn fresh(&mut self) -> Lifetime {
        let named = |count: usize| match count {
            0 => format!("'of_{}", self.of),
            _ => format!("'of_{}{}", self.of, count + 1),
        };
        let free = |name: &String| !self.made.iter().any(|made| made.to_string() == *name);
        let name = (0..).map(named).find(free).unwrap_or_default();
        let made = Lifetime::new(&name, Span::mixed_site());
        self.made.push(made.clone());
        made
    }
}

impl VisitMut for Namer {
    fn visit_type_reference_mut(&mut self, reference: &mut syn::TypeReference) {
        if reference.lifetime.is_none() {
            reference.lifetime = Some(Lifetime::new("'_", reference.and_token.span));
        }
        visit_mut::visit_type_reference_mut(self, reference);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident == "_" {
            *lifetime = self.fresh();
        }
        self.used.push(lifetime.clone());
    }

    // Lifetimes elided inside `fn(&T)` and `Fn(&T)` belong to those types.
    fn visit_type_fn_ptr_mut(&mut self, _: &mut syn::TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments_mut(
        &mut self,
        _: &mut syn::ParenthesizedGenericArguments,
    ) {
    }
}

/// Replaces the elided lifetimes of the output.
struct Output(Lifetime);

impl VisitMut for Output {
    fn visit_return_type_mut(&mut self, output: &mut ReturnType) {
        if let ReturnType::Type(_, ty) = output {
            self.visit_type_mut(ty);
        }
    }

    fn visit_type_reference_mut(&mut self, reference: &mut syn::TypeReference) {
        reference.lifetime.get_or_insert_with(|| self.0.clone());
        visit_mut::visit_type_reference_mut(self, reference);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident == "_" {
            *lifetime = self.0.clone();
        }
    }

    fn visit_type_fn_ptr_mut(&mut self, _: &mut syn::TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments_mut(
        &mut self,
        _: &mut syn::ParenthesizedGenericArguments,
    ) {
    }
}

/// The type inside the invisible groups and parentheses that macros add.
pub(crate) fn plain(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => plain(&group.elem),
        Type::Paren(paren) => plain(&paren.elem),
        other => other,
    }
}
