//! `refresh_every`: values are loaded again while their keys are in use, without a reader that waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::backend::MemoryBackend;
use larder::{Cache, Error, Policies, Policy, Source, cached, scope::TenantScope, time::Clock};

use crate::origin::{Origin, landed, soon, turns};

const MINUTE: Duration = Duration::from_secs(60);

#[cached(key = "row:{id}", ttl = "10m", refresh_every = "1m", cache = cache, skip(cache, origin))]
async fn row(cache: &Cache, origin: &Origin, id: u64) -> Result<u64, u64> {
    origin.try_read().await
}

fn memory(clock: &Clock) -> Cache {
    Cache::builder().clock(clock.clone()).build().unwrap()
}

/// Memory, a remote tier, and both.
pub(crate) fn three(clock: &Clock) -> [(&'static str, Cache); 3] {
    let store = || MemoryBackend::with_clock(clock.clone());
    let remote = || Cache::builder().clock(clock.clone()).remote(store());
    [
        ("memory", memory(clock)),
        ("memory + remote", remote().build().unwrap()),
        ("remote", remote().no_memory().build().unwrap()),
    ]
}

async fn pass(clock: &Clock, cache: &Cache) {
    clock.advance(MINUTE);
    turns().await;
    landed(cache).await;
    turns().await;
}

#[tokio::test]
async fn a_key_in_use_is_refreshed_without_a_reader() {
    let clock = Clock::manual();
    for (name, cache) in three(&clock) {
        let origin = Origin::new();
        assert_eq!(row(&cache, &origin, 1).await, Ok(1), "{name}");
        landed(&cache).await;
        for value in 2..30 {
            origin.set(value);
            pass(&clock, &cache).await;
            assert_eq!(origin.reads(), value, "{name}: before anybody reads");
            let read = row(&cache, &origin, 1).traced().await;
            assert_eq!((read.value, read.age), (Ok(value), Duration::ZERO), "{name}");
            assert!(matches!(read.source, Source::Memory | Source::Remote), "{name}");
        }
    }
}

#[tokio::test]
async fn a_key_that_nobody_reads_is_left_alone() {
    let clock = Clock::manual();
    for (name, cache) in three(&clock) {
        let origin = Origin::new();
        row(&cache, &origin, 1).await.unwrap();
        landed(&cache).await;
        // The first load was for a reader.
        pass(&clock, &cache).await;
        assert_eq!(origin.reads(), 2, "{name}");
        for _ in 0..3 {
            pass(&clock, &cache).await;
            assert_eq!(origin.reads(), 2, "{name}: nobody has read it since the refresh");
        }
        // A look is no use.
        assert!(row(&cache, &origin, 1).peek().await.unwrap().is_some(), "{name}");
        pass(&clock, &cache).await;
        assert_eq!(origin.reads(), 2, "{name}");
        // It is in use again.
        row(&cache, &origin, 1).await.unwrap();
        pass(&clock, &cache).await;
        assert_eq!(origin.reads(), 3, "{name}");
        // And expires in the end.
        for _ in 0..11 {
            pass(&clock, &cache).await;
        }
        assert_eq!(row(&cache, &origin, 1).peek().await.unwrap(), None, "{name}");
        assert_eq!(origin.reads(), 3, "{name}");
    }
}

#[tokio::test]
async fn a_read_during_a_refresh_counts_for_the_next_one() {
    let clock = Clock::manual();
    let (cache, origin) = (memory(&clock), Origin::new());
    row(&cache, &origin, 1).await.unwrap();
    origin.hold(1);
    clock.advance(MINUTE);
    origin.held().await;
    clock.advance(MINUTE / 60);
    assert_eq!(row(&cache, &origin, 1).traced().await.source, Source::Memory);
    origin.release(1);
    landed(&cache).await;
    turns().await;
    pass(&clock, &cache).await;
    assert_eq!(origin.reads(), 3);
}

#[tokio::test]
async fn no_reader_waits_for_a_refresh() {
    let clock = Clock::manual();
    for (name, cache) in three(&clock) {
        let origin = Origin::new();
        row(&cache, &origin, 1).await.unwrap();
        landed(&cache).await;
        origin.hold(1);
        clock.advance(MINUTE);
        origin.held().await;
        let read = soon(row(&cache, &origin, 1).traced()).await;
        assert_eq!(read.value, Ok(1), "{name}");
        assert!(matches!(read.source, Source::Memory | Source::Remote), "{name}");
        origin.release(1);
        landed(&cache).await;
        assert_eq!(origin.reads(), 2, "{name}");
    }
}

#[tokio::test]
async fn a_put_delays_the_next_refresh() {
    let clock = Clock::manual();
    let (cache, origin) = (memory(&clock), Origin::new());
    row(&cache, &origin, 1).await.unwrap();
    clock.advance(MINUTE / 2);
    row(&cache, &origin, 1).put(7).await.unwrap();
    clock.advance(MINUTE / 2);
    turns().await;
    assert_eq!((origin.reads(), row(&cache, &origin, 1).await), (1, Ok(7)));
    clock.advance(MINUTE / 2);
    turns().await;
    assert_eq!((origin.reads(), row(&cache, &origin, 1).await), (2, Ok(1)));
}

#[tokio::test]
async fn a_failed_refresh_keeps_the_value_and_is_tried_again() {
    let clock = Clock::manual();
    for (name, cache) in three(&clock) {
        let origin = Origin::new();
        row(&cache, &origin, 1).await.unwrap();
        landed(&cache).await;
        origin.fail(true);
        for tries in 2..5 {
            pass(&clock, &cache).await;
            assert_eq!(origin.reads(), tries, "{name}: one attempt in each interval");
            let read = row(&cache, &origin, 1).traced().await;
            assert_eq!(read.value, Ok(1), "{name}");
            assert!(matches!(read.source, Source::Memory | Source::Remote), "{name}");
            turns().await;
            assert_eq!(origin.reads(), tries, "{name}");
        }
        origin.fail(false);
        origin.set(2);
        pass(&clock, &cache).await;
        assert_eq!(row(&cache, &origin, 1).await, Ok(2), "{name}");
    }
}

#[cached(key = "strict", ttl = "10m", refresh_every = "1m", err_ttl = "5m", stale_if = |_: &u64| false, cache = cache,
    skip(cache, origin))]
