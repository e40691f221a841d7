//! Sync functions: the user's function waits for a `Call`. Where it is possible, a hidden twin
//! returns that `Call`, which `call!` uses.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident};
use syn::ext::IdentExt as _;
use syn::{GenericParam, Ident, Visibility};

use super::expand::{Shell, apart, held_arguments, uses};
use super::model::Model;
use super::rules::rules;
use super::write::Given;
use super::{attrs, each, prologue, write};
use crate::call::{hidden_method, hidden_name, is_primitive};
use crate::mixed::mixed;
use crate::signature::with_names;

/// The function and its twin.
pub(crate) fn expand(model: &Model) -> TokenStream {
    match (model.function.associated, &model.function.vis) {
        (false, _) => free(model),
        // This may be a method of a trait, and the implementation of a trait has no room for a
        // second function.
        (true, Visibility::Inherited) => alone(model),
        (true, _) => method(model),
    }
}

/// A free function and its twin. `call!` finds the twin through an empty type with the function's
/// name, so that an import of the function also imports the type.
fn free(model: &Model) -> TokenStream {
    let function = &model.function;
    let twin_name = hidden_name(&function.sig.ident);
    let name = model.call.as_ref().unwrap_or(&function.sig.ident);
    let used = used(model, &function.sig.ident.to_token_stream());
    // A type with the name of a primitive would hide that in the whole module. `call!` knows these
    // names.
    let (found, twin) = match is_primitive(name) {
        true => (TokenStream::new(), twin(model, &twin_name, used.as_ref())),
        false => (found_as(model, name, &twin_name, used.as_ref()), twin(model, &twin_name, None)),
    };
    let wrapper = wrapper(model, &twin_name.to_token_stream());
    mixed! {
        #found
        #twin
        #wrapper
    }
}

/// The type called `name`. It is imported by `*`, so that a module of that name takes precedence
/// instead of being a second definition.
fn found_as(model: &Model, name: &Ident, twin: &Ident, used: Option<&TokenStream>) -> TokenStream {
    let function = &model.function;
    let shell = Shell::new(model, false);
    let (vis, hidden) = (&function.vis, attrs::allowed_hidden());
    let (conditions, attributes) =
        (attrs::conditions(&function.attrs), attrs::for_forwarding(&function.attrs));
    let module = format_ident!("__larder_of_{}", name.unraw(), span = name.span());
    let head = shell.head(model, &Ident::new(crate::call::FOUND, name.span()));
    let (allowed, turbofish, args) = (attrs::allowed(), turbofish(model), forwarded(model));
    mixed! {
        #conditions
        #hidden
        mod #module {
            #[allow(
                dead_code,
                non_camel_case_types,
                missing_copy_implementations,
                missing_debug_implementations,
                unreachable_pub,
            )]
            pub enum #name {}
        }

        #conditions
        #[doc(hidden)]
        #[allow(hidden_glob_reexports, unreachable_pub, unused_imports)]
        #vis use #module::*;

        #conditions
        impl #module::#name {
            #attributes
            #hidden
            #allowed
            #vis #head {
                #used
                #twin #turbofish (#(#args),*)
            }
        }
    }
}

