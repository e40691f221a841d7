//! Assertions on counts.

use super::Kit;
use super::counts::Counts;

/// The counts of a kit, for assertions: see [`Kit::expect`].
#[derive(Clone, Debug)]
pub struct Expect {
    counts: Counts,
    report: String,
}

impl Kit {
    /// Takes the current counts (since the kit was created, or since [`recount`](Self::recount)), for
    /// assertions. Each failure message lists all counts and the content of every cache.
    ///
    /// ```
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
                /// If the number differs.
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
    /// Asserts how many reads were answered by a tier or another caller's load: see [`Counts::hits`].
    hits, "hit", "hits";
    /// Asserts how many reads were answered with a stale value.
    stale_hits, "stale hit", "stale hits";
    /// Asserts how many reads were answered by a remote tier.
    remote_hits, "remote hit", "remote hits";
    /// Asserts how many reads waited for another caller's load.
    coalesced, "coalesced call", "coalesced calls";
    /// Asserts how many reads found no value.
    misses, "miss", "misses";
    /// Asserts how many loads were started.
    loads, "load", "loads";
    /// Asserts how many loads failed.
    load_failures, "failed load", "failed loads";
    /// Asserts how many values were stored.
    stores, "store", "stores";
    /// Asserts how many keys were evicted one by one.
    removals, "removal", "removals";
    /// Asserts how many operations of a remote tier failed.
    remote_errors, "remote error", "remote errors";
}
