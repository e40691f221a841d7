//! The leases of the store.

use std::sync::Arc;
use std::time::Duration;

use super::Remote;
use crate::backend::{LeaseOutcome, LeaseRequest, Leases};
use crate::base::{BackendError, BackendErrorKind};
use crate::remote::ask::Ask;
use crate::remote::pending::Affected;

/// Which lease is requested, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeaseQuestion<'a> {
    pub(crate) key: &'a str,
    pub(crate) token: u64,
    pub(crate) ttl: Duration,
    pub(crate) ask: Ask,
}

pub(super) fn no_leases() -> BackendError {
    BackendError::new(BackendErrorKind::Unsupported, "lease", "no leases")
}

impl Remote {
    /// Whether the store fences loads.
    pub(crate) fn has_leases(&self) -> bool {
        self.backend.leases().is_some()
    }

    fn leases(&self) -> Result<&dyn Leases, BackendError> {
        self.backend.leases().ok_or_else(no_leases)
    }

    pub(super) fn lease_request<'a>(
        &self,
        place: &'a str,
        question: LeaseQuestion<'_>,
    ) -> LeaseRequest<'a> {
        let LeaseQuestion { token, ttl, ask: Ask { seen, generation, steal, .. }, .. } = question;
        LeaseRequest { key: place, token, ttl, seen, generation, steal, most: self.most }
    }

    pub(crate) async fn acquire(
        self: &Arc<Self>,
        question: LeaseQuestion<'_>,
    ) -> Result<LeaseOutcome, BackendError> {
        let place = self.value_key(question.key);
        let request = self.lease_request(&place, question);
        self.guarded(Affected::Keys(&[question.key]), self.leases()?.acquire(request)).await
    }

    /// Like [`acquire`](Self::acquire) for many leases in one request.
    pub(crate) async fn acquire_each(
        self: &Arc<Self>,
        questions: &[LeaseQuestion<'_>],
    ) -> Vec<Result<LeaseOutcome, BackendError>> {
        let keys: Vec<&str> = questions.iter().map(|question| question.key).collect();
        let places: Vec<String> = keys.iter().map(|key| self.value_key(key)).collect();
        let acquire = async |free: Vec<usize>| {
            let Ok(leases) = self.leases() else { return Vec::new() };
            let request = |at: usize| self.lease_request(&places[at], questions[at]);
            let requests: Vec<LeaseRequest<'_>> = free.into_iter().map(request).collect();
            leases.acquire_each(&requests).await
        };
        self.guarded_each(&keys, acquire).await
    }

    pub(crate) async fn renew(
        self: &Arc<Self>,
        key: &str,
        token: u64,
        ttl: Duration,
    ) -> Result<bool, BackendError> {
        let place = self.value_key(key);
        self.guarded(Affected::Keys(&[key]), self.leases()?.renew(&place, token, ttl)).await
    }

    /// Like [`renew`](Self::renew) for many leases in one request.
    pub(crate) async fn renew_each(
        self: &Arc<Self>,
        renewals: &[(&str, u64, Duration)],
    ) -> Vec<Result<bool, BackendError>> {
        let keys: Vec<&str> = renewals.iter().map(|(key, ..)| *key).collect();
        let places: Vec<String> = keys.iter().map(|key| self.value_key(key)).collect();
        let renew = async |free: Vec<usize>| {
            let Ok(leases) = self.leases() else { return Vec::new() };
            let renewal = |at: usize| (places[at].as_str(), renewals[at].1, renewals[at].2);
            let renewals: Vec<_> = free.into_iter().map(renewal).collect();
            leases.renew_each(&renewals).await
        };
        self.guarded_each(&keys, renew).await
    }

    pub(crate) async fn abort(self: &Arc<Self>, key: &str, token: u64) -> Result<(), BackendError> {
        let place = self.value_key(key);
        self.guarded(Affected::Keys(&[key]), self.leases()?.abort(&place, token)).await
    }

    /// Like [`abort`](Self::abort) for many leases in one request.
    pub(crate) async fn abort_each(self: &Arc<Self>, aborts: &[(&str, u64)]) {
        let keys: Vec<&str> = aborts.iter().map(|(key, _)| *key).collect();
        let places: Vec<String> = keys.iter().map(|key| self.value_key(key)).collect();
        let abort = async |free: Vec<usize>| {
            let Ok(leases) = self.leases() else { return Vec::new() };
            let abort = |at: usize| (places[at].as_str(), aborts[at].1);
            let aborts: Vec<_> = free.into_iter().map(abort).collect();
            leases.abort_each(&aborts).await
        };
        self.guarded_each(&keys, abort).await;
    }
}
