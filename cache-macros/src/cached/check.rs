//! What can't be cached, whatever the options say.

use syn::visit::{self, Visit};
use syn::{ReturnType, Safety, Type, TypeReference};

use super::Flavor;
use crate::errors::Errors;
use crate::lifetimes::plain;
use crate::signature::{Function, Held, held};

/// Records what is wrong with the function itself.
pub(crate) fn signature(flavor: Flavor, function: &Function, errors: &mut Errors) {
    qualifiers(flavor, function, errors);
    output(function, errors);
    if flavor == Flavor::Property {
        property(function, errors);
    }
}

fn qualifiers(flavor: Flavor, function: &Function, errors: &mut Errors) {
    let sig = &function.sig;
    let name = flavor.name();
    if let Some(token) = &sig.constness {
        errors.on(
            token,
            format!("`#[{name}]` cannot go on a `const fn`: there is no cache at compile time"),
        );
    }
    if let Some(abi) = &sig.abi {
        errors.on(
            abi,
            format!(
                "`#[{name}]` cannot go on an `extern` function: call a cached function from it"
            ),
        );
    }
    if let Safety::Unsafe(token) = &sig.safety {
        errors.on(token, format!("`#[{name}]` cannot go on an `unsafe fn`: put it on a safe function that calls this one"));
    }
}

fn output(function: &Function, errors: &mut Errors) {
    if let ReturnType::Default = &function.sig.output {
        let ident = &function.sig.ident;
        return errors
            .at(ident.span(), format!("`{ident}` returns nothing: there is nothing to cache"));
    }
    let ty = function.output();
    match plain(&ty) {
        Type::Tuple(tuple) if tuple.elems.is_empty() => {
            errors.on(&ty, "this function returns `()`: there is nothing to cache");
        }
        Type::Never(_) => errors.on(&ty, "this function never returns: there is nothing to cache"),
        Type::Reference(reference) if !is_static(reference) => errors.on(
            &ty,
            "a cached value outlives the call, so it cannot be borrowed: return an owned value (`String` for `&str`), or an `Arc` of it",
        ),
        ty => ImplTrait(errors).visit_type(ty),
    }
}

fn is_static(reference: &TypeReference) -> bool {
    reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static")
}

struct ImplTrait<'a>(&'a mut Errors);

impl<'ast> Visit<'ast> for ImplTrait<'_> {
    fn visit_type_impl_trait(&mut self, ty: &'ast syn::TypeImplTrait) {
        self.0.on(ty, "a cached value is stored, so its type needs a name: return a concrete type instead of `impl Trait`");
        visit::visit_type_impl_trait(self, ty);
    }
}

fn property(function: &Function, errors: &mut Errors) {
    let advice = "`#[cached_property]` goes on a method that takes `&self` and nothing else";
    match function.receiver() {
        None => {
            errors.on(&function.sig.ident, format!("{advice}; use `#[cached]` on other functions"))
        }
        Some(receiver) if !matches!(held(receiver), Held::Shared) => errors.on(receiver, advice),
        Some(_) => {}
    }
    for arg in &function.args {
        errors.on(&arg.span, format!("{advice}; use `#[cached]` on a method with arguments"));
    }
}
