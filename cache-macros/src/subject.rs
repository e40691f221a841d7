//! `model` and `op`: the subject of a function. A read is one operation of a model; both begin its
//! keys and are its tags. A mutator evicts a model, or one operation of it.

use proc_macro2::Ident;
use syn::{Expr, ExprLit, Lit, LitStr};

use crate::errors::Errors;
use crate::options::Options;
use crate::template::{Template, is_separator};

/// A model, with or without an operation.
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

    /// Records a read without an operation, because the model alone does not distinguish it from
    /// others.
    pub(crate) fn check_read(&self, errors: &mut Errors) {
        if self.op.is_none() {
            let message = "`model` needs an `op`, which tells this function from others of the model, such as `op = \"get\"`: functions \
                           of one model and operation share entries";
            errors.at(self.option.span(), message);
        }
    }

    /// The text before the arguments in a key.
    pub(crate) fn head(&self) -> String {
        let op = self.op.as_ref().map(LitStr::value).unwrap_or_default();
        format!("{}:{op}:", self.model.value())
    }

    /// The tags of a read.
    pub(crate) fn tags(&self) -> Vec<Template> {
        let operation = self.op.is_some().then(|| self.narrowest());
        std::iter::once(self.whole()).chain(operation).collect()
    }

    /// The tag that a mutator evicts: the operation, or the whole model if there is none.
    pub(crate) fn narrowest(&self) -> Template {
        match &self.op {
            // `larder::Invalidation::operation` uses the same text.
            Some(op) => {
                Template::plain(format!("model:{}:{}", self.model.value(), op.value()), op.clone())
            }
            None => self.whole(),
        }
    }

    /// `larder::Invalidation::model` uses the same text.
    fn whole(&self) -> Template {
        Template::plain(format!("model:{}", self.model.value()), self.model.clone())
    }
}

/// Parses a name that can be a part of a key: it contains no separator.
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
            "`{option}` is a name, and cannot contain `{}`: use letters, digits, `-`, `_` and `.`, as in {}",
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
