//! The key, the expiry and the entry of a call, without running it.

use std::path::Path;
use std::time::Duration;

use larder::stats::EntryState;
use larder::{
    Cache, CachedCell, Error, Expiry, Key, backend::MemoryBackend, cached, call, time::Clock,
};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[cached(key = "user:{id}", ttl = "5m", tags = ["users", "row:{id}"], cache = cache, skip(cache))]
async fn user(cache: &Cache, id: u64) -> Result<String, Error> {
    Ok(format!("user {id}"))
}

#[cached(cache = cache, skip(cache), key_prefix = "v1", version = 3)]
async fn automatic(cache: &Cache, name: &str, page: Option<u8>) -> String {
    format!("{name} {page:?}")
}

#[cached(model = "shop", op = "list", cache = cache, skip(cache))]
async fn modelled(cache: &Cache, team: &str) -> Vec<String> {
    vec![team.to_owned()]
}

#[cached(key = "twice:{n}", cache = cache, skip(cache), ttl = "1m")]
fn twice(cache: &Cache, n: u64) -> u64 {
    2 * n
}

#[cached(key = "local:{n}", local, cache = cache, skip(cache))]
async fn local(cache: &Cache, n: u64) -> u64 {
    n
}

fn text<T: std::fmt::Debug>(key: Result<Key, T>) -> String {
    key.unwrap().to_string()
}

#[tokio::test]
async fn the_key_is_that_of_the_stored_entry() {
    let cache = Cache::builder().build().unwrap();
    let keys = [
        text(user(&cache, 7).cache_key()),
        text(user(&cache, 7).key("mine").cache_key()),
        text(user(&cache, 7).tenant("acme").cache_key()),
        text(user(&cache.tenant("umbrella").unwrap(), 7).cache_key()),
        text(user(&cache, 7).tenant("acme").key("x".repeat(300)).cache_key()),
        text(automatic(&cache, "a b", Some(3)).cache_key()),
        text(modelled(&cache, "blue").cache_key()),
        text(call!(twice(&cache, 4)).cache_key()),
    ];
    let before = cache.stats();
    assert_eq!(cache.keys("*").await.unwrap(), [""; 0], "nothing was run");
    assert_eq!((before.requests(), before.loads), (0, 0));
    assert_eq!(keys[0], "user:7");
    assert_eq!(keys[1], "mine");
    assert_eq!(keys[2], "@acme/user:7");
    assert_eq!(keys[3], "@umbrella/user:7");
    assert!(keys[5].starts_with("v1:") && keys[5].ends_with("automatic:a%20b,$3,#3"), "{keys:?}");
    assert_eq!(keys[6], "shop:list:blue,");
    assert_eq!(keys[7], "twice:4");

    user(&cache, 7).await.unwrap();
    user(&cache, 7).key("mine").await.unwrap();
    user(&cache, 7).tenant("acme").await.unwrap();
    user(&cache.tenant("umbrella").unwrap(), 7).await.unwrap();
    user(&cache, 7).tenant("acme").key("x".repeat(300)).await.unwrap();
    automatic(&cache, "a b", Some(3)).await;
    modelled(&cache, "blue").await;
    twice(&cache, 4);
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    assert_eq!(cache.keys("*").await.unwrap(), sorted);
}

/// An entry that is inserted under a call's key is the function's.
#[tokio::test]
async fn the_key_has_the_tags_of_the_call() {
    let cache = Cache::builder().build().unwrap();
    for tag in ["users", "row:7"] {
        let key = user(&cache, 7).cache_key().unwrap();
        cache.insert(&key, "by hand".to_owned()).await.unwrap();
        assert_eq!(user(&cache, 7).await.unwrap(), "by hand");
        assert_eq!(cache.get::<String>(&key).await.unwrap().as_deref(), Some("by hand"));
        cache.evict_tag(tag).await.unwrap();
        assert_eq!(cache.get::<String>(&key).await.unwrap(), None, "{tag}");
    }
    let key = user(&cache, 7).tenant("acme").cache_key().unwrap();
    cache.insert(&key, "by hand".to_owned()).await.unwrap();
    assert_eq!(user(&cache, 7).tenant("acme").await.unwrap(), "by hand");
    cache.tenant("acme").unwrap().clear().await.unwrap();
    assert_eq!(user(&cache, 7).tenant("acme").await.unwrap(), "user 7");
    let key = modelled(&cache, "red").cache_key().unwrap();
    cache.insert(&key, vec!["by hand".to_owned()]).await.unwrap();
    assert_eq!(modelled(&cache, "red").await, ["by hand"]);
    cache.typed::<u64, String>("shop").unwrap().clear().await.unwrap();
    assert_eq!(modelled(&cache, "red").await, ["red"]);
}

