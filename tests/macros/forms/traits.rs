//! Methods of traits: implementations and defaults, called through the type and through a bound.

use std::any::type_name;
use std::future::Future;
use std::sync::Arc;

use larder::{cache_evict, cached};

use super::{send, served, served_plainly};
use crate::{Loads, install};

#[tokio::test]
async fn async_methods_give_calls_where_the_type_is_known() {
    static LOADS: Loads = Loads::new();

    trait Find {
        async fn find(&self, id: u64) -> Result<u64, String>;
        async fn refreshed(&self, id: u64, text: &str) -> Option<String>;
        async fn shared(self: Arc<Self>, id: u64) -> u64;
        async fn associated(id: u64) -> String;
        async fn change(&self, id: u64);
    }

    #[derive(Clone)]
    struct Rows(u64);

    impl Find for Rows {
        #[cached(skip(self), cache = "forms-trait-async")]
        async fn find(&self, id: u64) -> Result<u64, String> {
            let more: u64 = "1".parse().map_err(|_| "no number")?;
            LOADS.count();
            Ok(id + more)
        }

        #[cached(
            ttl = "1m",
            stale = "1m",
            key = "{self.0}:{id}:{text}",
            cache = "forms-trait-async"
        )]
        async fn refreshed(&self, id: u64, text: &str) -> Option<String> {
            tokio::task::yield_now().await;
            LOADS.count();
            Some(format!("{text}{id}{}", self.0))
        }

        #[cached(
            ttl = "1m",
            soft_timeout = "1s",
            stale_if_error = "1m",
            skip(self),
            cache = "forms-trait-async"
        )]
        async fn shared(self: Arc<Self>, id: u64) -> u64 {
            LOADS.count();
            self.0 + id
        }

        #[cached(cache = "forms-trait-async")]
        async fn associated(id: u64) -> String {
            LOADS.count();
            format!("{id}")
        }

        #[cache_evict(self.find(id), self.refreshed(id, "a"), Rows::associated(id))]
        async fn change(&self, id: u64) {}
    }

    async fn found(rows: &impl Find, id: u64) -> Result<u64, String> {
        rows.find(id).await
    }

    install("forms-trait-async");
    let rows = Rows(7);
    served!(send(rows.find(1)) => Ok(2));
    served!(send(rows.refreshed(1, "a")) => Some("a17".to_owned()));
    served!(send(Arc::new(rows.clone()).shared(1)) => 8);
    served!(send(Rows::associated(1)) => "1");

    let loads = LOADS.get();
    assert_eq!(found(&rows, 1).await, Ok(2), "the same entry through a bound");
    assert_eq!(LOADS.get(), loads);
    rows.change(1).await;
    assert_eq!((found(&rows, 1).await, rows.refreshed(1, "a").await.is_some()), (Ok(2), true));
    assert_eq!((Rows::associated(1).await.as_str(), LOADS.get()), ("1", loads + 3));
}

#[tokio::test]
async fn a_refresh_in_the_background_runs_in_an_implementation_too() {
    static LOADS: Loads = Loads::new();

    trait Find {
        async fn find(&self, id: u64) -> u64;
    }
    #[derive(Clone)]
    struct Rows;
    impl Find for Rows {
        #[cached(ttl = "1s", stale = "1m", skip(self), cache = "forms-trait-stale")]
        async fn find(&self, id: u64) -> u64 {
            tokio::task::yield_now().await;
            id + LOADS.count()
        }
    }

    let clock = larder::time::Clock::manual();
    let cache = larder::Cache::builder().name("forms-trait-stale").clock(clock.clone());
    cache.build().unwrap().install();
    assert_eq!(Rows.find(100).await, 101);
    clock.advance(std::time::Duration::from_secs(2));
    assert_eq!(Rows.find(100).await, 101, "the old value while the new one is loaded");
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!((Rows.find(100).await, LOADS.get()), (102, 2));
}

#[tokio::test]
async fn opaque_futures_give_calls_and_keep_their_promises() {
    static LOADS: Loads = Loads::new();

    trait Find {
        fn find(&self, id: u64) -> impl Future<Output = Result<u64, String>> + Send;
        fn refreshed(&self, id: &str) -> impl Future<Output = usize> + Send;
        fn change(&self, id: u64) -> impl Future<Output = Result<u64, String>> + Send;
    }

    #[derive(Clone)]
    struct Rows;

    impl Find for Rows {
        #[cached(skip(self), cache = "forms-trait-opaque")]
        fn find(&self, id: u64) -> impl Future<Output = Result<u64, String>> + Send {
            LOADS.count();
            async move {
                let more: u64 = "1".parse().map_err(|_| "no number")?;
                Ok(id + more)
            }
        }

        #[cached(ttl = "1m", stale = "1m", skip(self), cache = "forms-trait-opaque")]
        fn refreshed(&self, id: &str) -> impl Future<Output = usize> + Send {
            let this = self.clone();
            async move {
                tokio::task::yield_now().await;
                LOADS.count();
                let _ = this.clone();
                id.len()
            }
        }

        #[cache_evict(self.find(*result))]
        fn change(&self, id: u64) -> impl Future<Output = Result<u64, String>> + Send {
            async move {
                let id: u64 = id.to_string().parse().map_err(|_| "no number")?;
                Ok(id)
            }
        }
    }

    async fn found(rows: &impl Find, id: u64) -> Result<u64, String> {
        send(rows.find(id)).await
    }

    install("forms-trait-opaque");
    served!(send(Rows.find(1)) => Ok(2));
    served!(send(Rows.refreshed("abc")) => 3);
    Rows.find(1).evict().await.unwrap();
    served_plainly!(found(&Rows, 1).await, send(Rows.change(1)).await => Ok(2));
}

