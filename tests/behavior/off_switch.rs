//! Caching switched off: globally, for one cache, in a scope. The program still returns correct values.
//!
//! All tests of a process share its switch, so the test that changes it runs in a separate process: see `off_process`.

use std::sync::atomic::{AtomicU64, Ordering};

use larder::{
    Cache, Source, backend::MemoryBackend, cache_evict, cache_put, cached, without_cache,
};

#[cached(key = "off:{id}", cache = cache, skip(cache, now))]
async fn read(cache: &Cache, now: u64, id: u64) -> u64 {
    let _ = id;
    now
}

#[cache_evict(read(cache, 0, id))]
async fn change(cache: &Cache, id: u64) {
    let _ = cache;
}

#[cache_put(read(cache, 0, id))]
async fn save(cache: &Cache, id: u64, value: u64) -> u64 {
    let _ = cache;
    value
}

fn caches() -> [Cache; 3] {
    let builder = Cache::builder;
    [
        builder().build().unwrap(),
        builder().no_memory().remote(MemoryBackend::new()).build().unwrap(),
        builder().remote(MemoryBackend::new()).build().unwrap(),
    ]
}

async fn peek(cache: &Cache) -> Option<u64> {
    read(cache, 0, 1).peek().await.unwrap()
}

#[tokio::test]
async fn reads_neither_read_nor_fill() {
    for cache in caches() {
        assert_eq!(read(&cache, 1, 1).await, 1);
        cache.disable();
        assert!(!cache.is_enabled());
        let off = read(&cache, 2, 1).traced().await;
        assert_eq!((off.value, off.source), (2, Source::Bypassed));
        assert_eq!(read(&cache, 3, 2).await, 3);
        assert_eq!(peek(&cache).await, None);
        assert_eq!(cache.get::<u64>("off:1").await.unwrap(), None);
        assert_eq!(cache.get_many::<u64>(&["off:1", "x"]).await.unwrap(), [None, None]);
        assert!(!cache.contains::<u64>("off:1").await.unwrap());
        let loaded = cache.get_or_load("off:1", async || Ok::<_, ()>(4u64)).await;
        assert_eq!(loaded, Ok(4));
        cache.enable();
        assert!(cache.is_enabled());
        assert_eq!(cache.keys("*").await.unwrap(), ["off:1"]);
        assert_eq!(read(&cache, 5, 1).await, 1);
    }
}

/// Makes the cached value outdated in one of several ways.
async fn make_old(how: usize, cache: &Cache) {
    match how {
        0 => cache.insert("off:1", 2u64).await.unwrap(),
        1 => read(cache, 0, 1).put(2).await.unwrap(),
        2 => drop(save(cache, 1, 2).await),
        3 => drop(read(cache, 2, 1).refresh().await),
        4 => assert!(cache.remove("off:1").await.unwrap()),
        5 => change(cache, 1).await,
        _ => cache.clear().await.unwrap(),
    }
}

#[tokio::test]
async fn no_outdated_value_comes_back() {
    for cache in caches() {
        for how in 0..7 {
            assert_eq!(read(&cache, 1, 1).refresh().await, 1);
            cache.disable();
            make_old(how, &cache).await;
            cache.enable();
            assert_eq!(peek(&cache).await, None, "{how}");
        }
    }
}

#[tokio::test]
async fn one_cache_is_off_and_the_other_is_not() {
    let [one, two, _] = caches();
    assert_eq!((read(&one, 1, 1).await, read(&two, 1, 1).await), (1, 1));
    one.disable();
    one.disable();
    assert_eq!((read(&one, 2, 1).await, read(&two, 2, 1).await), (2, 1));
    one.enable();
    assert_eq!(read(&one, 3, 1).await, 1, "one `enable` ends two `disable`");
}

#[tokio::test]
async fn a_scope_is_off_for_those_inside_only() {
    for cache in caches() {
        assert_eq!(read(&cache, 1, 1).await, 1);
        without_cache(async {
            assert_eq!(read(&cache, 2, 1).await, 2);
            assert_eq!(peek(&cache).await, None);
            let spawned = tokio::spawn({
                let cache = cache.clone();
                async move { read(&cache, 3, 1).await }
            });
            assert_eq!(spawned.await.unwrap(), 1, "a task of its own");
        })
        .await;
        assert_eq!(read(&cache, 4, 1).await, 1);
        without_cache(async { cache.insert("off:1", 5u64).await.unwrap() }).await;
        assert_eq!(peek(&cache).await, None);
    }
}

static CALLS: AtomicU64 = AtomicU64::new(0);

#[cached(key = "off_sync:{id}")]
fn counted(id: u64) -> u64 {
    let _ = id;
    CALLS.fetch_add(1, Ordering::SeqCst)
}

#[test]
fn a_sync_scope_is_off_for_sync_functions() {
    assert_eq!((counted(1), counted(1)), (0, 0));
    larder::without_cache_sync(|| assert_eq!((counted(1), counted(1)), (1, 2)));
    assert_eq!(counted(1), 0);
}

/// `the_process_can_be_switched_off` starts this test in a separate process.
#[tokio::test]
#[ignore = "turns a switch that all tests of a process share"]
async fn off_process() {
    for cache in caches() {
        assert_eq!(read(&cache, 1, 1).await, 1);
        larder::disable();
        assert!(!larder::is_enabled() && !cache.is_enabled());
        cache.enable();
        assert_eq!((read(&cache, 2, 1).await, peek(&cache).await), (2, None));
        cache.insert("other", 1u64).await.unwrap();
        larder::enable();
        assert!(larder::is_enabled() && cache.is_enabled());
        assert_eq!((read(&cache, 3, 1).await, cache.get::<u64>("other").await.unwrap()), (1, None));
    }
}

#[test]
fn the_process_can_be_switched_off() {
    let tests = std::env::current_exe().unwrap();
    let run = std::process::Command::new(tests)
        .args(["--exact", "off_switch::off_process", "--ignored"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}
