//! Directions that a call takes before it is awaited.

use std::time::Duration;

use larder::{Cache, Cached, Source, backend::MemoryBackend, cached, time::Clock};

use crate::{Loads, install};

#[tokio::test]
async fn a_call_does_nothing_before_it_is_awaited() {
    static LOADS: Loads = Loads::new();

    #[cached(cache = "call-lazy")]
    async fn load() -> u64 {
        LOADS.count()
    }

    let cache = install("call-lazy");
    drop(load());
    drop(load().refresh());
    assert_eq!((LOADS.get(), cache.stats().entries), (0, 0));
}

#[tokio::test]
async fn refresh_replaces_and_bypass_leaves_alone() {
    static LOADS: Loads = Loads::new();

    #[cached(cache = "call-refresh")]
    async fn load() -> u64 {
        LOADS.count()
    }

    install("call-refresh");
    assert_eq!((load().await, load().await), (1, 1));
    assert_eq!((load().refresh().await, load().await), (2, 2));
    assert_eq!((load().bypass().await, load().await), (3, 2));
}

#[tokio::test]
async fn peek_evict_and_put_of_a_plain_output() {
    static LOADS: Loads = Loads::new();

    #[cached(cache = "call-plain")]
    async fn load(id: u64) -> Vec<u64> {
        vec![id, LOADS.count()]
    }

    install("call-plain");
    assert_eq!(load(7).peek().await.unwrap(), None);
    load(7).put(vec![1, 2]).await.unwrap();
    assert_eq!(load(7).peek().await.unwrap(), Some(vec![1, 2]));
    assert_eq!(load(7).await, [1, 2]);
    assert!(load(7).evict().await.unwrap());
    assert!(!load(7).evict().await.unwrap());
    assert_eq!(load(7).peek().await.unwrap(), None);
    assert_eq!((load(7).await, LOADS.get()), (vec![7, 1], 1));
}

#[tokio::test]
async fn peek_evict_and_put_of_a_result() {
    static LOADS: Loads = Loads::new();

    type Checked<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

    #[cached(cache = "call-result")]
    async fn load(id: u64) -> Checked<String> {
        LOADS.count();
        if id == 0 {
            return Err("there is no zero".into());
        }
        Ok(id.to_string())
    }

    install("call-result");
    // The value is only the `Ok`, even if the `Result` has an alias.
    assert_eq!(load(7).peek().await.unwrap(), None);
    load(7).put("seven".to_owned()).await.unwrap();
    assert_eq!(load(7).peek().await.unwrap().as_deref(), Some("seven"));
    assert_eq!(load(7).await.unwrap(), "seven");
    assert!(load(7).evict().await.unwrap());
    assert_eq!((load(7).await.unwrap().as_str(), LOADS.get()), ("7", 1));
    // Errors are not cached.
    for _ in 0..2 {
        assert_eq!(load(0).await.unwrap_err().to_string(), "there is no zero");
    }
    assert_eq!((load(0).peek().await.unwrap(), LOADS.get()), (None, 3));
}

#[tokio::test]
async fn a_call_can_have_a_separate_time_to_live() {
    #[cached(ttl = "1h", cache = "call-ttl")]
    async fn load(id: u64) -> u64 {
        id
    }

    let clock = Clock::manual();
    Cache::builder().name("call-ttl").clock(clock.clone()).build().unwrap().install();
    load(1).ttl("1m").await;
    load(2).ttl(Duration::from_secs(120)).await;
    // An invalid duration has no effect, and "default" is what the call has otherwise.
    load(3).ttl("1m").ttl("default").ttl("soon").await;
    let cached = async || {
        let mut cached = Vec::new();
        for id in 1..=3 {
            cached.extend(load(id).peek().await.unwrap());
        }
        cached
    };
    assert_eq!(cached().await, [1, 2, 3]);
    clock.advance(Duration::from_secs(60));
    assert_eq!(cached().await, [2, 3]);
    clock.advance(Duration::from_secs(60));
    assert_eq!(cached().await, [3]);
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(cached().await, Vec::<u64>::new());
}

#[tokio::test]
async fn a_call_can_have_a_separate_key() {
    #[cached(cache = "call-key")]
    async fn load(id: u64) -> u64 {
        id
    }

    let cache = install("call-key");
    assert_eq!(load(1).key("mine").await, 1);
    assert_eq!(load(2).key("mine").await, 1);
    assert_eq!(load(2).key(format!("my{}", 2)).await, 2);
    assert_eq!(cache.keys("*").await.unwrap(), ["mine", "my2"]);
    assert!(load(9).key("mine").evict().await.unwrap());
    assert_eq!(cache.keys("*").await.unwrap(), ["my2"]);
}

#[tokio::test]
async fn a_call_can_go_to_another_cache() {
    #[cached(key = "load", cache = "call-cache")]
    async fn load() -> u64 {
        7
    }

    let (own, other) = (install("call-cache"), install("call-cache-other"));
    let unnamed = Cache::builder().build().unwrap();
    load().cache("call-cache-other").await;
    load().cache(&unnamed).await;
    load().cache(unnamed.clone()).await;
    let entries = [&own, &other, &unnamed].map(|cache| cache.stats().entries);
    assert_eq!(entries, [0, 1, 1]);
    assert_eq!(load().cache("call-cache-nowhere").traced().await.source, Source::Bypassed);
}

#[tokio::test]
async fn a_traced_call_tells_where_its_value_came_from() {
    #[cached(ttl = "1s", stale = "1s", cache = "call-traced")]
    async fn load() -> Result<u64, String> {
        tokio::task::yield_now().await;
        Ok(7)
    }

    let clock = Clock::manual();
    let backend = MemoryBackend::with_clock(clock.clone());
    let build = || {
        let builder = Cache::builder().name("call-traced").clock(clock.clone());
        builder.remote(backend.clone()).build().unwrap().install();
    };
    let source = async || load().traced().await.source;
    build();
    let (first, second) = tokio::join!(load().traced(), load().traced());
    assert_eq!((first.source, second.source), (Source::Loaded, Source::Coalesced));
    assert_eq!((first.value, second.value), (Ok(7), Ok(7)));
    assert_eq!(source().await, Source::Memory);
    assert_eq!(load().bypass().traced().await.source, Source::Bypassed);
    assert_eq!(load().refresh().traced().await.source, Source::Loaded);
    // Read as another process would.
    build();
    assert_eq!(source().await, Source::Remote);
    assert_eq!(source().await, Source::Memory);
    clock.advance(Duration::from_millis(1_500));
    let Cached { value, source, age, .. } = load().traced().await;
    assert_eq!((value, source, age), (Ok(7), Source::Stale, Duration::from_millis(1_500)));
}

#[tokio::test]
async fn waiters_share_one_load_and_its_error() {
    static LOADS: Loads = Loads::new();

    #[cached(cache = "call-shared")]
    async fn load(id: u64) -> Result<u64, String> {
        let load = LOADS.count();
        tokio::task::yield_now().await;
        if id == 0 { Err(format!("load {load}")) } else { Ok(load) }
    }

    install("call-shared");
    let values = tokio::join!(load(1), load(1), load(1));
    assert_eq!(values, (Ok(1), Ok(1), Ok(1)));
    let (one, two, other) = tokio::join!(load(0), load(0), load(2));
    assert_eq!((one, two, other), (Err("load 2".into()), Err("load 2".into()), Ok(3)));
}
