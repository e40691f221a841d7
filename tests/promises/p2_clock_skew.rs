//! P2: the clocks of two machines may differ by any amount. Only the store measures the age of a value.

use std::time::Duration;

use larder::testing::{Faulty, HoldPoint, Operation};
use larder::{Cache, Policy, Source, backend::MemoryBackend, cached, time::Clock};

const MINUTE: Duration = Duration::from_secs(60);

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Two machines and a store, each with a separate clock.
struct Fleet {
    clocks: [Clock; 3],
    writer: Cache,
    reader: Cache,
}

/// The clock that is a minute ahead of the others.
#[derive(Clone, Copy, Debug)]
enum Ahead {
    Writer,
    Reader,
    Store,
}

const ALL: [Ahead; 3] = [Ahead::Writer, Ahead::Reader, Ahead::Store];

impl Fleet {
    fn new(ahead: Ahead, has_memory: bool) -> Self {
        let clocks = [Clock::manual(), Clock::manual(), Clock::manual()];
        clocks[ahead as usize].advance(MINUTE);
        let store = MemoryBackend::with_clock(clocks[2].clone());
        let cache = |clock: &Clock| {
            let builder = Cache::builder().clock(clock.clone()).remote(store.clone());
            if has_memory { builder } else { builder.no_memory() }.build().unwrap()
        };
        let (writer, reader) = (cache(&clocks[0]), cache(&clocks[1]));
        Self { clocks, writer, reader }
    }

    /// Advances all clocks.
    fn advance(&self, by: Duration) {
        self.clocks.iter().for_each(|clock| clock.advance(by));
    }

    fn each() -> impl Iterator<Item = (Ahead, Self)> {
        let with = |ahead| [true, false].map(|memory| (ahead, Self::new(ahead, memory)));
        ALL.into_iter().flat_map(with)
    }
}

#[cached(key = "rate:{id}", ttl = "5s", stale_if_error = "1h", cache = cache, skip(cache, rate))]
async fn rate(cache: &Cache, id: u64, rate: u64) -> Result<u64, String> {
    Ok(rate)
}

#[cached(key = "failing:{id}", ttl = "5s", stale = "10s", cache = cache, skip(cache, rate))]
async fn stale(cache: &Cache, id: u64, rate: u64) -> u64 {
    rate
}

#[tokio::test]
async fn a_value_has_its_true_age_and_is_fresh_for_its_ttl() {
    for (ahead, fleet) in Fleet::each() {
        rate(&fleet.writer, 1, 10).await.unwrap();
        fleet.advance(seconds(3));
        let read = rate(&fleet.reader, 1, 20).traced().await;
        assert_eq!((read.source, read.age), (Source::Remote, seconds(3)), "{ahead:?}");
        fleet.advance(seconds(2));
        let read = rate(&fleet.reader, 1, 30).traced().await;
        assert_eq!(read.source, Source::Loaded, "{ahead:?}: five seconds are over");
        assert_eq!(read.value, Ok(30), "{ahead:?}");
    }
}

#[tokio::test]
async fn a_value_that_was_just_stored_is_not_loaded_again() {
    for (ahead, fleet) in Fleet::each() {
        rate(&fleet.writer, 1, 10).await.unwrap();
        let read = rate(&fleet.reader, 1, 20).traced().await;
        assert_eq!((read.source, read.age), (Source::Remote, Duration::ZERO), "{ahead:?}");
    }
}

#[tokio::test]
async fn a_stale_window_ends_on_time() {
    for (ahead, fleet) in Fleet::each() {
        stale(&fleet.writer, 1, 10).await;
        fleet.advance(seconds(14));
        let read = stale(&fleet.reader, 1, 10).traced().await;
        assert_eq!(read.source, Source::Stale, "{ahead:?}");
        fleet.advance(seconds(60));
        stale(&fleet.writer, 2, 10).await;
        fleet.advance(seconds(15));
        let read = stale(&fleet.reader, 2, 10).traced().await;
        assert_eq!(read.source, Source::Loaded, "{ahead:?}");
    }
}

#[tokio::test]
async fn a_promotion_does_not_extend_a_life() {
    for ahead in ALL {
        let fleet = Fleet::new(ahead, true);
        rate(&fleet.writer, 1, 10).await.unwrap();
        fleet.advance(seconds(4));
        rate(&fleet.reader, 1, 20).await.unwrap();
        let read = rate(&fleet.reader, 1, 20).traced().await;
        assert_eq!((read.source, read.age), (Source::Memory, seconds(4)), "{ahead:?}");
        let left = fleet.reader.ttl("rate:1").await.unwrap().expect("it is there").left();
        assert_eq!(left, Some(seconds(1)), "{ahead:?}");
        fleet.advance(seconds(1));
        let read = rate(&fleet.reader, 1, 20).traced().await;
        assert_eq!(read.source, Source::Loaded, "{ahead:?}");
    }
}

