//! Calls whose policy is a constant: whether a load may go on in the background is known to rustc only.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;

use super::Call;
use super::fetch::Fetch;
use super::function::Described;
use super::load::{Load, Paths};
use super::rules::Rules;
use crate::base::{Detach, Shape};
use crate::key::KeyBuf;
use crate::tags::Tags;

/// Whether loads may go on in the background. If not, the arguments need not be copied, so they need not be `Clone`.
#[derive(Debug)]
pub struct Background<const GOES_ON: bool>;

/// The copy of an argument that is never copied.
#[derive(Debug)]
pub struct NeverCopied<T: ?Sized>(Infallible, PhantomData<T>);

impl<T: ?Sized> Deref for NeverCopied<T> {
    type Target = T;
    fn deref(&self) -> &T {
        match self.0 {}
    }
}

impl<T: ?Sized> Borrow<T> for NeverCopied<T> {
    fn borrow(&self) -> &T {
        self
    }
}

impl<T: ?Sized> Clone for NeverCopied<T> {
    fn clone(&self) -> Self {
        match self.0 {}
    }
}

impl Background<true> {
    /// Copies an argument for a load in the background.
    pub fn detached<T: Detach<Owned> + ?Sized, Owned>(arg: &T) -> Owned {
        arg.copied()
    }

    /// A call whose load can go on in the background.
    #[inline]
    pub fn call<P, S, R, A, K, M, F, G, H>(
        fetch: Fetch<P>,
        rules: R,
        args: A,
        write: K,
        load: M,
        again: G,
    ) -> Call<impl Load<Output = S::Output>>
    where
        P: Described,
        S: Shape,
        R: Fn() -> Rules<S, Paths<S>>,
        K: Fn(&A, &mut KeyBuf, &mut Tags),
        M: FnOnce(A) -> F,
        F: Future<Output = S::Output>,
        G: FnOnce(A) -> H,
        H: Future<Output = S::Output> + Send + 'static,
    {
        fetch.call_refreshing(rules, args, write, load, again)
    }

    /// The same with decisions of the arguments.
    #[inline]
    #[allow(clippy::too_many_arguments)]
    pub fn call_directed<P, S, D, R, A, K, M, F, G, H>(
        fetch: Fetch<P>,
        directs: D,
        rules: R,
        args: A,
        write: K,
        load: M,
        again: G,
    ) -> Call<impl Load<Output = S::Output>>
    where
        P: Described,
        S: Shape,
        D: Fn(&A, &mut super::Directed),
        R: Fn() -> Rules<S, Paths<S>>,
        K: Fn(&A, &mut KeyBuf, &mut Tags),
        M: FnOnce(A) -> F,
        F: Future<Output = S::Output>,
        G: FnOnce(A) -> H,
        H: Future<Output = S::Output> + Send + 'static,
    {
        fetch.call_refreshing_directed(directs, rules, args, write, load, again)
    }
}

impl Background<false> {
    /// Only named for its type: nothing is copied.
    ///
    /// # Panics
    /// Always. No one calls it.
    pub fn detached<T: ?Sized>(_: &T) -> NeverCopied<T> {
        unreachable!("a load in the foreground has its own arguments")
    }

    /// A call whose load runs in the foreground only.
    #[inline]
    pub fn call<P, S, R, A, K, M, F, G, H>(
        fetch: Fetch<P>,
        rules: R,
        args: A,
        write: K,
        load: M,
        _: G,
    ) -> Call<impl Load<Output = S::Output>>
    where
        P: Described,
        S: Shape,
        R: Fn() -> Rules<S, Paths<S>>,
        K: Fn(&A, &mut KeyBuf, &mut Tags),
        M: FnOnce(A) -> F,
        F: Future<Output = S::Output>,
        G: FnOnce(A) -> H,
    {
        fetch.call(rules, args, write, load)
    }

    /// The same with decisions of the arguments.
    #[inline]
    #[allow(clippy::too_many_arguments)]
    pub fn call_directed<P, S, D, R, A, K, M, F, G, H>(
        fetch: Fetch<P>,
        directs: D,
        rules: R,
        args: A,
        write: K,
        load: M,
        _: G,
    ) -> Call<impl Load<Output = S::Output>>
    where
        P: Described,
        S: Shape,
        D: Fn(&A, &mut super::Directed),
        R: Fn() -> Rules<S, Paths<S>>,
        K: Fn(&A, &mut KeyBuf, &mut Tags),
        M: FnOnce(A) -> F,
        F: Future<Output = S::Output>,
        G: FnOnce(A) -> H,
    {
        fetch.call_directed(directs, rules, args, write, load)
    }
}
