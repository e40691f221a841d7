//! `key_prefix`, `model` and `op`, `version`: the texts around every key of a function.

use proc_macro2::{Ident, TokenStream};
use syn::{Expr, ExprLit, Lit};

use crate::errors::Errors;
use crate::mixed::mixed;
use crate::options::Options;
use crate::subject::Subject;
use crate::template::plain_text;

/// The given texts.
#[derive(Default)]
pub(crate) struct Affixes {
    prefix: Option<(Ident, String)>,
    /// The model and the operation, which replace the function's path.
    pub(crate) subject: Option<Subject>,
    version: Option<(Ident, String)>,
}

impl Affixes {
    /// Takes the texts from the options.
    pub(crate) fn take(options: &mut Options, errors: &mut Errors) -> Self {
        let subject = Subject::take(options, errors);
        subject.iter().for_each(|subject| subject.check_read(errors));
        Self { prefix: prefix(options, errors), subject, version: version(options, errors) }
    }

    /// The names of the given options.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Ident> {
        self.prefix.iter().chain(&self.version).map(|(name, _)| name)
    }

    /// The text before the template or the path.
    pub(crate) fn head(&self) -> Option<String> {
        let prefix = self.prefix.as_ref().map(|(_, prefix)| prefix.clone());
        let head = self.subject.as_ref().map(Subject::head);
        prefix.into_iter().chain(head).reduce(|prefix, head| prefix + &head)
    }

    /// The text after it.
    pub(crate) fn tail(&self) -> Option<&String> {
        self.version.as_ref().map(|(_, version)| version)
    }

    /// The statement that writes `head`.
    pub(crate) fn before(&self, key: &Ident) -> Option<TokenStream> {
        self.head().map(|before| mixed!(#key.literal(#before);))
    }

    /// The statement that writes `tail`.
    pub(crate) fn after(&self, key: &Ident) -> Option<TokenStream> {
        self.tail().map(|version| mixed!(#key.literal(#version);))
    }
}

/// The text, followed by a separator.
fn prefix(options: &mut Options, errors: &mut Errors) -> Option<(Ident, String)> {
    let (name, value) = options.assigned("key_prefix", errors)?;
    let text = plain_text("key_prefix", &value, errors)?;
    Some((name, if text.ends_with([':', '/']) { text } else { text + ":" }))
}

/// `#` and the text. It is last, so that patterns match all versions. The text of an argument
/// contains no `#`.
fn version(options: &mut Options, errors: &mut Errors) -> Option<(Ident, String)> {
    let (name, value) = options.assigned("version", errors)?;
    let text = match &value {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_digits().to_owned(),
        Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => plain_text("version", &value, errors)?,
        _ => {
            errors
                .on(&value, "`version` is a whole number or a text, such as `2` or `\"2024-05\"`");
            return None;
        }
    };
    Some((name, format!("#{text}")))
}
