//! One call of a warming: its output, with the key for reports.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::base::Cached;
use crate::call::{Call, Load, Traced};

pub(crate) struct One<L>(Traced<L>);

impl<L: Load> One<L> {
    pub(super) fn new(call: Call<L>) -> Self {
        Self(call.traced())
    }
}

impl<L: Load> Future for One<L> {
    type Output = (String, Cached<L::Output>);
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|cached| (self.0.key().as_str().to_owned(), cached))
    }
}
