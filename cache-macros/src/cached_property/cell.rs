//! `cell = self.posts`: stores the value in the instance.

use proc_macro2::Ident;
use quote::ToTokens as _;
use syn::Expr;

use crate::cached::{Args, Key};
use crate::errors::Errors;
use crate::target::mentions;

/// Validates `cell`, and the options that exclude it.
pub(crate) fn build(name: &Ident, value: &Expr, args: &Args, errors: &mut Errors) -> Key {
    for (other, _) in args.key.iter().chain(&args.key_with) {
        let message =
            format!("with `{name}` the instance itself is the key: remove `{other}` or `{name}`");
        errors.at(other.span(), message);
    }
    for other in args.affixes.names() {
        errors.at(other.span(), format!("a value in a cell has no key: remove `{other}`"));
    }
    if let Some(local) = &args.local {
        errors.at(local.span(), "a value in a cell is always local: remove `local`");
    }
    if !mentions("self", value.to_token_stream()) {
        errors.on(value, "this cell is in no instance, so that all would share one value: name a field of `self`, such as `cell = self.posts`");
    }
    Key::Cell(Box::new(value.clone()))
}
