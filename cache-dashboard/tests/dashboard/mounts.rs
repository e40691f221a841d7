//! The router under any prefix, and over a socket.

use axum::Router;
use axum::http::Method;
use axum::routing::get as route;
use larder::Cache;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{get, open, post, request, send};

#[tokio::test]
async fn it_is_mounted_under_any_prefix() {
    let cache = Cache::builder().build().unwrap();
    let dashboard = || open(&[&cache]);
    let root: Router = dashboard().router();
    let service = Router::new().nest_service("/admin/cache", dashboard().router());
    let service =
        service.route("/", route(|| async { "mine" })).fallback(|| async { "my fallback" });
    let nested: Router = Router::new().nest("/admin/cache", dashboard().router());
    let deep: Router =
        Router::new().nest("/a", Router::new().nest_service("/b", dashboard().router()));
    for (router, prefix) in
        [(&root, ""), (&service, "/admin/cache"), (&nested, "/admin/cache"), (&deep, "/a/b")]
    {
        for path in ["", "/"] {
            // `nest` of axum does not pass this one on.
            if std::ptr::eq(router, &raw const nested) && path == "/" {
                continue;
            }
            let path = if prefix.is_empty() { "/".to_owned() } else { format!("{prefix}{path}") };
            let page = get(router, &path).await;
            assert_eq!(
                (page.status.as_u16(), page.header("content-type")),
                (200, "text/html; charset=utf-8"),
                "{path}"
            );
        }
        assert_eq!(get(router, &format!("{prefix}/api/caches")).await.status, 200, "{prefix}");
        assert_eq!(get(router, &format!("{prefix}/api/caches/")).await.status, 200, "{prefix}");
        let told = post(router, &format!("{prefix}/api/evict"), json!({ "key": "k" })).await;
        assert_eq!(told.status, 200, "{prefix}");
        assert_eq!(
            get(router, &format!("{prefix}/none")).await.failure().1,
            "not_found",
            "{prefix}"
        );
    }
    assert_eq!(get(&service, "/").await.text, "mine");
    assert_eq!(get(&service, "/other").await.text, "my fallback");
}

#[tokio::test]
async fn it_has_any_state() {
    let cache = Cache::builder().build().unwrap();
    let router = Router::new()
        .nest("/cache", open(&[&cache]).router::<String>())
        .with_state("state".to_owned());
    assert_eq!(get(&router, "/cache").await.status, 200);
}

async fn over_socket(router: Router, head: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = format!("{head}\r\nHost: {address}\r\nConnection: close\r\n\r\n")
        .replace("{address}", &address.to_string());
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    serving.abort();
    answer
}

#[tokio::test]
async fn it_answers_over_a_socket() {
    let cache = Cache::builder().build().unwrap();
    cache.insert("k", 1_u64).await.unwrap();
    let app = Router::new().nest_service("/admin/cache", open(&[&cache]).router::<()>());
    for (path, length) in [("/admin/cache", 20_000), ("/admin/cache/api/caches", 200)] {
        let whole = over_socket(app.clone(), &format!("GET {path} HTTP/1.1")).await;
        let (head, body) = whole.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200") && body.len() > length, "{head}");
        let only_head = over_socket(app.clone(), &format!("HEAD {path} HTTP/1.1")).await;
        assert!(
            only_head.starts_with("HTTP/1.1 200") && only_head.ends_with("\r\n\r\n"),
            "{only_head}"
        );
        assert!(only_head.contains("cache-control: no-store"));
    }
    let body = r#"{"key":"k"}"#;
    let head = "POST /admin/cache/api/evict HTTP/1.1\r\nContent-Type: application/json\r\nX-Larder-Dashboard: 1";
    let head = format!("{head}\r\nOrigin: http://{{address}}\r\nContent-Length: {}", body.len());
    // The body follows the head.
    let told = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, app).await });
        let mut connection = TcpStream::connect(address).await.unwrap();
        let head = head.replace("{address}", &address.to_string());
        let request = format!("{head}\r\nHost: {address}\r\nConnection: close\r\n\r\n{body}");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut told = String::new();
        connection.read_to_string(&mut told).await.unwrap();
        serving.abort();
        told
    };
    assert!(
        told.starts_with("HTTP/1.1 200") && told.ends_with(r#"{"evicted":true,"existed":true}"#),
        "{told}"
    );
}

#[tokio::test]
async fn head_and_options_are_answered() {
    let cache = Cache::builder().build().unwrap();
    let router = open(&[&cache]).router::<()>();
    for path in ["/", "/api/caches", "/api/history", "/api/settings"] {
        let told = send(&router, request(Method::HEAD, path, &[], "")).await;
        assert_eq!(told.status, 200, "{path}");
        let told = send(&router, request(Method::OPTIONS, path, &[], "")).await;
        assert_eq!(
            (told.status.as_u16(), told.header("allow")),
            (204, "GET, HEAD, OPTIONS"),
            "{path}"
        );
    }
}
