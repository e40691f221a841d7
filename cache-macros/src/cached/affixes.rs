//! `key_prefix`, `model` and `op`, `version`: the texts around every key of a function.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens as _;
use syn::{Expr, ExprLit, Lit};

use crate::errors::Errors;
use crate::mixed::mixed;
use crate::options::Options;
use crate::signature::Names;
use crate::subject::Subject;
use crate::template::{self, Kind, Places, Template, plain_text};

/// The given texts.
#[derive(Default)]
pub(crate) struct Affixes {
    prefix: Option<Prefix>,
    /// The model and the operation, which replace the function's path.
    pub(crate) subject: Option<Subject>,
    version: Option<(Ident, String)>,
}

/// `key_prefix`
struct Prefix {
    name: Ident,
    value: Expr,
    /// The text, which may have placeholders, with a separator, the model and the operation.
    template: Option<Template>,
}

impl Affixes {
    /// Takes the texts from the options.
    pub(crate) fn take(options: &mut Options, errors: &mut Errors) -> Self {
        let subject = Subject::take(options, errors);
        subject.iter().for_each(|subject| subject.check_read(errors));
        let prefix = options.assigned("key_prefix", errors);
        let prefix = prefix.map(|(name, value)| Prefix { name, value, template: None });
        Self { prefix, subject, version: version(options, errors) }
    }

    /// Reads the placeholders.
    pub(crate) fn resolve(&mut self, names: &Names, errors: &mut Errors) {
        if let Some(prefix) = &mut self.prefix {
            prefix.template = parse_prefix(&prefix.value, names, errors);
            if let (Some(template), Some(subject)) = (&mut prefix.template, &self.subject) {
                template.push_text(&subject.head());
            }
        }
    }

    fn prefix(&self) -> Option<&Template> {
        self.prefix.as_ref()?.template.as_ref()
    }

    /// The names of the given options.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Ident> {
        let prefix = self.prefix.iter().map(|prefix| &prefix.name);
        prefix.chain(self.version.iter().map(|(name, _)| name))
    }

    /// Whether a placeholder of the prefix begins with `name`.
    pub(crate) fn mentions(&self, name: &str) -> bool {
        self.prefix().is_some_and(|prefix| prefix.mentions(name))
    }

    /// The names of which the prefix has a part only; see [`Template::partial`].
    pub(crate) fn partial(
        &self,
        is_whole: &dyn Fn(&Ident) -> bool,
    ) -> impl Iterator<Item = &Ident> {
        self.prefix().into_iter().flat_map(|prefix| prefix.partial(is_whole))
    }

    /// The imports that the statements of the prefix need.
    pub(crate) fn traits(&self, private: &TokenStream) -> Option<TokenStream> {
        self.prefix()?.traits(private)
    }

    /// The parts before the template or the path.
    pub(crate) fn parts(
        &self,
        private: &TokenStream,
        position: &dyn Fn(&Ident) -> Option<usize>,
    ) -> Vec<TokenStream> {
        if let Some(prefix) = self.prefix() {
            return prefix.parts(private, position);
        }
        let head = self.subject.as_ref().map(Subject::head);
        head.map(|head| mixed!(#private::Part::Text(#head))).into_iter().collect()
    }

    /// Whether keys begin with an argument if `template` is behind the prefix: it could be taken for a tenant.
    pub(crate) fn begins_with_argument(&self, template: Option<&Template>) -> bool {
        match (self.prefix(), &self.subject) {
            (Some(prefix), _) => !prefix.begins_with_text(),
            (None, Some(_)) => false,
            (None, None) => template.is_some_and(|template| !template.begins_with_text()),
        }
    }

    /// The text after it.
    pub(crate) fn tail(&self) -> Option<&String> {
        self.version.as_ref().map(|(_, version)| version)
    }

    /// The statements that write what is before the template or the path.
    pub(crate) fn before(
        &self,
        private: &TokenStream,
        key: &Ident,
        places: Places<'_>,
    ) -> Option<TokenStream> {
        if let Some(prefix) = self.prefix() {
            let buffer = key.to_token_stream();
            return Some(prefix.pushes(private, places, &buffer, &buffer));
        }
        let head = self.subject.as_ref().map(Subject::head);
        head.map(|head| mixed!(#key.literal(#head);))
    }

    /// The statement that writes `tail`.
    pub(crate) fn after(&self, key: &Ident) -> Option<TokenStream> {
        self.tail().map(|version| mixed!(#key.literal(#version);))
    }
}

/// The text, followed by a separator.
fn parse_prefix(value: &Expr, names: &Names, errors: &mut Errors) -> Option<Template> {
    let open = matches!(value, Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if text.value().contains(['{', '}']));
    if !open {
        plain_text("key_prefix", value, errors)?;
    }
    let mut prefix = template::parse(Kind::Key, value, names, errors)?;
    if !prefix.ends_with_separator() {
        prefix.push_text(":");
    }
    Some(prefix)
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
