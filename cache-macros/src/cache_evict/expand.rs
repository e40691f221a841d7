//! Writes the expansion; nothing here can fail.

use proc_macro2::TokenStream;

use super::model::{Evict, Model};
use crate::cached::{CacheChoice, borrowed, shape};
use crate::mixed::mixed;
use crate::mutator::{run_body, wrap};
use crate::target::result_ident;

/// The function around whose body the evictions happen.
pub(crate) fn expand(model: &Model) -> TokenStream {
    let private = &model.root.private;
    let start = match &model.cache {
        CacheChoice::Default => mixed!(#private::Evictions::new()),
        CacheChoice::Named(name) => mixed!(#private::Evictions::named(#name)),
        CacheChoice::Handle(handle) => {
            let handle = borrowed(handle);
            mixed!(#private::Evictions::on(#handle))
        }
    };
    let early = model.early.iter().map(|target| step(model, target));
    let rest = if model.before { before(model) } else { after(model) };
    let inside = mixed! {
        let evictions = #start;
        #(let evictions = evictions #early;)*
        #rest
    };
    wrap(&model.function, &inside)
}

fn before(model: &Model) -> TokenStream {
    let body = run_body(&model.function, &model.root, false);
    let run = match model.function.is_async() {
        true => mixed!(evictions.run_before().await;),
        false => mixed!(evictions.run_before_blocking();),
    };
    mixed!(#run #body)
}

fn after(model: &Model) -> TokenStream {
    let body = run_body(&model.function, &model.root, !model.late.is_empty());
    let late = late(model);
    let run = match model.function.is_async() {
        true => mixed!(evictions.run().await;),
        false => mixed!(evictions.run_blocking();),
    };
    mixed! {
        #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
        let output = #body;
        #late
        #run
        output
    }
}

/// Where there is no value (an `Err`), there is nothing that these targets could name.
fn late(model: &Model) -> Option<TokenStream> {
    if model.late.is_empty() {
        return None;
    }
    let private = &model.root.private;
    let shape = shape(private, &model.function.output());
    let result = result_ident();
    let steps = model.late.iter().map(|target| step(model, target));
    Some(mixed! {
        let evictions = match #private::Shape::value(#shape, &output) {
            ::core::option::Option::Some(#result) => evictions #(#steps)*,
            ::core::option::Option::None => evictions,
        };
    })
}

fn step(model: &Model, target: &Evict) -> TokenStream {
    let private = &model.root.private;
    match target {
        Evict::Call(call) => {
            let call = &call.expr;
            mixed!(.call(#call))
        }
        Evict::Key(template) => {
            let key = template.key_buf(private);
            mixed!(.key(#key))
        }
        Evict::Pattern(template) => {
            let pattern = template.key_buf(private);
            mixed!(.pattern(#pattern))
        }
        Evict::Tag(template) => {
            let tag = template.key_buf(private);
            mixed!(.tag(#tag))
        }
        Evict::All => mixed!(.all()),
    }
}
