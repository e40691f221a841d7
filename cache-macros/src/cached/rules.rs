//! The rules that depend on types: requirements of the given options for the output.

use proc_macro2::{Ident, Span, TokenStream};
use syn::spanned::Spanned as _;

use super::args::Format;
use super::model::Model;
use super::owning::borrows;
use super::policy::Given;
use super::prologue;
use crate::mixed::{mixed, shown_at};

/// `let rules`, after the requirements that need no value. For a call they are a closure, which captures nothing and so takes no room in
/// the call. A batch has the rules themselves.
pub(crate) fn statements(model: &Model) -> TokenStream {
    let private = &model.root.private;
    let demands = model.policy.err_ttl.as_ref().map(|given| {
        let asked = asked(model, given, "keeps_errors");
        mixed!(#asked;)
    });
    let cached = model.conditions.err_ttl_with.as_ref().map(|given| {
        let asked = asked_as(model, &given.name, "keeps_errors");
        mixed!(#asked;)
    });
    let shape = at_output(model, "__larder_shape");
    let local = model.local || !model.may_wait();
    let codec = match &model.codec {
        _ if local => mixed!(#private::local()),
        None => mixed!(#private::remote(#shape)),
        Some(Format::Larder(format)) => {
            mixed!(#private::encoded_by::<#private::#format, _>(#shape))
        }
        Some(Format::Own(format)) => mixed!(#private::encoded_by::<#format, _>(#shape)),
    };
    let (absent, timed_out, refused) = (absent(model), timed_out(model), refused(model));
    let conditions = model.conditions.rules(private);
    let output = model.function.output();
    // rustc shows its error about an output without an error at the return type.
    let found = shown_at(output.span(), &prologue::shape(private, &output));
    let of_error = model.conditions.of_error(private, &found);
    let previous = model.previous.as_ref().map(|_| mixed!(.revalidates()));
    let new = if borrows(&model.function.output()) { "borrowing" } else { "new" };
    let new = Ident::new(new, Span::mixed_site());
    let on_demand = model.each.is_none().then(|| mixed!(move ||));
    mixed! {
        #demands
        #cached
        let __larder_rules =
            #on_demand #private::Rules::#new(#shape, #codec) #absent #timed_out #refused #conditions #of_error #previous;
    }
}

/// The variable `rules`.
pub(crate) fn rules(model: &Model) -> Ident {
    at_output(model, "__larder_rules")
}

/// The rule for `None`.
fn absent(model: &Model) -> Option<TokenStream> {
    let (policy, private) = (&model.policy, &model.root.private);
    let absent = match &policy.none_ttl {
        Some(given) => asked(model, given, "absent"),
        None if policy.base.is_some() => mixed! {
            {
                use #private::{AbsentNever as _, AbsentOption as _};
                (&&#private::value_probe(__larder_shape)).absent()
            }
        },
        None => return None,
    };
    Some(mixed!(.absent(#absent)))
}

/// The rule for a caller whose timeout expires. Sync functions have no timeouts.
fn timed_out(model: &Model) -> Option<TokenStream> {
    let (policy, private) = (&model.policy, &model.root.private);
    let timed_out = match &policy.hard_timeout {
        Some(given) => asked(model, given, "times_out"),
        None if policy.base.is_some() && model.function.is_async() => mixed! {
            {
                use #private::{TimeoutError as _, TimeoutNever as _};
                (&&#private::output_probe(__larder_shape)).times_out()
            }
        },
        None => return None,
    };
    Some(mixed!(.timed_out(#timed_out)))
}

/// The rule for a caller whose cache fails. Memory does not fail.
fn refused(model: &Model) -> Option<TokenStream> {
    let (policy, private) = (&model.policy, &model.root.private);
    let refused = match policy.fails() {
        Some(name) => asked_as(model, name, "refuses"),
        None if policy.base.is_some()
            && policy.on_error().is_none()
            && model.may_wait()
            && !model.local =>
        {
            mixed! {
                {
                    use #private::{RefusalError as _, RefusalNever as _};
                    (&&#private::output_probe(__larder_shape)).refuses()
                }
            }
        }
        None => return None,
    };
    Some(mixed!(.refused(#refused)))
}

/// `question(shape)`. rustc shows its error about an unsuitable output at the return type, as a
/// requirement of the option.
fn asked<T>(model: &Model, given: &Given<T>, question: &str) -> TokenStream {
    asked_as(model, &given.name, question)
}

fn asked_as(model: &Model, option: &Ident, question: &str) -> TokenStream {
    let private = &model.root.private;
    let (question, shape) =
        (Ident::new(question, Span::mixed_site()), at_output(model, "__larder_shape"));
    let question = shown_at(option.span(), &mixed!(#private::#question));
    mixed!(#question(#shape))
}

/// The local variable `name`, shown at the return type: rustc points there if the value lacks a
/// required trait.
fn at_output(model: &Model, name: &str) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(model.function.output().span()))
}
