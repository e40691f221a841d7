//! The head of every expansion: the site, the key, the tags, the shape of the output.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{ExprReference, GenericParam, Type};

use super::key::Key;
use super::model::{CacheChoice, Model};
use crate::duration;
use crate::mixed::mixed;

/// `static SITE`: the function's policy, made at compile time.
pub(crate) fn site(model: &Model) -> TokenStream {
    let (larder, private) = (&model.root.larder, &model.root.private);
    let path = format!("::{}", model.function.sig.ident.unraw());
    let policy = policy(model);
    let named = match &model.cache {
        CacheChoice::Named(name) => mixed!(.cache(#name)),
        _ => TokenStream::new(),
    };
    mixed! {
        static __LARDER_SITE: #private::Site = #private::Site::new(
            ::core::concat!(::core::module_path!(), #path),
            #larder::Policy::new() #policy,
        ) #named;
    }
}

fn policy(model: &Model) -> TokenStream {
    let ttl = model.ttl.map(duration::emit).map(|ttl| mixed!(.ttl(#ttl)));
    let stale = model.stale.map(duration::emit).map(|stale| mixed!(.stale(#stale)));
    let local = model.local.then(|| mixed!(.local()));
    let fixed: Vec<_> = model.tags.iter().filter_map(|tag| tag.fixed()).collect();
    let tags = (!fixed.is_empty()).then(|| mixed!(.tags(&[#(#fixed),*])));
    mixed!(#ttl #stale #local #tags)
}

/// `let key`, `let tags`, `let shape`.
pub(crate) fn locals(model: &Model, output: &Type) -> TokenStream {
    let private = &model.root.private;
    let key = match &model.key {
        Key::Template(template) => template.key_buf(private),
        Key::Automatic(args) => automatic(model, args),
    };
    let tags = tags(model).map(|tags| mixed!(let tags = #tags;));
    let shape = shape(private, output);
    mixed! {
        let key = #key;
        #tags
        let shape = #shape;
    }
}

/// What kind of output this is, asked of traits: a `Result` under any alias is a `Result`.
pub(crate) fn shape(private: &TokenStream, output: &Type) -> TokenStream {
    mixed! {
        {
            use #private::{ShapePlain as _, ShapeResult as _, ShapeShared as _};
            (&&&#private::Probe::<#output>::new()).shape()
        }
    }
}

/// `Fetch::new(..)` up to the call that decides on the load.
pub(crate) fn fetch(model: &Model) -> TokenStream {
    let private = &model.root.private;
    let tags = has_dynamic_tags(model).then(|| mixed!(.tags(tags)));
    let cache = match &model.cache {
        CacheChoice::Handle(handle) => {
            let handle = borrowed(handle);
            mixed!(.cache(#handle))
        }
        _ => TokenStream::new(),
    };
    mixed!(#private::Fetch::new(&__LARDER_SITE, key) #tags #cache)
}

/// `&expr`, with parentheses where `expr` needs them.
pub(crate) fn borrowed(expr: &syn::Expr) -> TokenStream {
    if let syn::Expr::Reference(_) = expr {
        return expr.to_token_stream();
    }
    let reference = ExprReference {
        attrs: Vec::new(),
        and_token: syn::Token![&](Span::mixed_site()),
        mutability: None,
        expr: Box::new(expr.clone()),
    };
    reference.to_token_stream()
}

/// The variable `shape`, shown at the return type: that is where rustc then points if the value lacks what a call demands.
pub(crate) fn shape_at_output(model: &Model) -> Ident {
    Ident::new("shape", Span::mixed_site().located_at(model.function.output().span()))
}

/// The rules that depend on types: what the output must be for the options that were given.
pub(crate) fn rules(model: &Model) -> TokenStream {
    let private = &model.root.private;
    let shape = shape_at_output(model);
    let local = model.local || !model.function.is_async();
    let codec = if local { mixed!(#private::local()) } else { mixed!(#private::remote(#shape)) };
    mixed!(#private::Rules::new(#shape, #codec))
}

fn has_dynamic_tags(model: &Model) -> bool {
    model.tags.iter().any(|tag| tag.fixed().is_none())
}

fn tags(model: &Model) -> Option<TokenStream> {
    if !has_dynamic_tags(model) {
        return None;
    }
    let private = &model.root.private;
    let buffer = mixed!(tags.text());
    let dynamic = model.tags.iter().filter(|tag| tag.fixed().is_none());
    let pushes: TokenStream = dynamic
        .map(|tag| {
            let pushes = tag.pushes(private, &buffer, &buffer);
            mixed!(tags.begin(); #pushes)
        })
        .collect();
    Some(mixed! {
        {
            use #private::{PushDisplay as _, PushExact as _};
            let mut tags = #private::Tags::new();
            #pushes
            tags
        }
    })
}

fn automatic(model: &Model, args: &[Ident]) -> TokenStream {
    let private = &model.root.private;
    let sig = &model.function.sig;
    let name = sig.ident.unraw().to_string();
    let owner = model.function.associated.then(|| mixed!(key.generic::<Self>();));
    let generics = sig.generics.params.iter().map(|param| match param {
        GenericParam::Type(param) => {
            let ident = &param.ident;
            mixed!(key.generic::<#ident>();)
        }
        GenericParam::Const(param) => {
            let ident = &param.ident;
            mixed!(key.arg(&#ident);)
        }
        _ => TokenStream::new(),
    });
    let args = args.iter().map(|arg| {
        // What rustc says of a type that isn't `Serialize` is shown at the argument.
        let shown = Span::mixed_site().located_at(arg.span());
        quote_spanned!(shown=> key.arg(&#arg);)
    });
    let here = here(model, &name);
    mixed! {
        {
            enum __LarderHere {}
            let mut key = #private::KeyBuf::function(::core::module_path!(), #name);
            #here
            #owner
            #(#generics)*
            #(#args)*
            key
        }
    }
}

/// Module path and name don't tell apart `A::get` from `B::get`, nor two functions nested in others: the path that the
/// compiler gives a type inside the function does. For a function of a module the two agree and the test is constant.
fn here(model: &Model, name: &str) -> TokenStream {
    let inside = if model.function.is_async() || model.function.associated { "" } else { "::call" };
    let expected = format!("::{name}{inside}::__LarderHere");
    mixed! {
        if ::core::any::type_name::<__LarderHere>() != ::core::concat!(::core::module_path!(), #expected) {
            key.generic::<__LarderHere>();
        }
    }
}
