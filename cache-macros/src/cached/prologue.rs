//! The start of every expansion: the site, the key, the tags, the shape of the output.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{ExprReference, GenericParam, Type};

use super::detached::asks_base;
use super::key::Key;
use super::leads;
use super::model::{CacheChoice, Model};
use super::owning::borrows;
use super::rules;
use crate::mixed::{mixed, shown_at};
use crate::returns::is_opaque;
use crate::signature::{SELF_TYPE, occurs};
use crate::template::{Places, Template};

/// `static SITE`: the function's policy, built at compile time.
pub(crate) fn site(model: &Model) -> TokenStream {
    let private = &model.root.private;
    let path = format!("::{}", model.function.sig.ident.unraw());
    let items = model.policy.items(&model.root, asks_base(model));
    let policy = model.policy.expr(&model.root, &reach(model));
    let named = match &model.cache {
        CacheChoice::Named(name) => mixed!(.cache(#name)),
        _ => TokenStream::new(),
    };
    let (parts, described) = (leads::parts(model), leads::described(model));
    let silent = model.silent.then(|| mixed!(.silent()));
    let events = &model.invalidate_on;
    let events =
        (!events.is_empty()).then(|| mixed!(.events(&[#(#private::event_tag::<#events>),*])));
    let of_calls = model.tags.iter().filter(|tag| of_call(model, tag));
    let patterns: Vec<_> = of_calls.filter_map(Template::pattern).collect();
    let patterns = (!patterns.is_empty()).then(|| mixed!(.tag_patterns(&[#(#patterns),*])));
    let documented = &model.root.documented;
    mixed! {
        #documented
        #items
        static __LARDER_SITE: #private::Site = #private::Site::new(
            ::core::concat!(::core::module_path!(), #path),
            #policy,
        ) #named #parts #events #patterns #silent;
        #described
    }
}

/// The tiers, and the tags of all entries.
fn reach(model: &Model) -> TokenStream {
    let local = model.local.then(|| mixed!(.local()));
    let private = &model.root.private;
    let fixed = model.tags.iter().filter(|tag| !of_call(model, tag));
    let fixed: Vec<_> = fixed.filter_map(|tag| tag.constant(private)).collect();
    let tags = (!fixed.is_empty()).then(|| mixed!(.tags(&[#(#fixed),*])));
    mixed!(#local #tags)
}

/// Whether each call computes `tag`: because it has placeholders, or because the tags of `policy`
/// must be kept.
fn of_call(model: &Model, tag: &Template) -> bool {
    tag.constant(&model.root.private).is_none() || model.policy.base.is_some()
}

/// `let here`, `let cell`, `let text` for the closure that writes; `let shape`, `let rules`.
pub(crate) fn locals(model: &Model, output: &Type) -> TokenStream {
    let private = &model.root.private;
    let (here, text) = (here(model), text_statement(model));
    let cell = cell(model).map(|cell| {
        // rustc shows its error about an expression that is not a cell at the expression.
        let of = shown_at(cell.span(), &mixed!(#private::cell_of));
        let cell = borrowed(cell);
        mixed!(let __larder_cell = #of(#cell);)
    });
    let (shape, rules) = (shape(private, output), rules::statements(model));
    let (ttl, policy) = (ttl_statement(model), policy_statement(model));
    mixed! {
        #here
        #cell
        #text
        #ttl
        #policy
        let __larder_shape = #shape;
        #rules
    }
}

/// Statements that write the key to the reference `__larder_key`.
pub(super) fn key(model: &Model, places: Places<'_>) -> TokenStream {
    let private = &model.root.private;
    match &model.key {
        Key::Template(template) => {
            let more = told_apart(model, Some(template), places);
            template.key_statements(private, &model.affixes, places, &more)
        }
        Key::Automatic { args, generics } => {
            // rustc shows its error about a type that is not `Serialize` at the argument.
            let args = args.iter().map(|arg| {
                let (shown, arg) = (Span::mixed_site().located_at(arg.span()), places(arg.clone()));
                quote_spanned!(shown=> __larder_key.arg(&#arg);)
            });
            automatic(model, generics, places, &args.collect())
        }
        Key::Custom { generics, .. } => {
            let text = places(Ident::new("__larder_text", Span::mixed_site()));
            automatic(model, generics, places, &mixed!(__larder_key.part(&#text);))
        }
        Key::Cell(_) => in_cell(model),
    }
}

/// The variable with the text of `key_with`, if that is given. The user's expression is evaluated once, when the function is called.
pub(super) fn text(model: &Model) -> Option<TokenStream> {
    matches!(model.key, Key::Custom { .. }).then(|| mixed!(__larder_text))
}

/// `let text`
pub(super) fn text_statement(model: &Model) -> Option<TokenStream> {
    let Key::Custom { text, .. } = &model.key else { return None };
    let private = &model.root.private;
    // rustc shows its error about a text that is not `Display` at the expression.
    let of = shown_at(text.span(), &mixed!(#private::KeyPart::of));
    let text = borrowed(text);
    Some(mixed!(let __larder_text = #of(#text);))
}

/// `let ttl`, if the option is evaluated when the function is called.
fn ttl_statement(model: &Model) -> Option<TokenStream> {
    let ttl = ttl_of_call(model)?;
    Some(mixed!(let __larder_ttl = #ttl;))
}

/// The time to live that is evaluated when the function is called.
pub(super) fn ttl_of_call(model: &Model) -> Option<TokenStream> {
    let (private, ttl) = (&model.root.private, model.policy.ttl_of_call()?);
    // rustc shows its error about an expression that is no time to live at the expression.
    let of = shown_at(ttl.span(), &mixed!(#private::ttl));
    Some(mixed!(#of(#ttl)))
}

/// `let policy`, if the option is evaluated when the function is called.
fn policy_statement(model: &Model) -> Option<TokenStream> {
    let policy = policy_of_call(model)?;
    Some(mixed!(let __larder_policy = #policy;))
}

/// The policy that is evaluated when the function is called.
pub(super) fn policy_of_call(model: &Model) -> Option<TokenStream> {
    model.policy.of_this_call(&model.root, &reach(model))
}

/// The variables that were evaluated when the function was called, and the statements that use references to them.
pub(super) fn computed(model: &Model) -> Vec<(TokenStream, TokenStream)> {
    let policy = model
        .policy
        .is_of_call()
        .then(|| (mixed!(__larder_policy), mixed!(__larder_directed.policy(__larder_policy);)));
    let ttl = model
        .policy
        .ttl_of_call()
        .map(|_| (mixed!(__larder_ttl), mixed!(__larder_directed.ttl(__larder_ttl);)));
    policy.into_iter().chain(ttl).collect()
}

/// The imports that the statements of key and tags need. They are in the closure that writes: the user's body must not see them.
pub(super) fn traits(model: &Model) -> Option<TokenStream> {
    let key = match &model.key {
        Key::Template(template) => template.traits(&model.root.private),
        _ => None,
    };
    let key = key.or_else(|| model.affixes.traits(&model.root.private));
    key.or_else(|| tags_of_call(model).find_map(|tag| tag.traits(&model.root.private)))
}

/// A closure in the function, if the key needs it: its name and its type tell where the function is.
pub(super) fn here(model: &Model) -> Option<TokenStream> {
    let key = key(model, &|ident| ident.into_token_stream());
    let is_used = occurs(&Ident::new("__larder_here", Span::mixed_site()), key);
    is_used.then(|| mixed!(let __larder_here = || {};))
}

/// The kind of the output, determined by traits: a `Result` under any alias is a `Result`.
pub(crate) fn shape(private: &TokenStream, output: &Type) -> TokenStream {
    // An error that borrows belongs to its caller. Traits cannot express that, because they are the
    // same for all lifetimes.
    let shared = (!borrows(output)).then(|| mixed!(use #private::ShapeShared as _;));
    mixed! {
        {
            use #private::{ShapePlain as _, ShapeResult as _};
            #shared
            (&&&#private::Probe::<#output>::new()).shape()
        }
    }
}

fn cell(model: &Model) -> Option<&syn::Expr> {
    match &model.key {
        Key::Cell(cell) => Some(cell),
        _ => None,
    }
}

/// `let old`, in the body of the load. `previous` is the expression that takes the value.
pub(crate) fn previous(
    model: &Model,
    output: &Type,
    previous: &TokenStream,
) -> Option<TokenStream> {
    let name = model.previous.as_ref()?;
    let shape = shape(&model.root.private, output);
    Some(mixed!(let #name = #previous.of(#shape);))
}

/// The expression that takes the previous value when the load begins.
pub(crate) fn take_previous(model: &Model) -> Option<TokenStream> {
    let private = &model.root.private;
    model.previous.as_ref().map(|_| mixed!(#private::Previous::take()))
}

/// `Fetch::new(..)` up to the call with the load.
pub(crate) fn fetch(model: &Model) -> TokenStream {
    let private = &model.root.private;
    let skip = model.conditions.fetch();
    let cell = cell(model).map(|_| mixed!(.cell(__larder_cell)));
    on_cache(model, &mixed!(#private::Fetch::<__LarderHere>::new() #cell #skip))
}

/// The part that distinguishes instances in a key without the function's path: the parameters of
/// the surrounding `impl` block or trait, which the attribute cannot see, and the types of
/// `impl Trait` arguments, which have no name.
fn told_apart(model: &Model, template: Option<&Template>, places: Places<'_>) -> TokenStream {
    let instance = instance(model, template);
    let opaque = template.map(|template| types(opaque_in_template(model, template), places));
    mixed!(#instance #opaque)
}

/// What a key contains about the surroundings of the function.
#[derive(Clone, Copy)]
pub(super) enum Instance {
    OfType,
    /// The same for a function with its own generic parameters, for which the user has decided.
    Around,
    /// Only the trait, because the key has the type.
    OfTrait,
}

/// The instance in a key, unless the key already has it or the user has allowed all instances to share entries.
pub(super) fn instance_in(model: &Model, template: Option<&Template>) -> Option<Instance> {
    let function = &model.function;
    // A sync function without `Self` is a free function: if it were a method, its twin would not
    // compile.
    let free = !function.is_async() && !function.associated;
    if free || model.every_type {
        return None;
    }
    Some(match (names_type(model, template), is_generic(model)) {
        (true, _) => Instance::OfTrait,
        (false, true) => Instance::Around,
        (false, false) => Instance::OfType,
    })
}

fn names_type(model: &Model, template: Option<&Template>) -> bool {
    match template {
        Some(template) => template.mentions(SELF_TYPE),
        // `automatic` writes the type.
        None => model.function.associated,
    }
}

fn is_generic(model: &Model) -> bool {
    let function = &model.function;
    function.names().generics().next().is_some()
        || function.args.iter().any(|arg| is_opaque(&arg.ty))
}

/// The statement that writes the instance into the key.
fn instance(model: &Model, template: Option<&Template>) -> Option<TokenStream> {
    let write = match instance_in(model, template)? {
        Instance::OfType => mixed!(instance),
        Instance::Around => mixed!(instance_around),
        Instance::OfTrait => mixed!(instance_of_trait),
    };
    let sole = !names_type(model, template) && is_generic(model) && model.function.associated;
    let sole = sole.then(|| mixed!(__larder_key.sole::<Self>();));
    Some(mixed! {
        __LARDER_SITE.#write::<__LarderHere, _>(__larder_key, __larder_here);
        #sole
    })
}

/// `fetch`, with the tenant and the handle if they are given.
pub(crate) fn on_cache(model: &Model, fetch: &TokenStream) -> TokenStream {
    for_tenant(model.tenant.as_ref(), |tenant| {
        let fetch = mixed!(#fetch #tenant);
        match &model.cache {
            CacheChoice::Handle(handle) => {
                with_handle(handle, |handle| mixed!(#fetch.cache(#handle)))
            }
            _ => fetch,
        }
    })
}

/// `then` with `.tenant(..)`, or with nothing if there is no tenant.
pub(crate) fn for_tenant(
    tenant: Option<&syn::Expr>,
    then: impl FnOnce(TokenStream) -> TokenStream,
) -> TokenStream {
    let Some(tenant) = tenant else { return then(TokenStream::new()) };
    // rustc shows its error about the type at the expression.
    let name = Ident::new("__larder_tenant", Span::mixed_site().located_at(tenant.span()));
    let (tenant, then) = (borrowed(tenant), then(mixed!(.tenant(#name))));
    mixed!(match #tenant { #name => #then })
}

/// `then` with a reference to the user's `handle`. Its type is not constrained in advance, so any
/// type that dereferences to a cache works. A temporary that it borrows from (a lock guard) ends
/// with the expression.
pub(crate) fn with_handle(
    handle: &syn::Expr,
    then: impl FnOnce(&Ident) -> TokenStream,
) -> TokenStream {
    // rustc shows its error about the type at the expression.
    let name = Ident::new("__larder_handle", Span::mixed_site().located_at(handle.span()));
    let (handle, then) = (borrowed(handle), then(&name));
    mixed!(match #handle { #name => #then })
}

/// `&expr`, in parentheses if `expr` needs them.
pub(crate) fn borrowed(expr: &syn::Expr) -> TokenStream {
    if let syn::Expr::Reference(_) = expr {
        return expr.to_token_stream();
    }
    let reference = ExprReference {
        attrs: Vec::new(),
        // rustc shows its error about the reference at the expression.
        and_token: syn::Token![&](Span::mixed_site().located_at(expr.span())),
        mutability: None,
        expr: Box::new(expr.clone()),
    };
    reference.to_token_stream()
}

/// The tags that differ between calls.
pub(super) fn tags_of_call(model: &Model) -> impl Iterator<Item = &Template> {
    model.tags.iter().filter(|tag| of_call(model, tag))
}

/// Statements that write these tags to the reference `__larder_tags`.
pub(super) fn tags(model: &Model, places: Places<'_>) -> TokenStream {
    let private = &model.root.private;
    let buffer = mixed!(__larder_tags.text());
    let tags = tags_of_call(model).map(|tag| {
        let pushes = tag.pushes(private, places, &buffer, &buffer);
        mixed!(__larder_tags.begin(); #pushes)
    });
    tags.collect()
}

/// Begins an automatic key with the module path and the name of the function.
fn function_path(model: &Model) -> TokenStream {
    let name = format!("::{}:", model.function.sig.ident.unraw());
    mixed!(__larder_key.literal(::core::concat!(::core::module_path!(), #name));)
}

fn automatic(model: &Model, kept: &[Ident], places: Places<'_>, rest: &TokenStream) -> TokenStream {
    // The model and the operation replace the path.
    let named = model.affixes.subject.is_some();
    let place = match named {
        true => {
            let ty = model.function.associated.then(|| mixed!(__larder_key.generic::<Self>();));
            let instance = told_apart(model, None, places);
            mixed!(#ty #instance)
        }
        false => place(),
    };
    let generics = generics(model, kept, places);
    let ident = Ident::new("__larder_key", Span::mixed_site());
    let private = &model.root.private;
    let prefix = model.affixes.before(private, &ident, places);
    let guard =
        model.affixes.begins_with_argument(None).then(|| mixed!(__larder_key.guard_head();));
    let version = model.affixes.after(&ident);
    let path = (!named).then(|| function_path(model));
    mixed! {
        #prefix
        #guard
        #path
        #place
        #generics
        #rest
        #version
    }
}

/// The key of a value in a cell. It is short, because the cell is unique. A hash of all types that
/// may differ distinguishes the functions that share a cell.
fn in_cell(model: &Model) -> TokenStream {
    let sig = &model.function.sig;
    let types = sig.generics.type_params().map(|param| &param.ident);
    let consts = sig.generics.const_params().map(|param| &param.ident);
    // A value in a cell has no prefix.
    let head = model.affixes.before(
        &model.root.private,
        &Ident::new("__larder_key", Span::mixed_site()),
        &|ident| ident.into_token_stream(),
    );
    let start = head.unwrap_or_else(|| function_path(model));
    mixed! {
        #start
        __larder_key.types::<(__LarderHere, Self, #(::core::marker::PhantomData<#types>),*)>();
        #(__larder_key.arg(&#consts);)*
    }
}

/// The place of the function. Module path and name do not distinguish `A::get` from `B::get`,
/// functions nested in others, or instances of a generic impl block, which the attribute cannot
/// see. The name that rustc gives to a closure in the function does. For a free function of a
/// module that name is the expected one, and the comparison is constant. rustc does not name
/// blocks, so two functions in blocks of one function need their positions, and two functions from
/// one `macro_rules!` call need the hash of their text.
fn place() -> TokenStream {
    mixed!(__LARDER_SITE.place(__larder_key, __larder_here);)
}

/// The function's own generics, including the types of `impl Trait` arguments.
fn generics(model: &Model, kept: &[Ident], places: Places<'_>) -> TokenStream {
    let params = model.function.sig.generics.params.iter().map(|param| match param {
        GenericParam::Type(param) if kept.contains(&param.ident) => {
            let ident = &param.ident;
            mixed!(__larder_key.generic::<#ident>();)
        }
        GenericParam::Const(param) if kept.contains(&param.ident) => {
            let ident = &param.ident;
            mixed!(__larder_key.arg(&#ident);)
        }
        _ => TokenStream::new(),
    });
    params.chain([types(opaque_in_key(model), places)]).collect()
}

/// The `impl Trait` arguments of a key without a template.
pub(super) fn opaque_in_key(model: &Model) -> impl Iterator<Item = Ident> {
    opaque(model, |name| match &model.key {
        Key::Automatic { args, .. } | Key::Custom { args, .. } => args.contains(name),
        _ => false,
    })
}

/// The `impl Trait` arguments in a template.
pub(super) fn opaque_in_template<'a>(
    model: &'a Model,
    template: &'a Template,
) -> impl Iterator<Item = Ident> + 'a {
    opaque(model, |name| template.mentions(&name.to_string()))
}

/// The `impl Trait` arguments that are kept.
fn opaque<'a>(
    model: &'a Model,
    is_kept: impl Fn(&Ident) -> bool + 'a,
) -> impl Iterator<Item = Ident> + 'a {
    let args = model.function.args.iter().filter(|arg| is_opaque(&arg.ty));
    let args = args.flat_map(crate::signature::Argument::inputs);
    args.map(|arg| arg.ident).filter(move |ident| is_kept(ident))
}

/// Statements that write the types of `args`.
fn types(args: impl Iterator<Item = Ident>, places: Places<'_>) -> TokenStream {
    let of_type = |place| mixed!(__larder_key.generic_of(&#place););
    args.map(|ident| of_type(places(ident))).collect()
}
