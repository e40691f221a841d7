//! One call of a warming: how it ended, with the key for reports.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::base::Source;
use crate::call::{Call, Load, Traced};

/// How a call of a warming ended.
pub(crate) struct Ended {
    pub(super) key: String,
    pub(super) source: Source,
    /// The message, if it failed.
    pub(super) failure: Option<String>,
}

/// Runs a call. `F` returns a message if the output counts as failed.
pub(crate) struct One<L, F> {
    call: Traced<L>,
    failed: F,
}

// Nothing in it is pinned in place.
impl<L, F> Unpin for One<L, F> {}

impl<L: Load, F> One<L, F> {
    pub(super) fn new(call: Call<L>, failed: F) -> Self {
        Self { call: call.traced(), failed }
    }
}

impl<L: Load, F: Fn(L::Output) -> Option<String>> Future for One<L, F> {
    type Output = Ended;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.call).poll(cx).map(|cached| {
            let key = self.call.key().as_str().to_owned();
            Ended { key, source: cached.source, failure: (self.failed)(cached.value) }
        })
    }
}
