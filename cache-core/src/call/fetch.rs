//! What expansions build a call from.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::body::Doing;
use super::directed::{By, Directed, Directs};
use super::function::Described;
use super::head::Head;
use super::load::{Load, Loading, Paths};
use super::previous::Previous;
use super::rules::Rules;
use super::target::CacheChoice;
use super::work::{Arguments, Given, Refreshing, Repeating, Work};
use super::{Call, CallInner};
use crate::base::{Shape, outside};
use crate::engine::{Cache, CachedCell, Mode};
use crate::key::{KeyBuf, TenantPrefix, TenantText};
use crate::tags::Tags;

/// The start of an expansion: the site.
///
/// Its last method takes the arguments and closures. `write` writes the call's key and tags from the arguments, `rules` makes the
/// function's rules. Both capture nothing, so a call has the size of its arguments and a few words.
#[derive(Debug)]
pub struct Fetch<P>(Head, PhantomData<fn() -> P>);

impl<P: Described> Default for Fetch<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Described> Fetch<P> {
    /// A call of the function `P`.
    #[inline]
    pub fn new() -> Self {
        Self(Head::new(P::site()), PhantomData)
    }

    /// Runs without the cache if `skip` is true.
    #[must_use]
    pub fn skip_if(mut self, skip: bool) -> Self {
        if skip {
            self.0.mode = Mode::Bypass;
        }
        self
    }

    /// Uses this cache instead of the site's.
    #[must_use]
    pub fn cache(mut self, cache: &Cache) -> Self {
        self.0.choose(CacheChoice::Handle(cache.clone()));
        self
    }

    /// Makes the call for one tenant. A direction may replace it.
    #[must_use]
    pub fn tenant<T: TenantText + ?Sized>(mut self, name: &T) -> Self {
        self.0.options().tenant = Some(TenantPrefix::of(name));
        self
    }

    /// The cell that the value ends with. It is written at the end of the key.
    #[must_use]
    pub fn cell(mut self, cell: &CachedCell) -> Self {
        self.0.set_cell(cell.contents());
        self
    }

    /// A call whose load runs in the foreground only.
    #[inline]
    pub fn call<S, R, A, K, M, F>(
        self,
        rules: R,
        args: A,
        write: K,
        load: M,
    ) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        R: Fn() -> Rules<S, Paths<S>>,
        K: Fn(&A, &mut KeyBuf, &mut Tags),
        M: FnOnce(A) -> F,
        F: Future<Output = S::Output>,
    {
        self.work((), rules, write, Given { args, load })
    }

    /// The same with decisions of the arguments.
    #[inline]
    pub fn call_directed<S, D, R, A, K, M, F>(
        self,
        directs: D,
        rules: R,
        args: A,
        write: K,
        load: M,
    ) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        D: Fn(&A, &mut Directed),
        R: Fn() -> Rules<S, Paths<S>>,
        K: Fn(&A, &mut KeyBuf, &mut Tags),
        M: FnOnce(A) -> F,
        F: Future<Output = S::Output>,
    {
        self.work(By(directs), rules, write, Given { args, load })
    }

    /// A call whose load can go on in the background.
    #[inline]
    pub fn call_refreshing<S, R, A, K, M, F, G, H>(
        self,
        rules: R,
        args: A,
        write: K,
        load: M,
        again: G,
    ) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        R: Fn() -> Rules<S, Paths<S>>,
        K: Fn(&A, &mut KeyBuf, &mut Tags),
        M: FnOnce(A) -> F,
        F: Future<Output = S::Output>,
        G: FnOnce(A) -> H,
        H: Future<Output = S::Output> + Send + 'static,
    {
        self.work((), rules, write, Refreshing { args, load, again })
    }

    /// The same with decisions of the arguments.
    #[inline]
    #[allow(clippy::too_many_arguments)]
    pub fn call_refreshing_directed<S, D, R, A, K, M, F, G, H>(
        self,
        directs: D,
        rules: R,
        args: A,
        write: K,
        load: M,
        again: G,
    ) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        D: Fn(&A, &mut Directed),
        R: Fn() -> Rules<S, Paths<S>>,
        K: Fn(&A, &mut KeyBuf, &mut Tags),
        M: FnOnce(A) -> F,
        F: Future<Output = S::Output>,
        G: FnOnce(A) -> H,
        H: Future<Output = S::Output> + Send + 'static,
    {
        self.work(By(directs), rules, write, Refreshing { args, load, again })
    }

