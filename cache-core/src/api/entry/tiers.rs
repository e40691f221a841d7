//! Which values a handle takes: those with serde's traits, for every tier, or any `Clone` value, for memory.

use crate::base::CacheValue;
use crate::codec::{Coder, RemoteValue, coder};

/// Values go to every tier of the cache, so they need serde's traits.
#[derive(Clone, Copy, Debug)]
pub enum AllTiers {}

/// Values stay in the memory tier of this process, so every `Clone` value will do.
#[derive(Clone, Copy, Debug)]
pub enum MemoryOnly {}

/// A value that goes to the tiers `P`: every [`RemoteValue`] goes to [`AllTiers`], and every [`CacheValue`] to
/// [`MemoryOnly`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a value of this cache: memory needs `Clone + Send + Sync + 'static`, and a remote tier `serde::Serialize` \
               and `serde::Deserialize`",
    label = "not a value of this cache",
    note = "derive what is missing, or keep a value without serde in the memory tier with `cache.local()`"
)]
pub trait Fits<P>: CacheValue {
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn coder() -> Option<Coder>;
}

impl<T: RemoteValue> Fits<AllTiers> for T {
    #[allow(private_interfaces)]
    fn coder() -> Option<Coder> {
        Some(coder::<T>())
    }
}

impl<T: CacheValue> Fits<MemoryOnly> for T {
    #[allow(private_interfaces)]
    fn coder() -> Option<Coder> {
        None
    }
}
