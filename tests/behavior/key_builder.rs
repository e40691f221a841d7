//! Keys from the builder are the keys that the attributes use.

use std::collections::HashMap;

use larder::redis::Redis;
use larder::{Cache, Error, Key, cached, key::KeyBuilder};
use serde::Serialize;

use crate::support::Server;

#[derive(Clone, Serialize)]
struct Filter {
    words: Vec<String>,
    limit: Option<u32>,
}

struct Shop {
    cache: Cache,
}

impl Shop {
    #[cached(model = "user", op = "get", cache = self.cache, skip(self))]
    async fn user(&self, id: u64) -> u64 {
        id
    }

    #[cached(model = "user", op = "search", key_prefix = "v1", version = 2, cache = self.cache, skip(self))]
    async fn search(&self, team: &str, filter: Filter, score: f64) -> usize {
        team.len() + filter.words.len() + score as usize
    }

    #[cached(model = "user", op = "named", key = "{team}/{id}", cache = self.cache, skip(self))]
    async fn named(&self, team: &str, id: i32) -> usize {
        team.len() + id.unsigned_abs() as usize
    }

    #[cached(key = "page:{team}:{id}", cache = self.cache, skip(self))]
    async fn page(&self, team: &str, id: u64) -> usize {
        team.len() + id as usize
    }
}

#[cached(model = "user", op = "free", cache = cache, skip(cache))]
async fn free<T>(cache: &Cache, id: u64) -> usize {
    size_of::<T>() + id as usize
}

#[cached(cache = cache, skip(cache))]
async fn automatic(cache: &Cache, id: u64, name: Option<String>) -> u64 {
    id + name.map_or(0, |name| name.len() as u64)
}

fn build(key: KeyBuilder) -> Key {
    key.build().unwrap()
}

/// Returns the only key in the cache.
async fn only(cache: &Cache) -> String {
    let keys = cache.keys("*").await.unwrap();
    assert_eq!(keys.len(), 1, "{keys:?}");
    cache.clear().await.unwrap();
    keys.into_iter().next().unwrap()
}

#[tokio::test]
async fn keys_are_those_of_the_attributes() {
    let cache = Cache::builder().build().unwrap();
    let shop = Shop { cache: cache.clone() };
    let key = Key::builder;
    shop.user(7).await;
    assert_eq!(
        only(&cache).await,
        build(key().model("user").operation("get").of::<Shop>().param(&7u64)).as_str()
    );

    free::<Vec<u8>>(&cache, 7).await;
    let free = key().model("user").operation("free").of::<Vec<u8>>().param(&7);
    assert_eq!(only(&cache).await, build(free).as_str());

    for team in ["blue", "a:b*c\n", "", "7", &"long ".repeat(100)] {
        let filter = Filter { words: vec!["x".into(), "y,z".into()], limit: Some(3) };
        shop.search(team, filter.clone(), 0.5).await;
        let search = key().prefix("v1").model("user").operation("search").version(2).of::<Shop>();
        let search = build(search.param(team).param(&filter).param(&0.5));
        assert_eq!(only(&cache).await, search.as_str());

        shop.named(team, -7).await;
        let named = key().model("user").operation("named").value(team).text("/").value(-7);
        assert_eq!(only(&cache).await, build(named).as_str());

        shop.page(team, 7).await;
        let page = build(key().text("page:").value(team).text(":").value(7));
        assert_eq!(only(&cache).await, page.as_str());
        shop.page(team, 7).tenant("acme").await;
        let page = key().tenant("acme").text("page:").value(team).text(":").value(7);
        assert_eq!(only(&cache).await, build(page).as_str());

        automatic(&cache, 7, Some(team.to_owned())).await;
        let path = concat!(module_path!(), "::automatic");
        let function = build(key().function(path).param(&7u64).param(&Some(team)));
        assert_eq!(only(&cache).await, function.as_str());
    }
}

#[tokio::test]
async fn an_entry_is_found_and_evicted_by_hand() {
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    let cache = Cache::builder().namespace("shop").no_memory().remote(redis).build().unwrap();
    let shop = Shop { cache: cache.clone() };
    shop.user(7).await;
    shop.page("a*b", 7).await;
    let user = build(Key::builder().model("user").operation("get").of::<Shop>().param(&7));
    let page = build(Key::builder().text("page:").value("a*b").text(":").value(7));
    assert_eq!(cache.get::<u64>(&user).await.unwrap(), Some(7));
    for key in [&user, &page] {
        assert_eq!(server.cli(&["EXISTS", &key.in_namespace("shop")]), "1", "{key}");
    }
    assert_eq!(server.cli(&["DEL", &page.in_namespace("shop")]), "1", "from a shell");
    assert_eq!(cache.get::<usize>(&page).await.unwrap(), None);
    assert!(cache.remove(user).await.unwrap());
}

