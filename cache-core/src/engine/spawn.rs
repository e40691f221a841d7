//! Background work, with or without a runtime.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};

use super::scope::{TenantScope, TransactionScope};
use super::test_scope as world;
use super::test_scope::TestScope;
use crate::base::{BoxFuture, spawn_boxed};

/// Runs `work` in the background: on the current Tokio runtime, or on a new thread if there is none (sync
/// functions of a program without a runtime). It stays in its caller's test kit, transaction and tenant.
pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    let work: BoxFuture<'static, ()> = match TransactionScope::current() {
        // A load that continues in the background may still see uncommitted data of the transaction.
        Some(transaction) => Box::pin(transaction.run(work)),
        None => Box::pin(work),
    };
    spawn_boxed(within(TenantScope::current(), world::current(), work));
}

/// Polls `work` once here, and runs the rest in the background: its first step is done when this returns.
pub(crate) fn start_now(work: impl Future<Output = ()> + Send + 'static) {
    let mut work = Box::pin(work);
    let mut nobody = Context::from_waker(Waker::noop());
    if work.as_mut().poll(&mut nobody).is_pending() {
        spawn(work);
    }
}

fn within<T: 'static>(
    tenant: TenantScope,
    world: Option<Arc<TestScope>>,
    work: BoxFuture<'static, T>,
) -> BoxFuture<'static, T> {
    let work: BoxFuture<'static, T> = match tenant.name() {
        Some(_) => Box::pin(tenant.run(work)),
        None => work,
    };
    match world {
        Some(world) => Box::pin(world.run(work)),
        None => work,
    }
}

/// The tenant and the test kit of a caller, for work that begins much later. It does not keep the test kit alive.
#[derive(Clone)]
pub(crate) struct Surroundings {
    tenant: TenantScope,
    world: Option<Weak<TestScope>>,
}

impl Surroundings {
    pub(crate) fn current() -> Self {
        let world = world::current().map(|world| Arc::downgrade(&world));
        Self { tenant: TenantScope::current(), world }
    }

    /// Runs `work` where the caller was. `None` if its test kit is gone.
    pub(crate) fn around<T: 'static>(
        &self,
        work: BoxFuture<'static, T>,
    ) -> Option<BoxFuture<'static, T>> {
        let world = match &self.world {
            Some(world) => Some(world.upgrade()?),
            None => None,
        };
        Some(within(self.tenant.clone(), world, work))
    }
}
