//! `call!`.

use super::{expect, found, quote};
use crate::call::expand;
use expect_test::Expect;
use proc_macro2::TokenStream;

fn gives(input: TokenStream, expected: &Expect) {
    expected.assert_eq(&expand(input).to_string().replace(' ', ""));
}

#[test]
fn functions() {
    gives(quote!(fib(40)), &expect!["fib::__larder_call(40)"]);
    gives(quote!(math::fib::<u8>(40, x)), &expect!["math::fib::__larder_call::<u8>(40,x)"]);
    gives(quote!(math::fib), &expect!["math::fib::__larder_call"]);
    gives(quote!(Report::total), &expect!["Report::__larder_call_needs_pub_self_on_total"]);
    gives(quote!(crate::r#type(40)), &expect!["crate::r#type::__larder_call(40)"]);
}

#[test]
fn methods() {
    gives(
        quote!(report.total::<u8>(7)),
        &expect!["report.__larder_call_needs_pub_self_on_total::<u8>(7)"],
    );
    gives(quote!(Report::total(7)), &expect!["Report::__larder_call_needs_pub_self_on_total(7)"]);
    gives(quote!(Self::total(7)), &expect!["Self::__larder_call_needs_pub_self_on_total(7)"]);
    gives(
        quote!(model::Report::<T>::total(7)),
        &expect!["model::Report::<T>::__larder_call_needs_pub_self_on_total(7)"],
    );
    gives(
        quote!(<Report as Total>::total(7)),
        &expect!["<ReportasTotal>::__larder_call_needs_pub_self_on_total(7)"],
    );
}

#[test]
fn anything_else_is_shown_the_form() {
    for input in
        [quote!(), quote!(40), quote!(fib(40) + 1), quote!((f)(x)(y)), quote!(fib(40).await)]
    {
        let messages = found(&expand(input));
        assert_eq!(messages.len(), 1);
        assert!(messages[0].contains("such as `call!(fib(40))`"), "{messages:?}");
    }
}
