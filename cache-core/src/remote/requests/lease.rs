//! The leases of the store.

use std::sync::Arc;
use std::time::Duration;

use super::Remote;
use crate::backend::{LeaseOutcome, LeaseRequest, Leases};
use crate::base::{BackendError, BackendErrorKind};
use crate::remote::ask::Ask;
use crate::remote::pending::Affected;

impl Remote {
    /// Whether the store fences loads.
    pub(crate) fn has_leases(&self) -> bool {
        self.backend.leases().is_some()
    }

    fn leases(&self) -> Result<&dyn Leases, BackendError> {
        let none = || BackendError::new(BackendErrorKind::Unsupported, "lease", "no leases");
        self.backend.leases().ok_or_else(none)
    }

    pub(crate) async fn acquire(
        self: &Arc<Self>,
        key: &str,
        token: u64,
        ttl: Duration,
        ask: &Ask,
    ) -> Result<LeaseOutcome, BackendError> {
        let place = self.value_key(key);
        let Ask { seen, generation, steal, .. } = *ask;
        let request =
            LeaseRequest { key: &place, token, ttl, seen, generation, steal, most: self.most };
        self.guarded(Affected::Keys(&[key]), self.leases()?.acquire(request)).await
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

    pub(crate) async fn abort(self: &Arc<Self>, key: &str, token: u64) -> Result<(), BackendError> {
        let place = self.value_key(key);
        self.guarded(Affected::Keys(&[key]), self.leases()?.abort(&place, token)).await
    }
}
