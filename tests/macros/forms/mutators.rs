//! `#[cache_evict]` and `#[cache_put]` on every form, with every way to leave the body.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use larder::{cache_evict, cache_put, cached};

use super::send;
use crate::install;

#[cached(key = "{id}", cache = "forms-mutators")]
async fn get(id: u64) -> u64 {
    id
}

/// Returns the entry, or `None` if it was evicted, and stores it again.
async fn left(id: u64) -> Option<u64> {
    let left = get(id).peek().await.unwrap();
    get(id).put(id).await.unwrap();
    left
}

trait Change {
    async fn asynchronous(&self, id: u64) -> Result<u64, String>;
    fn opaque(&self, id: u64) -> impl Future<Output = Result<u64, String>> + Send;
    fn boxed<'a>(
        &'a self,
        id: &'a u64,
    ) -> Pin<Box<dyn Future<Output = Result<u64, String>> + Send + 'a>>;
    fn sync(&mut self, id: u64) -> Result<u64, String>;
    async fn shared(self: Arc<Self>, id: u64) -> Result<u64, String>;

    #[cache_evict(get(id))]
    async fn by_default(&self, id: u64) {}
}

#[derive(Clone)]
struct Of<T>(T);

impl<T: Display + Clone + Send + Sync + 'static> Change for Of<T> {
    #[cache_evict(get(id))]
    async fn asynchronous(&self, id: u64) -> Result<u64, String> {
        checked(id)?;
        Ok(id)
    }

    #[cache_evict(get(id))]
    fn opaque(&self, id: u64) -> impl Future<Output = Result<u64, String>> + Send {
        async move {
            checked(id)?;
            Ok(id)
        }
    }

    #[cache_put(get(*id))]
    fn boxed<'a>(
        &'a self,
        id: &'a u64,
    ) -> Pin<Box<dyn Future<Output = Result<u64, String>> + Send + 'a>> {
        Box::pin(async move {
            checked(*id)?;
            Ok(id * 10)
        })
    }

    #[cache_put(get(id))]
    fn sync(&mut self, id: u64) -> Result<u64, String> {
        checked(id)?;
        Ok(id * 10)
    }

    #[cache_evict(get(result + 1 - 1))]
    async fn shared(self: Arc<Self>, id: u64) -> Result<u64, String> {
        checked(id)?;
        Ok(id)
    }
}

impl<T: Display> Of<T> {
    #[cache_evict(get(id.into()))]
    async fn taken_apart<U: Into<u64> + Copy, const N: usize>(
        self,
        (a, b): (u64, u64),
        id: U,
    ) -> impl Display
    where
        T: Clone,
    {
        format!("{}{}", self.0, a + b + id.into() + N as u64)
    }

    #[cache_put(get(id), when = id < 2)]
    #[allow(clippy::boxed_local)]
    fn consumed(self: Box<Self>, id: u64) -> u64 {
        id * 10
    }
}

fn checked(id: u64) -> Result<(), String> {
    if id > 100 { Err("too much".to_owned()) } else { Ok(()) }
}

#[tokio::test]
async fn each_form_evicts() {
    install("forms-mutators");
    let mut of = Of("a");
    for id in [1, 101] {
        get(id).put(id).await.unwrap();
        let good = id == 1;
        assert_eq!(send(of.asynchronous(id)).await.is_ok(), good);
        assert_eq!(left(id).await, None);
        assert_eq!(send(of.opaque(id)).await.is_ok(), good);
        assert_eq!(left(id).await, None);
        assert_eq!(send(of.boxed(&id)).await.is_ok(), good);
        assert_eq!(left(id).await, good.then_some(10));
        assert_eq!(of.sync(id).is_ok(), good);
        assert_eq!(left(id).await, good.then_some(10));
        assert_eq!(send(Arc::new(of.clone()).shared(id)).await.is_ok(), good);
        assert_eq!(left(id).await, (!good).then_some(id), "no result names nothing");
        of.by_default(id).await;
        assert_eq!(left(id).await, None);
    }
    assert_eq!(of.clone().taken_apart::<_, 3>((1, 2), 1_u64).await.to_string(), "a7");
    assert_eq!(left(1).await, None);
    assert_eq!((Box::new(of.clone()).consumed(1), left(1).await), (10, Some(10)));
    assert_eq!((Box::new(of.clone()).consumed(2), left(2).await), (20, None));
    // Nothing is evicted before a future is polled.
    drop((of.opaque(1), of.boxed(&1)));
    assert_eq!(left(1).await, Some(1));
}
