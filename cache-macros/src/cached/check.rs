//! Functions that cannot be cached, whatever their options.

use syn::visit::{self, Visit};
use syn::{GenericArgument, PathArguments, PathSegment, ReturnType, Safety, Type, TypeReference};

use super::Flavor;
use crate::errors::Errors;
use crate::plain::plain;
use crate::signature::{Function, Held, held};

/// Records the mistakes of the function itself.
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
    if is_stream(value(&ty)) {
        let message = "a stream can be read only once, so it cannot be cached: return the items (`Vec<T>`), or cache a function that loads one \
                       item or one page, and make the stream from its calls";
        return errors.on(value(&ty), message);
    }
    match plain(&ty) {
        Type::Tuple(tuple) if tuple.elems.is_empty() => {
            errors.on(&ty, "this function returns `()`: there is nothing to cache");
        }
        Type::Never(_) => errors.on(&ty, "this function never returns: there is nothing to cache"),
        ty if references_in(value(ty)).into_iter().any(|reference| !is_static(reference)) => errors.on(
            value(ty),
            "a cached value outlives the call, so it cannot be borrowed: return an owned value (`String` for `&str`), or an `Arc` of it",
        ),
        ty => ImplTrait(errors).visit_type(ty),
    }
}

/// Records a value that cannot be read from the remote tier: a `&'static` reference points into the
/// program.
pub(super) fn can_be_read_back(function: &Function, errors: &mut Errors) {
    let message = "a value of the remote tier cannot be read as a `&'static` reference: return an owned value (`String` for `&str`), or keep \
                   the value in memory with `local`";
    for reference in references_in(value(&function.output())) {
        if is_static(reference) {
            errors.on(reference, message);
        }
    }
}

/// The cached part of an output: `T` of `Result<T, E>`, as far as the tokens show.
fn value(output: &Type) -> &Type {
    match last_segment(output).filter(|last| last.ident == "Result") {
        Some(last) => arguments(last).next().unwrap_or(output),
        None => output,
    }
}

/// The references in a type and in the arguments of known containers. Any other type may be an
/// alias.
fn references_in(ty: &Type) -> Vec<&TypeReference> {
    const HOLDERS: [&str; 4] = ["Arc", "Box", "Option", "Vec"];
    match plain(ty) {
        Type::Reference(reference) => vec![reference],
        Type::Tuple(tuple) => tuple.elems.iter().flat_map(references_in).collect(),
        Type::Array(array) => references_in(&array.elem),
        _ => match last_segment(ty) {
            Some(last) if HOLDERS.iter().any(|name| last.ident == name) => {
                arguments(last).flat_map(references_in).collect()
            }
            _ => Vec::new(),
        },
    }
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match plain(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// The types among the arguments of a path.
fn arguments(segment: &PathSegment) -> impl Iterator<Item = &Type> {
    let arguments = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    };
    arguments.into_iter().flatten().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

fn is_static(reference: &TypeReference) -> bool {
    reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static")
}

/// Whether a type is a stream, as far as the tokens show: `impl Stream`, `Pin<Box<dyn Stream>>`, `BoxStream`.
fn is_stream(ty: &Type) -> bool {
    const KNOWN: [&str; 4] =
        ["BoxStream", "LocalBoxStream", "ReceiverStream", "UnboundedReceiverStream"];
    struct Streams(bool);
    impl<'ast> Visit<'ast> for Streams {
        fn visit_trait_bound(&mut self, bound: &'ast syn::TraitBound) {
            let last = bound.path.segments.last();
            self.0 |= last.is_some_and(|last| last.ident == "Stream" || last.ident == "TryStream");
        }
        fn visit_type_path(&mut self, path: &'ast syn::TypePath) {
            let last = path.path.segments.last();
            self.0 |= last.is_some_and(|last| KNOWN.iter().any(|name| last.ident == name));
            visit::visit_type_path(self, path);
        }
    }
    let mut streams = Streams(false);
    streams.visit_type(ty);
    streams.0
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
