//! Documentation and completion of options in editors with rust-analyzer.
//!
//! rust-analyzer does not know the options of an attribute. But it relates each token of an attribute to the same token in the
//! expansion. So the expansion imports an item of `__private::options` under each name that the user has written: rust-analyzer
//! shows the item's documentation at the option, and completes a name from the items beside it. rustc gets none of this.

use std::sync::LazyLock;

use proc_macro2::{Ident, Span, TokenStream};

use crate::mixed::mixed;

static IS_ASKING: LazyLock<bool> = LazyLock::new(|| {
    let program = std::env::current_exe().unwrap_or_default();
    program.file_stem().is_some_and(|name| name.to_string_lossy().starts_with("rust-analyzer"))
});

/// Whether rust-analyzer expands the attribute.
pub(crate) fn is_asking() -> bool {
    *IS_ASKING
}

/// Imports of the documentation of options, with the names as they are written. These may be no options.
pub(crate) fn documented(private: &TokenStream, docs: &str, written: &[Ident]) -> TokenStream {
    match is_asking() {
        true => imports(private, docs, written),
        false => TokenStream::new(),
    }
}

/// The same beside a block, which cannot contain imports.
pub(crate) fn documented_beside(
    private: &TokenStream,
    docs: &str,
    written: &[Ident],
) -> TokenStream {
    let imports = documented(private, docs, written);
    match imports.is_empty() {
        true => imports,
        false => mixed!(const _: () = { #imports };),
    }
}

fn imports(private: &TokenStream, docs: &str, written: &[Ident]) -> TokenStream {
    // A keyword is no item.
    let names = written.iter().filter(|name| *name != "crate");
    let docs = Ident::new(docs, Span::mixed_site());
    mixed! {
        #[allow(unused_imports)]
        use #private::options::#docs::{#(#names as _),*};
    }
}

/// Whether rust-analyzer asks how this name could go on: it then expands a copy of the attribute with a marker in the name.
pub(crate) fn is_completed(name: &Ident) -> bool {
    let text = name.to_string();
    text.contains("raCompletionMarker") || text.contains("intellijRulezz")
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;
    use crate::cached::Flavor;
    use crate::{cache_evict, cache_put};

    /// The names of the items of one group in `__private/options.rs`.
    fn documented_names(source: &str, group: &str) -> Vec<String> {
        let group = source.split(&format!("    {group} {{")).nth(1).unwrap_or_default();
        let lines = group.lines().skip(1).take_while(|line| *line != "    }");
        let items = lines.filter_map(|line| line.trim().strip_suffix(';'));
        items.filter(|item| !item.starts_with("///")).map(str::to_owned).collect()
    }

    #[test]
    fn every_option_is_documented() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../cache-core/src/__private/options.rs");
        let source = std::fs::read_to_string(path).expect("the crates are beside each other");
        let mut cached: Vec<&str> = Flavor::Function.grammar().known.to_vec();
        cached.extend(Flavor::Property.grammar().known);
        let groups = [
            ("cached", cached),
            ("cache_evict", cache_evict::GRAMMAR.known.to_vec()),
            ("cache_put", cache_put::GRAMMAR.known.to_vec()),
        ];
        for (group, mut known) in groups {
            known.retain(|name| *name != "crate");
            known.sort_unstable();
            known.dedup();
            let mut documented = documented_names(&source, group);
            documented.sort_unstable();
            assert_eq!(documented, known, "the options of `{group}` in {path}");
        }
    }

    #[test]
    fn names_are_imported_as_they_are_written() {
        let written = ["ttl", "crate", "sta"].map(|name| Ident::new(name, Span::call_site()));
        let expected = quote! {
            #[allow(unused_imports)]
            use ::larder::__private::options::cached::{ttl as _, sta as _};
        };
        let imports = imports(&quote!(::larder::__private), "cached", &written);
        assert_eq!(imports.to_string(), expected.to_string());
    }
}
