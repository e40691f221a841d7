//! A load that has not begun: run in the foreground, or detached with its own inputs.

use std::future::Future;

use crate::base::BoxFuture;
use crate::engine::Leaves;

/// A function's body with its arguments.
pub(crate) trait Work<O>: Sized {
    /// The load in the foreground; it may borrow the arguments.
    type Load: Future<Output = O>;
    /// Whether [`detach`](Self::detach) succeeds.
    fn detaches(&self) -> bool;
    /// Begins the load.
    fn start(self) -> Self::Load;
    /// Makes a load with owned arguments, which the caller leaves at some time.
    ///
    /// # Errors
    /// The work, unchanged, if it cannot be detached.
    fn detach(self, leaves: Leaves) -> Result<BoxFuture<'static, O>, Self>;
    /// Whether [`repeat`](Self::repeat) succeeds.
    fn repeats(&self) -> bool {
        false
    }
    /// Makes a function that makes such loads, each with its own arguments.
    fn repeat(&self) -> Option<Repeated<O>> {
        None
    }
}

/// Makes loads with owned arguments.
pub(crate) type Repeated<O> = Box<dyn FnMut() -> BoxFuture<'static, O> + Send>;

/// Work whose arguments can be looked at until it begins.
pub(crate) trait Arguments {
    /// The arguments.
    type Args;
    /// The arguments, which the work still has.
    fn args(&self) -> &Self::Args;
}

/// Work with its arguments that runs in the foreground only.
#[derive(Debug)]
pub(crate) struct Given<A, M> {
    /// The arguments.
    pub(crate) args: A,
    /// The load.
    pub(crate) load: M,
}

impl<A, M> Arguments for Given<A, M> {
    type Args = A;
    #[inline]
    fn args(&self) -> &A {
        &self.args
    }
}

impl<O, A, M, F> Work<O> for Given<A, M>
where
    M: FnOnce(A) -> F,
    F: Future<Output = O>,
{
    type Load = F;
    fn detaches(&self) -> bool {
        false
    }
    fn start(self) -> F {
        (self.load)(self.args)
    }
    fn detach(self, _: Leaves) -> Result<BoxFuture<'static, O>, Self> {
        Err(self)
    }
}

/// Work that only runs in the foreground.
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
    fn detach(self, _: Leaves) -> Result<BoxFuture<'static, O>, Self> {
        Err(self)
    }
}

/// Work that can be detached: the arguments, and the load for each case. The arguments are cloned only when a
/// background refresh actually starts.
#[derive(Debug)]
pub(crate) struct Refreshing<A, M, G> {
    /// The arguments.
    pub(crate) args: A,
    /// The load in the foreground.
    pub(crate) load: M,
    /// The load with owned arguments.
    pub(crate) again: G,
}

impl<A, M, G> Arguments for Refreshing<A, M, G> {
    type Args = A;
    #[inline]
    fn args(&self) -> &A {
        &self.args
    }
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
    fn detach(self, _: Leaves) -> Result<BoxFuture<'static, O>, Self> {
        Ok(Box::pin((self.again)(self.args)))
    }
}

/// Work that can be detached any number of times: `again` copies the arguments, and returns what makes a load of the
/// copies.
#[derive(Debug)]
pub(crate) struct Repeating<A, M, G> {
    /// The arguments.
    pub(crate) args: A,
    /// The load in the foreground.
    pub(crate) load: M,
    /// The loads with owned arguments.
    pub(crate) again: G,
}

impl<A, M, G> Arguments for Repeating<A, M, G> {
    type Args = A;
    #[inline]
    fn args(&self) -> &A {
        &self.args
    }
}

impl<O, A, M, F, G, R, H> Work<O> for Repeating<A, M, G>
where
    M: FnOnce(A) -> F,
    F: Future<Output = O>,
    G: Fn(&A) -> R,
    R: FnMut() -> H + Send + 'static,
    H: Future<Output = O> + Send + 'static,
{
    type Load = F;
    fn detaches(&self) -> bool {
        true
    }
    fn start(self) -> F {
        (self.load)(self.args)
    }
    fn detach(self, _: Leaves) -> Result<BoxFuture<'static, O>, Self> {
        Ok(Box::pin((self.again)(&self.args)()))
    }
    fn repeats(&self) -> bool {
        true
    }
    fn repeat(&self) -> Option<Repeated<O>> {
        let mut again = (self.again)(&self.args);
        Some(Box::new(move || Box::pin(again())))
    }
}

/// Work that owns its inputs: it can be detached as it is.
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
    fn detach(self, _: Leaves) -> Result<BoxFuture<'static, O>, Self> {
        Ok(Box::pin((self.0)()))
    }
}