async fn strict(cache: &Cache, origin: &Origin) -> Result<u64, u64> {
    origin.try_read().await
}

#[tokio::test]
async fn a_cached_error_does_not_replace_a_fresh_value() {
    let clock = Clock::manual();
    let (cache, origin) = (memory(&clock), Origin::new());
    strict(&cache, &origin).await.unwrap();
    origin.fail(true);
    pass(&clock, &cache).await;
    assert_eq!(origin.reads(), 2);
    assert_eq!(strict(&cache, &origin).await, Ok(1));
}

#[tokio::test]
async fn a_panic_ends_one_refresh_only() {
    static LOADS: AtomicU64 = AtomicU64::new(0);

    #[cached(key = "panics", ttl = "10m", refresh_every = "1m", cache = cache, skip(cache))]
    async fn panics(cache: &Cache) -> u64 {
        let load = LOADS.fetch_add(1, Ordering::SeqCst) + 1;
        assert_ne!(load, 2, "the test wants it");
        load
    }

    let clock = Clock::manual();
    let cache = memory(&clock);
    assert_eq!(panics(&cache).await, 1);
    pass(&clock, &cache).await;
    assert_eq!(LOADS.load(Ordering::SeqCst), 2);
    assert_eq!(panics(&cache).await, 1);
    pass(&clock, &cache).await;
    assert_eq!(panics(&cache).await, 3);
}

#[tokio::test]
async fn at_most_sixteen_run_at_a_time() {
    let clock = Clock::manual();
    let (cache, origin) = (memory(&clock), Origin::new());
    for id in 0..100 {
        row(&cache, &origin, id).await.unwrap();
    }
    origin.hold(100);
    clock.advance(MINUTE);
    turns().await;
    assert_eq!(origin.reads(), 116);
    origin.release(100);
    turns().await;
    landed(&cache).await;
    assert_eq!(origin.reads(), 200);
}