    /// A call whose load is repeated while its value is in use. `again` copies the arguments, and returns what makes a
    /// load of the copies.
    #[inline]
    pub fn call_repeating<S, R, A, K, M, F, G, N, H>(
        self,
        rules: R,
        args: A,
        write: K,
        load: M,
        again: G,
    ) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        R: Fn() -> Rules<S, Paths<S>>,
        K: Fn(&A, &mut KeyBuf, &mut Tags),
        M: FnOnce(A) -> F,
        F: Future<Output = S::Output>,
        G: Fn(&A) -> N,
        N: FnMut() -> H + Send + 'static,
        H: Future<Output = S::Output> + Send + 'static,
    {
        self.work((), rules, write, Repeating { args, load, again })
    }

    /// The same with decisions of the arguments.
    #[inline]
    #[allow(clippy::too_many_arguments)]
    pub fn call_repeating_directed<S, D, R, A, K, M, F, G, N, H>(
        self,
        directs: D,
        rules: R,
        args: A,
        write: K,
        load: M,
        again: G,
    ) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        D: Fn(&A, &mut Directed),
        R: Fn() -> Rules<S, Paths<S>>,
        K: Fn(&A, &mut KeyBuf, &mut Tags),
        M: FnOnce(A) -> F,
        F: Future<Output = S::Output>,
        G: Fn(&A) -> N,
        N: FnMut() -> H + Send + 'static,
        H: Future<Output = S::Output> + Send + 'static,
    {
        self.work(By(directs), rules, write, Repeating { args, load, again })
    }

    /// A call of a sync function: the memory tier only.
    #[inline]
    pub fn call_sync<S, R, A, K, M>(
        mut self,
        rules: R,
        args: A,
        write: K,
        load: M,
    ) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        R: Fn() -> Rules<S, Paths<S>>,
        K: Fn(&A, &mut KeyBuf, &mut Tags),
        M: FnOnce(A) -> S::Output,
    {
        self.0.blocking = true;
        self.work((), rules, write, Given { args, load: in_its_poll(load) })
    }

    /// The same with decisions of the arguments.
    #[inline]
    pub fn call_sync_directed<S, D, R, A, K, M>(
        mut self,
        directs: D,
        rules: R,
        args: A,
        write: K,
        load: M,
    ) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        D: Fn(&A, &mut Directed),
        R: Fn() -> Rules<S, Paths<S>>,
        K: Fn(&A, &mut KeyBuf, &mut Tags),
        M: FnOnce(A) -> S::Output,
    {
        self.0.blocking = true;
        self.work(By(directs), rules, write, Given { args, load: in_its_poll(load) })
    }

    #[inline]
    fn work<S, D, R, K, W>(
        self,
        directs: D,
        rules: R,
        write: K,
        work: W,
    ) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        R: Fn() -> Rules<S, Paths<S>>,
        W: Work<S::Output> + Arguments,
        D: Directs<W::Args>,
        K: Fn(&W::Args, &mut KeyBuf, &mut Tags),
    {
        let body = Doing::Not(work);
        let load = Loading { of: self.1, directs, rules, write, body, begun: None };
        Call { whole: CallInner { head: self.0, load } }
    }
}

/// The load of a sync function, which runs when it is polled, with the previous value that it got when it began.
fn in_its_poll<A, O, M: FnOnce(A) -> O>(load: M) -> impl FnOnce(A) -> InPoll<A, M> {
    move |args| InPoll(Some((args, load, Previous::take())))
}

struct InPoll<A, M>(Option<(A, M, Previous)>);

// Nothing in it is pinned in place.
impl<A, M> Unpin for InPoll<A, M> {}

impl<A, O, M: FnOnce(A) -> O> Future for InPoll<A, M> {
    type Output = O;
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<O> {
        match self.0.take() {
            Some((args, load, previous)) => Poll::Ready(previous.lend(|| outside(|| load(args)))),
            None => Poll::Pending,
        }
    }
}