#[tokio::test]
async fn sync_methods() {
    static LOADS: Loads = Loads::new();

    trait Count {
        fn count(&self, id: u64) -> u64;
        fn count_mutably(&mut self, id: u64) -> Result<u64, String>;
        fn by_value(self, text: &str) -> String;
        fn associated(id: u64) -> u64;
        fn change(&self, id: u64);
    }

    struct Rows(u64);

    impl Count for Rows {
        #[cached(key = "count:{self.0}:{id}", cache = "forms-trait-sync")]
        fn count(&self, id: u64) -> u64 {
            LOADS.count();
            self.0 + id
        }

        #[cached(key = "mutable:{id}", skip(self), cache = "forms-trait-sync")]
        fn count_mutably(&mut self, mut id: u64) -> Result<u64, String> {
            id += "1".parse::<u64>().map_err(|_| "no number")?;
            LOADS.count();
            self.0 += 1;
            Ok(id)
        }

        #[cached(key = "value:{text}", skip(self), cache = "forms-trait-sync")]
        fn by_value(self, text: &str) -> String {
            LOADS.count();
            text.to_owned()
        }

        #[cached(key = "{Self}:{id}", cache = "forms-trait-sync")]
        fn associated(id: u64) -> u64 {
            LOADS.count();
            id
        }

        #[cache_evict(keys = ["count:{self.0}:{id}", "{Self}:{id}"], cache = "forms-trait-sync")]
        fn change(&self, id: u64) {}
    }

    let cache = install("forms-trait-sync");
    let mut rows = Rows(7);
    served_plainly!(rows.count(1), rows.change(1) => 8);
    served_plainly!(Rows::associated(1), rows.change(1) => 1);
    served_plainly!(rows.count_mutably(1), cache.remove("mutable:1").await.unwrap() => Ok(2));
    assert_eq!(rows.0, 9);
    served_plainly!(Rows(7).by_value("a"), cache.remove("value:a").await.unwrap() => "a");
}

trait Default: Sized {
    #[cached(key = "default:{Self}:{id}", skip(self), cache = "forms-trait-default")]
    async fn template(&self, id: u64) -> String {
        LOADS.count();
        format!("{} {id}", type_name::<Self>())
    }

    #[cached(skip(self), cache = "forms-trait-default")]
    async fn automatic(&self, id: u64) -> String {
        LOADS.count();
        format!("{} {id}", type_name::<Self>())
    }

    #[cached(skip(self), cache = "forms-trait-default")]
    fn opaque(&self, id: u64) -> impl Future<Output = String> + Send
    where
        Self: Sync,
    {
        LOADS.count();
        async move { format!("{} {id}", type_name::<Self>()) }
    }

    #[cached(ttl = "1m", stale = "1m", skip(self), cache = "forms-trait-default")]
    async fn refreshed(&self, id: u64) -> String
    where
        Self: Clone + Send + Sync + 'static,
    {
        tokio::task::yield_now().await;
        LOADS.count();
        format!("{} {id}", type_name::<Self>())
    }

    #[cached(skip(self), cache = "forms-trait-default")]
    fn sync(&self, id: u64) -> String {
        LOADS.count();
        format!("{} {id}", type_name::<Self>())
    }

    #[cached(cache = "forms-trait-default")]
    async fn associated(id: u64) -> String {
        LOADS.count();
        format!("{} {id}", type_name::<Self>())
    }

    #[cache_evict(self.template(id), pattern = "*sync:*", cache = "forms-trait-default")]
    async fn change(&self, id: u64) {}
}

static LOADS: Loads = Loads::new();

#[derive(Clone)]
struct One;
#[derive(Clone)]
struct Two;

impl Default for One {}

impl Default for Two {
    /// An override is cached too; this one never stores, because of `skip_if`.
    #[cached(skip(self, id), skip_if = true, cache = "forms-trait-default")]
    async fn template(&self, id: u64) -> String {
        LOADS.count();
        format!("two's own {id}")
    }
}

#[tokio::test]
async fn defaults_are_cached_for_each_type() {
    async fn all<T: Default + Clone + Send + Sync + 'static>(of: T, name: &str) {
        served!(of.automatic(1) => format!("{name} 1"));
        served!(send(of.opaque(1)) => format!("{name} 1"));
        served!(of.refreshed(1) => format!("{name} 1"));
        served!(T::associated(1) => format!("{name} 1"));
        let sync = format!("{name} 1");
        served_plainly!(of.sync(1), of.change(1).await => sync);
    }

    install("forms-trait-default");
    let [one, two] = [type_name::<One>(), type_name::<Two>()];
    all(One, one).await;
    all(Two, two).await;
    served!(One.template(1) => format!("{one} 1"));
    let loads = LOADS.get();
    for _ in 0..2 {
        assert_eq!(Two.template(1).await, "two's own 1");
        assert_eq!(
            (One.automatic(1).await, Two.automatic(1).await),
            (format!("{one} 1"), format!("{two} 1"))
        );
    }
    assert_eq!(LOADS.get(), loads + 2);
    assert_eq!(One.template(1).await, format!("{one} 1"));
    One.change(1).await;
    assert_eq!((One.template(1).await, LOADS.get()), (format!("{one} 1"), loads + 3));
}