#[tokio::test]
async fn values_read_in_a_batch_expire_on_time() {
    for (ahead, fleet) in Fleet::each() {
        let policy = Policy::new().ttl(seconds(5)).stale_if_error(MINUTE);
        for key in ["a", "b"] {
            fleet.writer.entry(key).policy(policy).insert(1u64).await.unwrap();
        }
        fleet.advance(seconds(4));
        let found = fleet.reader.get_many::<u64>(["a", "b", "c"]).await.unwrap();
        assert_eq!(found, [Some(1), Some(1), None], "{ahead:?}");
        fleet.advance(seconds(1));
        let found = fleet.reader.get_many::<u64>(["a", "b"]).await.unwrap();
        assert_eq!(found, [None, None], "{ahead:?}");
        assert_eq!(fleet.reader.get::<u64>("a").await.unwrap(), None, "{ahead:?}");
    }
}

#[tokio::test]
async fn expire_counts_from_its_call() {
    for (ahead, fleet) in Fleet::each() {
        let policy = Policy::new().ttl(MINUTE).stale_if_error(MINUTE);
        fleet.writer.entry("a").policy(policy).insert(1u64).await.unwrap();
        fleet.advance(seconds(10));
        assert!(fleet.reader.expire("a", seconds(5)).await.unwrap(), "{ahead:?}");
        fleet.advance(seconds(4));
        let left = fleet.writer.ttl("a").await.unwrap().expect("it is there").left();
        assert_eq!(left, Some(seconds(1)), "{ahead:?}");
        assert_eq!(fleet.writer.get::<u64>("a").await.unwrap(), Some(1), "{ahead:?}");
        fleet.advance(seconds(1));
        assert_eq!(fleet.writer.get::<u64>("a").await.unwrap(), None, "{ahead:?}");
    }
}

#[tokio::test]
async fn mark_stale_takes_effect_immediately() {
    for (ahead, fleet) in Fleet::each() {
        rate(&fleet.writer, 1, 10).await.unwrap();
        assert!(fleet.reader.mark_stale("rate:1").await.unwrap(), "{ahead:?}");
        let read = rate(&fleet.writer, 1, 20).traced().await;
        assert_eq!(read.source, Source::Loaded, "{ahead:?}");
    }
}

#[tokio::test]
async fn the_idle_time_of_a_value_ends_on_time() {
    for (ahead, fleet) in Fleet::each() {
        let policy = Policy::new().ttl(MINUTE).tti(seconds(5));
        fleet.writer.entry("a").policy(policy).insert(1u64).await.unwrap();
        fleet.advance(seconds(4));
        assert!(fleet.reader.contains::<u64>("a").await.unwrap(), "{ahead:?}");
        fleet.writer.entry("b").policy(policy).insert(1u64).await.unwrap();
        fleet.advance(seconds(5));
        assert!(!fleet.reader.contains::<u64>("b").await.unwrap(), "{ahead:?}");
    }
}

/// A value without an expiry has an age too. The age tells which of two values is newer.
#[tokio::test]
async fn a_value_without_an_end_has_an_age() {
    for (ahead, fleet) in Fleet::each() {
        let load = || async { Ok::<_, String>(7u64) };
        fleet.writer.get_or_load("endless", load).await.unwrap();
        fleet.advance(24 * 60 * MINUTE);
        let call = fleet.reader.get_or_load("endless", || async { Ok::<_, String>(8u64) });
        assert_eq!(call.await, Ok(7), "{ahead:?}");
        assert_eq!(fleet.reader.ttl("endless").await.unwrap().expect("it is there").left(), None);
    }
}

/// An answer that takes three seconds to arrive counts as three seconds old.
#[tokio::test]
async fn the_latency_of_an_answer_counts_towards_its_age() {
    let clock = Clock::manual();
    let store = MemoryBackend::with_clock(clock.clone());
    let slow = Faulty::new(store.clone());
    let faults = slow.faults();
    let builder = || Cache::builder().clock(clock.clone());
    let writer = builder().remote(store).build().unwrap();
    let reader = builder().remote(slow).build().unwrap();
    rate(&writer, 1, 10).await.unwrap();
    let held = faults.hold(HoldPoint::After(Operation::Get));
    let reading = tokio::spawn({
        let reader = reader.clone();
        async move { rate(&reader, 1, 20).traced().await.source }
    });
    held.arrived().await;
    clock.advance(seconds(3));
    held.open();
    assert_eq!(reading.await.unwrap(), Source::Remote);
    clock.advance(seconds(2));
    let read = rate(&reader, 1, 20).traced().await;
    assert_eq!(read.source, Source::Loaded);
}
