//! A listener receives removals and changes of state, may use the cache, and cannot break it.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use larder::{
    Cache, Eviction, Memory, Policy,
    backend::MemoryBackend,
    cached,
    stats::{CacheEvent, CacheListener, RemovalCause},
    time::Clock,
};

use crate::gated::Gated;
use crate::origin::soon;

const ALL: [Eviction; 4] = [Eviction::Auto, Eviction::Ttl, Eviction::Lru, Eviction::Lfu];

/// Records the signals that it receives.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl CacheListener for Heard {
    fn on_event(&self, signal: &CacheEvent<'_>) {
        let text = match signal {
            CacheEvent::Removed { key, cause, .. } => format!("{key} {}", cause.name()),
            CacheEvent::LoadFailed { key, function, .. } => format!("{key} failed in {function:?}"),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(text);
    }
}

impl Heard {
    /// Returns the signals since the last call.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn heard_by(set: impl FnOnce(larder::Builder) -> larder::Builder) -> (Heard, Cache) {
    let heard = Heard::default();
    let cache = set(Cache::builder().listener(heard.clone())).build().unwrap();
    (heard, cache)
}

#[tokio::test]
async fn each_removal_is_reported_once_with_its_cause() {
    for eviction in ALL {
        let clock = Clock::manual();
        let memory = Memory::max_entries(100).eviction(eviction);
        let (heard, cache) = heard_by(|builder| builder.clock(clock.clone()).memory(memory));
        let short = Policy::new().ttl(Duration::from_secs(1));
        cache.entry("short").policy(short).insert(1_u64).await.unwrap();
        cache.entry("tagged").policy(Policy::new().tags(&["news"])).insert(1_u64).await.unwrap();
        for key in ["a", "b", "list:1"] {
            cache.insert(key, 1_u64).await.unwrap();
        }
        assert_eq!(heard.take(), [""; 0], "{eviction:?}");
        assert_eq!(cache.get::<u64>("a").await.unwrap(), Some(1));
        cache.insert("a", 2_u64).await.unwrap();
        assert_eq!(heard.take(), ["a replaced"], "{eviction:?}");
        cache.remove("a").await.unwrap();
        cache.remove("nothing").await.unwrap();
        assert_eq!(heard.take(), ["a key"], "{eviction:?}");
        cache.evict_pattern("list:*").await.unwrap();
        assert_eq!(heard.take(), ["list:1 pattern"], "{eviction:?}");
        clock.advance(Duration::from_secs(2));
        cache.reclaim();
        assert_eq!(heard.take(), ["short expired"], "{eviction:?}");
        cache.evict_tag("news").await.unwrap();
        assert_eq!(heard.take(), [""; 0], "a tag is one increment: {eviction:?}");
        cache.reclaim();
        assert_eq!(heard.take(), ["tagged tag"], "{eviction:?}");
        cache.clear().await.unwrap();
        assert_eq!(heard.take(), ["b cleared"], "{eviction:?}");
    }
}

#[tokio::test]
async fn an_entry_removed_for_room_is_reported_with_its_own_key() {
    for eviction in ALL {
        let memory = Memory::max_entries(10).eviction(eviction);
        let (heard, cache) = heard_by(|builder| builder.memory(memory));
        for id in 0..50 {
            cache.insert(format!("k{id}"), id).await.unwrap();
        }
        let mut left = heard.take();
        for text in &mut left {
            *text = text.strip_suffix(" capacity").unwrap_or_else(|| panic!("{text}")).to_owned();
        }
        let kept = cache.keys("*").await.unwrap();
        assert_eq!(left.len() as u64, cache.stats().evicted_capacity, "{eviction:?}");
        let mut all: Vec<String> = left.into_iter().chain(kept).collect();
        all.sort();
        let mut wanted: Vec<String> = (0..50).map(|id| format!("k{id}")).collect();
        wanted.sort();
        assert_eq!(all, wanted, "each entry is cached or was reported once: {eviction:?}");
    }
}

#[tokio::test]
async fn an_entry_too_heavy_to_be_kept_is_reported() {
    for eviction in ALL {
        let weigher = |value: &Vec<u8>| value.len() as u64;
        let memory = Memory::max_bytes(4_000).weigher(weigher).eviction(eviction);
        let (heard, cache) = heard_by(|builder| builder.memory(memory));
        cache.insert("large", vec![0_u8; 100_000]).await.unwrap();
        assert_eq!(heard.take(), ["large capacity"], "{eviction:?}");
    }
}

