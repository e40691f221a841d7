//! What a test expects to have happened.

use super::Kit;
use super::counts::Counts;

/// What a kit counted, to be asserted on: see [`Kit::expect`].
#[derive(Clone, Debug)]
pub struct Expect {
    counts: Counts,
    report: String,
}

impl Kit {
    /// What happened since the kit was made (or since [`recount`](Self::recount)), as it is now, to be asserted on. Each
    /// failure lists what did happen, and what every cache holds.
    ///
    /// ```
    /// # use cache_core as larder;
    /// use larder::{Error, default_cache, testing::Kit};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let kit = Kit::new();
    /// kit.run(async {
    ///     for _ in 0..3 {
    ///         let load = async || Ok::<_, Error>(1u64);
    ///         default_cache().get_or_load("k", load).await.unwrap();
    ///     }
    /// })
    /// .await;
    /// kit.expect().loads(1).hits(2).misses(1);
    /// # }
    /// ```
    pub fn expect(&self) -> Expect {
        Expect { counts: self.counts(), report: self.report() }
    }
}

macro_rules! expectations {
    ($($(#[$doc:meta])* $name:ident, $one:literal, $many:literal;)*) => {
        impl Expect {
            $(
                $(#[$doc])*
                ///
                /// # Panics
                /// There was another number of them.
                #[track_caller]
                #[allow(clippy::must_use_candidate, clippy::return_self_not_must_use)]
                pub fn $name(self, expected: u64) -> Self {
                    let found = self.counts.$name;
                    assert!(
                        found == expected,
                        "expected {expected} {}, but there were {found}:{}",
                        if expected == 1 { $one } else { $many },
                        self.report
                    );
                    self
                }
            )*
        }
    };
}

expectations! {
    /// So many reads were answered from a tier: see [`Counts::hits`].
    hits, "hit", "hits";
    /// So many reads were answered with a stale value.
    stale_hits, "stale hit", "stale hits";
    /// So many reads were answered by a remote tier.
    remote_hits, "remote hit", "remote hits";
    /// So many reads waited for another's load.
    coalesced, "coalesced call", "coalesced calls";
    /// So many reads found nothing.
    misses, "miss", "misses";
    /// So many loads were started.
    loads, "load", "loads";
    /// So many loads failed.
    load_failures, "failed load", "failed loads";
    /// So many values were stored.
    stores, "store", "stores";
    /// So many keys were evicted one by one.
    removals, "removal", "removals";
    /// So many operations of a remote tier failed.
    remote_errors, "remote error", "remote errors";
}
