//! `stale_if` and `err_ttl_with`: what the error of a load decides.

use std::sync::Mutex;
use std::time::Duration;

use larder::{Cache, Error, Policy, SharedError, cached, time::Clock};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Failed {
    NotFound,
    Unreachable,
    Busy(u64),
}

impl Failed {
    fn is_transient(&self) -> bool {
        !matches!(self, Self::NotFound)
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy(seconds) => Some(Duration::from_secs(*seconds)),
            _ => None,
        }
    }
}

/// What the next load returns, and how many loads there were.
static NEXT: Mutex<(Result<u64, Failed>, u64)> = Mutex::new((Ok(0), 0));

fn next(result: Result<u64, Failed>) {
    NEXT.lock().unwrap().0 = result;
}

fn run() -> Result<u64, Failed> {
    let mut next = NEXT.lock().unwrap();
    next.1 += 1;
    next.0
}

fn loads() -> u64 {
    std::mem::take(&mut NEXT.lock().unwrap().1)
}

#[cached(key = "price", ttl = "1m", stale_if_error = "1h", throttle = "1ms", stale_if = |error| error.is_transient(), cache = cache, skip(cache))]
async fn price(cache: &Cache) -> Result<u64, Failed> {
    run()
}

#[cached(key = "slow", ttl = "1m", stale = "1s", stale_if_error = "1h", throttle = "1ms", stale_if = Failed::is_transient, cache = cache, skip(cache))]
async fn detached(cache: &Cache) -> Result<u64, Failed> {
    run()
}

#[cached(key = "busy", ttl = "1m", err_ttl_with = Failed::retry_after, cache = cache, skip(cache))]
async fn busy(cache: &Cache) -> Result<u64, Failed> {
    run()
}

#[cached(key = "both", ttl = "1m", err_ttl = "10s", err_ttl_with = |error: &Failed| error.retry_after(), stale_if_error = "1h", throttle = "1ms",
    stale_if = |error: &Failed| error.is_transient(), cache = cache, skip(cache))]
fn both(cache: &Cache) -> Result<u64, Failed> {
    run()
}

/// An error that is not `Clone`, behind an alias.
#[derive(Debug)]
struct Told(String);

impl From<SharedError> for Told {
    fn from(error: SharedError) -> Self {
        Self(error.to_string())
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

type Answer<T> = Result<T, Told>;

#[cached(key = "told", ttl = "1m", stale_if_error = "1h", throttle = "1ms", stale_if = |error| error.0 == "Busy(1)", cache = cache, skip(cache))]
async fn told(cache: &Cache) -> Answer<u64> {
    run().map_err(|error| Told(format!("{error:?}")))
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn errors_decide() {
    let clock = Clock::manual();
    for backend in [false, true] {
        let builder = Cache::builder().clock(clock.clone());
        let store = larder::backend::MemoryBackend::with_clock(clock.clone());
        let cache = if backend { builder.remote(store) } else { builder }.build().unwrap();
        an_old_value_replaces_some_errors(&cache, &clock).await;
        an_error_decides_how_long_it_is_cached(&cache, &clock).await;
        by_hand(&cache).await.unwrap();
    }
}

async fn an_old_value_replaces_some_errors(cache: &Cache, clock: &Clock) {
    next(Ok(1));
    assert_eq!((price(cache).await, detached(cache).await, both(cache)), (Ok(1), Ok(1), Ok(1)));
    assert_eq!(told(cache).await.unwrap(), 1);
    clock.advance(2 * MINUTE);
    next(Err(Failed::Unreachable));
    assert_eq!((price(cache).await, detached(cache).await, both(cache)), (Ok(1), Ok(1), Ok(1)));
    assert_eq!(told(cache).await.unwrap_err().0, "Unreachable");
    clock.advance(MINUTE);
    next(Err(Failed::NotFound));
    let fails = Err(Failed::NotFound);
    assert_eq!((price(cache).await, detached(cache).await, both(cache)), (fails, fails, fails));
    next(Err(Failed::Busy(1)));
    clock.advance(MINUTE);
    assert_eq!((price(cache).await, detached(cache).await), (Ok(1), Ok(1)), "it is still there");
    assert_eq!(told(cache).await.unwrap(), 1);
}

async fn an_error_decides_how_long_it_is_cached(cache: &Cache, clock: &Clock) {
    next(Err(Failed::Busy(5)));
    loads();
    assert_eq!(busy(cache).await, Err(Failed::Busy(5)));
    next(Err(Failed::NotFound));
    assert_eq!(busy(cache).await, Err(Failed::Busy(5)), "cached");
    assert_eq!(loads(), 1);
    clock.advance(Duration::from_secs(6));
    assert_eq!(busy(cache).await, Err(Failed::NotFound), "over");
    next(Ok(2));
    assert_eq!(busy(cache).await, Ok(2), "the other error was not cached");

    larder::call!(both(cache)).evict().await.unwrap();
    next(Err(Failed::NotFound));
    assert_eq!(both(cache), Err(Failed::NotFound));
    next(Err(Failed::Busy(0)));
    assert_eq!(both(cache), Err(Failed::NotFound), "`err_ttl`");
    clock.advance(Duration::from_secs(11));
    assert_eq!(both(cache), Err(Failed::Busy(0)));
    next(Ok(3));
    assert_eq!(both(cache), Ok(3), "zero: not cached");
}

async fn by_hand(cache: &Cache) -> Result<(), Error> {
    let kept = Policy::new().ttl(MINUTE).stale_if_error(MINUTE).throttle(Duration::from_millis(1));
    cache.entry("hand").policy(kept).insert(7u64).await?;
    cache.mark_stale("hand").await?;
    let limit = 3;
    let read = || cache.entry("hand").policy(kept).stale_if(move |error: &u64| *error > limit);
    assert_eq!(read().or_load(|| async { Err::<u64, u64>(3) }).await, Err(3));
    assert_eq!(read().or_load(|| async { Err::<u64, u64>(4) }).await, Ok(7));
    cache.mark_stale("hand").await?;
    assert_eq!(read().or_refresh(|| async { Err::<u64, u64>(3) }).await, Err(3));
    assert_eq!(read().or_load(|| async { Err::<u64, &str>("") }).await, Ok(7), "of another type");
    Ok(())
}
