//! The futures of directions that do not load: `peek` and `put`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::target::CacheRef;
use crate::base::{CacheValue, Error};
use crate::engine::{Judge, Keep, Mutation, Request, Trace};

macro_rules! boxed_future {
    ($(#[$doc:meta])* $name:ident$(<$g:ident>)? -> $output:ty) => {
        $(#[$doc])*
        #[must_use = "it does nothing unless it is awaited"]
        pub struct $name$(<$g>)? {
            pub(super) future: crate::base::BoxFuture<'static, Result<$output, Error>>,
        }
        impl$(<$g>)? Future for $name$(<$g>)? {
            type Output = Result<$output, Error>;
            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                self.future.as_mut().poll(cx)
            }
        }
        impl$(<$g>)? fmt::Debug for $name$(<$g>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}
pub(crate) use boxed_future;

boxed_future! {
    /// The future of [`Call::peek`](super::Call::peek).
    Peek<T> -> Option<T>
}

boxed_future! {
    /// The future of [`Call::put`](super::Call::put).
    Put -> ()
}

impl<T: CacheValue> Peek<T> {
    pub(super) fn new(target: CacheRef, request: Request) -> Self {
        let future = async move {
            let (engine, mut request) = (target.resolve()?.engine, request);
            engine.complete(&mut request);
            engine.peek::<T>(&request, Trace::Nothing).await
        };
        Self { future: Box::pin(future) }
    }
}

impl Put {
    /// A value that the function would not cache evicts instead, because the cached value is old.
    pub(crate) fn new<T: CacheValue>(
        target: CacheRef,
        request: Request,
        value: T,
        judge: Judge,
    ) -> Self {
        let future = async move {
            let (engine, mut request) = (target.resolve()?.engine, request);
            engine.complete(&mut request);
            match request.keep(judge.verdict(&value, &request.policy), &value) {
                Keep::No => engine.invalidate(Mutation::evict(request.key)).await.map(drop),
                Keep::Under(policy) => {
                    request.policy = policy;
                    engine.put(&request, value).await
                }
            }
        };
        Self { future: Box::pin(future) }
    }
}