fn method(model: &Model) -> TokenStream {
    let name = &model.function.sig.ident;
    let twin_name = hidden_method(name);
    let used = used(model, &mixed!(Self::#name));
    let twin = twin(model, &twin_name, used.as_ref());
    let wrapper = wrapper(model, &mixed!(Self::#twin_name));
    mixed! {
        #twin
        #wrapper
    }
}

/// The function without a twin.
fn alone(model: &Model) -> TokenStream {
    let function = &model.function;
    let (attributes, allowed) = (&function.attrs, attrs::allowed());
    let (before, call) = call(model, &Shell::as_written(model));
    let (vis, private) = (&function.vis, &model.root.private);
    let keeps_mut = |arg: Option<&_>| write::keeps_mut(model, arg);
    let sig = with_names(&function.sig, &function.args, keeps_mut);
    let wait = wait(model);
    let block = function.block_of(&mixed!(#before #private::#wait(#call)));
    mixed! {
        #(#attributes)*
        #allowed
        #vis #sig #block
    }
}

/// The twin, which returns the `Call`. rustc does not report unused names that begin with `_`, so
/// it reports only the user's function.
fn twin(model: &Model, name: &Ident, used: Option<&TokenStream>) -> TokenStream {
    // The load of a batch has parameters of its own.
    let shell = Shell::new(model, model.each.is_none());
    let (for_body, hidden, allowed) =
        (attrs::for_body(&model.function.attrs), attrs::allowed_hidden(), attrs::allowed());
    let (vis, head) = (&model.function.vis, shell.head(model, name));
    let (before, call) = call(model, &shell);
    mixed! {
        #for_body
        #hidden
        #allowed
        #vis #head {
            #used
            #before
            #call
        }
    }
}

/// A use of `function`, so that a function that only `call!` uses is not reported as unused.
fn used(model: &Model, function: &TokenStream) -> Option<TokenStream> {
    let (turbofish, args) = (turbofish(model), forwarded(model));
    (!attrs::expect_dead_code(&model.function.attrs)).then(|| {
        mixed! {
            if false {
                #[allow(deprecated)]
                let _ = #function #turbofish (#(#args),*);
                ::core::unreachable!()
            }
        }
    })
}

/// The statements before the `Call` or `Batch`, and its expression.
fn call(model: &Model, shell: &Shell) -> (TokenStream, TokenStream) {
    if let Some(each) = &model.each {
        return each::call_of(model, each, shell);
    }
    let (site, locals) = (prologue::site(model), prologue::locals(model, &shell.output));
    let (fetch, rules) = (prologue::fetch(model), rules(model));
    let given = Given::new(model);
    let (body, output, captured) = (shell.body(model, &given), &shell.output, uses(model));
    let (apart, held) = (apart(model, true), held_arguments(model));
    let Given { args, taken, uses, write, direct, .. } = &given;
    let previous =
        prologue::take_previous(model).and_then(|take| prologue::previous(model, output, &take));
    let (call, direct) = write::called("call_sync", direct.as_ref());
    (
        mixed!(#site #apart #locals #captured),
        mixed! {
            #fetch.#call(#direct #rules, #args, #write, move |#taken| -> #output { #previous #uses #held #body })
        },
    )
}

/// The function that runs the `Call` on the caller's thread.
fn wait(model: &Model) -> Ident {
    let wait = if model.blocking { "wait_blocking" } else { "wait" };
    Ident::new(wait, Span::mixed_site())
}

fn wrapper(model: &Model, twin: &TokenStream) -> TokenStream {
    let function = &model.function;
    let attributes = attrs::for_wrapper(&function.attrs);
    let sig = with_names(&function.sig, &function.args, |_| false);
    let (vis, private, turbofish) = (&function.vis, &model.root.private, turbofish(model));
    let args = forwarded(model);
    let wait = wait(model);
    let block = function.block_of(&mixed!(#private::#wait(#twin #turbofish (#(#args),*))));
    mixed! {
        #attributes
        #[allow(clippy::must_use_candidate)]
        #vis #sig #block
    }
}

/// The arguments to pass on, the receiver first.
pub(crate) fn forwarded(model: &Model) -> Vec<TokenStream> {
    let this = model.function.receiver().map(|receiver| receiver.self_token.to_token_stream());
    this.into_iter()
        .chain(model.function.args.iter().map(|arg| arg.ident.to_token_stream()))
        .collect()
}

/// `::<T, N>`, for the call of another function with the same generics.
fn turbofish(model: &Model) -> TokenStream {
    let named = model.function.sig.generics.params.iter().filter_map(|param| match param {
        GenericParam::Type(param) => Some(&param.ident),
        GenericParam::Const(param) => Some(&param.ident),
        _ => None,
    });
    let named: Vec<_> = named.collect();
    if named.is_empty() { TokenStream::new() } else { mixed!(::<#(#named),*>) }
}
