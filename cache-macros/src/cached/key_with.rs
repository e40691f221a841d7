//! `key_with`: a text from the user's expression instead of the arguments. An expression names the
//! arguments that it uses; a function or a closure gets all that are not skipped.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Expr, ExprClosure, Pat};

use super::Flavor;
use super::args::Args;
use super::key::Key;
use crate::errors::{Errors, list};
use crate::mixed::{mixed, shown_at};
use crate::returns::is_opaque;
use crate::signature::{Argument, Function, Held, Names, held};
use crate::target::mentions;

/// Validates `key_with`, and the options that exclude it.
pub(super) fn build(
    flavor: Flavor,
    (name, value): (&Ident, &Expr),
    args: &Args,
    (function, inputs): (&Function, &[Argument]),
    names: &Names,
    errors: &mut Errors,
) -> Option<Key> {
    if let Some((key, _)) = &args.key {
        errors.at(name.span(), "a key is either `key` or `key_with`: remove one of them");
        errors.at(key.span(), "a key is either `key` or `key_with`: remove one of them");
    }
    let given = given(function, inputs, &args.skip);
    let text = match value {
        Expr::Closure(closure) => by_closure(closure, &given, args, errors)?,
        Expr::Path(path) if !path.path.get_ident().is_some_and(|ident| is_value(names, ident)) => {
            // rustc shows its errors about the arguments at the function.
            let given = given.iter().map(|(_, reference)| shown_at(path.span(), reference));
            Expr::Verbatim(mixed!(#path(#(#given),*)))
        }
        expression => {
            let skip: Vec<_> = args.skip.iter().filter(|skip| !is_generic(inputs, skip)).collect();
            by_expression(flavor, expression, &skip, names, errors);
            expression.clone()
        }
    };
    Some(Key::Custom {
        text: Box::new(text),
        args: inputs
            .iter()
            .map(|arg| &arg.ident)
            .filter(|arg| !args.skip.contains(arg))
            .cloned()
            .collect(),
        generics: names.generics().filter(|ident| !args.skip.contains(ident)).cloned().collect(),
    })
}

fn is_value(names: &Names, ident: &Ident) -> bool {
    names.value(&ident.to_string()).is_some()
}

/// Whether the argument `name` is an `impl Trait`, which is a type parameter.
fn is_generic(inputs: &[Argument], name: &Ident) -> bool {
    inputs.iter().any(|arg| arg.ident == *name && is_opaque(&arg.ty))
}

fn by_expression(
    flavor: Flavor,
    value: &Expr,
    skip: &[&Ident],
    names: &Names,
    errors: &mut Errors,
) {
    for ident in skip.iter().filter(|ident| names.find(&ident.to_string()).is_some()) {
        let message = format!(
            "an expression in `key_with` uses only the arguments that it names: remove `skip({ident})`"
        );
        errors.at(ident.span(), message);
    }
    if flavor == Flavor::Property && !mentions("self", value.to_token_stream()) {
        errors.on(value, "this key names no instance, so that all would share one value: use `self` in `key_with`");
    }
}

/// The call of a closure. The closure takes its arguments as one tuple, because rustc infers their
/// types for the argument of a function, and not for the arguments of a call.
fn by_closure(
    closure: &ExprClosure,
    given: &[(String, TokenStream)],
    args: &Args,
    errors: &mut Errors,
) -> Option<Expr> {
    if closure.inputs.len() != given.len() {
        let names: Vec<&String> = given.iter().map(|(name, _)| name).collect();
        let all = match names.as_slice() {
            [] => "there is none".to_owned(),
            names => format!("here {}", list(names)),
        };
        let message = format!(
            "a closure in `key_with` takes all arguments that are not in `skip(...)` ({all}), by reference"
        );
        errors.on(closure, message);
        return None;
    }
    let (patterns, types): (Vec<_>, Vec<_>) = closure.inputs.iter().map(pattern).unzip();
    let private = &args.root.private;
    let text_of = shown_at(closure.span(), &mixed!(#private::text_of));
    let references = given.iter().map(|(_, reference)| reference);
    let (capture, output, body) = (&closure.capture, &closure.output, &closure.body);
    let shown = Span::mixed_site().located_at(closure.span());
    Some(Expr::Verbatim(quote_spanned! { shown =>
        #text_of((#(#references,)*), #capture |(#(#patterns,)*): (#(#types,)*)| #output #body)
    }))
}

fn pattern(input: &Pat) -> (TokenStream, TokenStream) {
    match input {
        Pat::Type(typed) => (typed.pat.to_token_stream(), typed.ty.to_token_stream()),
        other => (other.to_token_stream(), mixed!(_)),
    }
}

/// The receiver and the arguments that are not skipped: their names, and references to them.
fn given(function: &Function, inputs: &[Argument], skip: &[Ident]) -> Vec<(String, TokenStream)> {
    let this = function.receiver().map(|receiver| {
        let this = receiver.self_token.to_token_stream();
        ("self".to_owned(), this, held(receiver))
    });
    let args = inputs.iter().map(|arg| {
        let held = match arg.reference() {
            Some(reference) if reference.mutability.is_some() => Held::Mutable,
            Some(_) => Held::Shared,
            None => Held::Owned,
        };
        (arg.ident.to_string(), arg.ident.to_token_stream(), held)
    });
    let kept = |(name, ..): &(String, TokenStream, Held)| !skip.iter().any(|ident| ident == name);
    // A reference is passed as it is, so that functions over `&str` accept it.
    let reference = |(name, place, held)| {
        let reference = match held {
            Held::Shared => place,
            Held::Mutable => mixed!(&*#place),
            Held::Owned => mixed!(&#place),
        };
        (name, reference)
    };
    this.into_iter().chain(args).filter(kept).map(reference).collect()
}
