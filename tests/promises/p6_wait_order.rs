//! P6: pending evictions, writes to the remote tier and their callers wait for each other in one order, never in a
//! circle. The clock stands still, so a call that waits for a timeout hangs.

use larder::{Cache, cached, time::Clock};
use tokio::task::JoinHandle;

use crate::gated::At::Before;
use crate::gated::Gated;
use crate::origin::{Origin, soon, turns};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Write {
    Load,
    Refresh,
    Put,
}

#[derive(Clone, Copy, Debug)]
enum Evict {
    Key,
    Pattern,
    Clear,
    Put,
}

#[cached(key = "row", cache = cache, skip(cache, origin))]
async fn row(cache: &Cache, origin: &Origin) -> u64 {
    origin.read().await
}

impl Write {
    fn begin(self, cache: &Cache, origin: &Origin) -> JoinHandle<()> {
        let (cache, origin) = (cache.clone(), origin.clone());
        tokio::spawn(async move {
            match self {
                Self::Load => drop(row(&cache, &origin).await),
                Self::Refresh => drop(row(&cache, &origin).refresh().await),
                Self::Put => drop(cache.insert("row", origin.read().await).await),
            }
        })
    }
}

impl Evict {
    async fn run(self, cache: &Cache) {
        match self {
            Self::Key => drop(cache.remove("row").await),
            Self::Pattern => drop(cache.evict_pattern("ro*").await),
            Self::Clear => drop(cache.clear().await),
            Self::Put => drop(cache.insert("row", 9u64).await),
        }
    }
}

/// An eviction of another key is pending. A write of `row` begins and carries it out; meanwhile a caller evicts `row`
/// and is dropped. That eviction is pending too: it waits for the write, and the write does not wait for it.
async fn no_call_waits_for_ever(gated: Gated, clock: &Clock, write: Write, evict: Evict) {
    let what = format!("{write:?}, {evict:?}");
    let (cache, origin) = (gated.cache(clock), Origin::at(clock));
    origin.hold(1);
    let writing = write.begin(&cache, &origin);
    origin.held().await;
    gated.set_down(true);
    soon(cache.remove("another")).await.unwrap_err();
    gated.set_down(false);
    let removal = gated.hold(Before("remove"));
    origin.release(1);
    removal.arrived().await;
    let evicting = tokio::spawn({
        let cache = cache.clone();
        async move { evict.run(&cache).await }
    });
    turns().await;
    evicting.abort();
    let _ = evicting.await;
    removal.open();
    soon(writing).await.unwrap_or_else(|_| panic!("{what}"));
    let unrelated = soon(cache.get::<u64>("unrelated")).await;
    assert_eq!(unrelated.unwrap(), None, "{what}");
    let left = soon(cache.get::<u64>("row")).await.unwrap();
    assert_ne!(left, Some(1), "{what}: the evicted value is gone");
}

#[tokio::test]
async fn a_write_does_not_wait_in_its_turn_for_an_eviction_that_waits_for_it() {
    for leases in [true, false] {
        for write in [Write::Load, Write::Refresh, Write::Put] {
            for evict in [Evict::Key, Evict::Pattern, Evict::Clear, Evict::Put] {
                let clock = Clock::manual();
                let gated = if leases { Gated::leased(&clock) } else { Gated::new() };
                no_call_waits_for_ever(gated, &clock, write, evict).await;
            }
        }
    }
}

/// The same for the items of a batch, which are written together: one item has its turn and waits for the others, and
/// another one waits for a pending eviction.
#[tokio::test]
async fn the_items_of_a_batch_do_not_wait_in_a_circle() {
    for leases in [true, false] {
        let clock = Clock::manual();
        let gated = if leases { Gated::leased(&clock) } else { Gated::new() };
        let cache = gated.cache(&clock);
        gated.set_down(true);
        soon(cache.remove("another")).await.unwrap_err();
        gated.set_down(false);
        let removal = gated.hold(Before("remove"));
        let writing = tokio::spawn({
            let cache = cache.clone();
            async move { cache.insert_many([("one", 1u64), ("two", 2), ("three", 3)]).await }
        });
        removal.arrived().await;
        for key in ["one", "three"] {
            let evicting = tokio::spawn({
                let cache = cache.clone();
                async move { cache.remove(key).await }
            });
            turns().await;
            evicting.abort();
            let _ = evicting.await;
        }
        removal.open();
        soon(writing).await.unwrap().unwrap();
        assert_eq!(soon(cache.get::<u64>("unrelated")).await.unwrap(), None);
        let kept = soon(cache.get_many::<u64>(&["one", "two", "three"])).await.unwrap();
        assert_eq!(kept, [None, Some(2), None], "leases: {leases}");
    }
}
