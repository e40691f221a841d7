//! The head of every expansion: the site, the key, the tags, the shape of the output.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{ExprReference, GenericParam, Type};

use super::key::Key;
use super::model::{CacheChoice, Model};
use super::rules;
use crate::mixed::mixed;
use crate::returns::is_opaque;
use crate::signature::SELF_TYPE;
use crate::template::Template;

/// `static SITE`: the function's policy, made at compile time.
pub(crate) fn site(model: &Model) -> TokenStream {
    let private = &model.root.private;
    let path = format!("::{}", model.function.sig.ident.unraw());
    let items = model.policy.items(&model.root);
    let policy = model.policy.expr(&model.root, &reach(model));
    let named = match &model.cache {
        CacheChoice::Named(name) => mixed!(.cache(#name)),
        _ => TokenStream::new(),
    };
    mixed! {
        #items
        static __LARDER_SITE: #private::Site = #private::Site::new(
            ::core::concat!(::core::module_path!(), #path),
            #policy,
        ) #named;
    }
}

/// Which tiers, and the tags that all entries carry.
fn reach(model: &Model) -> TokenStream {
    let local = model.local.then(|| mixed!(.local()));
    let fixed = model.tags.iter().filter(|tag| !of_call(model, tag));
    let fixed: Vec<_> = fixed.filter_map(Template::fixed).collect();
    let tags = (!fixed.is_empty()).then(|| mixed!(.tags(&[#(#fixed),*])));
    mixed!(#local #tags)
}

/// Whether `tag` is given call by call: because it has placeholders, or because the tags of `policy` are to stay beside it.
fn of_call(model: &Model, tag: &Template) -> bool {
    tag.fixed().is_none() || model.policy.base.is_some()
}

/// `let key`, `let tags`, `let shape`, `let rules`.
pub(crate) fn locals(model: &Model, output: &Type) -> TokenStream {
    let private = &model.root.private;
    let key = key(model);
    let tags = tags(model).map(|tags| mixed!(let tags = #tags;));
    let (shape, rules) = (shape(private, output), rules::statements(model));
    mixed! {
        let key = #key;
        #tags
        let shape = #shape;
        #rules
    }
}

/// The `KeyBuf`.
pub(crate) fn key(model: &Model) -> TokenStream {
    let private = &model.root.private;
    match &model.key {
        Key::Template(template) => template.key_buf_with(private, &model.affixes),
        Key::Automatic { args, generics } => {
            // What rustc says of a type that isn't `Serialize` is shown at the argument.
            let args = args.iter().map(|arg| {
                let shown = Span::mixed_site().located_at(arg.span());
                quote_spanned!(shown=> key.arg(&#arg);)
            });
            automatic(model, generics, &args.collect())
        }
        Key::Custom { text, generics } => {
            // And of a text that isn't `Display`, at the expression.
            let shown = Span::mixed_site().located_at(text.span());
            let text = borrowed(text);
            automatic(model, generics, &quote_spanned!(shown=> key.text(#text);))
        }
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
    let tags = model.tags.iter().any(|tag| of_call(model, tag)).then(|| mixed!(.tags(tags)));
    let (cache, skip, instance) = (cache(model), model.conditions.fetch(), instance(model));
    mixed!(#private::Fetch::new(&__LARDER_SITE, key) #tags #cache #skip #instance)
}

/// A template is the whole key. So that two types of one generic `impl` block do not share entries, only one of them uses it,
/// unless the template tells them apart or the user has said that it need not.
fn instance(model: &Model) -> Option<TokenStream> {
    let (function, Key::Template(template)) = (&model.function, &model.key) else { return None };
    // A sync function that is certainly no method is none: its twin would not be allowed there.
    let free = !function.is_async() && !function.associated;
    if free || model.every_type || template.mentions(SELF_TYPE) {
        return None;
    }
    let generic = function.names().generics().next().is_some()
        || function.args.iter().any(|arg| is_opaque(&arg.ty));
    Some(match generic {
        // What its own generics are, the user has decided.
        true => mixed!(.of_type(|| {})),
        false => mixed!(.of_instance(|| {})),
    })
}

/// `.cache(handle)`, where a handle was given.
pub(crate) fn cache(model: &Model) -> Option<TokenStream> {
    let CacheChoice::Handle(handle) = &model.cache else { return None };
    let handle = borrowed(handle);
    Some(mixed!(.cache(#handle)))
}

/// `&expr`, with parentheses where `expr` needs them.
pub(crate) fn borrowed(expr: &syn::Expr) -> TokenStream {
    if let syn::Expr::Reference(_) = expr {
        return expr.to_token_stream();
    }
    let reference = ExprReference {
        attrs: Vec::new(),
        // What rustc says of the reference is shown at the expression.
        and_token: syn::Token![&](Span::mixed_site().located_at(expr.span())),
        mutability: None,
        expr: Box::new(expr.clone()),
    };
    reference.to_token_stream()
}

/// The tags of this call.
pub(crate) fn tags(model: &Model) -> Option<TokenStream> {
    let private = &model.root.private;
    let tags: Vec<_> = model.tags.iter().filter(|tag| of_call(model, tag)).collect();
    let traits = tags.iter().find_map(|tag| tag.traits(private));
    let buffer = mixed!(tags.text());
    let pushes = tags.iter().map(|tag| {
        let pushes = tag.pushes(private, &buffer, &buffer);
        mixed!(tags.begin(); #pushes)
    });
    (!tags.is_empty()).then(|| {
        mixed! {
            {
                #traits
                let mut tags = #private::Tags::new();
                #(#pushes)*
                tags
            }
        }
    })
}

fn automatic(model: &Model, kept: &[Ident], rest: &TokenStream) -> TokenStream {
    let private = &model.root.private;
    let name = model.function.sig.ident.unraw().to_string();
    let place = place(model, &name);
    let generics = generics(model, kept);
    let ident = Ident::new("key", Span::mixed_site());
    let (prefix, version) = (model.affixes.before(&ident), model.affixes.after(&ident));
    let start = match &prefix {
        None => mixed!(let mut key = #private::KeyBuf::function(::core::module_path!(), #name);),
        Some(prefix) => mixed! {
            let mut key = #private::KeyBuf::new();
            #prefix
            key.function_path(::core::module_path!(), #name);
        },
    };
    mixed! {
        {
            #start
            #place
            #generics
            #rest
            #version
            key
        }
    }
}

/// Module path and name don't tell apart `A::get` from `B::get`, nor two functions nested in others, nor two instances of
/// an impl block with generics, which the attribute cannot see: the name that the compiler gives a closure in the function
/// does. For a function of a module that name is what is expected, and the test is constant.
fn place(model: &Model, name: &str) -> TokenStream {
    // The key of a sync function is written in its twin, which stands in a type.
    let twin = !model.function.is_async() && !model.function.associated;
    let (around, whole) = match twin {
        true => {
            let (around, whole) = (format!("::{name}"), format!("::{name}::call::{{{{closure}}}}"));
            (mixed!(::core::concat!(::core::module_path!(), #around)), whole)
        }
        false => (mixed!(::core::module_path!()), format!("::{name}::{{{{closure}}}}")),
    };
    mixed!(key.place(|| {}, #around, ::core::concat!(::core::module_path!(), #whole));)
}

/// The function's own generics. The arguments that are `impl Trait` are some, too.
fn generics(model: &Model, kept: &[Ident]) -> TokenStream {
    let params = model.function.sig.generics.params.iter().map(|param| match param {
        GenericParam::Type(param) if kept.contains(&param.ident) => {
            let ident = &param.ident;
            mixed!(key.generic::<#ident>();)
        }
        GenericParam::Const(param) if kept.contains(&param.ident) => {
            let ident = &param.ident;
            mixed!(key.arg(&#ident);)
        }
        _ => TokenStream::new(),
    });
    let Key::Automatic { args, .. } = &model.key else { return params.collect() };
    let opaque = model.function.args.iter().filter(|arg| is_opaque(&arg.ty));
    let opaque = opaque.filter(|arg| args.contains(&arg.ident)).map(|arg| {
        let ident = &arg.ident;
        mixed!(key.generic_of(&#ident);)
    });
    params.chain(opaque).collect()
}
