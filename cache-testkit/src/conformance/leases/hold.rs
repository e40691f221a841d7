//! How long a lease lasts.

use super::{LONG, LONGER_THAN_SHORT, Leasing, ONE, OTHER, SHORT};
use cache_core::LeaseOutcome;

impl Leasing<'_> {
    pub(crate) async fn renews_for_the_holder_only(&self) {
        let key = self.key("renewed");
        assert!(!self.holds(&key, ONE).await, "a lease without a holder is not renewed");
        self.lead(&key, OTHER).await;
        let much = LONG * 2;
        for _ in 0..2 {
            let renewed = self.leases.renew(&key, OTHER, much).await.expect("renew");
            assert!(renewed, "the holder renews repeatedly");
        }
        assert!(!self.holds(&key, ONE).await, "another's lease is not renewed");
        let LeaseOutcome::Wait(left) = self.acquire(&key, ONE).await else {
            panic!("a renewed lease holds");
        };
        assert!(left > LONG && left <= much, "it lasts as long as it was renewed for: {left:?}");
        assert!(self.leases.renew(&key, OTHER, SHORT).await.expect("renew"));
        tokio::time::sleep(LONGER_THAN_SHORT).await;
        self.takes_over(&key, ONE, 1).await;
        assert!(!self.holds(&key, OTHER).await, "a lease that was taken is not renewed");
        assert!(self.holds(&key, ONE).await, "a refused renewal leaves the holder its lease");
    }

    pub(crate) async fn aborts_for_the_holder_only(&self) {
        let key = self.key("aborted");
        let abort = async |token| self.leases.abort(&key, token).await.expect("abort");
        abort(ONE).await;
        self.lead(&key, ONE).await;
        abort(OTHER).await;
        assert!(self.holds(&key, ONE).await, "another's lease is not ended");
        abort(ONE).await;
        abort(ONE).await;
        self.refuses(&key, ONE, "after an abort").await;
        self.lead(&key, OTHER).await;
    }
}
