//! `#[cache_put]`: the value that a mutator returns becomes the cached value.

use larder::{Source, cache_evict, cache_put, cached, call};

use crate::{Loads, install};

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct User {
    id: u64,
    name: String,
}

fn user(id: u64, name: &str) -> User {
    User { id, name: name.into() }
}

#[tokio::test]
async fn an_ok_is_written_and_an_err_evicts() {
    static LOADS: Loads = Loads::new();

    #[cached(ttl = "5m", key = "user:{id}", cache = "put")]
    async fn get(id: u64) -> Result<User, String> {
        LOADS.count();
        Ok(user(id, "loaded"))
    }
    #[cache_put(get(user.id))]
    async fn save(user: User) -> Result<User, String> {
        if user.name.is_empty() {
            return Err("no name".into());
        }
        Ok(user)
    }

    install("put");
    assert_eq!(save(user(1, "saved")).await, Ok(user(1, "saved")));
    let read = get(1).traced().await;
    assert_eq!((read.value, read.source), (Ok(user(1, "saved")), Source::Memory));
    assert_eq!(LOADS.get(), 0);
    // The user may have been written or not, so the next read loads.
    assert!(save(user(1, "")).await.is_err());
    assert_eq!(get(1).await, Ok(user(1, "loaded")));
    assert_eq!(LOADS.get(), 1);
}

#[tokio::test]
async fn a_panic_and_a_dropped_future_evict() {
    #[cached(cache = "put-ways")]
    async fn get(id: u64) -> u64 {
        id
    }
    #[cache_put(get(id))]
    async fn save(id: u64) -> u64 {
        if id == 0 {
            std::future::pending::<()>().await;
        }
        panic!("on purpose");
    }

    install("put-ways");
    assert_eq!((get(0).await, get(1).await), (0, 1));
    assert!(tokio::spawn(save(1)).await.unwrap_err().is_panic());
    assert_eq!(get(1).peek().await.unwrap(), None);
    let hanging = tokio::spawn(save(0));
    tokio::task::yield_now().await;
    hanging.abort();
    assert!(hanging.await.unwrap_err().is_cancelled());
    assert_eq!(get(0).peek().await.unwrap(), None);
}

#[tokio::test]
async fn the_call_can_use_the_result() {
    type Saved<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

    #[cached(key = "user:{id}", cache = "put-result")]
    async fn get(id: u64) -> Saved<User> {
        Ok(user(id, "loaded"))
    }
    #[cache_put(get(result.id))]
    async fn create(name: &str) -> Saved<User> {
        if name.is_empty() {
            return Err("no name".into());
        }
        Ok(user(9, name))
    }

    let cache = install("put-result");
    create("created").await.unwrap();
    assert_eq!(get(9).await.unwrap(), user(9, "created"));
    // A failure names no user, so there is nothing to evict.
    assert!(create("").await.is_err());
    assert_eq!(cache.keys("*").await.unwrap(), ["user:9"]);
}

#[tokio::test]
async fn sync_functions_methods_and_other_attributes() {
    #[derive(Clone)]
    struct Counter {
        id: u64,
    }
    impl Counter {
        #[cached(key = "counter:{self.id}", cache = "put-sync")]
        pub(crate) fn value(&self) -> u64 {
            0
        }

        #[cache_put(call!(self.value()))]
        #[cache_evict(key = "counters", cache = "put-sync")]
        fn set(&self, value: u64) -> u64 {
            value
        }
    }

    let cache = install("put-sync");
    cache.insert("counters", 0_u64).await.unwrap();
    let counter = Counter { id: 1 };
    assert_eq!((counter.set(7), counter.value()), (7, 7));
    assert_eq!(cache.keys("*").await.unwrap(), ["counter:1"]);
}

#[tokio::test]
async fn conditions_on_the_outcome() {
    #[cached(cache = "put-conditions")]
    async fn get(id: u64) -> Result<u64, String> {
        Ok(id)
    }
    #[cache_put(get(id), on = "ok")]
    async fn save(id: u64, value: Option<u64>) -> Result<u64, String> {
        if id == 0 {
            panic!("on purpose");
        }
        value.ok_or_else(|| "none".into())
    }
    #[cache_put(get(id), on = "ok", when = *result != Ok(7))]
    async fn save_most(id: u64, value: Option<u64>) -> Result<u64, String> {
        value.ok_or_else(|| "none".into())
    }
    #[cache_put(get(*result), when = name.len() > 1)]
    fn named(name: String) -> Result<u64, String> {
        Ok(name.into_bytes().len() as u64)
    }

    install("put-conditions");
    let cached = async |id| get(id).peek().await.unwrap();
    assert_eq!((get(0).await, get(1).await), (Ok(0), Ok(1)));
    save(1, Some(10)).await.unwrap();
    assert_eq!(cached(1).await, Some(10));
    // A failure keeps the entry.
    save(1, None).await.unwrap_err();
    assert!(tokio::spawn(save(0, None)).await.unwrap_err().is_panic());
    save_most(1, None).await.unwrap_err();
    assert_eq!((cached(0).await, cached(1).await), (Some(0), Some(10)));
    save_most(1, Some(11)).await.unwrap();
    assert_eq!(cached(1).await, Some(11));
    // A value that the condition rejects still evicts the old entry.
    save_most(1, Some(7)).await.unwrap();
    assert_eq!(cached(1).await, None);

    get(1).await.unwrap();
    named("ab".into()).unwrap();
    assert_eq!(cached(2).await, Some(2));
    named("a".into()).unwrap();
    assert_eq!(cached(1).await, None);
}
