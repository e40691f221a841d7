//! Generated variables do not collide with the user's: they have the span `mixed_site`, which only
//! rustc honours. So these tests check only that the user's names stay unchanged.

use super::{pretty, quote};
use crate::cached::expand;

#[test]
fn arguments_may_have_our_names() {
    let text = pretty(expand(
        quote!(key = "{key}:{tags}:{shape}"),
        quote! {
            async fn get(key: u8, tags: u8, shape: u8) -> u8 { key + tags + shape }
        },
    ));
    assert!(text.contains("key + tags + shape"), "{text}");
}

#[test]
fn raw_names_lose_their_mark_in_text_only() {
    let text = pretty(expand(
        quote!(key = "{r#type}"),
        quote!(
            fn r#match(r#type: u8) -> u8 {
                r#type
            }
        ),
    ));
    assert!(text.contains("\"::match\""), "{text}");
    assert!(text.contains("Field(&(*r#type))"), "{text}");
    assert!(text.contains("enum r#match"), "{text}");
}

#[test]
fn inner_attributes_move_out() {
    let text = pretty(expand(
        quote!(),
        quote!(
            async fn get() -> u8 {
                #![allow(unused)]
                3
            }
        ),
    ));
    assert!(text.contains("#[allow(unused)]"), "{text}");
}
