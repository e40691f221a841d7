//! Parses the options.

use proc_macro2::{Ident, TokenStream};
use syn::{Expr, Type};

use crate::cached::{CacheChoice, cache_choice, tenant};
use crate::crate_path::Root;
use crate::errors::Errors;
use crate::options::{Grammar, Options};
use crate::outcome::Outcome;
use crate::subject::Subject;

pub(crate) const GRAMMAR: Grammar = Grammar {
    known: &[
        "key", "keys", "pattern", "tags", "model", "op", "events", "all", "soft", "before", "on",
        "when", "cache", "tenant", "crate",
    ],
    targets: true,
    docs: "cache_evict",
};

/// The options of the attribute.
pub(crate) struct Args {
    pub(crate) root: Root,
    pub(crate) calls: Vec<Expr>,
    pub(crate) key: Option<(Ident, Expr)>,
    pub(crate) keys: Option<(Ident, Expr)>,
    pub(crate) pattern: Option<(Ident, Expr)>,
    pub(crate) tags: Option<(Ident, Expr)>,
    pub(crate) subject: Option<Subject>,
    pub(crate) events: Vec<Type>,
    pub(crate) all: bool,
    pub(crate) soft: bool,
    pub(crate) before: bool,
    pub(crate) outcome: Outcome,
    pub(crate) cache: CacheChoice,
    pub(crate) tenant: Option<Expr>,
}

impl Args {
    /// Parses the content of the attribute.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Options::parse(tokens, &GRAMMAR, errors);
        Self {
            root: Root::take(&mut options, errors),
            key: options.assigned("key", errors),
            keys: options.assigned("keys", errors),
            pattern: options.assigned("pattern", errors),
            tags: options.assigned("tags", errors),
            subject: Subject::take(&mut options, errors),
            events: options.types("events"),
            all: options.flag("all", errors).is_some(),
            soft: options.flag("soft", errors).is_some(),
            before: options.flag("before", errors).is_some(),
            outcome: Outcome::take(&mut options, errors),
            cache: cache_choice(&mut options, errors),
            tenant: tenant(&mut options, errors),
            calls: options.targets,
        }
    }

    /// Whether no target was given, valid or not.
    pub(crate) fn is_empty(&self) -> bool {
        let named = [&self.key, &self.keys, &self.pattern, &self.tags];
        let typed = self.subject.is_some() || !self.events.is_empty();
        self.calls.is_empty() && !self.all && !typed && named.iter().all(|option| option.is_none())
    }
}
