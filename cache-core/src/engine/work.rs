//! A load that has not begun: run in the foreground, or detached with inputs of its own.

use std::future::Future;
use std::sync::Arc;

use super::table::Seat;
use crate::base::BoxFuture;

/// A function's body with its arguments.
pub(crate) trait Work<O>: Sized {
    /// The load in the foreground; it may borrow the arguments.
    type Load: Future<Output = O>;
    /// Whether [`detach`](Self::detach) gives a load.
    fn detaches(&self) -> bool;
    /// Begins the load.
    fn start(self) -> Self::Load;
    /// The load with owned arguments, where it can have them; else the work itself.
    ///
    /// # Errors
    /// The work, untouched, if it can't be detached.
    fn detach(self) -> Result<BoxFuture<'static, O>, Self>;
    /// Its place among the items of a batch, if it is one.
    fn seat(&self) -> Option<Arc<Seat>> {
        None
    }
}

/// Work that runs in the foreground only.
#[derive(Debug)]
pub(crate) struct Once<M>(pub(crate) M);

impl<O, M, F> Work<O> for Once<M>
where
    M: FnOnce() -> F,
    F: Future<Output = O>,
{
    type Load = F;
    fn detaches(&self) -> bool {
        false
    }
    fn start(self) -> F {
        (self.0)()
    }
    fn detach(self) -> Result<BoxFuture<'static, O>, Self> {
        Err(self)
    }
}

/// Work that can be detached: the arguments, and what to do with them in either place. They are
/// cloned only when a background refresh really starts.
#[derive(Debug)]
pub(crate) struct Refreshing<A, M, G> {
    /// The arguments.
    pub(crate) args: A,
    /// The load in the foreground.
    pub(crate) load: M,
    /// The load with owned arguments.
    pub(crate) again: G,
}

impl<O, A, M, F, G, H> Work<O> for Refreshing<A, M, G>
where
    M: FnOnce(A) -> F,
    F: Future<Output = O>,
    G: FnOnce(A) -> H,
    H: Future<Output = O> + Send + 'static,
{
    type Load = F;
    fn detaches(&self) -> bool {
        true
    }
    fn start(self) -> F {
        (self.load)(self.args)
    }
    fn detach(self) -> Result<BoxFuture<'static, O>, Self> {
        Ok(Box::pin((self.again)(self.args)))
    }
}

/// Work whose inputs are its own: it can be detached as it is.
#[derive(Debug)]
pub(crate) struct Owned<M>(pub(crate) M);

impl<O, M, F> Work<O> for Owned<M>
where
    M: FnOnce() -> F,
    F: Future<Output = O> + Send + 'static,
{
    type Load = F;
    fn detaches(&self) -> bool {
        true
    }
    fn start(self) -> F {
        (self.0)()
    }
    fn detach(self) -> Result<BoxFuture<'static, O>, Self> {
        Ok(Box::pin((self.0)()))
    }
}
