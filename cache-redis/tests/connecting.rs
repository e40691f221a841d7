//! Connecting: what is refused, with which words, and that no password is ever among them.

#![allow(clippy::unwrap_used)]

#[path = "../../tests/support/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use cache_core::{Backend, BackendErrorKind};
use cache_redis::Redis;
use common::{Proxy, Server, free_port};

const SECRET: &str = "hunter2-secret";

#[tokio::test]
async fn malformed_urls_show_the_form() {
    let error = Redis::connect("localhost:6379").await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Config);
    let message = error.to_string();
    assert!(message.contains("`localhost:6379` is not a Redis URL"), "{message}");
    assert!(message.contains("redis://[user:password@]host[:port][/db]"), "{message}");
    assert_eq!(Redis::lazy("http://localhost").unwrap_err().kind(), BackendErrorKind::Config);
    let url = format!("redis://user:{SECRET}@localhost:port");
    assert!(!Redis::lazy(url).unwrap_err().to_string().contains(SECRET));
}

#[tokio::test]
async fn zero_timeouts_are_refused_by_name() {
    let builder = Redis::builder("redis://localhost").operation_timeout(Duration::ZERO);
    let error = builder.connect().await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Config);
    assert!(error.to_string().contains("operation_timeout"), "{error}");
}

#[tokio::test]
async fn nobody_there_names_the_address() {
    let port = free_port();
    let url = format!("redis://:{SECRET}@127.0.0.1:{port}/1");
    let error = Redis::connect(url).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unreachable);
    let message = error.to_string();
    assert!(message.contains(&format!("127.0.0.1:{port}")), "{message}");
    assert!(message.contains("check that the server runs"), "{message}");
    assert!(!message.contains(SECRET), "{message}");
}

#[tokio::test]
async fn silence_ends_with_the_connect_timeout() {
    let server = Server::start();
    server.stop();
    let began = Instant::now();
    let builder = Redis::builder(server.url()).connect_timeout(Duration::from_millis(100));
    let error = builder.connect().await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unreachable);
    assert!(error.to_string().contains("did not answer within 100ms"), "{error}");
    assert!(began.elapsed() < Duration::from_millis(500));
}

#[tokio::test]
async fn passwords_are_checked_and_never_told() {
    let server = Server::with_args(&["--requirepass", SECRET]);
    let url = |user: &str| format!("redis://{user}127.0.0.1:{}", server.port());

    let redis = Redis::connect(url(&format!(":{SECRET}@"))).await.unwrap();
    redis.ping().await.unwrap();
    let debug = format!("{redis:?}");
    assert!(debug.contains(&server.port().to_string()), "{debug}");
    assert!(!debug.contains(SECRET), "{debug}");

    for user in [":wrong-hunter2@", "default:wrong-hunter2@", "somebody:wrong-hunter2@"] {
        let error = Redis::connect(url(user)).await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Refused, "{error}");
        let redis = Redis::lazy(url(user)).unwrap();
        let later = redis.get_many(&["a"]).await.unwrap_err();
        assert_eq!(later.kind(), BackendErrorKind::Refused, "{later}");
        let builder = Redis::builder(url(user));
        let texts = [
            error.to_string(),
            format!("{error:?}"),
            later.to_string(),
            format!("{later:?}"),
            format!("{redis:?}"),
            format!("{builder:?}"),
        ];
        for text in texts {
            assert!(!text.contains("hunter2") && !text.contains("somebody"), "{text}");
        }
        assert!(error.to_string().contains("check the user and the password"), "{error}");
    }

    let error = Redis::connect(url("")).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Refused);
    assert!(error.to_string().contains("wants a password"), "{error}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_refused() {
    let server = Server::start();
    let error = Redis::connect(format!("{}/999", server.url())).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("db 999"), "{error}");
}

#[tokio::test]
async fn unix_sockets_work() {
    let path = std::env::temp_dir().join(format!("larder-{}.sock", std::process::id()));
    let path = path.to_str().unwrap();
    let _server = Server::with_args(&["--unixsocket", path]);
    for scheme in ["unix", "redis+unix"] {
        let redis = Redis::connect(format!("{scheme}://{path}?db=1")).await.unwrap();
        redis.ping().await.unwrap();
        assert!(format!("{redis:?}").contains(path));
    }
    // The server is killed: it does not clean up.
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_lazy_one_connects_once_for_all() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let redis = Redis::lazy(proxy.url()).unwrap();
    assert_eq!(proxy.accepted(), 0);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let redis = redis.clone();
            tokio::spawn(async move { redis.ping().await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(proxy.accepted(), 1);
}