#[tokio::test]
async fn a_changed_life_is_not_a_removal() {
    for eviction in ALL {
        let memory = Memory::max_entries(100).eviction(eviction);
        let (heard, cache) = heard_by(|builder| builder.memory(memory));
        let kept =
            Policy::new().ttl(Duration::from_secs(60)).stale_if_error(Duration::from_secs(60));
        cache.entry("kept").policy(kept).insert(1_u64).await.unwrap();
        assert!(cache.expire("kept", Duration::from_secs(5)).await.unwrap());
        assert!(cache.mark_stale("kept").await.unwrap());
        cache.insert("plain", 1_u64).await.unwrap();
        assert_eq!(heard.take(), [""; 0], "{eviction:?}");
        assert!(cache.mark_stale("plain").await.unwrap());
        assert_eq!(heard.take(), ["plain key"], "expired and without a stale window: {eviction:?}");
        assert_eq!((cache.stats().evicted_keys, cache.stats().removals), (1, 2), "{eviction:?}");
    }
}

#[tokio::test]
async fn changes_of_state_are_reported_once_each() {
    let (store, clock) = (Gated::new(), Clock::manual());
    let (heard, cache) =
        heard_by(|builder| builder.remote(store.backend.clone()).clock(clock.clone()));
    heard.take();
    store.set_linked(false);
    assert_eq!(heard.take(), ["Bus { connected: false }"]);
    store.set_linked(true);
    assert_eq!(heard.take(), ["Bus { connected: true }"]);
    store.set_down(true);
    for _ in 0..6 {
        cache.get::<u64>("k").await.unwrap_err();
    }
    assert_eq!(heard.take(), ["Remote { up: false }", "Breaker { open: true }"]);
    store.set_down(false);
    clock.advance(Duration::from_secs(2));
    for _ in 0..3 {
        cache.get::<u64>("k").await.unwrap();
    }
    assert_eq!(heard.take(), ["Remote { up: true }", "Breaker { open: false }"]);
}

#[tokio::test]
async fn a_pending_eviction_that_opens_the_breaker_reports_it() {
    let (store, clock) = (Gated::new(), Clock::manual());
    let (heard, cache) =
        heard_by(|builder| builder.remote(store.backend.clone()).clock(clock.clone()));
    heard.take();
    store.set_down(true);
    for _ in 0..3 {
        cache.remove("k").await.unwrap_err();
    }
    let pending = "EvictionPending { pending: 1 }";
    let told = ["Remote { up: false }", pending, pending, "Breaker { open: true }", pending];
    assert_eq!(heard.take(), told);
}

#[tokio::test]
async fn changes_by_another_process_are_reported() {
    let store = MemoryBackend::new();
    let other = Cache::builder().remote(store.clone()).build().unwrap();
    let (heard, cache) = heard_by(|builder| builder.remote(store.clone()));
    heard.take();
    cache.insert("a", 1_u64).await.unwrap();
    cache.insert("b:1", 1_u64).await.unwrap();
    other.remove("a").await.unwrap();
    other.evict_pattern("b:*").await.unwrap();
    assert_eq!(heard.take(), ["a elsewhere", "b:1 elsewhere"]);
}

#[tokio::test]
async fn failed_loads_are_reported_with_their_function() {
    #[cached(key = "row:{id}", cache = cache, skip(cache))]
    async fn row(cache: &Cache, id: u64) -> Result<u64, String> {
        Err("down".to_owned())
    }
    let (heard, cache) = heard_by(|builder| builder);
    row(&cache, 7).await.unwrap_err();
    cache.get_or_load("k", || async { Err::<u64, _>("down") }).await.unwrap_err();
    let told = heard.take();
    assert!(
        told[0].starts_with("row:7 failed in Some(") && told[0].contains("::row\""),
        "{told:?}"
    );
    assert_eq!(told[1..], ["k failed in None"]);
}

