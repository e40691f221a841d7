//! `refresh_every` with every kind of argument: each load has its own copies.

use std::sync::Arc;
use std::time::Duration;

use larder::{Cache, Policy, cached, time::Clock};

use crate::Loads;

const MINUTE: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_secs(60);

fn install(name: &str) -> Clock {
    let clock = Clock::manual();
    Cache::builder().name(name).clock(clock.clone()).build().unwrap().install();
    clock
}

/// Advances to the next refresh, and lets it run.
async fn pass(clock: &Clock) {
    clock.advance(MINUTE);
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn borrowed_and_owned_arguments_are_copied() {
    static LOADS: Loads = Loads::new();

    #[allow(clippy::needless_pass_by_value)]
    #[cached(ttl = "1h", refresh_every = "1m", cache = "every-arguments", skip(shared))]
    async fn load<'a>(
        text: &str,
        (a, b): (u8, u8),
        numbers: &[u64],
        name: Option<&'a str>,
        owned: String,
        mut count: u64,
        shared: Arc<String>,
    ) -> Result<String, String> {
        count += 1;
        Ok(format!("{text}{a}{b}{numbers:?}{name:?}{owned}{count}{shared}{}", LOADS.count()))
    }

    let clock = install("every-arguments");
    let call = || load("a", (1, 2), &[3], Some("b"), "c".into(), 4, Arc::new("d".into()));
    for count in 1..4 {
        let expected = format!("a12[3]Some(\"b\")c5d{count}");
        assert_eq!(call().peek().await.unwrap(), (count > 1).then(|| expected.clone()));
        assert_eq!(call().await, Ok(expected));
        pass(&clock).await;
        assert_eq!(LOADS.get(), count + 1);
    }
}

#[tokio::test]
async fn methods_copy_self() {
    #[derive(Clone, Debug)]
    struct Shop {
        name: String,
        loads: Arc<Loads>,
    }

    impl Shop {
        #[cached(key = "{self.name}:{id}", ttl = "1h", refresh_every = EVERY, cache = "every-methods")]
        async fn stock(&self, id: u64) -> u64 {
            id + self.loads.count()
        }

        #[cached(
            key = "of:{self.name}:{id}",
            ttl = "1h",
            refresh_every = "1m",
            cache = "every-methods"
        )]
        async fn taken(self, id: u64) -> u64 {
            id + self.loads.count()
        }
    }

    let clock = install("every-methods");
    let shop = Shop { name: "tea".into(), loads: Arc::default() };
    assert_eq!(shop.stock(10).await, 11);
    pass(&clock).await;
    assert_eq!(shop.stock(10).peek().await.unwrap(), Some(12));
    assert_eq!(shop.clone().taken(10).await, 13);
    pass(&clock).await;
    assert!(shop.clone().taken(10).peek().await.unwrap() > Some(13));
}

#[tokio::test]
async fn generic_functions_and_conditions() {
    static LOADS: Loads = Loads::new();

    #[cached(ttl = "1h", refresh_every = "1m", cache = "every-generic", unless = |n| *n > limit, skip(limit))]
    async fn load<T: std::fmt::Display + serde::Serialize + Clone + Send + 'static>(
        of: T,
        more: impl Into<String> + serde::Serialize + Clone + Send + 'static,
        limit: u64,
    ) -> u64 {
        let _ = format!("{of}{}", more.into());
        LOADS.count()
    }

    let clock = install("every-generic");
    assert_eq!(load(7u8, "x", 100).await, 1);
    pass(&clock).await;
    assert_eq!(load(7u8, "x", 100).await, 2);
}

#[tokio::test]
async fn the_load_sees_the_value_that_it_replaces() {
    #[cached(key = "previous", ttl = "1h", refresh_every = "1m", previous = old, cache = "every-previous")]
    async fn load() -> u64 {
        old.unwrap_or_default() + 1
    }

    let clock = install("every-previous");
    assert_eq!(load().await, 1);
    pass(&clock).await;
    assert_eq!(load().await, 2);
}

#[tokio::test]
async fn the_latest_arguments_count() {
    #[cached(key = "latest", ttl = "1h", refresh_every = "1m", cache = "every-latest", skip(of))]
    async fn load(of: u64) -> u64 {
        of
    }

    let clock = install("every-latest");
    assert_eq!((load(1).await, load(2).await), (1, 1));
    assert_eq!(load(2).refresh().await, 2);
    pass(&clock).await;
    assert_eq!(load(1).await, 2);
}

#[tokio::test]
async fn a_shared_policy_can_have_it() {
    static LOADS: Loads = Loads::new();
    const SHARED: Policy =
        Policy::new().ttl(Duration::from_secs(3600)).refresh_every(Duration::from_secs(600));

    #[cached(key = "shared", policy = SHARED, refresh_every = "1m", cache = "every-shared")]
    async fn load() -> u64 {
        LOADS.count()
    }

    #[cached(key = "not", policy = SHARED, refresh_every = 0, cache = "every-shared", skip(of))]
    async fn never(of: &std::sync::atomic::AtomicU64) -> u64 {
        of.fetch_add(1, std::sync::atomic::Ordering::SeqCst)
    }

    let clock = install("every-shared");
    let of = std::sync::atomic::AtomicU64::new(0);
    assert_eq!((load().await, never(&of).await), (1, 0));
    pass(&clock).await;
    assert_eq!((load().await, never(&of).await), (2, 0));
}