#[tokio::test]
async fn patterns_match_entries_of_functions() {
    let cache = Cache::builder().build().unwrap();
    let shop = Shop { cache: cache.clone() };
    shop.user(7).await;
    shop.user(77).await;
    shop.named("blue", 7).await;
    let key = Key::builder;
    let model = key().model("user").pattern().unwrap();
    assert_eq!(cache.keys(model).await.unwrap().len(), 3);
    let seven = key().model("user").operation("get").of::<Shop>().param(&7).pattern().unwrap();
    assert_eq!(cache.evict_pattern(seven).await.unwrap(), 1, "77 is another one");
    let operation = key().model("user").operation("get").pattern().unwrap();
    assert_eq!(cache.evict_pattern(operation).await.unwrap(), 1);
    assert_eq!(cache.keys("*").await.unwrap(), ["user:named:blue/7"]);
}

#[test]
fn an_invalid_part_is_named() {
    let key = Key::builder;
    let refused = [
        (key(), "key"),
        (key().model("user"), "model"),
        (key().model("").operation("get"), "model"),
        (key().model("us:er").operation("get"), "model"),
        (key().model("user").operation("g*t"), "operation"),
        (key().operation("get").param(&7), "operation"),
        (key().model("user").operation("get").function("shop::get"), "function"),
        (key().function(""), "function"),
        (key().prefix("a*").text("x"), "prefix"),
        (key().text("user:*"), "text"),
        (key().text("a\nb"), "text"),
        (key().text(""), "text"),
        (key().text("a:").value(1).value(2), "value"),
        (key().text("a:").value(1).text("b").value(2), "value"),
        (key().text("a").version("[2]"), "version"),
        (key().tenant("").text("a"), "tenant"),
    ];
    for (key, part) in refused {
        let shown = format!("{key:?}");
        let error = key.build().unwrap_err();
        assert!(matches!(error, Error::Config { field, .. } if field == part), "{shown}: {error}");
    }
}

#[test]
fn a_key_is_a_value() {
    let key = build(Key::builder().text("a:").value(1));
    assert_eq!(
        (key.to_string(), String::from(key.clone()), key.as_ref()),
        ("a:1".into(), "a:1".into(), "a:1")
    );
    assert_eq!(HashMap::from([(key.clone(), 1)])[&key], 1);
    assert_eq!(Key::escape("a:b*{c}%"), "a%3Ab%2A%7Bc%7D%25");
    assert_eq!(Key::escape("Ada-7@x.y"), "Ada-7@x.y");
    assert_ne!(Key::escape("%3A"), Key::escape(":"));
}

/// Neither serde nor `Display` can represent this value.
#[derive(Clone)]
struct Mute(u64);

impl Serialize for Mute {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it is mute"))
    }
}

impl std::fmt::Display for Mute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("begun")?;
        Err(std::fmt::Error)
    }
}

#[cached(cache = cache, skip(cache))]
async fn mute_automatic(cache: &Cache, mute: Mute) -> u64 {
    mute.0
}

#[cached(key = "mute:{mute}", cache = cache, skip(cache))]
async fn mute_template(cache: &Cache, mute: Mute) -> u64 {
    mute.0
}

#[tokio::test]
async fn arguments_that_cannot_be_serialized_share_nothing() {
    let builder = || Cache::builder().remote(larder::backend::MemoryBackend::new());
    for cache in [builder().build().unwrap(), builder().no_memory().build().unwrap()] {
        for value in [1, 2, 1] {
            assert_eq!(mute_automatic(&cache, Mute(value)).await, value);
            assert_eq!(mute_template(&cache, Mute(value)).await, value);
        }
        let stats = cache.stats();
        assert_eq!((stats.loads, stats.hits(), stats.remote_stores), (6, 0, 0));
    }
    let refused = Key::builder().model("user").operation("get").param(&Mute(1)).build();
    assert_eq!(
        refused.unwrap_err().to_string(),
        "param: serde can't write it: it is mute; use a part of it that serde can write"
    );
}
