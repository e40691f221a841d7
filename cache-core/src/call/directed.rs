//! What the arguments of a call decide besides its key: its policy, and the terms of its values.

use std::sync::Arc;

use crate::base::{Expiry, IntoTtl, Policy, PolicyRef, Shape, warn_once};
use crate::engine::{Decide, Request, Site, Terms};
use crate::tags::Tags;

/// The decisions of the arguments. Expansions make them.
#[derive(Debug)]
pub struct Directed {
    site: &'static Site,
    policy: Option<Policy>,
    /// Whether a value may be stored. A hit needs no terms.
    stores: bool,
    decide: Option<Decide>,
}

impl Directed {
    /// For a look at the memory tier.
    #[inline]
    pub(super) fn looking(site: &'static Site) -> Self {
        Self { site, policy: None, stores: false, decide: None }
    }

    /// For a value that may be stored.
    #[inline]
    pub(super) fn storing(site: &'static Site) -> Self {
        Self { stores: true, ..Self::looking(site) }
    }

    /// Sets the time to live that was computed when the function was called.
    #[inline]
    pub fn ttl(&mut self, ttl: &Option<Expiry>) {
        if let Some(ttl) = ttl.filter(|_| self.stores) {
            self.policy = Some(self.site.policy().until(ttl));
        }
    }

    /// Sets the policy that was computed when the function was called.
    #[inline]
    pub fn policy(&mut self, policy: &Policy) {
        self.policy = Some(*policy);
    }

    /// Whether the terms of a value are needed. They copy arguments.
    #[inline]
    pub fn wants_terms(&self) -> bool {
        self.stores
    }

    /// Decides about each value of the call.
    pub fn terms<S: Shape>(
        &mut self,
        _: S,
        decide: impl Fn(&S::Value, &mut Terms) + Send + Sync + 'static,
    ) {
        self.decide = Some(Decide::new(decide));
    }

    /// The policy of the first look.
    #[inline]
    pub(super) fn looks_under(&self) -> &Policy {
        match &self.policy {
            Some(policy) => policy,
            None => self.site.policy(),
        }
    }

    /// Adds the tags of the function that a policy of the call does not have: those of its events.
    #[inline]
    pub(super) fn complete(&self, tags: &mut Tags) {
        if self.policy.is_some() {
            for tag in self.site.policy().tags {
                tags.begin();
                tags.text().literal(tag);
            }
        }
    }

    /// The same for the request, with the terms of the function that need no arguments.
    pub(super) fn own(self, decide: Option<Decide>) -> Own {
        let policy = self.policy.map(|policy| PolicyRef::Own(Arc::new(policy)));
        Own { policy, decide: Decide::both(decide, self.decide) }
    }
}

/// The policy and the decisions of one call, which its arguments made.
#[derive(Clone, Debug)]
pub(super) struct Own {
    policy: Option<PolicyRef>,
    decide: Option<Decide>,
}

impl Own {
    pub(super) fn apply(&self, request: &mut Request) {
        if let Some(policy) = &self.policy {
            request.policy = policy.clone();
        }
        request.decide.clone_from(&self.decide);
    }
}

/// A function of the arguments that decides for a call; `()` decides nothing.
pub(super) trait Directs<A> {
    fn direct(&self, args: &A, directed: &mut Directed);
}

impl<A> Directs<A> for () {
    #[inline]
    fn direct(&self, _: &A, _: &mut Directed) {}
}

/// A closure as [`Directs`].
#[derive(Debug)]
pub(super) struct By<D>(pub(super) D);

impl<A, D: Fn(&A, &mut Directed)> Directs<A> for By<D> {
    #[inline]
    fn direct(&self, args: &A, directed: &mut Directed) {
        (self.0)(args, directed);
    }
}

/// The value of the option `ttl`, computed when the function is called.
pub fn ttl(ttl: impl IntoTtl) -> Option<Expiry> {
    ttl.into_ttl().unwrap_or_else(|error| {
        warn_once("a call keeps the ttl of its cache", &error);
        None
    })
}
