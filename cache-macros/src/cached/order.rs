//! Other attributes that rewrite the function (`#[tracing::instrument]`, `#[async_recursion]`) must
//! get it as it was written, wherever they are. So `#[cached]` moves behind them, and their result
//! is its body.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, ItemFn};

use super::Flavor;
use super::args::Args;
use super::marks::Marks;
use crate::crate_path;
use crate::errors::Errors;

/// The item with the attribute after all others, if it must move.
pub(crate) fn behind_others(
    flavor: Flavor,
    marks: Marks,
    args: &TokenStream,
    item: &TokenStream,
) -> Option<TokenStream> {
    let ItemFn { attrs, vis, sig, block, .. } = syn::parse2(item.clone()).ok()?;
    if attrs.iter().all(is_inert) {
        return None;
    }
    let macros = macros(flavor, args);
    let name = Ident::new(flavor.name(), Span::call_site());
    let marks = Marks { last: true, ..marks };
    let sig = sig.to_token_stream();
    Some(quote! {
        #(#attrs)*
        #[#macros::#name(#marks #args)]
        #vis #sig #block
    })
}

/// The crate that exports the attribute, for another expansion of it.
pub(super) fn macros(flavor: Flavor, args: &TokenStream) -> TokenStream {
    // The next expansion reports the mistakes.
    let root = Args::parse(args.clone(), &flavor.grammar(), &mut Errors::default()).root;
    crate_path::macros().unwrap_or(root.larder)
}

/// Whether an attribute belongs to rustc or to a tool.
fn is_inert(attr: &Attribute) -> bool {
    const OF_RUSTC: [&str; 16] = [
        "allow",
        "cfg",
        "cold",
        "deny",
        "deprecated",
        "doc",
        "expect",
        "export_name",
        "forbid",
        "inline",
        "link_section",
        "must_use",
        "no_mangle",
        "target_feature",
        "track_caller",
        "warn",
    ];
    const OF_TOOLS: [&str; 4] = ["clippy", "diagnostic", "rustdoc", "rustfmt"];
    let path = attr.path();
    let of_tool = path.segments.len() > 1
        && path
            .segments
            .first()
            .is_some_and(|first| OF_TOOLS.iter().any(|name| first.ident == name));
    of_tool || OF_RUSTC.iter().any(|name| path.is_ident(name))
}
