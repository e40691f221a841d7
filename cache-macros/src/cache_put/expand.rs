//! Writes the expansion; nothing here can fail.

use proc_macro2::TokenStream;

use super::model::Model;
use crate::cached::shape;
use crate::mixed::mixed;
use crate::mutator::{run_body, wrap};
use crate::target::result_ident;

/// The function behind whose body the value is stored.
pub(crate) fn expand(model: &Model) -> TokenStream {
    let shape = shape(&model.root.private, &model.output);
    let inside = if model.target.uses_result { late(model) } else { early(model) };
    let inside = mixed! {
        let shape = #shape;
        #inside
    };
    wrap(&model.function, &inside)
}

fn early(model: &Model) -> TokenStream {
    let (private, target) = (&model.root.private, &model.target.expr);
    let body = run_body(&model.function, &model.root, false);
    let finish = finish(model);
    mixed! {
        let put = #private::WriteThrough::new(#target, shape);
        #[allow(clippy::redundant_closure_call)]
        let output = #body;
        put #finish;
        output
    }
}

fn late(model: &Model) -> TokenStream {
    let (private, target) = (&model.root.private, &model.target.expr);
    let body = run_body(&model.function, &model.root, true);
    let (finish, result) = (finish(model), result_ident());
    mixed! {
        #[allow(clippy::redundant_closure_call)]
        let output = #body;
        if let ::core::option::Option::Some(#result) = #private::Shape::value(shape, &output) {
            #private::WriteThrough::new(#target, shape) #finish;
        }
        output
    }
}

fn finish(model: &Model) -> TokenStream {
    match model.function.is_async() {
        true => mixed!(.finish(&output).await),
        false => mixed!(.finish_blocking(&output)),
    }
}