/// The cache holds no lock during a call of the listener, so the listener may use the cache, even recursively.
#[tokio::test]
async fn it_may_use_the_cache() {
    for eviction in ALL {
        let clock = Clock::manual();
        let place: Arc<OnceLock<Cache>> = Arc::default();
        let inside = Arc::clone(&place);
        let heard = Heard::default();
        let told = heard.clone();
        let use_it = move |signal: &CacheEvent<'_>| {
            told.on_event(signal);
            let (Some(cache), CacheEvent::Removed { key, cause, .. }) = (inside.get(), signal)
            else {
                return;
            };
            if !key.starts_with("echo") && *cause != RemovalCause::Replaced {
                let echo = format!("echo:{key}");
                now(cache.get::<u64>(*key)).unwrap();
                if *cause != RemovalCause::Capacity {
                    // (The value stored after a removal for room would remove the next one.)
                    now(cache.insert(echo.clone(), 1_u64)).unwrap();
                    now(cache.insert(*key, 2_u64)).unwrap();
                }
                now(cache.evict_pattern("echo:x*")).unwrap();
                now(cache.remove(echo)).unwrap();
                cache.reclaim();
                cache.stats();
            }
        };
        let memory = Memory::max_entries(20).eviction(eviction);
        let builder = Cache::builder().memory(memory).clock(clock.clone());
        let cache = builder.listener(use_it).build().unwrap();
        place.set(cache.clone()).unwrap();
        soon(async {
            for id in 0..40 {
                let policy = Policy::new().ttl(Duration::from_secs(1)).tags(&["all"]);
                cache.entry(format!("k:{id}")).policy(policy).insert(id).await.unwrap();
            }
            cache.remove("k:39").await.unwrap();
            cache.evict_pattern("k:*").await.unwrap();
            clock.advance(Duration::from_secs(2));
            cache.reclaim();
            cache.evict_tag("all").await.unwrap();
            cache.reclaim();
            cache.clear().await.unwrap();
        })
        .await;
        assert!(heard.take().iter().any(|text| text.starts_with("echo:")), "{eviction:?}");
    }
}

/// Polls once a future that must not wait.
fn now<T>(work: impl Future<Output = T>) -> T {
    let mut nobody = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(work).poll(&mut nobody) {
        std::task::Poll::Ready(done) => done,
        std::task::Poll::Pending => panic!("the future waits"),
    }
}

/// Signals of the remote tier and of the bus are also sent without a lock, including async ones.
#[tokio::test]
async fn it_may_use_the_remote_tier() {
    let (store, clock) = (Gated::new(), Clock::manual());
    let place: Arc<OnceLock<Cache>> = Arc::default();
    let (inside, heard) = (Arc::clone(&place), Heard::default());
    let told = heard.clone();
    let use_it = move |signal: &CacheEvent<'_>| {
        told.on_event(signal);
        let enough = told.0.lock().unwrap().len() > 20;
        if let (Some(cache), false) = (inside.get(), enough) {
            // Polls once and drops the future, as with a cancelled caller: an eviction would stay pending.
            let mut nobody = std::task::Context::from_waker(std::task::Waker::noop());
            let _ = std::pin::pin!(cache.get::<u64>("k")).poll(&mut nobody);
            cache.stats();
        }
    };
    let builder = Cache::builder().remote(store.backend.clone()).clock(clock.clone());
    let cache = builder.listener(use_it).build().unwrap();
    place.set(cache.clone()).unwrap();
    soon(async {
        cache.insert("k", 1_u64).await.unwrap();
        store.set_down(true);
        for _ in 0..4 {
            cache.remove("k").await.unwrap_err();
        }
        store.set_down(false);
        clock.advance(Duration::from_secs(2));
        // The pending eviction is carried out under a lock, and opens and closes the breaker.
        assert_eq!(cache.get::<u64>("k").await.unwrap(), None);
        cache.insert("k", 2_u64).await.unwrap();
        store.set_linked(false);
        store.set_linked(true);
        assert_eq!(cache.get::<u64>("k").await.unwrap(), Some(2));
    })
    .await;
    let heard = heard.take();
    assert!(heard.contains(&"Breaker { open: false }".to_owned()), "{heard:?}");
}

#[tokio::test]
async fn a_panic_in_it_ends_nothing() {
    for eviction in ALL {
        let memory = Memory::max_entries(10).eviction(eviction);
        let builder =
            Cache::builder().memory(memory).listener(|_: &CacheEvent<'_>| panic!("on purpose"));
        let cache = builder.build().unwrap();
        for id in 0..30_u64 {
            cache.insert(format!("k{id}"), id).await.unwrap();
            let found = cache.get::<u64>(format!("k{id}")).await.unwrap();
            // (A tier with LFU may reject the new entry.)
            assert!(found == Some(id) || eviction == Eviction::Lfu, "{eviction:?}");
        }
        let key = cache.keys("*").await.unwrap().remove(0);
        cache.insert(key.clone(), 1_u64).await.unwrap();
        assert!(cache.remove(key.clone()).await.unwrap());
        assert_eq!(cache.get::<u64>(key).await.unwrap(), None);
        cache.clear().await.unwrap();
        assert_eq!(cache.stats().entries, 0, "{eviction:?}");
    }
}

#[tokio::test]
async fn hits_are_not_reported() {
    let (heard, cache) = heard_by(|builder| builder);
    cache.insert("k", 1_u64).await.unwrap();
    for _ in 0..100 {
        cache.get::<u64>("k").await.unwrap();
    }
    assert_eq!(heard.take(), [""; 0]);
}
