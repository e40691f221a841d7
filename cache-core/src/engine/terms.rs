//! What a function decides about one value, from the value and the arguments.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::request::Request;
use super::verdict::StoreDecision;
use crate::base::{Expiry, IntoTtl, Policy, PolicyRef, warn_once};

/// The decisions about one value, or about one error: whether an old value is served instead, and how long the error is
/// cached. Expansions make them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms {
    drops: bool,
    ttl: Option<Expiry>,
}

impl Terms {
    /// Does not store the value unless `keep` is true. Of an error: serves no old value unless `keep` is true.
    pub fn keep_if(&mut self, keep: bool) {
        self.drops |= !keep;
    }

    /// Sets the time to live of the value, or of the error. Zero: it is not stored.
    ///
    /// Text that is not a duration changes nothing, and is reported once.
    pub fn ttl(&mut self, ttl: impl IntoTtl) {
        match ttl.into_ttl() {
            Ok(ttl) => self.ttl = ttl.or(self.ttl),
            Err(error) => warn_once("a value keeps the ttl of its policy", &error),
        }
    }

    /// Whether an old value may be served instead of the error.
    pub(super) fn serves_old(self) -> bool {
        !self.drops
    }

    /// How long the error is cached, if at all; `own` is the policy's decision.
    pub(super) fn error_life(self, own: Option<Duration>) -> Option<Expiry> {
        self.ttl.or(own.map(Expiry::In)).filter(|life| *life != Expiry::In(Duration::ZERO))
    }
}

/// A function that decides about a value, for code that does not know the value's type.
#[derive(Clone)]
pub struct Decide(Arc<Deciding>);

type Deciding = dyn Fn(&dyn Any, &mut Terms) + Send + Sync;

impl fmt::Debug for Decide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decide")
    }
}

impl Decide {
    pub(crate) fn new<V: 'static>(decide: impl Fn(&V, &mut Terms) + Send + Sync + 'static) -> Self {
        Self(Arc::new(move |value, terms| {
            if let Some(value) = value.downcast_ref() {
                decide(value, terms);
            }
        }))
    }

    /// Its decision about a value or an error.
    pub(crate) fn of(&self, about: &dyn Any) -> Terms {
        let mut terms = Terms::default();
        (self.0)(about, &mut terms);
        terms
    }

    /// The same with a fixed time to live.
    pub(crate) fn with_ttl(self, ttl: Expiry) -> Self {
        Self(Arc::new(move |value, terms| {
            (self.0)(value, terms);
            terms.ttl = Some(ttl);
        }))
    }

    /// Both decide.
    pub(crate) fn both(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(Self(Arc::new(move |value, terms| {
                (one.0)(value, terms);
                (other.0)(value, terms);
            }))),
            (one, other) => one.or(other),
        }
    }
}

/// Whether a value is stored, and under which policy.
pub(crate) enum Keep {
    No,
    Under(PolicyRef),
}

impl Request {
    /// What happens to a value about which the function's rules have decided this.
    pub(crate) fn keep(&self, decision: StoreDecision, value: &dyn Any) -> Keep {
        let whole = match decision {
            StoreDecision::Drop => return Keep::No,
            StoreDecision::Keep => None,
            StoreDecision::KeepFor(ttl) => Some(self.policy.whole_life(ttl)),
        };
        let terms = self.decide.as_ref().map(|decide| decide.of(value)).unwrap_or_default();
        if terms.drops || terms.ttl == Some(Expiry::In(Duration::ZERO)) {
            return Keep::No;
        }
        let own = |policy: Policy| PolicyRef::Own(Arc::new(policy));
        Keep::Under(match (whole, terms.ttl) {
            // An absent value has the life that the policy gives it.
            (Some(whole), _) => own(whole),
            (None, Some(ttl)) => own(self.policy.until(ttl)),
            (None, None) => self.policy.clone(),
        })
    }
}
