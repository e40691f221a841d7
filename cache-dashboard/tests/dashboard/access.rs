//! Who may do what. The default is that no one may do anything.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderValue, Method};
use larder::Cache;
use larder::dashboard::{Dashboard, Decision, Permission};
use serde_json::json;

use crate::support::{GOOD, get, post, request, send};

const READS: [&str; 4] = ["/", "/api/caches", "/api/history", "/api/settings"];
const POSTED_READS: [&str; 2] = ["/api/keys", "/api/inspect"];
const CHANGES: [&str; 3] = ["/api/evict", "/api/mark-stale", "/api/clear"];

#[tokio::test]
async fn without_a_hook_every_request_is_refused_with_an_explanation() {
    let router: Router = Dashboard::new().router();
    for path in READS.into_iter().chain(POSTED_READS).chain(CHANGES).chain(["/none"]) {
        for method in [Method::GET, Method::HEAD, Method::POST, Method::OPTIONS, Method::DELETE] {
            let told = send(&router, request(method.clone(), path, &GOOD, "{}")).await;
            assert_eq!(told.status, 403, "{method} {path}");
            assert_eq!(told.header("cache-control"), "no-store");
            if method == Method::HEAD {
                continue;
            }
            assert_eq!(told.failure().1, "not_configured");
            assert!(told.text.contains("Dashboard::new().authorize("), "{}", told.text);
        }
    }
    // Also of requests that would be refused for another reason.
    let told =
        send(&router, request(Method::POST, "/api/clear", &[("sec-fetch-site", "cross-site")], ""))
            .await;
    assert_eq!(told.failure().1, "not_configured");
}

#[tokio::test]
async fn reading_and_changing_are_separate_permissions() {
    let cache = Cache::builder().build().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let role = |granted: &'static [Permission]| {
        let (cache, asked) = (cache.clone(), Arc::clone(&asked));
        let dashboard = Dashboard::new().caches(move || vec![cache.clone()]);
        dashboard
            .authorize(move |permission, request| {
                asked.lock().unwrap().push((permission, request.uri.path().to_owned()));
                async move { granted.contains(&permission) }
            })
            .router::<()>()
    };
    cache.insert("k", 1_u64).await.unwrap();
    let change = json!({ "key": "k", "confirm": "default" });

    let reader = role(&[Permission::Read]);
    for path in READS {
        assert_eq!(get(&reader, path).await.status, 200, "{path}");
    }
    assert_eq!(get(&reader, "/api/caches").await.json()["may_change"], false);
    assert_eq!(post(&reader, "/api/keys", json!({})).await.status, 200);
    assert_eq!(post(&reader, "/api/inspect", json!({ "key": "k" })).await.status, 200);
    asked.lock().unwrap().clear();
    for path in CHANGES {
        assert_eq!(post(&reader, path, change.clone()).await.failure(), (403, "denied".into()));
        let asked = std::mem::take(&mut *asked.lock().unwrap());
        assert_eq!(asked, [(Permission::Change, path.to_owned())]);
    }
    assert_eq!(cache.get::<u64>("k").await.unwrap(), Some(1));

    let changer = role(&[Permission::Change]);
    for path in READS {
        assert_eq!(get(&changer, path).await.failure(), (403, "denied".into()), "{path}");
    }
    for path in POSTED_READS {
        assert_eq!(post(&changer, path, json!({ "key": "k" })).await.failure().0, 403, "{path}");
    }
    assert_eq!(post(&changer, "/api/evict", json!({ "key": "k" })).await.status, 200);
    assert_eq!(cache.get::<u64>("k").await.unwrap(), None);

    let nobody = role(&[]);
    assert_eq!(
        get(&nobody, "/none").await.failure(),
        (403, "denied".into()),
        "paths are no secret, but guarded"
    );
}

#[tokio::test]
async fn a_browser_can_be_asked_for_a_password() {
    let challenge = HeaderValue::from_static(r#"Basic realm="cache""#);
    let router: Router = Dashboard::new()
        .authorize(move |_, request| {
            let given = request
                .headers
                .get("authorization")
                .is_some_and(|value| value == "Basic b3BzOnNlY3JldA==");
            let challenge = challenge.clone();
            async move { if given { Decision::Allow } else { Decision::Authenticate(challenge) } }
        })
        .router();
    let told = get(&router, "/").await;
    assert_eq!(told.failure(), (401, "unauthenticated".into()));
    assert_eq!(told.header("www-authenticate"), r#"Basic realm="cache""#);
    let known = [("authorization", "Basic b3BzOnNlY3JldA==")];
    assert_eq!(send(&router, request(Method::GET, "/", &known, "")).await.status, 200);
}

#[test]
fn debug_shows_whether_there_is_a_hook() {
    assert!(format!("{:?}", Dashboard::default()).contains("authorized: false"));
    assert!(
        format!("{:?}", Dashboard::new().authorize(|_, _| async { true }))
            .contains("authorized: true")
    );
}
