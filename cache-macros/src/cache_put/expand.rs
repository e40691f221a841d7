//! Generates the code; this step cannot fail.

use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use syn::spanned::Spanned as _;

use super::model::Model;
use crate::cached::{borrowed, shape};
use crate::kept::Kept;
use crate::mixed::{mixed, shown_at};
use crate::mutator::{run_body, wrap};
use crate::target::{result_ident, result_is_free};

/// The function, which stores its value after its body.
pub(crate) fn expand(model: &Model) -> TokenStream {
    let shape = shape(&model.root.private, &model.output);
    let inside = if model.target.uses_result { late(model) } else { early(model) };
    let private = &model.root.private;
    // Before the body, which may consume the arguments.
    let tenant = model.tenant.as_ref().map(|tenant| {
        let tenant = borrowed(tenant);
        mixed!(let __larder_tenant = #private::tenant_of(#tenant);)
    });
    let inside = mixed! {
        let __larder_shape = #shape;
        #tenant
        #inside
    };
    wrap(&model.function, &model.root, &inside)
}

fn early(model: &Model) -> TokenStream {
    let used: Vec<_> = used(model).collect();
    let kept = Kept::new(&model.function, &used);
    let (clones, names) = (kept.before(&model.root), kept.after());
    let body = run_body(&model.function, &model.root, !kept.complete);
    let held = model.outcome.on_ok().then(|| mixed!(.on_ok()));
    let wanted = model.outcome.wanted(&model.function).map(|wanted| match names.is_empty() {
        true => mixed!(let __larder_put = __larder_put.only_if(#wanted);),
        false => mixed!(let __larder_put = { #names __larder_put.only_if(#wanted) };),
    });
    let (put, value, finish) = (put(model), value(model, &names), finish(model));
    mixed! {
        let __larder_put = #put #held;
        #clones
        #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
        let __larder_output = #body;
        #value
        #wanted
        __larder_put #finish;
        __larder_output
    }
}

fn late(model: &Model) -> TokenStream {
    let private = &model.root.private;
    let mut used: Vec<_> = used(model).collect();
    used.push(model.target.expr.to_token_stream());
    let kept = Kept::new(&model.function, &used);
    let (clones, names) = (kept.before(&model.root), kept.after());
    let body = run_body(&model.function, &model.root, !kept.complete);
    let wanted = model.outcome.wanted(&model.function).map(|wanted| mixed!(.only_if(#wanted)));
    let (put, value, finish) = (put(model), value(model, &TokenStream::new()), finish(model));
    let result = result_ident();
    mixed! {
        #clones
        #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
        let __larder_output = #body;
        if let ::core::option::Option::Some(#result) = #private::Shape::value(__larder_shape, &__larder_output) {
            #names
            let __larder_put = #put;
            #value
            __larder_put #wanted #finish;
        }
        __larder_output
    }
}

/// The expressions that are evaluated after the body, except the target.
fn used(model: &Model) -> impl Iterator<Item = TokenStream> {
    model.outcome.used().into_iter().chain(model.value.as_ref().map(ToTokens::to_token_stream))
}

/// The `WriteThrough`.
fn put(model: &Model) -> TokenStream {
    let (private, target) = (&model.root.private, &model.target.expr);
    let (new, tenant) = match model.tenant {
        Some(_) => (mixed!(of_tenant), mixed!(&__larder_tenant,)),
        None => (mixed!(new), TokenStream::new()),
    };
    if model.value.is_some() {
        return mixed!(#private::WriteThrough::#new(#tenant #target, #private::put_same()));
    }
    // rustc shows its error about a call of another type at the call.
    let call = Ident::new("__larder_call", Span::mixed_site().located_at(target.span()));
    mixed! {
        {
            let #call = #target;
            let __larder_puts = {
                use #private::{PutsSame as _, PutsSome as _};
                (&#private::PutProbe::of(&#call, __larder_shape)).puts()
            };
            #private::WriteThrough::#new(#tenant #call, __larder_puts)
        }
    }
}

/// `let value`: the value to put, if the output has one. `names`: the arguments that the user's expression may use.
fn value(model: &Model, names: &TokenStream) -> TokenStream {
    let private = &model.root.private;
    let Some(value) = &model.value else {
        return mixed! {
            let __larder_value = #private::Shape::value(__larder_shape, &__larder_output).cloned();
        };
    };
    // rustc shows its error about a value of another type at the expression.
    let of = shown_at(value.span(), &mixed!(#private::put_value));
    let result = match result_is_free(&model.function) {
        true => result_ident().to_token_stream(),
        false => mixed!(_),
    };
    mixed! {
        let __larder_value = match #private::Shape::value(__larder_shape, &__larder_output) {
            #[allow(unused_variables)]
            ::core::option::Option::Some(#result) => {
                #names
                ::core::option::Option::Some(#of(&__larder_put, #value))
            }
            ::core::option::Option::None => ::core::option::Option::None,
        };
    }
}

fn finish(model: &Model) -> TokenStream {
    match model.function.is_async() {
        true => mixed!(.finish(__larder_value).await),
        false => mixed!(.finish_blocking(__larder_value)),
    }
}