#[tokio::test]
async fn a_call_without_a_key_for_others_is_refused() {
    #[derive(Default)]
    struct Page {
        cell: CachedCell,
    }
    impl Page {
        #[larder::cached_property(cell = self.cell)]
        async fn size(&self) -> u64 {
            7
        }
    }
    #[cached(cache = cache, skip(cache))]
    async fn sized(cache: &Cache, path: &Path) -> usize {
        path.as_os_str().len()
    }
    let cache = Cache::builder().build().unwrap();
    let message = |key: Result<Key, Error>| key.unwrap_err().to_string();
    assert!(message(Page::default().size().cache_key()).contains("no key outside of its process"));
    assert!(message(user(&cache, 7).tenant("").cache_key()).contains("name can't be empty"));
    assert!(user(&cache, 7).tenant("").expiry().await.is_err());
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        let path = Path::new(std::ffi::OsStr::from_bytes(&[0xff]));
        assert!(message(sized(&cache, path).cache_key()).contains("no key outside"));
    }
    assert!(sized(&cache, Path::new("a")).cache_key().is_ok());
}

#[tokio::test]
async fn the_expiry_is_that_of_the_entry_in_either_tier() {
    let clock = Clock::manual();
    let store = MemoryBackend::with_clock(clock.clone());
    let process = || {
        let builder = Cache::builder().clock(clock.clone()).namespace("shop");
        builder.remote(store.clone()).build().unwrap()
    };
    let (cache, elsewhere) = (process(), process());
    assert_eq!(user(&cache, 7).expiry().await.unwrap(), None);
    assert_eq!(cache.stats().loads, 0);
    user(&elsewhere, 7).put("Ada".to_owned()).await.unwrap();
    clock.advance(seconds(60));
    for cache in [&cache, &elsewhere] {
        assert_eq!(user(cache, 7).expiry().await.unwrap(), Some(Expiry::In(seconds(240))));
        // Directions count, and other calls have other entries.
        assert_eq!(user(cache, 7).tenant("acme").expiry().await.unwrap(), None);
        assert_eq!(user(cache, 7).key("user:8").expiry().await.unwrap(), None);
        assert_eq!(user(cache, 8).key("user:7").expiry().await.unwrap(), None, "row:8 is missing");
    }
    assert_eq!(cache.stats().entries, 0, "nothing was promoted");
    assert_eq!(cache.stats().requests(), 0);
    let found = user(&cache, 7).inspect().await.unwrap();
    assert_eq!((found.key.as_str(), found.memory), ("user:7", None));
    assert_eq!(found.remote.unwrap().state, EntryState::Fresh);
    clock.advance(seconds(240));
    assert_eq!(user(&elsewhere, 7).expiry().await.unwrap(), None);

    twice(&cache, 1);
    assert_eq!(call!(twice(&cache, 1)).expiry().await.unwrap(), Some(Expiry::In(seconds(60))));
    // A local function does not look into the store.
    elsewhere.insert("local:1", 1u64).await.unwrap();
    assert_eq!(local(&cache, 1).expiry().await.unwrap(), None);
    local(&cache, 1).await;
    assert_eq!(local(&cache, 1).expiry().await.unwrap(), Some(Expiry::Never));
}

#[tokio::test]
async fn an_unknown_cache_has_a_key_but_no_entry() {
    let cache = Cache::builder().build().unwrap();
    let elsewhere = user(&cache, 7).cache("described-calls-absent");
    assert_eq!(text(elsewhere.cache_key()), "user:7");
    assert!(matches!(elsewhere.expiry().await, Err(Error::UnknownCache { .. })));
    assert!(matches!(elsewhere.inspect().await, Err(Error::UnknownCache { .. })));
}
