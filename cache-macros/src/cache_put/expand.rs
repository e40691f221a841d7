//! Generates the code; this step cannot fail.

use proc_macro2::TokenStream;
use quote::ToTokens as _;

use super::model::Model;
use crate::cached::shape;
use crate::kept::Kept;
use crate::mixed::mixed;
use crate::mutator::{run_body, wrap};
use crate::target::result_ident;

/// The function, which stores its value after its body.
pub(crate) fn expand(model: &Model) -> TokenStream {
    let shape = shape(&model.root.private, &model.output);
    let inside = if model.target.uses_result { late(model) } else { early(model) };
    let inside = mixed! {
        let __larder_shape = #shape;
        #inside
    };
    wrap(&model.function, &inside)
}

fn early(model: &Model) -> TokenStream {
    let (private, target) = (&model.root.private, &model.target.expr);
    let used: Vec<_> = model.outcome.used().into_iter().collect();
    let kept = Kept::new(&model.function, &used);
    let (clones, names) = (kept.before(&model.root), kept.after());
    let body = run_body(&model.function, &model.root, !kept.complete);
    let held = model.outcome.on_ok().then(|| mixed!(.on_ok()));
    let wanted = model.outcome.wanted(&model.function).map(|wanted| match names.is_empty() {
        true => mixed!(let __larder_put = __larder_put.only_if(#wanted);),
        false => mixed!(let __larder_put = { #names __larder_put.only_if(#wanted) };),
    });
    let finish = finish(model);
    mixed! {
        let __larder_put = #private::WriteThrough::new(#target, __larder_shape) #held;
        #clones
        #[allow(clippy::redundant_closure_call)]
        let __larder_output = #body;
        #wanted
        __larder_put #finish;
        __larder_output
    }
}

fn late(model: &Model) -> TokenStream {
    let (private, target) = (&model.root.private, &model.target.expr);
    let mut used = vec![target.to_token_stream()];
    used.extend(model.outcome.used());
    let kept = Kept::new(&model.function, &used);
    let (clones, names) = (kept.before(&model.root), kept.after());
    let body = run_body(&model.function, &model.root, !kept.complete);
    let wanted = model.outcome.wanted(&model.function).map(|wanted| mixed!(.only_if(#wanted)));
    let (finish, result) = (finish(model), result_ident());
    mixed! {
        #clones
        #[allow(clippy::redundant_closure_call)]
        let __larder_output = #body;
        if let ::core::option::Option::Some(#result) = #private::Shape::value(__larder_shape, &__larder_output) {
            #names
            #private::WriteThrough::new(#target, __larder_shape) #wanted #finish;
        }
        __larder_output
    }
}

fn finish(model: &Model) -> TokenStream {
    match model.function.is_async() {
        true => mixed!(.finish(&__larder_output).await),
        false => mixed!(.finish_blocking(&__larder_output)),
    }
}
