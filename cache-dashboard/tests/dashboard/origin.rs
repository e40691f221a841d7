//! Requests that pages of other sites make are refused, and no GET changes anything.

use axum::http::Method;
use larder::Cache;
use serde_json::json;

use crate::support::{GOOD, get, open, post, request, send};

#[tokio::test]
async fn changes_need_a_post_of_json_with_the_header_from_the_same_site() {
    let cache = Cache::builder().build().unwrap();
    cache.insert("k", 1_u64).await.unwrap();
    let router = open(&[&cache]).router::<()>();
    let body = json!({ "key": "k" }).to_string();
    let [json, token] = GOOD;
    let refused: [(u16, &[(&str, &str)]); 13] = [
        (415, &[]),
        (403, &[json]),
        (415, &[token]),
        (415, &[token, ("content-type", "text/plain")]),
        (415, &[token, ("content-type", "application/x-www-form-urlencoded")]),
        (415, &[token, ("content-type", "text/plain; application/json")]),
        (403, &[json, token, ("sec-fetch-site", "cross-site")]),
        (403, &[json, token, ("sec-fetch-site", "same-site")]),
        (403, &[json, token, ("sec-fetch-site", "none")]),
        (403, &[json, token, ("origin", "https://evil.example")]),
        (403, &[json, token, ("origin", "null")]),
        (403, &[json, token, ("origin", "https://ops.example.com.evil.example")]),
        (403, &[json, token, ("origin", "https://ops.example.com:8443")]),
    ];
    for (status, headers) in refused {
        for path in ["/api/evict", "/api/mark-stale", "/api/clear", "/api/keys", "/api/inspect"] {
            let told = send(&router, request(Method::POST, path, headers, &body)).await;
            assert_eq!(told.failure().0, status, "{path} {headers:?}");
        }
    }
    assert_eq!(cache.inspect("k").await.memory.unwrap().state, larder::stats::EntryState::Fresh);

    let permitted: [&[(&str, &str)]; 5] = [
        &[json, token],
        &[("content-type", "Application/JSON; charset=utf-8"), token],
        &[json, token, ("origin", "https://OPS.example.com")],
        &[json, token, ("sec-fetch-site", "same-origin"), ("origin", "https://ops.example.com")],
        // A proxy has replaced `Host`; the browser knows better.
        &[json, token, ("sec-fetch-site", "same-origin"), ("origin", "https://outside.example")],
    ];
    for headers in permitted {
        let told = send(&router, request(Method::POST, "/api/evict", headers, &body)).await;
        assert_eq!(told.status, 200, "{headers:?}: {}", told.text);
    }
}

#[tokio::test]
async fn no_other_method_changes_anything() {
    let cache = Cache::builder().build().unwrap();
    cache.insert("k", 1_u64).await.unwrap();
    let router = open(&[&cache]).router::<()>();
    let body = json!({ "key": "k", "confirm": "default" }).to_string();
    for path in ["/api/evict", "/api/mark-stale", "/api/clear", "/api/inspect", "/api/keys"] {
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
            let told = send(&router, request(method.clone(), path, &GOOD, &body)).await;
            assert_eq!(told.failure(), (405, "method_not_allowed".into()), "{method} {path}");
            assert_eq!(told.header("allow"), "POST, OPTIONS");
        }
        let told = send(
            &router,
            request(Method::OPTIONS, path, &[("origin", "https://evil.example")], ""),
        )
        .await;
        assert_eq!(
            (told.status.as_u16(), told.header("allow"), told.text.as_str()),
            (204, "POST, OPTIONS", "")
        );
        assert!(told.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
    }
    assert_eq!(get(&router, "/?key=k").await.status, 200);
    assert_eq!(post(&router, "/", json!({})).await.header("allow"), "GET, HEAD, OPTIONS");
    assert_eq!(cache.get::<u64>("k").await.unwrap(), Some(1));
}

#[tokio::test]
async fn figures_are_not_told_to_other_sites() {
    let cache = Cache::builder().build().unwrap();
    let router = open(&[&cache]).router::<()>();
    for (site, status) in
        [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
    {
        let told =
            send(&router, request(Method::GET, "/api/caches", &[("sec-fetch-site", site)], ""))
                .await;
        assert_eq!(told.status, status, "{site}");
        // A link from a chat leads to the page.
        let told = send(&router, request(Method::GET, "/", &[("sec-fetch-site", site)], "")).await;
        assert_eq!(told.status, 200);
    }
}
