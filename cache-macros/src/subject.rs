//! `model` and `op`: what a function is about. A read is one operation of a model, which stand at the head of its keys and are its
//! tags; a mutator makes a model old, or one operation of it.

use proc_macro2::Ident;
use syn::{Expr, ExprLit, Lit, LitStr};

use crate::errors::Errors;
use crate::options::Options;
use crate::template::{Template, is_separator};

/// A model, and perhaps an operation of it.
pub(crate) struct Subject {
    /// The option `model`, for messages.
    option: Ident,
    model: LitStr,
    op: Option<LitStr>,
}

impl Subject {
    /// Takes both from the options.
    pub(crate) fn take(options: &mut Options, errors: &mut Errors) -> Option<Self> {
        let (model, op) = (options.given("model", errors), options.given("op", errors));
        let (option, model) = match (model, &op) {
            (Some((option, model)), _) => (option, name("model", model, errors)),
            (None, Some((op, _))) => {
                let message =
                    "`op` is an operation of a model: add `model = \"user\"`, or remove `op`";
                errors.at(op.span(), message);
                return None;
            }
            (None, None) => return None,
        };
        let op = match op {
            Some((_, op)) => Some(name("op", op, errors)?),
            None => None,
        };
        Some(Self { option, model: model?, op })
    }

    /// Records that a read is not told by its model alone.
    pub(crate) fn check_read(&self, errors: &mut Errors) {
        if self.op.is_none() {
            let message = "`model` needs an `op`, which tells this function from others of the model, such as `op = \"get\"`: functions \
                           of one model and operation share entries";
            errors.at(self.option.span(), message);
        }
    }

    /// What stands in front of the arguments in a key.
    pub(crate) fn head(&self) -> String {
        let op = self.op.as_ref().map(LitStr::value).unwrap_or_default();
        format!("{}:{op}:", self.model.value())
    }

    /// All that a read can be evicted by.
    pub(crate) fn tags(&self) -> Vec<Template> {
        let operation = self.op.is_some().then(|| self.narrowest());
        std::iter::once(self.whole()).chain(operation).collect()
    }

    /// What a mutator evicts by: the operation, or the whole model where there is none.
    pub(crate) fn narrowest(&self) -> Template {
        match &self.op {
            // As `larder::Invalidation::operation` writes it.
            Some(op) => {
                Template::plain(format!("model:{}:{}", self.model.value(), op.value()), op.clone())
            }
            None => self.whole(),
        }
    }

    /// As `larder::Invalidation::model` writes it.
    fn whole(&self) -> Template {
        Template::plain(format!("model:{}", self.model.value()), self.model.clone())
    }
}

/// A part of a key, which no part of another can run into.
fn name(option: &str, value: Option<Expr>, errors: &mut Errors) -> Option<LitStr> {
    let value = value?;
    let Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) = &value else {
        errors.on(&value, format!("`{option}` is a name such as {}", example(option)));
        return None;
    };
    let text = name.value();
    if text.is_empty() {
        errors.at(
            name.span(),
            format!("`{option}` is empty: write a name such as {}", example(option)),
        );
        return None;
    }
    if let Some(c) = text.chars().find(|c| is_separator(*c)) {
        let message = format!(
            "`{option}` is a name, and `{}` is none of its characters: use letters, digits, `-`, `_` and `.`, as in {}",
            c.escape_debug(),
            example(option)
        );
        errors.at(name.span(), message);
        return None;
    }
    Some(name.clone())
}

fn example(option: &str) -> &'static str {
    if option == "model" { "\"user\"" } else { "\"get\"" }
}
