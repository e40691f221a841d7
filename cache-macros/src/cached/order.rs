//! Attributes of others: those that rewrite the function (`#[tracing::instrument]`, `#[async_recursion]`) are to see it as it
//! was written, wherever they stand. So `#[cached]` goes behind them, where what they made is its body.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, ItemFn};

use super::Flavor;
use super::args::Args;
use crate::crate_path;
use crate::errors::Errors;

/// Says that there is nothing more to go behind: not every attribute that we don't know is a macro.
const LAST: &str = "__larder_last";

/// `args` without the mark, and whether it was there.
pub(crate) fn marked(args: TokenStream) -> (bool, TokenStream) {
    let mut tokens = args.clone().into_iter();
    match tokens.next() {
        Some(TokenTree::Ident(ident)) if ident == LAST => (true, tokens.skip(1).collect()),
        _ => (false, args),
    }
}

/// The item with the attribute behind all others, if it has to go there.
pub(crate) fn behind_others(
    flavor: Flavor,
    args: &TokenStream,
    item: &TokenStream,
) -> Option<TokenStream> {
    let ItemFn { attrs, vis, sig, block, .. } = syn::parse2(item.clone()).ok()?;
    if attrs.iter().all(is_inert) {
        return None;
    }
    // Its mistakes are reported when it is its turn.
    let root = Args::parse(args.clone(), &flavor.grammar(), &mut Errors::default()).root;
    let macros = crate_path::macros().unwrap_or(root.larder);
    let [name, last] = [flavor.name(), LAST].map(|name| Ident::new(name, Span::call_site()));
    let sig = sig.to_token_stream();
    Some(quote! {
        #(#attrs)*
        #[#macros::#name(#last, #args)]
        #vis #sig #block
    })
}

/// What rustc itself knows and what belongs to tools.
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
