//! P1: different templates whose keys overlap. In each cache, only the first of two functions with such templates is
//! cached.

use std::collections::HashMap;

use larder::{Cache, Key, Source, cache_evict, cached, call};

fn installed(name: &str) -> Cache {
    let cache = Cache::builder().name(name).build().unwrap();
    cache.install();
    cache
}

#[cached(key = "users:{name}", cache = "p1-overlap")]
async fn user(name: &str) -> String {
    format!("user {name}")
}

#[cached(key = "users:all", cache = "p1-overlap")]
async fn everybody() -> String {
    "everybody".to_owned()
}

#[cached(key = "users:all", cache = "p1-overlap")]
fn everybody_sync() -> String {
    "everybody".to_owned()
}

#[cached(key = "{id}", key_prefix = "users", each = "id in ids", cache = "p1-overlap")]
async fn each_user(ids: &[String]) -> HashMap<String, String> {
    ids.iter().map(|id| (id.clone(), format!("user {id}"))).collect()
}

#[tokio::test]
async fn a_placeholder_is_not_given_the_value_of_a_fixed_key() {
    let cache = installed("p1-overlap");
    for source in [Source::Loaded, Source::Memory] {
        let traced = user("all").traced().await;
        assert_eq!((traced.value.as_str(), traced.source), ("user all", source));
        let traced = user("ada").traced().await;
        assert_eq!((traced.value.as_str(), traced.source), ("user ada", source));
        assert_eq!(everybody().await, "everybody");
        assert_eq!(everybody().refresh().await, "everybody");
        assert_eq!(everybody_sync(), "everybody");
        assert_eq!(user("all").peek().await.unwrap().as_deref(), Some("user all"));
        // The same template with a prefix.
        assert_eq!(each_user(&["all".to_owned()]).await["all"], "user all");
    }
    // The error names both functions with their positions, and every direction reports it.
    let error = everybody().peek().await.unwrap_err().to_string();
    assert!(error.contains("everybody") && error.contains("user`"), "{error}");
    assert_eq!(error.matches("p1_templates.rs:").count(), 2, "{error}");
    assert!(everybody().put("mixed up".to_owned()).await.is_err());
    assert!(call!(everybody_sync()).put("mixed up".to_owned()).await.is_err());
    assert!(everybody().cache(&cache).put("mixed up".to_owned()).await.is_err());
    assert_eq!(user("all").await, "user all");
    // In another process this function may have been called first, so its mutators evict.
    assert!(everybody().evict().await.unwrap());
    assert_eq!(user("all").peek().await.unwrap(), None);
    assert_eq!(user("all").await, "user all");
    // In a cache where this function is called first, it is cached and the other one is not.
    let other = Cache::builder().build().unwrap();
    assert_eq!(everybody().cache(&other).await, "everybody");
    assert_eq!(everybody().cache(&other).traced().await.source, Source::Memory);
    assert_eq!(user("all").cache(&other).await, "user all");
    assert_eq!(each_user(&["all".to_owned()]).cache(&other).await["all"], "user all");
    assert_eq!(everybody().cache(&other).await, "everybody");
    // A call with an explicit key does not conflict.
    assert_eq!(everybody().key("everybody").await, "everybody");
    assert_eq!(everybody().key("everybody").traced().await.source, Source::Memory);
}

#[tokio::test]
async fn two_placeholders_are_not_given_the_value_behind_a_text() {
    #[cached(key = "{kind}:{id}", cache = cache, skip(cache))]
    async fn any(cache: &Cache, kind: &str, id: u64) -> String {
        format!("{kind} {id}")
    }
    #[cached(key = "secret:{id}", cache = cache, skip(cache))]
    async fn secret(cache: &Cache, id: u64) -> String {
        format!("the secret {id}")
    }
    #[cached(key = "secret:{id}", cache = cache, skip(cache), version = 2)]
    async fn versioned(cache: &Cache, id: u64) -> String {
        format!("version 2 of {id}")
    }

    let [cache, other] = [(), ()].map(|()| Cache::builder().build().unwrap());
    for _ in 0..2 {
        assert_eq!(secret(&cache, 7).await, "the secret 7");
        assert_eq!(any(&cache, "secret", 7).await, "secret 7");
        assert_eq!(any(&cache, "open", 7).await, "open 7");
        assert_eq!(versioned(&cache, 7).await, "version 2 of 7");
        assert_eq!(any(&other, "secret", 7).await, "secret 7");
        assert_eq!(secret(&other, 7).await, "the secret 7");
    }
    // Functions without overlapping keys are cached.
    assert_eq!(cache.keys("*").await.unwrap(), ["secret:7", "secret:7#2"]);
    assert_eq!(other.keys("*").await.unwrap(), ["secret:7"]);
}

#[tokio::test]
async fn an_operation_without_arguments_is_not_given_the_value_of_a_template() {
    #[cached(model = "p1", op = "all", cache = "p1-operation")]
    async fn all() -> String {
        "all".to_owned()
    }
    #[cached(key = "p1:all:{name}", cache = "p1-operation")]
    async fn named(name: &str) -> String {
        format!("named {name}")
    }

    installed("p1-operation");
    for _ in 0..2 {
        assert_eq!([all().await, named("").await], ["all", "named "]);
    }
}

#[tokio::test]
async fn an_argument_at_the_head_of_a_key_is_no_tenant() {
    #[cached(key = "{kind}/{id}", tags = ["{kind}"], cache = "p1-head")]
    async fn by_kind(kind: &str, id: u64) -> String {
        format!("{kind} {id}")
    }
    #[cache_evict(key = "{kind}/{id}", cache = "p1-head")]
    async fn change(kind: &str, id: u64) {
        let _ = (kind, id);
    }
    #[cache_evict(pattern = "{kind}/*", cache = "p1-head")]
    async fn change_all(kind: &str) {
        let _ = kind;
    }
    #[cache_evict(tags = ["{kind}"], cache = "p1-head")]
    async fn change_tagged(kind: &str) {
        let _ = kind;
    }
    #[cache_evict(key = "{result}/{id}", cache = "p1-head")]
    async fn change_late(id: u64) -> String {
        let _ = id;
        "@acme".to_owned()
    }

    let cache = installed("p1-head");
    cache.tenant("acme").unwrap().insert("7", "a secret".to_owned()).await.unwrap();
    assert_eq!(by_kind("@acme", 7).await, "@acme 7");
    assert_eq!(by_kind("@acme", 7).traced().await.source, Source::Memory);
    assert_eq!(cache.keys("*").await.unwrap(), ["%40acme/7", "@acme/7"]);
    let key = Key::builder().value("@acme").text("/").value(7).build().unwrap();
    assert_eq!(key.as_str(), "%40acme/7");
    let key = Key::builder().prefix("p").value("@acme").build().unwrap();
    assert_eq!(key.as_str(), "p:@acme");
    for mutator in ["key", "pattern", "tag", "late"] {
        by_kind("@acme", 7).await;
        assert!(by_kind("@acme", 7).peek().await.unwrap().is_some());
        match mutator {
            "key" => change("@acme", 7).await,
            "pattern" => change_all("@acme").await,
            "tag" => change_tagged("@acme").await,
            _ => drop(change_late(7).await),
        }
        assert_eq!(by_kind("@acme", 7).peek().await.unwrap(), None, "{mutator}");
    }
    let tenants: Option<String> = cache.tenant("acme").unwrap().get("7").await.unwrap();
    assert_eq!(tenants.as_deref(), Some("a secret"));
}
