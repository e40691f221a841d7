//! `#[async_trait]`: traits whose futures are boxed, so that they can be called through `dyn`.

use std::sync::Arc;

use async_trait::async_trait;
use larder::{cache_evict, cache_put, cached};

use super::{send, served_plainly};
use crate::{Loads, install};

static LOADS: Loads = Loads::new();

#[async_trait]
trait Find: Send + Sync {
    async fn find(&self, id: u64) -> Result<u64, String>;
    async fn refreshed(&self, id: u64, text: &str) -> Option<String>;
    async fn shared(self: Arc<Self>, (id, more): (u64, u64)) -> u64;
    async fn mutable(&mut self, id: u64) -> u64;
    async fn change(&self, id: u64) -> Result<u64, String>;
    async fn set(&self, id: u64, to: u64) -> u64;
    fn sync(&self, id: u64) -> u64;

    #[cached(key = "default:{id}", skip(self, Self), cache = "forms-async-trait")]
    async fn by_default(&self, id: u64) -> u64 {
        LOADS.count();
        id
    }
}

#[derive(Clone)]
struct Rows(u64);

#[async_trait]
impl Find for Rows {
    #[cached(key = "find:{id}", skip(self), cache = "forms-async-trait")]
    async fn find(&self, id: u64) -> Result<u64, String> {
        let more: u64 = "1".parse().map_err(|_| "no number")?;
        tokio::task::yield_now().await;
        LOADS.count();
        Ok(id + more)
    }

    #[cached(
        ttl = "1m",
        stale = "1m",
        key = "refreshed:{self.0}:{id}:{text}",
        cache = "forms-async-trait"
    )]
    async fn refreshed(&self, id: u64, text: &str) -> Option<String> {
        tokio::task::yield_now().await;
        LOADS.count();
        Some(format!("{text}{id}{}", self.0))
    }

    #[cached(
        ttl = "1m",
        early_refresh,
        key = "shared:{self.0}",
        skip(__arg1),
        cache = "forms-async-trait"
    )]
    async fn shared(self: Arc<Self>, (id, more): (u64, u64)) -> u64 {
        LOADS.count();
        self.0 + id + more
    }

    #[cached(key = "mutable:{id}", skip(self), cache = "forms-async-trait")]
    async fn mutable(&mut self, id: u64) -> u64 {
        LOADS.count();
        self.0 += 1;
        id
    }

    #[cache_evict(keys = ["find:{id}", "find:{result}"], cache = "forms-async-trait")]
    async fn change(&self, id: u64) -> Result<u64, String> {
        let same: u64 = id.to_string().parse().map_err(|_| "no number")?;
        Ok(same)
    }

    #[cache_put(value(id))]
    async fn set(&self, id: u64, to: u64) -> u64 {
        let _ = id;
        to
    }

    #[cached(key = "sync:{id}", skip(self), cache = "forms-async-trait")]
    fn sync(&self, id: u64) -> u64 {
        LOADS.count();
        id
    }
}

#[cached(key = "value:{id}", cache = "forms-async-trait")]
async fn value(id: u64) -> u64 {
    id
}

#[tokio::test]
async fn boxed_futures_are_cached_and_stay_boxed() {
    let cache = install("forms-async-trait");
    let mut rows = Rows(7);
    {
        let rows: &dyn Find = &rows;
        served_plainly!(send(rows.find(1)).await, send(rows.change(1)).await => Ok(2));
        served_plainly!(send(rows.refreshed(1, "a")).await, cache.remove("refreshed:7:1:a").await => Some("a17".to_owned()));
        served_plainly!(rows.by_default(1).await, cache.remove("default:1").await => 1);
        served_plainly!(rows.sync(1), cache.remove("sync:1").await => 1);
        assert_eq!((rows.set(3, 9).await, value(3).await), (9, 9));
    }
    served_plainly!(rows.mutable(1).await, cache.remove("mutable:1").await => 1);
    let shared: Arc<dyn Find> = Arc::new(rows);
    served_plainly!(Arc::clone(&shared).shared((1, 2)).await, cache.remove("shared:9").await => 12);
}

#[tokio::test]
async fn a_refresh_in_the_background_runs_from_a_box_too() {
    #[async_trait]
    trait Count {
        async fn count(&self, id: &str) -> u64;
    }
    static LOADS: Loads = Loads::new();
    #[derive(Clone)]
    struct Rows;
    #[async_trait]
    impl Count for Rows {
        #[cached(ttl = "1s", stale = "1m", skip(self), cache = "forms-async-trait-stale")]
        async fn count(&self, id: &str) -> u64 {
            tokio::task::yield_now().await;
            let _ = id;
            LOADS.count()
        }
    }

    let clock = larder::time::Clock::manual();
    let cache = larder::Cache::builder().name("forms-async-trait-stale").clock(clock.clone());
    cache.build().unwrap().install();
    assert_eq!(Rows.count("a").await, 1);
    clock.advance(std::time::Duration::from_secs(2));
    assert_eq!(Rows.count("a").await, 1);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!((Rows.count("a").await, LOADS.get()), (2, 2));
}
