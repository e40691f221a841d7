//! What a load came to, as the engine sees it: the value, or why there is none.
//!
//! The engine is compiled once for each type of value, not for each function: a function's own output, with whatever
//! error it has, stays with its caller.

use std::marker::PhantomData;
use std::sync::Arc;

use super::{CacheValue, Shape, SharedFailure};
use crate::base::error::Error;

/// Why a read brings no value.
pub(crate) enum Fault {
    /// The caller's own load failed, and the caller has its output; here is what others may have of it.
    Own(Option<SharedFailure>),
    /// The load of somebody else did.
    Shared(SharedFailure),
    /// The load went well, and brought no value for this item of a batch.
    Absent,
    /// Time ran out.
    TimedOut,
    /// The cache failed, and the policy wants that told.
    Refused(Error),
}

/// What those who wait for an absent item are told.
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
    /// Whether the function can take it is asked before: see `Rules::unshare`.
    fn unshare(failure: &SharedFailure) -> Option<Bared<V>> {
        Some(Err(Fault::Shared(Arc::clone(failure))))
    }
}
