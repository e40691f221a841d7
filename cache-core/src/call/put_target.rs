//! The targets of `put`.

use super::Call;
use super::direct::Put;
use super::evict::EvictTarget;
use super::head::CallState;
use super::load::Load;
use crate::base::{BoxFuture, CacheValue, Error, Holds};

/// Writes a value through.
pub(crate) type Write<V> = Box<dyn FnOnce(V) -> Writing + Send>;

pub(crate) type Writing = BoxFuture<'static, Result<(), Error>>;

/// A call of a cached function whose value is `V`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a call of a cached function",
    label = "nothing can be put here",
    note = "a target is a call of a `#[cached]` async function; a sync one is written `call!(f(x))`",
    note = "a function that returns a boxed future, as `#[async_trait]` makes them, gives that box and no call: put by key, with \
            `Cache::insert`"
)]
pub trait PutTarget<V>: EvictTarget {
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn into_write(self) -> Write<V>;
}

impl<L, V> PutTarget<V> for Call<L>
where
    L: Load,
    L::Output: Holds<V>,
    V: CacheValue,
{
    #[allow(private_interfaces)]
    fn into_write(self) -> Write<V> {
        let judge = self.judge();
        let CallState { request, target } = self.state();
        Box::new(move |value| Box::pin(Put::new(target, request, value, judge)))
    }
}
