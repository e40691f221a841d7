//! Generates the code; this step cannot fail.

use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt as _;
use syn::visit_mut::{self, VisitMut};
use syn::{Signature, Type};

use super::model::Model;
use super::rules::rules;
use super::write::Given;
use super::{attrs, detached, each, prologue, sync, write};
use crate::mixed::mixed;
use crate::returns::{self, Returns};
use crate::signature::{self, Held, held, with_names};

/// The items that replace the user's function.
pub(crate) fn expand(model: &Model) -> TokenStream {
    if !model.function.is_async() {
        return sync::expand(model);
    }
    if let Some(each) = &model.each {
        return each::expand(model, each);
    }
    match model.policy.detaches(&model.function) {
        true => detached::expand(model),
        false => asynchronous(model),
    }
}

fn asynchronous(model: &Model) -> TokenStream {
    let (shell, given) = (Shell::new(model, true), Given::new(model));
    let (fetch, rules) = (prologue::fetch(model), rules(model));
    let (body, captured) = (shell.body(model, &given), uses(model));
    let Given { args, taken, uses, write, direct, .. } = &given;
    let (call, direct) = write::called("call", direct.as_ref());
    let held = held_arguments(model);
    let previous = prologue::take_previous(model)
        .and_then(|take| prologue::previous(model, &shell.output, &take));
    let load = mixed!(move |#taken| { #previous #captured #uses async move { #held #body } });
    let call = mixed!(#fetch.#call(#direct #rules, #args, #write, #load));
    shell.function(model, &TokenStream::new(), &call)
}

/// Uses of what the load captures.
pub(crate) fn uses(model: &Model) -> TokenStream {
    model.function.uses(|name| !write::is_given(model, name))
}

/// Uses in the load of owned arguments that the body may not mention: a permit, a guard, an argument of the key. As in a plain
/// function, the load holds them to its end. Without a use it would not capture them, and they would be dropped before the body
/// runs. (An argument with a plain name that is used nowhere is left out, so that rustc reports it.)
pub(crate) fn held_arguments(model: &Model) -> TokenStream {
    let function = &model.function;
    let owned = |receiver: &&syn::Receiver| matches!(held(receiver), Held::Owned);
    let this =
        function.receiver().filter(owned).map(|receiver| write::self_in_load(model, receiver));
    let args = function.args.iter().filter(|arg| arg.reference().is_none());
    let names = args.flat_map(|arg| {
        let is_held = |name: &Ident| {
            write::is_given(model, name) || name.unraw().to_string().starts_with('_')
        };
        match &arg.bindings {
            // `_: Guard`, or a pattern that the load takes apart.
            None if arg.pattern.is_some() => vec![arg.ident.clone()],
            Some(bindings) if bindings.is_empty() => vec![arg.ident.clone()],
            _ => arg.inputs().into_iter().map(|input| input.ident).filter(is_held).collect(),
        }
    });
    this.into_iter().chain(names).map(|name| mixed!(let _ = &#name;)).collect()
}

/// The outside of a function that returns a `Call`, or a box with one.
pub(crate) struct Shell {
    sig: Signature,
    returns: Returns,
    /// The output of the user's function.
    pub(crate) output: Type,
    /// Whether the user's body uses the parameters directly, which may then need `mut`.
    holds_body: bool,
}

impl Shell {
    /// For a function whose signature changes.
    pub(crate) fn new(model: &Model, holds_body: bool) -> Self {
        let function = &model.function;
        let keeps_mut = |arg: Option<&_>| holds_body && write::keeps_mut(model, arg);
        Self::of(with_names(&function.sig, &function.args, keeps_mut), holds_body)
    }

    /// For a function that keeps its signature.
    pub(crate) fn as_written(model: &Model) -> Self {
        let function = &model.function;
        let keeps_mut = |arg: Option<&_>| write::keeps_mut(model, arg);
        Self::of(with_names(&function.sig, &function.args, keeps_mut), true)
    }

    fn of(sig: Signature, holds_body: bool) -> Self {
        let (returns, output) = (Returns::new(&sig), returns::output(&sig));
        Self { sig, returns, output, holds_body }
    }

    /// The function: `before` and the usual locals, followed by `call`.
    pub(crate) fn function(
        &self,
        model: &Model,
        before: &TokenStream,
        call: &TokenStream,
    ) -> TokenStream {
        let (site, locals) = (prologue::site(model), prologue::locals(model, &self.output));
        let (attributes, allowed) = (&model.function.attrs, attrs::allowed());
        let (vis, head) = (&model.function.vis, self.head(model, &model.function.sig.ident));
        let call = self.returned(call);
        let apart = apart(model, self.holds_body);
        let block = model.function.block_of(&mixed!(#site #apart #locals #before #call));
        mixed! {
            #(#attributes)*
            #allowed
            #vis #head #block
        }
    }

    /// `call` as the function returns it.
    pub(crate) fn returned(&self, call: &TokenStream) -> TokenStream {
        match self.returns {
            Returns::Boxed(_) => mixed!(::std::boxed::Box::pin(#call)),
            _ => call.clone(),
        }
    }

    /// `fn name(..) -> Call<..> where ..`
    pub(crate) fn head(&self, model: &Model, name: &Ident) -> TokenStream {
        if let Some(each) = &model.each {
            return each::head(model, each, self, name);
        }
        let (larder, private, output) = (&model.root.larder, &model.root.private, &self.output);
        let load = mixed!(#private::Load<Output = #output>);
        self.head_of(model, name, &mixed!(#larder::Call), &load)
    }

    /// The same for another future than `Call`: `fn name(..) -> future<impl load + ..>`
    ///
    /// The returned type captures all lifetimes and types in scope, also in a crate of edition 2021: the edition of the token
    /// `impl` decides, and its span is this macro's.
    pub(crate) fn head_of(
        &self,
        model: &Model,
        name: &Ident,
        future: &TokenStream,
        load: &TokenStream,
    ) -> TokenStream {
        let Signature { fn_token, generics, inputs, output: written, .. } = &self.sig;
        let clause = &generics.where_clause;
        if let Returns::Boxed(_) = self.returns {
            return mixed!(#fn_token #name #generics (#inputs) #written #clause);
        }
        let promises = self.returns.promises();
        // A load that may go on in the background is `Send`. In a recursive function rustc cannot
        // infer that from the type that it is still computing.
        let recursive = model.policy.detaches(&model.function) && model.function.calls_itself();
        let promises = match recursive {
            true => mixed!(#promises + ::core::marker::Send),
            false => promises,
        };
        mixed! {
            #fn_token #name #generics (#inputs) -> #future<impl #load #promises>
            #clause
        }
    }

    /// The type of the argument at `at`, not counting the receiver.
    pub(crate) fn type_of(&self, at: usize) -> &Type {
        let typed = self.sig.inputs.iter().filter_map(|input| match input {
            syn::FnArg::Typed(typed) => Some(&*typed.ty),
            syn::FnArg::Receiver(_) => None,
        });
        typed.into_iter().nth(at).unwrap_or(&self.output)
    }

    /// The user's body with a type hint, so that `?` and literals are inferred as in the function.
    pub(crate) fn body(&self, model: &Model, given: &Given) -> TokenStream {
        let (private, output) = (&model.root.private, &self.output);
        let patterns = patterns(model.function.args.iter().filter(|arg| arg.bindings.is_none()));
        let body = model.function.body_of(&given.statements(model));
        let block = self.returns.awaited(private, &body);
        mixed! {
            if false {
                return #private::typed::<#output>();
            }
            #patterns
            #block
        }
    }
}

/// The statements that destructure arguments whose names keys and options can use.
pub(crate) fn apart(model: &Model, holds_body: bool) -> TokenStream {
    let apart = model.function.args.iter().filter(|arg| arg.bindings.is_some()).cloned();
    apart
        .map(|mut arg| {
            if holds_body && write::keeps_mut(model, Some(&arg)) {
                return patterns([&arg]);
            }
            // The load has its own bindings.
            arg.pattern.iter_mut().for_each(|pattern| Unchanged.visit_pat_mut(pattern));
            let pattern = patterns([&arg]);
            mixed!(#[allow(unused_variables)] #pattern)
        })
        .collect()
}

/// Removes `mut` from the names in a pattern.
struct Unchanged;

impl VisitMut for Unchanged {
    fn visit_pat_ident_mut(&mut self, pat: &mut syn::PatIdent) {
        pat.mutability = None;
        visit_mut::visit_pat_ident_mut(self, pat);
    }
}

/// The statements that destructure arguments that are patterns.
pub(crate) fn patterns<'a>(args: impl IntoIterator<Item = &'a signature::Argument>) -> TokenStream {
    let lets = args.into_iter().filter_map(|arg| {
        let (pattern, ident) = (arg.pattern.as_ref()?, &arg.ident);
        Some(mixed!(let #pattern = #ident;))
    });
    lets.collect()
}