#[tokio::test]
async fn a_load_that_hangs_does_not_delay_other_keys_for_ever() {
    let clock = Clock::manual();
    let (cache, origin, hung) = (memory(&clock), Origin::new(), Origin::new());
    for id in 0..16 {
        row(&cache, &hung, id).await.unwrap();
    }
    clock.advance(MINUTE / 60);
    row(&cache, &origin, 16).await.unwrap();
    hung.hold(16);
    clock.advance(MINUTE);
    turns().await;
    assert_eq!((hung.reads(), origin.reads()), (32, 1));
    // The lease of a load.
    clock.advance(Duration::from_secs(10));
    turns().await;
    assert_eq!(origin.reads(), 2);
}

#[tokio::test]
async fn it_ends_with_the_cache() {
    let clock = Clock::manual();
    let (cache, origin) = (memory(&clock), Origin::new());
    row(&cache, &origin, 1).await.unwrap();
    cache.close().await.unwrap();
    pass(&clock, &cache).await;
    assert_eq!(origin.reads(), 1, "it is closed");

    let (cache, held) = (memory(&clock), Arc::new(()));
    let load = {
        let held = Arc::clone(&held);
        move || {
            let held = Arc::clone(&held);
            async move { Ok::<_, Error>(Arc::strong_count(&held) as u64) }
        }
    };
    let entry = cache.entry("k").ttl("10m");
    entry.or_refresh_every(MINUTE, load).await.unwrap();
    assert!(Arc::strong_count(&held) > 1, "the schedule has a copy of the load");
    drop(cache);
    turns().await;
    assert_eq!(Arc::strong_count(&held), 1, "the last handle was dropped");
}

#[tokio::test]
async fn it_rests_while_the_cache_is_off() {
    let clock = Clock::manual();
    let (cache, origin) = (memory(&clock), Origin::new());
    row(&cache, &origin, 1).await.unwrap();
    cache.disable();
    pass(&clock, &cache).await;
    assert_eq!(origin.reads(), 1);
    cache.enable();
    pass(&clock, &cache).await;
    assert_eq!(origin.reads(), 2);
}

#[tokio::test]
async fn loads_of_a_transaction_begin_no_schedule() {
    let clock = Clock::manual();
    let (cache, origin) = (memory(&clock), Origin::new());
    larder::transaction(async { row(&cache, &origin, 1).await }).await.unwrap();
    pass(&clock, &cache).await;
    assert_eq!(origin.reads(), 1);
}

#[tokio::test]
async fn a_refresh_belongs_to_the_tenant_of_its_caller() {
    #[cached(key = "tenant", ttl = "10m", refresh_every = "1m", cache = cache, skip(cache, origin))]
    async fn tenant(cache: &Cache, origin: &Origin) -> Option<String> {
        origin.read().await;
        TenantScope::current().name().map(str::to_owned)
    }

    let clock = Clock::manual();
    let (cache, origin) = (memory(&clock), Origin::new());
    larder::with_tenant("acme", async {
        assert_eq!(tenant(&cache, &origin).await.as_deref(), Some("acme"));
    })
    .await;
    pass(&clock, &cache).await;
    assert_eq!(origin.reads(), 2);
    larder::with_tenant("acme", async {
        assert_eq!(tenant(&cache, &origin).await.as_deref(), Some("acme"));
    })
    .await;
    assert_eq!(tenant(&cache, &origin).peek().await.unwrap(), None);
}

#[tokio::test]
async fn policies_of_a_function_change_its_interval() {
    let clock = Clock::manual();
    let (cache, origin) = (memory(&clock), Origin::new());
    let rarely = Policies::new().function("*::row", Policy::new().refresh_every(3 * MINUTE));
    cache.set_policies(rarely).unwrap();
    row(&cache, &origin, 1).await.unwrap();
    for (minutes, reads) in [(1, 1), (2, 1), (3, 2)] {
        pass(&clock, &cache).await;
        assert_eq!(origin.reads(), reads, "after {minutes} minutes");
    }
    let short = Policies::new().function("*::row", Policy::new().ttl(MINUTE / 2));
    cache.set_policies(short).unwrap();
    assert_eq!(row(&cache, &origin, 2).traced().await.source, Source::Loaded);
    assert_eq!(row(&cache, &origin, 2).traced().await.source, Source::Memory, "it is cached");
    for defaults in [
        Policies::new().all(Policy::new().refresh_every(MINUTE)),
        Policies::new().model("user", Policy::new().refresh_every(MINUTE)),
    ] {
        assert!(cache.set_policies(defaults).unwrap_err().to_string().contains("refresh_every"));
    }
}

