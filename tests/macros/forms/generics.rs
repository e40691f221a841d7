//! Generic functions and types.

use std::fmt::{Debug, Display};
use std::future::Future;
use std::marker::PhantomData;
use std::str::FromStr;

use larder::{cache_evict, cache_put, cached, call};

use super::{send, served, served_sync};
use crate::{Loads, install};

static LOADS: Loads = Loads::new();

#[cached(key = "{T}:{N}:{text}", cache = "forms-generics")]
async fn parsed<T, const N: usize>(text: &str) -> Result<Vec<T>, T::Err>
where
    T: FromStr + Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static,
    T::Err: 'static,
{
    LOADS.count();
    let value: T = text.parse()?;
    Ok(vec![value; N])
}

#[cached(cache = "forms-generics")]
async fn automatic<T, const N: usize, const NEGATED: bool>(value: &[T; N]) -> String
where
    for<'a> &'a T: PartialEq,
    T: Debug + serde::Serialize,
    [T; N]: serde::Serialize,
{
    LOADS.count();
    format!("{value:?}{N}{NEGATED}")
}

#[cached(key = "{T}", cache = "forms-generics", skip(_of))]
fn sync<T: Debug + std::default::Default>(_of: PhantomData<T>) -> String {
    LOADS.count();
    format!("{:?}", T::default())
}

#[cached(cache = "forms-generics")]
fn sync_opaque<'a, const N: usize>(text: &'a str, _: impl serde::Serialize + 'a) -> String {
    LOADS.count();
    text.repeat(N)
}

struct Repo<S, const N: usize>
where
    S: Clone,
{
    source: S,
}

impl<S, const N: usize> Repo<S, N>
where
    S: Clone + Display + Send + Sync + 'static,
{
    #[cached(key = "{Self}:{id}", skip(self), cache = "forms-generics")]
    async fn get(&self, id: u64) -> String {
        LOADS.count();
        format!("{}{N}{id}", self.source)
    }

    #[cached(
        ttl = "1m",
        stale = "1m",
        key = "{Self}:refreshed:{T}:{of}",
        skip(self),
        cache = "forms-generics"
    )]
    async fn refreshed<T: Display + Clone + Send + Sync + 'static>(&self, of: &T) -> String
    where
        Self: Clone,
    {
        LOADS.count();
        format!("{}{N}{of}", self.source)
    }

    #[cached(skip(self), cache = "forms-generics")]
    pub(crate) fn sync<const M: usize>(&self, id: u64) -> String {
        LOADS.count();
        format!("{}{N}{M}{id}", self.source)
    }

    #[cached(skip(self), cache = "forms-generics")]
    fn opaque(&self, id: u64) -> impl Future<Output = String> {
        LOADS.count();
        async move { format!("{}{N}{id}", self.source) }
    }

    #[cache_evict(self.get(id), self.opaque(id), call!(self.sync::<3>(id)))]
    async fn change<T: Send>(&self, id: u64, _: T) {}

    #[cache_put(self.get(id))]
    async fn set(&self, id: u64, to: impl Into<String>) -> String {
        let _ = id;
        to.into()
    }
}

impl<S: Clone, const N: usize> Clone for Repo<S, N> {
    fn clone(&self) -> Self {
        Self { source: self.source.clone() }
    }
}

#[tokio::test]
async fn functions_and_methods() {
    install("forms-generics");
    served!(send(parsed::<u64, 2>("3")) => Ok(vec![3, 3]));
    served!(send(parsed::<u8, 1>("3")) => Ok(vec![3]));
    assert!(parsed::<u8, 1>("x").await.is_err());
    served!(send(automatic::<_, 2, true>(&[1, 2])) => "[1, 2]2true");
    served!(send(automatic::<_, 2, false>(&[1, 2])) => "[1, 2]2false");
    served_sync!(sync(PhantomData::<u8>), call!(sync(PhantomData::<u8>)) => "0");
    served_sync!(sync(PhantomData::<bool>), call!(sync(PhantomData::<bool>)) => "false");
    served_sync!(sync_opaque::<2>("a", 1), call!(sync_opaque::<2>("a", 1)) => "aa");

    let repo = Repo::<_, 7> { source: "a" };
    served!(send(repo.get(1)) => "a71");
    served!(send(repo.refreshed(&1)) => "a71");
    served!(send(repo.refreshed(&"1")) => "a71");
    served!(send(repo.opaque(1)) => "a71");
    served_sync!(repo.sync::<3>(1), call!(repo.sync::<3>(1)) => "a731");
    let loads = LOADS.get();
    send(repo.change(1, "")).await;
    assert_eq!((repo.get(1).await, repo.opaque(1).await), ("a71".into(), "a71".into()));
    assert_eq!((repo.sync::<3>(1), LOADS.get()), ("a731".into(), loads + 3));
    assert_eq!((repo.set(1, "new").await, repo.get(1).await), ("new".into(), "new".into()));
}
