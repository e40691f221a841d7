//! Parses the options.

use proc_macro2::{Ident, TokenStream};
use syn::Expr;

use crate::cached::tenant;
use crate::crate_path::Root;
use crate::errors::Errors;
use crate::options::{Grammar, Options};
use crate::outcome::Outcome;

pub(crate) const GRAMMAR: Grammar = Grammar {
    known: &["value", "on", "when", "tenant", "crate"],
    targets: true,
    docs: "cache_put",
};

/// The options of the attribute.
pub(crate) struct Args {
    pub(crate) root: Root,
    pub(crate) targets: Vec<Expr>,
    /// The value to put, instead of the output.
    pub(crate) value: Option<(Ident, Expr)>,
    pub(crate) outcome: Outcome,
    pub(crate) tenant: Option<Expr>,
}

impl Args {
    /// Parses the content of the attribute.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Options::parse(tokens, &GRAMMAR, errors);
        let root = Root::take(&mut options, errors);
        let value = options.assigned("value", errors);
        let outcome = Outcome::take(&mut options, errors);
        let tenant = tenant(&mut options, errors);
        Self { root, targets: options.targets, value, outcome, tenant }
    }
}
