//! Arguments that are used after the body, which may have consumed them.

use proc_macro2::{Ident, Span, TokenStream};
use quote::format_ident;
use syn::ext::IdentExt as _;

use crate::crate_path::Root;
use crate::mixed::{mixed, shown_at};
use crate::signature::{Argument, Function, Held, held};
use crate::target::mentions;

/// The arguments that must be cloned before the body.
pub(crate) struct Kept {
    args: Vec<Argument>,
    /// Whether the later expressions use nothing else that the body may have consumed.
    pub(crate) complete: bool,
}

impl Kept {
    /// The arguments of `function` that the expressions `used` need.
    pub(crate) fn new(function: &Function, used: &[TokenStream]) -> Self {
        let uses = |name: &str| used.iter().any(|tokens| mentions(name, tokens.clone()));
        let (mut args, mut complete) = (Vec::new(), true);
        if let Some(receiver) = function.receiver() {
            complete &= matches!(held(receiver), Held::Shared) || !uses("self");
        }
        for arg in function.inputs() {
            match arg.reference() {
                // The names in a pattern are unknown here.
                _ if arg.pattern.is_some() => complete &= used.is_empty(),
                _ if !uses(&arg.ident.to_string()) => {}
                // A body that moves a shared reference moves a copy of it.
                Some(reference) => complete &= reference.mutability.is_none(),
                None => args.push(arg),
            }
        }
        Self { args, complete }
    }

    /// The statements before the body.
    pub(crate) fn before(&self, root: &Root) -> TokenStream {
        let private = &root.private;
        let clones = self.args.iter().map(|arg| {
            let (ident, kept) = (&arg.ident, name(arg));
            // rustc shows its error about a type that is not `Clone` at the argument.
            let clone = shown_at(ident.span(), &mixed!(#private::kept));
            let argument = shown_at(ident.span(), &mixed!(&));
            mixed!(let #kept = #clone(#argument #ident);)
        });
        clones.collect()
    }

    /// The statements after the body, before the expressions that use the arguments.
    pub(crate) fn after(&self) -> TokenStream {
        let names = self.args.iter().map(|arg| {
            let (ident, kept) = (&arg.ident, name(arg));
            mixed! {
                #[allow(unused_variables)]
                let #ident = #kept;
            }
        });
        names.collect()
    }
}

fn name(arg: &Argument) -> Ident {
    format_ident!("__larder_kept_{}", arg.ident.unraw(), span = Span::mixed_site())
}
