//! Writes the expansion; nothing here can fail.

use proc_macro2::{Ident, TokenStream};
use syn::Type;

use super::model::Model;
use super::rules::rules;
use super::{attrs, detached, each, prologue, sync};
use crate::lifetimes::Named;
use crate::mixed::mixed;
use crate::signature::{self, output, with_names};

/// The items that replace the user's function.
pub(crate) fn expand(model: &Model) -> TokenStream {
    if let Some(each) = &model.each {
        return each::expand(model, each);
    }
    if !model.function.is_async() {
        return sync::expand(model);
    }
    match model.policy.detaches(&model.function) {
        true => detached::expand(model),
        false => asynchronous(model),
    }
}

fn asynchronous(model: &Model) -> TokenStream {
    let shell = Shell::new(model, true);
    let (site, locals) = (prologue::site(model), prologue::locals(model, &shell.output));
    let (fetch, rules) = (prologue::fetch(model), rules(model));
    let body = shell.body(model);
    let (attributes, allowed) = (&model.function.attrs, attrs::allowed());
    let (vis, head) = (&model.function.vis, shell.head(model, &model.function.sig.ident));
    mixed! {
        #(#attributes)*
        #allowed
        #vis #head {
            #site
            #locals
            #fetch.call(#rules, move || async move { #body })
        }
    }
}

/// The outside of a function that returns a `Call`.
pub(crate) struct Shell {
    named: Named,
    /// What the user's function returns.
    pub(crate) output: Type,
}

impl Shell {
    /// `holds_body` says whether the user's body goes into it, which then may need its `mut` arguments.
    pub(crate) fn new(model: &Model, holds_body: bool) -> Self {
        let function = &model.function;
        let named = Named::new(with_names(&function.sig, &function.args, holds_body));
        let output = output(&named.sig);
        Self { named, output }
    }

    /// `fn name<'larder0>(..) -> Call<..> where ..`
    pub(crate) fn head(&self, model: &Model, name: &Ident) -> TokenStream {
        let (larder, private, output) = (&model.root.larder, &model.root.private, &self.output);
        let load = mixed!(#private::Load<Output = #output>);
        self.head_of(model, name, &mixed!(#larder::Call), &load)
    }

    /// The same for another future than a `Call`: `fn name(..) -> future<impl load + ..>`
    pub(crate) fn head_of(
        &self,
        model: &Model,
        name: &Ident,
        future: &TokenStream,
        load: &TokenStream,
    ) -> TokenStream {
        let syn::Signature { fn_token, generics, inputs, .. } = &self.named.sig;
        let clause = &generics.where_clause;
        let captures = self.named.captures(&model.root.private, model.function.associated);
        mixed! {
            #fn_token #name #generics (#inputs) -> #future<impl #load #captures>
            #clause
        }
    }

    /// The type of the argument at `at`, the receiver apart.
    pub(crate) fn type_of(&self, at: usize) -> &Type {
        let typed = self.named.sig.inputs.iter().filter_map(|input| match input {
            syn::FnArg::Typed(typed) => Some(&*typed.ty),
            syn::FnArg::Receiver(_) => None,
        });
        typed.into_iter().nth(at).unwrap_or(&self.output)
    }

    /// The user's body, told what type it has so that `?` and literals are inferred as in the function.
    pub(crate) fn body(&self, model: &Model) -> TokenStream {
        let (private, output) = (&model.root.private, &self.output);
        let patterns = patterns(&model.function.args);
        let block = model.function.body();
        mixed! {
            if false {
                return #private::typed::<#output>();
            }
            #patterns
            #block
        }
    }
}

/// Takes apart the arguments that were written as patterns.
pub(crate) fn patterns(args: &[signature::Argument]) -> TokenStream {
    let lets = args.iter().filter_map(|arg| {
        let (pattern, ident) = (arg.pattern.as_ref()?, &arg.ident);
        Some(mixed!(let #pattern = #ident;))
    });
    lets.collect()
}

/// `::<T, N>` for what has to be said when one function calls another with the same generics.
pub(crate) fn turbofish(model: &Model) -> TokenStream {
    let named = model.function.sig.generics.params.iter().filter_map(|param| match param {
        syn::GenericParam::Type(param) => Some(&param.ident),
        syn::GenericParam::Const(param) => Some(&param.ident),
        _ => None,
    });
    let named: Vec<_> = named.collect();
    if named.is_empty() { TokenStream::new() } else { mixed!(::<#(#named),*>) }
}