#[tokio::test]
async fn a_call_with_a_shorter_ttl_is_cached_and_not_refreshed() {
    let clock = Clock::manual();
    let (cache, origin) = (memory(&clock), Origin::new());
    row(&cache, &origin, 1).ttl("30s").await.unwrap();
    assert_eq!(row(&cache, &origin, 1).traced().await.source, Source::Memory);
    pass(&clock, &cache).await;
    assert_eq!(origin.reads(), 1);
}

#[tokio::test]
async fn loads_by_hand_are_refreshed() {
    let clock = Clock::manual();
    for (name, cache) in three(&clock) {
        let origin = Origin::new();
        let read = async || {
            let (entry, origin) = (cache.entry("k").ttl("10m"), origin.clone());
            let load = move || {
                let origin = origin.clone();
                async move { origin.try_read().await }
            };
            entry.or_refresh_every(MINUTE, load).await
        };
        assert_eq!(read().await, Ok(1), "{name}");
        landed(&cache).await;
        origin.set(2);
        pass(&clock, &cache).await;
        assert_eq!((origin.reads(), read().await), (2, Ok(2)), "{name}");
    }
}

#[tokio::test]
async fn a_time_to_idle_runs_from_the_last_read() {
    let clock = Clock::manual();
    let (cache, origin) = (memory(&clock), Origin::new());
    let policy = Policy::new().ttl(10 * MINUTE).tti(3 * MINUTE / 2);
    let load = {
        let origin = origin.clone();
        move || {
            let origin = origin.clone();
            async move { origin.try_read().await }
        }
    };
    let entry = cache.entry("k").policy(policy);
    entry.or_refresh_every(MINUTE, load).await.unwrap();
    pass(&clock, &cache).await;
    assert_eq!(origin.reads(), 2);
    pass(&clock, &cache).await;
    assert_eq!(cache.entry("k").peek::<u64>().await.unwrap(), None, "a refresh is no read");
}

#[test]
fn programs_without_a_runtime_have_a_thread_for_it() {
    let clock = Clock::manual();
    let (cache, origin) = (memory(&clock), Origin::new());
    larder::block_on(row(&cache, &origin, 1)).unwrap();
    clock.advance(MINUTE);
    let begin = std::time::Instant::now();
    while origin.reads() < 2 {
        assert!(begin.elapsed() < Duration::from_secs(10), "nothing was refreshed");
        std::thread::yield_now();
    }
    larder::block_on(cache.close()).unwrap();
}

#[test]
fn another_runtime_takes_over() {
    let clock = Clock::manual();
    let (cache, origin) = (memory(&clock), Origin::new());
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime().block_on(row(&cache, &origin, 1)).unwrap();
    clock.advance(MINUTE);
    runtime().block_on(async {
        // Its load begins another schedule, and the task for all.
        row(&cache, &origin, 2).await.unwrap();
        soon(async {
            while origin.reads() < 3 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    });
}

#[test]
fn configuration_changes_the_interval_of_functions_only() {
    use larder::config::{Config, Format};

    let load = |text: &str| Config::layers().text(Format::Toml, "larder.toml", text).load();
    load("[functions.'*::row']\nrefresh_every = '2m'").unwrap();
    for section in ["policy", "models.user"] {
        let error = load(&format!("[{section}]\nrefresh_every = '2m'")).unwrap_err().to_string();
        assert!(error.contains(&format!("{section}.refresh_every")), "{error}");
    }
    let late = load("[functions.'*::row']\nttl = '1m'\nrefresh_every = '2m'").unwrap_err();
    assert!(late.to_string().contains("must be shorter than `ttl`"), "{late}");
}
