//! Futures that begin together.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use futures_util::future::{join_all, maybe_done};

/// Returns all results, in order. Polls each future before it waits for any: `join_all` alone postpones some when the runtime's
/// budget is used up, and a caller that is dropped then would have begun only a part.
pub(crate) async fn all_begun<F: Future + Unpin>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(maybe_done).collect();
    poll_fn(|cx| {
        for future in &mut futures {
            let _ = Pin::new(future).poll(cx);
        }
        Poll::Ready(())
    })
    .await;
    join_all(futures.iter_mut()).await;
    futures.iter_mut().filter_map(|future| Pin::new(future).take_output()).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::task::Context;

    use super::*;

    /// Records that it was begun, and wakes itself forever, like a future that yields.
    fn restless(begun: &Cell<usize>) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        let mut fresh = true;
        Box::pin(poll_fn(move |cx| {
            begun.set(begun.get() + usize::from(std::mem::take(&mut fresh)));
            cx.waker().wake_by_ref();
            Poll::Pending
        }))
    }

    #[test]
    fn who_goes_after_the_first_poll_has_begun_all() {
        let begun = Cell::new(0);
        let mut all = Box::pin(all_begun((0..1000).map(|_| restless(&begun)).collect()));
        assert!(all.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
        drop(all);
        assert_eq!(begun.get(), 1000);
    }

    #[test]
    fn results_come_in_order() {
        let futures: Vec<_> = (0..100).map(|n| Box::pin(async move { n })).collect();
        assert_eq!(pollster::block_on(all_begun(futures)), (0..100).collect::<Vec<_>>());
    }
}
