//! Sync functions: the user's function waits for a `Call` that a hidden twin makes, so that `call!` can have the `Call`.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident};
use syn::Ident;
use syn::ext::IdentExt as _;

use super::expand::{Shell, turbofish};
use super::model::Model;
use super::rules::rules;
use super::{attrs, prologue};
use crate::mixed::mixed;
use crate::signature::with_names;

/// The wrapper and its twin.
pub(crate) fn expand(model: &Model) -> TokenStream {
    if model.function.associated { method(model) } else { free(model) }
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

fn twin(model: &Model, name: &Ident) -> TokenStream {
    let shell = Shell::new(model, true);
    let (site, locals) = (prologue::site(model), prologue::locals(model, &shell.output));
    let (fetch, body, output) = (prologue::fetch(model), shell.body(model), &shell.output);
    let rules = rules(model);
    let (for_body, hidden, allowed) =
        (attrs::for_body(&model.function.attrs), attrs::allowed_hidden(), attrs::allowed());
    let (vis, head) = (&model.function.vis, shell.head(model, name));
    mixed! {
        #for_body
        #hidden
        #allowed
        #vis #head {
            #site
            #locals
            #fetch.call_sync(#rules, move || -> #output { #body })
        }
    }
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
