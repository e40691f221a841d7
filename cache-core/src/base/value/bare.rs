//! The result of a load as the engine sees it: the value, or why there is none.
//!
//! The engine is compiled once per value type, not per function: a function's own output, with any error
//! type, stays with its caller.

use std::marker::PhantomData;
use std::sync::Arc;

use super::{CacheValue, Shape, SharedFailure};
use crate::base::error::Error;

/// Why a read has no value.
pub(crate) enum Fault {
    /// The caller's own load failed, and the caller has its output; the field is what waiters may get.
    Own(Option<SharedFailure>),
    /// Another caller's load failed.
    Shared(SharedFailure),
    /// The load succeeded without a value for this item of a batch.
    Absent,
    /// The time ran out.
    TimedOut,
    /// The cache failed, and the policy is [`OnError::Fail`](crate::base::OnError::Fail).
    Refused(Error),
}

/// The failure that waiters for an absent item get.
pub(crate) struct NoValue;

/// A value, or why there is none.
pub(crate) type Bared<V> = Result<V, Fault>;

/// The shape of [`Bared`].
pub(crate) struct Bare<V>(PhantomData<fn() -> V>);

impl<V> Clone for Bare<V> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<V> Copy for Bare<V> {}

impl<V: CacheValue> Shape for Bare<V> {
    type Output = Bared<V>;
    type Value = V;
    fn split(output: Bared<V>) -> Result<V, Bared<V>> {
        output.map_err(Err)
    }
    fn join(value: V) -> Bared<V> {
        Ok(value)
    }
    fn value(self, output: &Bared<V>) -> Option<&V> {
        output.as_ref().ok()
    }
    fn absence(output: &Bared<V>) -> Option<fn() -> Bared<V>> {
        matches!(output, Err(Fault::Absent)).then_some(|| Err(Fault::Absent))
    }
    fn share(output: &Bared<V>) -> Option<SharedFailure> {
        match output {
            Err(Fault::Own(shared)) => shared.clone(),
            Err(Fault::Shared(shared)) => Some(Arc::clone(shared)),
            Err(Fault::Absent) => Some(Arc::new(NoValue)),
            _ => None,
        }
    }
    /// `Rules::unshare` has checked that the function can take the failure.
    fn unshare(failure: &SharedFailure) -> Option<Bared<V>> {
        Some(Err(Fault::Shared(Arc::clone(failure))))
    }
}
