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

/// Writers of a cache whose value is an `Option`, and of one whose value is a part of the output.
mod values {
    use super::*;

    pub(super) static LOADS: Loads = Loads::new();

    #[cached(key = "user:{id}", cache = "put-values", none_ttl = "1m", ttl = "1h")]
    pub(super) async fn find(id: u64) -> Result<Option<User>, String> {
        LOADS.count();
        Ok(None.filter(|_: &User| id == 0))
    }

    #[cached(key = "name:{id}", cache = "put-values")]
    pub(super) fn name(id: u64) -> Option<String> {
        LOADS.count();
        (id == 0).then(String::new)
    }

    // The value is lifted into the `Option`.
    #[cache_put(find(user.id))]
    #[cache_put(call!(name(user.id)), value = Some(result.name.clone()))]
    pub(super) async fn save(user: User) -> Result<User, String> {
        if user.name.is_empty() { Err("no name".into()) } else { Ok(user) }
    }

    #[cache_put(find(result.id))]
    pub(super) fn create(name: &str) -> User {
        user(9, name)
    }

    // What is an `Option` stays what it is.
    #[cache_put(find(id))]
    pub(super) async fn reload(id: u64) -> Option<User> {
        (id == 1).then(|| user(1, "reloaded"))
    }

    // A function that returns nothing, and an argument that the body consumes.
    #[cache_put(find(user.id), value = Some(user))]
    #[cache_put(call!(name(user.id)), value = None)]
    pub(super) async fn set(user: User) -> Result<(), String> {
        drop(user);
        Ok(())
    }

    // The target and the value use the output; the value is not wanted.
    #[cache_put(find(*result), value = Some(user(*result, name)), when = name.len() > 1)]
    pub(super) async fn number(name: &str) -> Result<u64, String> {
        Ok(name.len() as u64)
    }
}

#[tokio::test]
async fn a_value_is_lifted_into_an_option_or_written_out() {
    use values::{LOADS, create, find, name, number, reload, save, set};

    let backend = larder::backend::MemoryBackend::new();
    let cache =
        || larder::Cache::builder().name("put-values").remote(backend.clone()).build().unwrap();
    let (here, there) = (cache(), cache());
    here.install();

    assert_eq!(save(user(1, "a")).await, Ok(user(1, "a")));
    assert_eq!(find(1).await, Ok(Some(user(1, "a"))));
    assert_eq!(find(1).cache(&there).await, Ok(Some(user(1, "a"))));
    assert_eq!(name(1), Some("a".to_owned()));
    assert_eq!(create("b"), user(9, "b"));
    assert_eq!(find(9).await, Ok(Some(user(9, "b"))));
    assert_eq!(reload(1).await, Some(user(1, "reloaded")));
    assert_eq!(find(1).await, Ok(Some(user(1, "reloaded"))));
    assert_eq!(reload(2).await, None);
    assert_eq!(find(2).await, Ok(None));
    set(user(3, "c")).await.unwrap();
    assert_eq!((find(3).await, name(3)), (Ok(Some(user(3, "c"))), None));
    assert_eq!(number("four").await, Ok(4));
    assert_eq!(find(4).await, Ok(Some(user(4, "four"))));
    assert_eq!(LOADS.get(), 0);

    // Without a value, or a wanted one, the entry is evicted.
    assert!(save(user(1, "")).await.is_err());
    assert_eq!((find(1).await, name(1), LOADS.get()), (Ok(None), None, 2));
    set(user(1, "d")).await.unwrap();
    assert_eq!(number("x").await, Ok(1));
    assert_eq!((find(1).await, LOADS.get()), (Ok(None), 3));
}
