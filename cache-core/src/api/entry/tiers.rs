//! Which values a handle takes: those with serde's traits or a format of their own, for every tier, or any `Clone` value,
//! for memory.

use std::marker::PhantomData;

use crate::base::{CacheValue, Shape};
use crate::codec::{Coder, RemoteValue, ValueCodec, coder};

/// Values go to every tier of the cache, so they need serde's traits.
#[derive(Clone, Copy, Debug)]
pub enum AllTiers {}

/// Values go to every tier of the cache, and to the remote tier in the format `C`.
#[derive(Clone, Copy, Debug)]
pub struct InFormat<C>(PhantomData<C>);

/// Values stay in the memory tier of this process, so every `Clone` value will do.
#[derive(Clone, Copy, Debug)]
pub enum MemoryOnly {}

/// Values that can go to the remote tier, so that a call can choose the tiers for them.
#[diagnostic::on_unimplemented(
    message = "a value of `cache.local()` stays in the memory tier",
    label = "there are no other tiers to choose"
)]
pub trait ChoosesTiers {}

impl ChoosesTiers for AllTiers {}
impl<C> ChoosesTiers for InFormat<C> {}

/// A value that goes to the tiers `P`: every [`RemoteValue`] goes to [`AllTiers`], every value with the
/// [`ValueCodec`] `C` to [`InFormat<C>`](InFormat), and every [`CacheValue`] to [`MemoryOnly`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a value of this cache: memory needs `Clone + Send + Sync + 'static`, and a remote tier `serde::Serialize` \
               and `serde::Deserialize`",
    label = "not a value of this cache",
    note = "derive what is missing, or keep a value without serde in the memory tier with `cache.local()` or `#[cached(local)]`, or choose a \
            format of your own for it"
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

impl<T: CacheValue, C: ValueCodec<T>> Fits<InFormat<C>> for T {
    #[allow(private_interfaces)]
    fn coder() -> Option<Coder> {
        Some(C::coder())
    }
}

/// The coder of a function that has chosen its format. (The bound is on the value itself, so that rustc prints the message of
/// [`ValueCodec`] if the format does not know the type.)
pub fn encoded_by<C, S>(_: S) -> Option<Coder>
where
    S: Shape,
    S::Value: Fits<InFormat<C>>,
{
    S::Value::coder()
}
