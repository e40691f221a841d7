//! Return types of functions: `Result` under any name, and futures in any form.

use std::future::Future;
use std::io;
use std::pin::Pin;

use larder::{cache_evict, cached, call};

use super::{send, served, served_plainly};
use crate::{Loads, install};

/// An alias like `anyhow::Result`.
type Fallible<T, E = Box<dyn std::error::Error + Send + Sync>> = Result<T, E>;
type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[tokio::test]
async fn results_by_any_name() {
    static LOADS: Loads = Loads::new();

    #[cached(key = "aliased:{text}", cache = "forms-results")]
    async fn aliased(text: &str) -> Fallible<u64> {
        LOADS.count();
        Ok(text.parse()?)
    }

    #[cached(key = "io:{text}", cache = "forms-results")]
    async fn of_io(text: &str) -> io::Result<u64> {
        LOADS.count();
        text.parse().map_err(io::Error::other)
    }

    #[cached(ttl = "1m", stale = "1m", key = "refreshed:{text}", cache = "forms-results")]
    async fn refreshed(text: &str) -> Fallible<u64> {
        tokio::task::yield_now().await;
        LOADS.count();
        if text == "seven" {
            return Ok(7);
        }
        Ok(text.parse()?)
    }

    #[cached(key = "sync:{text}", cache = "forms-results")]
    fn sync(text: &str) -> Fallible<u64> {
        LOADS.count();
        Ok(text.parse()?)
    }

    #[cache_evict(aliased(text))]
    async fn change(text: &str) -> Fallible<()> {
        let _: u64 = text.parse()?;
        Ok(())
    }

    let cache = install("forms-results");
    served_plainly!(send(aliased("7")).await.unwrap(), aliased("7").evict().await.unwrap() => 7);
    served_plainly!(send(of_io("7")).await.unwrap(), of_io("7").evict().await.unwrap() => 7);
    served_plainly!(send(refreshed("seven")).await.unwrap(), refreshed("seven").evict().await.unwrap() => 7);
    served_plainly!(sync("7").unwrap(), call!(sync("7")).evict().await.unwrap() => 7);
    let loads = LOADS.get();
    for _ in 0..2 {
        assert!(aliased("x").await.is_err() && of_io("x").await.is_err());
        assert!(refreshed("x").await.is_err() && sync("x").is_err());
    }
    assert_eq!(LOADS.get(), loads + 8, "errors are not cached");
    send(change("7")).await.unwrap();
    assert!(!cache.contains::<u64>("aliased:7").await.unwrap());
}

#[tokio::test]
async fn futures_in_any_form() {
    static LOADS: Loads = Loads::new();

    #[cached(cache = "forms-futures")]
    fn opaque(text: &str) -> impl Future<Output = Fallible<u64>> + Send + '_ {
        LOADS.count();
        async move { Ok(text.parse()?) }
    }

    #[cached(cache = "forms-futures")]
    fn captured<T: Send + serde::Serialize>(of: T) -> impl Future<Output = u64> + use<T> {
        LOADS.count();
        async move {
            drop(of);
            7
        }
    }

    #[cached(key = "boxed:{text}", cache = "forms-futures")]
    fn boxed(text: &str) -> Pin<Box<dyn Future<Output = Fallible<u64>> + Send + '_>> {
        LOADS.count();
        Box::pin(async move { Ok(text.parse()?) })
    }

    #[cached(ttl = "1m", stale = "1m", key = "alias:{text}", cache = "forms-futures")]
    fn boxed_by_alias<'a>(text: &'a str) -> BoxFuture<'a, u64> {
        LOADS.count();
        Box::pin(async move { text.len() as u64 })
    }

    #[cache_evict(key = "boxed:{text}", cache = "forms-futures")]
    fn change(text: &str) -> BoxFuture<'_, Fallible<u64>> {
        Box::pin(async move { Ok(text.parse()?) })
    }

    #[cache_evict(captured(1))]
    fn change_opaque(more: u64) -> impl Future<Output = u64> + Send {
        std::future::ready(more)
    }

    let cache = install("forms-futures");
    served_plainly!(send(opaque("7")).await.unwrap(), opaque("7").evict().await.unwrap() => 7);
    served!(send(captured(1)) => 7);
    served_plainly!(send(boxed("7")).await.unwrap(), send(change("7")).await.unwrap() => 7);
    served_plainly!(send(boxed_by_alias("a")).await, cache.remove("alias:a").await => 1);
    assert_eq!(send(change_opaque(2)).await, 2);
    assert_eq!(captured(1).peek().await.unwrap(), None);
}
