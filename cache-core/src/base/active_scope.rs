//! Whether any scope, off switch or tenant is active in the process.

use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;

/// The number of active scopes, by kind. They share a cache line, which hits only read.
struct Live {
    /// Transactions, off switches, test kits.
    scopes: AtomicUsize,
    /// Scopes of tenants. A server has one for each request, so these are counted apart: calls outside of
    /// them are as fast as without any.
    tenants: AtomicUsize,
}

static LIVE: CachePadded<Live> =
    CachePadded::new(Live { scopes: AtomicUsize::new(0), tenants: AtomicUsize::new(0) });

/// Whether no scope and no switch can concern the caller. A hit pays nothing else for them.
///
/// Relaxed is enough: a task that enters a scope reads this on the thread that incremented the count, or on a
/// thread to which the task has moved since.
#[inline]
pub(crate) fn no_active_scope() -> bool {
    LIVE.scopes.load(Ordering::Relaxed) == 0
}

/// Whether no task is in the scope of a tenant.
#[inline]
pub(crate) fn no_active_tenant() -> bool {
    LIVE.tenants.load(Ordering::Relaxed) == 0
}

/// One active scope or switch, counted while it lives.
#[derive(Debug)]
pub(crate) struct ActiveScope(());

impl ActiveScope {
    pub(crate) fn new() -> Self {
        LIVE.scopes.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for ActiveScope {
    fn drop(&mut self) {
        LIVE.scopes.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One active scope of a tenant, counted while it lives.
#[derive(Debug)]
pub(crate) struct ActiveTenant(());

impl ActiveTenant {
    pub(crate) fn new() -> Self {
        LIVE.tenants.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for ActiveTenant {
    fn drop(&mut self) {
        LIVE.tenants.fetch_sub(1, Ordering::SeqCst);
    }
}
