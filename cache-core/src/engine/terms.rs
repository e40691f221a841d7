//! What a function decides about one value, from the value and the arguments.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::request::Request;
use super::verdict::StoreDecision;
use crate::base::{Expiry, IntoTtl, Policy, PolicyRef, warn_once};

/// The decisions about one value. Expansions make them.
#[derive(Debug, Default)]
pub struct Terms {
    drops: bool,
    ttl: Option<Expiry>,
}

impl Terms {
    /// Does not store the value unless `keep` is true.
    pub fn keep_if(&mut self, keep: bool) {
        self.drops |= !keep;
    }

    /// Sets the time to live of the value. Zero: the value is not stored.
    ///
    /// Text that is not a duration changes nothing, and is reported once.
    pub fn ttl(&mut self, ttl: impl IntoTtl) {
        match ttl.into_ttl() {
            Ok(ttl) => self.ttl = ttl.or(self.ttl),
            Err(error) => warn_once("a value keeps the ttl of its policy", &error),
        }
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
        let mut terms = Terms::default();
        if let Some(Decide(decide)) = &self.decide {
            decide(value, &mut terms);
        }
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
