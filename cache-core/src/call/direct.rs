//! The futures of directions that do not load: `peek` and `put`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::target::Target;
use crate::base::{CacheValue, Error, Held};
use crate::engine::{Judge, Plan, Trace, Verdict, What};

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
    pub(super) fn new(target: Target, plan: Plan) -> Self {
        let future = async move { target.resolve()?.inner.peek::<T>(&plan, Trace::Nothing).await };
        Self { future: Box::pin(future) }
    }
}

impl Put {
    /// A value that the function would not cache evicts instead: what was cached is old.
    pub(crate) fn new<T: CacheValue>(target: Target, plan: Plan, value: T, judge: Judge) -> Self {
        let future = async move {
            let (inner, mut plan) = (target.resolve()?.inner, plan);
            match judge.verdict(&value, &plan.policy) {
                Verdict::Drop => return inner.invalidate(What::Key(plan.key)).await.map(drop),
                Verdict::Keep => {}
                Verdict::KeepFor(ttl) => {
                    plan.policy = Held::Own(Arc::new(plan.policy.whole_life(ttl)))
                }
            }
            inner.put(&plan, value).await
        };
        Self { future: Box::pin(future) }
    }
}
