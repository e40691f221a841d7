//! Generates the code; this step cannot fail.

use proc_macro2::TokenStream;
use quote::ToTokens as _;

use super::model::{Evict, Model};
use crate::cached::{CacheChoice, for_tenant, shape, with_handle};
use crate::kept::Kept;
use crate::mixed::mixed;
use crate::mutator::{run_body, wrap};
use crate::target::result_ident;

/// The function, which evicts before or after its body.
pub(crate) fn expand(model: &Model) -> TokenStream {
    let private = &model.root.private;
    let start = for_tenant(model.tenant.as_ref(), |tenant| match &model.cache {
        CacheChoice::Default => mixed!(#private::Evictions::new() #tenant),
        CacheChoice::Named(name) => mixed!(#private::Evictions::named(#name) #tenant),
        CacheChoice::Handle(handle) => {
            with_handle(handle, |handle| mixed!(#private::Evictions::on(#handle) #tenant))
        }
    });
    let held = model.outcome.on_ok().then(|| mixed!(.held()));
    let early = model.early.iter().map(|target| step(model, target));
    let rest = if model.before { before(model) } else { after(model) };
    let keyed = model.early.iter().chain(&model.late).any(|target| matches!(target, Evict::Key(_)));
    let here = keyed.then(|| {
        mixed!(
            enum __LarderHere {}
        )
    });
    let softened = (model.soft && !model.early.is_empty())
        .then(|| mixed!(let __larder_evictions = __larder_evictions.soft();));
    let inside = mixed! {
        #here
        let __larder_evictions = #start #held;
        #(let __larder_evictions = __larder_evictions #early;)*
        #softened
        #rest
    };
    wrap(&model.function, &model.root, &inside)
}

fn before(model: &Model) -> TokenStream {
    let body = run_body(&model.function, &model.root, false);
    let run = match model.function.is_async() {
        true => mixed!(__larder_evictions.run_before().await;),
        false => mixed!(__larder_evictions.run_before_blocking();),
    };
    mixed!(#run #body)
}

fn after(model: &Model) -> TokenStream {
    let kept = Kept::new(&model.function, &used(model));
    let pieces = model.pieces.iter().map(|piece| piece.statement(&model.root.private));
    let clones = kept.before(&model.root);
    let body = run_body(&model.function, &model.root, !kept.complete);
    let decide = decide(model, &kept);
    let run = match model.function.is_async() {
        true => mixed!(__larder_evictions.run().await;),
        false => mixed!(__larder_evictions.run_blocking();),
    };
    mixed! {
        #(#pieces)*
        #clones
        #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
        let __larder_output = #body;
        #decide
        #run
        __larder_output
    }
}

/// The expressions that are evaluated after the body.
fn used(model: &Model) -> Vec<TokenStream> {
    let calls = model.late.iter().filter_map(|target| match target {
        Evict::Call(call) => Some(call.expr.to_token_stream()),
        Evict::Entries(entries) => Some(entries.arguments()),
        _ => None,
    });
    calls.chain(model.outcome.used()).collect()
}

/// The final list of evictions, built from the output.
fn decide(model: &Model, kept: &Kept) -> Option<TokenStream> {
    let wanted = model.outcome.wanted(&model.function);
    if model.late.is_empty() && wanted.is_none() && !model.outcome.on_ok() {
        return None;
    }
    let late = model.late.iter().map(|target| step(model, target));
    let soft = (model.soft && !model.late.is_empty()).then(|| mixed!(.soft()));
    let late = mixed!(__larder_evictions #(#late)* #soft);
    let names = kept.after();
    let list = match model.outcome.on_ok() {
        true => {
            let list = guarded(wanted.as_ref(), &late);
            with_value(
                model,
                &mixed!({ let __larder_evictions = __larder_evictions.released(); #list }),
            )
        }
        false if model.late.is_empty() => guarded(wanted.as_ref(), &late),
        false => guarded(wanted.as_ref(), &with_value(model, &late)),
    };
    Some(match names.is_empty() {
        true => mixed!(let __larder_evictions = #list;),
        false => mixed!(let __larder_evictions = { #names #list };),
    })
}

fn guarded(wanted: Option<&TokenStream>, list: &TokenStream) -> TokenStream {
    let Some(wanted) = wanted else { return list.clone() };
    mixed!(match #wanted { true => #list, false => __larder_evictions.none() })
}

/// `list` if there is a value. Without a value (an `Err`) the late targets do not exist.
fn with_value(model: &Model, list: &TokenStream) -> TokenStream {
    let private = &model.root.private;
    let shape = shape(private, &model.function.output());
    let result = match model.late.is_empty() {
        true => mixed!(_),
        false => result_ident().to_token_stream(),
    };
    mixed! {
        match #private::Shape::value(#shape, &__larder_output) {
            ::core::option::Option::Some(#result) => #list,
            ::core::option::Option::None => __larder_evictions,
        }
    }
}

fn step(model: &Model, target: &Evict) -> TokenStream {
    let private = &model.root.private;
    match target {
        Evict::Call(call) => {
            let call = &call.expr;
            mixed!(.call(#call))
        }
        Evict::Entries(entries) => {
            let own = matches!(model.cache, CacheChoice::Default);
            let entries = entries.expand(private, own);
            mixed!(.call(#entries))
        }
        Evict::Key(template) => {
            let key = template.key_buf(private);
            // An entry that is cached in a generic block has its type in the key, even if the
            // template does not name it.
            mixed!(.key_around::<__LarderHere, _>(#key, || {}))
        }
        Evict::Pattern(template) => {
            let pattern = template.key_buf(private);
            mixed!(.pattern(#pattern))
        }
        Evict::Tag(template) => {
            let tag = template.tag_buf(private);
            mixed!(.tag(#tag))
        }
        Evict::Event(event) => mixed!(.event::<#event>()),
        Evict::All => mixed!(.all()),
    }
}
