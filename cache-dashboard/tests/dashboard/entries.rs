//! Operators look up entries and change them. Values are never shown.

use std::time::Duration;

use larder::backend::MemoryBackend;
use larder::testing::Faulty;
use larder::{Cache, Policy};
use serde_json::{Value, json};

use crate::support::{get, open, post};

const HOSTILE: [&str; 6] = [
    "</script><script>alert(1)</script>",
    "\"'`&<img src=x onerror=alert(1)>",
    "Καλημέρα \u{202e}\u{200b}κόσμε 🦀",
    "a\u{0}b\nc\r\n\td",
    "{{constructor}}/../..%2f?x#y",
    "\u{2028}\u{2029}\\u003c",
];

#[tokio::test]
async fn an_entry_is_described_and_its_value_is_not_shown() {
    let cache = Cache::builder().remote(MemoryBackend::new()).build().unwrap();
    let policy = Policy::new().ttl(Duration::from_secs(60)).tags(&["users"]);
    cache.entry("user:7").policy(policy).insert("the secret value".to_owned()).await.unwrap();
    let router = open(&[&cache]).router::<()>();

    let told = post(&router, "/api/inspect", json!({ "key": "user:7" })).await;
    let found = told.json();
    assert_eq!(
        (&found["entry"]["memory"]["state"], &found["entry"]["remote"]["state"]),
        (&json!("fresh"), &json!("fresh"))
    );
    assert_eq!(
        (&found["entry"]["memory"]["tags"], &found["entry"]["memory"]["tags_in_all"]),
        (&json!(["users"]), &json!(1))
    );
    assert_eq!(found["parts"]["text"], "user:7");
    assert!(!told.text.contains("secret value"));
    let before = cache.stats();
    post(&router, "/api/inspect", json!({ "key": "user:7" })).await;
    assert_eq!(cache.stats().since(&before).requests(), 0, "a look is no read");

    let absent = post(&router, "/api/inspect", json!({ "key": "absent" })).await.json();
    assert_eq!(
        (&absent["entry"]["memory"], &absent["entry"]["remote"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn entries_are_evicted_marked_and_cleared() {
    let cache = Cache::builder().name("shop").build().unwrap();
    for key in ["a", "b", "c"] {
        cache.entry(key).tag("t").ttl(Duration::from_secs(60)).insert(1_u64).await.unwrap();
    }
    let router = open(&[&cache]).router::<()>();
    let told = post(&router, "/api/evict", json!({ "cache": "shop", "key": "a" })).await;
    assert_eq!(told.json(), json!({ "evicted": true, "existed": true }));
    let told = post(&router, "/api/evict", json!({ "cache": "shop", "key": "a" })).await;
    assert_eq!(told.json(), json!({ "evicted": true, "existed": false }));
    let told = post(&router, "/api/mark-stale", json!({ "cache": "shop", "key": "b" })).await;
    assert_eq!(told.json()["marked"], true);
    assert_eq!(cache.get::<u64>("b").await.unwrap(), None);
    post(&router, "/api/evict", json!({ "cache": "shop", "tag": "t" })).await;
    assert_eq!(cache.get::<u64>("c").await.unwrap(), None);

    cache.insert("d", 4_u64).await.unwrap();
    for confirm in [json!(null), json!(""), json!("default"), json!("SHOP"), json!("shop ")] {
        for (path, more) in [("/api/clear", false), ("/api/mark-stale", true)] {
            let told =
                post(&router, path, json!({ "cache": "shop", "all": more, "confirm": confirm }))
                    .await;
            assert_eq!(told.failure(), (409, "not_confirmed".into()), "{confirm}");
        }
    }
    assert_eq!(cache.get::<u64>("d").await.unwrap(), Some(4));
    let told = post(&router, "/api/clear", json!({ "cache": "shop", "confirm": "shop" })).await;
    assert_eq!(told.json(), json!({ "cleared": true }));
    assert_eq!(cache.get::<u64>("d").await.unwrap(), None);
}

#[tokio::test]
async fn tenants_are_separate() {
    let cache = Cache::builder().build().unwrap();
    let [acme, other] = ["acme", "other"].map(|name| cache.tenant(name).unwrap());
    for cache in [&acme, &other, &cache] {
        cache.insert("k", 1_u64).await.unwrap();
    }
    let router = open(&[&cache]).router::<()>();
    let all = post(&router, "/api/keys", json!({})).await.json();
    assert_eq!(all["keys"], json!(["@acme/k", "@other/k", "k"]));
    let own = post(&router, "/api/keys", json!({ "tenant": "acme" })).await.json();
    assert_eq!(own["keys"], json!(["k"]));
    // A key from the list of the whole cache, and one from the list of the tenant.
    for request in [json!({ "key": "@acme/k" }), json!({ "key": "k", "tenant": "acme" })] {
        let found = post(&router, "/api/inspect", request).await.json();
        assert_eq!(
            (&found["entry"]["key"], &found["parts"]["tenants"]),
            (&json!("@acme/k"), &json!(["acme"]))
        );
        assert_eq!(found["entry"]["memory"]["state"], "fresh");
    }
    post(&router, "/api/evict", json!({ "key": "k", "tenant": "acme" })).await;
    assert_eq!(acme.get::<u64>("k").await.unwrap(), None);
    let told =
        post(&router, "/api/clear", json!({ "tenant": "other", "confirm": "default" })).await;
    assert_eq!(told.failure().1, "not_confirmed", "the name of the tenant is needed");
    post(&router, "/api/clear", json!({ "tenant": "other", "confirm": "other" })).await;
    assert_eq!(
        (other.get::<u64>("k").await.unwrap(), cache.get::<u64>("k").await.unwrap()),
        (None, Some(1))
    );
    let told = post(&router, "/api/evict", json!({ "tenant": "other", "tag": "t" })).await;
    assert_eq!(told.failure(), (400, "invalid".into()));
}

#[tokio::test]
async fn keys_come_in_pages() {
    let cache = Cache::builder().remote(MemoryBackend::new()).build().unwrap();
    cache.insert_many((0..120).map(|id| (format!("user:{id:03}"), id))).await.unwrap();
    cache.insert("other", 0_u64).await.unwrap();
    let router = open(&[&cache]).router::<()>();
    let (mut keys, mut after) = (Vec::new(), json!(null));
    loop {
        let request = json!({ "pattern": "user:*", "after": after, "limit": 50 });
        let told = post(&router, "/api/keys", request).await.json();
        let page = told["keys"].as_array().unwrap();
        assert!(page.len() <= 50 && told["complete"] == true && told["visited"] == 120, "{told}");
        keys.extend(page.iter().map(|key| key.as_str().unwrap().to_owned()));
        after = told["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(keys, (0..120).map(|id| format!("user:{id:03}")).collect::<Vec<_>>());
    let most = post(&router, "/api/keys", json!({ "limit": 1_000_000 })).await.json();
    assert_eq!(most["keys"].as_array().unwrap().len(), 121);
    let none = post(&router, "/api/keys", json!({ "limit": 0, "pattern": "absent*" })).await.json();
    assert_eq!((&none["keys"], &none["next"]), (&json!([]), &Value::Null));
}

#[tokio::test]
async fn hostile_names_are_data() {
    let long = "x".repeat(5_000);
    for name in HOSTILE.into_iter().chain([long.as_str()]) {
        let cache = Cache::builder().name(name).namespace("hostile").build().unwrap();
        cache.entry(name).tag(name).insert(1_u64).await.unwrap();
        let router = open(&[&cache]).router::<()>();
        let figures = get(&router, "/api/caches").await;
        assert_eq!(
            (&figures.json()["caches"][0]["name"], figures.header("content-type")),
            (&json!(name), "application/json")
        );
        let listed = post(&router, "/api/keys", json!({ "cache": name })).await.json();
        let key = listed["keys"][0].as_str().unwrap();
        assert!(key.len() <= 256);
        // As typed, and as listed.
        for key in [name, key] {
            let found =
                post(&router, "/api/inspect", json!({ "cache": name, "key": key })).await.json();
            assert_eq!(found["entry"]["memory"]["state"], "fresh", "{key}");
        }
        let told = post(&router, "/api/evict", json!({ "cache": name, "key": key })).await.json();
        assert_eq!(told["existed"], true, "{key}");
        let told = post(&router, "/api/clear", json!({ "cache": name, "confirm": name })).await;
        assert_eq!(told.status, 200);
        let page = get(&router, "/").await;
        assert!(!page.text.contains(name), "the page has no name in it");
    }
}

#[tokio::test]
async fn wrong_requests_are_refused_with_one_message() {
    let cache = Cache::builder().build().unwrap();
    let router = open(&[&cache]).router::<()>();
    for (path, body, told) in [
        ("/api/inspect", json!({}), (400, "invalid")),
        ("/api/inspect", json!({ "key": "" }), (400, "invalid")),
        ("/api/inspect", json!({ "key": 7 }), (400, "invalid")),
        ("/api/inspect", json!([]), (400, "invalid")),
        ("/api/inspect", json!({ "key": "k", "unknown": 1 }), (400, "invalid")),
        ("/api/inspect", json!({ "key": "k", "cache": "absent" }), (404, "unknown_cache")),
        ("/api/inspect", json!({ "key": "k", "tenant": "" }), (400, "invalid")),
        ("/api/inspect", json!({ "key": "k".repeat(20_000) }), (413, "too_large")),
        ("/api/evict", json!({}), (400, "invalid")),
        ("/api/evict", json!({ "key": "k", "tag": "t" }), (400, "invalid")),
        ("/api/evict", json!({ "all": true, "confirm": "default" }), (400, "invalid")),
        ("/api/keys", json!({ "limit": -1 }), (400, "invalid")),
    ] {
        let (status, code) = post(&router, path, body.clone()).await.failure();
        assert_eq!((status, code.as_str()), told, "{path} {body}");
    }
    for path in ["/none", "/api", "/api/caches/x", "/api/evict/../clear"] {
        assert_eq!(get(&router, path).await.failure(), (404, "not_found".into()), "{path}");
    }
    for query in ["after=x", "after=-1", "x=1", "after=1&after=2"] {
        assert_eq!(
            get(&router, &format!("/api/history?{query}")).await.failure().0,
            400,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_reported() {
    let backend = Faulty::new(MemoryBackend::new());
    let cache = Cache::builder().remote(backend.clone()).build().unwrap();
    cache.insert("k", 1_u64).await.unwrap();
    backend.faults().outage(true);
    let router = open(&[&cache]).router::<()>();

    let found = post(&router, "/api/inspect", json!({ "key": "k" })).await.json();
    assert!(found["entry"]["error"].is_string() && found["entry"]["memory"].is_object(), "{found}");
    assert_eq!(
        post(&router, "/api/keys", json!({})).await.failure(),
        (502, "remote_failed".into())
    );
    let told = post(&router, "/api/evict", json!({ "key": "k" })).await;
    assert_eq!(told.failure(), (502, "remote_failed".into()));
    assert!(told.text.contains("pending"), "{}", told.text);
    for path in ["/api/caches", "/api/history", "/api/settings", "/"] {
        assert_eq!(get(&router, path).await.status, 200, "{path}");
    }
    let figures = get(&router, "/api/caches").await.json();
    let cache = &figures["caches"][0];
    assert_ne!(cache["health"]["remote"]["status"], "up");
    assert_eq!(cache["health"]["remote"]["pending_evictions"], 1);
    let outages = cache["outages"].as_array().unwrap();
    let parts: Vec<&Value> = outages.iter().map(|outage| &outage["part"]).collect();
    assert!(parts.contains(&&json!("remote")) && parts.contains(&&json!("bus")), "{parts:?}");
}
