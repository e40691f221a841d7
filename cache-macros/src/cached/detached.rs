//! Loads that may go on in the background (refreshes, timeouts): such a load may run after the caller is gone, so the body
//! becomes a function of its own that either the caller's arguments or clones of them are given to.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::Ident;
use syn::ext::IdentExt as _;

use super::expand::{Shell, turbofish};
use super::model::Model;
use super::rules::rules;
use super::sync::forwarded;
use super::{attrs, prologue};
use crate::mixed::{mixed, shown_at};
use crate::signature::{Held, held};

/// The wrapper and the load.
pub(crate) fn expand(model: &Model) -> TokenStream {
    let Body { sibling, nested, path } = Body::new(model);
    let wrapper = wrapper(model, &nested, &path);
    mixed!(#wrapper #sibling)
}

/// The function that the body became.
pub(super) struct Body {
    /// Beside the wrapper,
    pub(super) sibling: TokenStream,
    /// or inside of it.
    pub(super) nested: TokenStream,
    /// What it is called from there.
    pub(super) path: TokenStream,
}

impl Body {
    pub(super) fn new(model: &Model) -> Self {
        let name = &model.function.sig.ident;
        let load_name = match model.function.associated {
            true => format_ident!("__larder_load_{}", name.unraw(), span = name.span()),
            false => Ident::new("__larder_load", Span::mixed_site()),
        };
        let load = load(model, &load_name);
        // `Self` cannot be named in a nested function, so a method's load is its sibling.
        let (sibling, nested, path) = match model.function.associated {
            true => (load, TokenStream::new(), mixed!(Self::#load_name)),
            false => (TokenStream::new(), load, load_name.to_token_stream()),
        };
        Self { sibling, nested, path }
    }
}

fn load(model: &Model, name: &Ident) -> TokenStream {
    let (for_body, hidden) = (attrs::for_body(&model.function.attrs), attrs::allowed_hidden());
    let mut sig = model.function.sig.clone();
    sig.ident = name.clone();
    let block = &model.function.block;
    // An argument that only the key or the cache uses is used.
    mixed! {
        #for_body
        #hidden
        #[allow(unused_variables)]
        #sig #block
    }
}

fn wrapper(model: &Model, nested: &TokenStream, path: &TokenStream) -> TokenStream {
    let shell = Shell::new(model, false);
    let (site, locals) = (prologue::site(model), prologue::locals(model, &shell.output));
    let (fetch, rules) = (prologue::fetch(model), rules(model));
    let (attributes, allowed) = (attrs::for_wrapper(&model.function.attrs), attrs::allowed());
    let (vis, head) = (&model.function.vis, shell.head(model, &model.function.sig.ident));
    let (args, members) = (tuple(&forwarded(model)), Members::new(model));
    let (names, held, clones, passed) =
        (tuple(&members.names), &members.names, &members.clones, &members.passed);
    let turbofish = turbofish(model);
    mixed! {
        #attributes
        #allowed
        #vis #head {
            #site
            #nested
            #locals
            #fetch.call_refreshing(
                #rules,
                #args,
                move |#names| #path #turbofish (#(#held),*),
                move |#names| {
                    #(#clones)*
                    async move { #path #turbofish (#(#passed),*).await }
                },
            )
        }
    }
}

/// How each argument goes from the wrapper to the load.
#[derive(Default)]
pub(super) struct Members {
    /// Its name inside the closures.
    pub(super) names: Vec<TokenStream>,
    /// The statement that makes a borrowed one owned.
    pub(super) clones: Vec<TokenStream>,
    /// The owned one, borrowed again where the load wants a reference.
    pub(super) passed: Vec<TokenStream>,
}

impl Members {
    pub(super) fn new(model: &Model) -> Self {
        let mut members = Self::default();
        if let Some(receiver) = model.function.receiver() {
            let shown = Span::mixed_site().located_at(receiver.self_token.span);
            let name = Ident::new("larder_self", shown);
            members.push(model, &name, matches!(held(receiver), Held::Shared));
        }
        for arg in &model.function.args {
            members.push(model, &arg.ident, arg.reference().is_some());
        }
        members
    }

    fn push(&mut self, model: &Model, name: &Ident, borrowed: bool) {
        self.names.push(name.to_token_stream());
        if borrowed {
            // What rustc says of a type that isn't `Clone` is shown at the argument.
            let private = &model.root.private;
            let detached = shown_at(name.span(), &mixed!(#private::detached));
            let shown = Span::mixed_site().located_at(name.span());
            let clone = quote_spanned!(shown=> let #name = #detached(#name););
            self.clones.push(clone);
            self.passed.push(mixed!(&#name));
        } else {
            self.clones.push(TokenStream::new());
            self.passed.push(name.to_token_stream());
        }
    }
}

/// A tuple of any length, one included.
pub(super) fn tuple(members: &[TokenStream]) -> TokenStream {
    mixed!((#(#members,)*))
}
