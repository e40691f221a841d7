//! Sync functions: the user's function waits for a `Call`. Where there is room for it, a hidden twin makes the `Call`, so that
//! `call!` can have it.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident};
use syn::ext::IdentExt as _;
use syn::{GenericParam, Ident, Visibility};

use super::expand::Shell;
use super::model::Model;
use super::rules::rules;
use super::{attrs, prologue};
use crate::mixed::mixed;
use crate::signature::with_names;

/// The function, and its twin.
pub(crate) fn expand(model: &Model) -> TokenStream {
    match (model.function.associated, &model.function.vis) {
        (false, _) => free(model),
        // Perhaps a trait's method: the implementation of a trait has no room for a second function.
        (true, Visibility::Inherited) => alone(model),
        (true, _) => method(model),
    }
}

/// An empty type with the function's name: an import of the function brings both.
fn free(model: &Model) -> TokenStream {
    let (name, vis) = (&model.function.sig.ident, &model.function.vis);
    let twin = twin(model, &Ident::new("call", name.span()));
    let hidden = attrs::allowed_hidden();
    let conditions = attrs::conditions(&model.function.attrs);
    let wrapper = wrapper(model, &mixed!(#name::call));
    mixed! {
        #conditions
        #hidden
        #[allow(non_camel_case_types, missing_copy_implementations, missing_debug_implementations)]
        #vis enum #name {}

        #conditions
        impl #name {
            #twin
        }

        #wrapper
    }
}

fn method(model: &Model) -> TokenStream {
    let name = &model.function.sig.ident;
    let twin_name = format_ident!("__larder_call_{}", name.unraw(), span = name.span());
    let twin = twin(model, &twin_name);
    let wrapper = wrapper(model, &mixed!(Self::#twin_name));
    mixed! {
        #twin
        #wrapper
    }
}

/// The function with all of it inside.
fn alone(model: &Model) -> TokenStream {
    let function = &model.function;
    let (attributes, allowed) = (&function.attrs, attrs::allowed());
    let (before, call) = call(model, &Shell::as_written(model));
    let (vis, private) = (&function.vis, &model.root.private);
    let sig = with_names(&function.sig, &function.args, true);
    mixed! {
        #(#attributes)*
        #allowed
        #vis #sig {
            #before
            #private::wait(#call)
        }
    }
}

fn twin(model: &Model, name: &Ident) -> TokenStream {
    let shell = Shell::new(model, true);
    let (for_body, hidden, allowed) =
        (attrs::for_body(&model.function.attrs), attrs::allowed_hidden(), attrs::allowed());
    let (vis, head) = (&model.function.vis, shell.head(model, name));
    let (before, call) = call(model, &shell);
    mixed! {
        #for_body
        #hidden
        #allowed
        #vis #head {
            #before
            #call
        }
    }
}

/// The expression that is the `Call`, and the statements before it.
fn call(model: &Model, shell: &Shell) -> (TokenStream, TokenStream) {
    let (site, locals) = (prologue::site(model), prologue::locals(model, &shell.output));
    let (fetch, rules) = (prologue::fetch(model), rules(model));
    let (body, output) = (shell.body(model), &shell.output);
    (mixed!(#site #locals), mixed!(#fetch.call_sync(#rules, move || -> #output { #body })))
}

fn wrapper(model: &Model, twin: &TokenStream) -> TokenStream {
    let function = &model.function;
    let attributes = attrs::for_wrapper(&function.attrs);
    let sig = with_names(&function.sig, &function.args, false);
    let (vis, private, turbofish) = (&function.vis, &model.root.private, turbofish(model));
    let args = forwarded(model);
    mixed! {
        #attributes
        #vis #sig {
            #private::wait(#twin #turbofish (#(#args),*))
        }
    }
}

/// The arguments as they are handed on, the receiver first.
pub(crate) fn forwarded(model: &Model) -> Vec<TokenStream> {
    let this = model.function.receiver().map(|receiver| receiver.self_token.to_token_stream());
    this.into_iter()
        .chain(model.function.args.iter().map(|arg| arg.ident.to_token_stream()))
        .collect()
}

/// `::<T, N>` for what has to be said when one function calls another with the same generics.
fn turbofish(model: &Model) -> TokenStream {
    let named = model.function.sig.generics.params.iter().filter_map(|param| match param {
        GenericParam::Type(param) => Some(&param.ident),
        GenericParam::Const(param) => Some(&param.ident),
        _ => None,
    });
    let named: Vec<_> = named.collect();
    if named.is_empty() { TokenStream::new() } else { mixed!(::<#(#named),*>) }
}
