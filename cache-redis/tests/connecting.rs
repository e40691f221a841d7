//! Connecting: refused URLs and credentials, their messages, and that no message contains a
//! password.

#![allow(clippy::unwrap_used)]

#[path = "../../tests/support/mod.rs"]
mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_core::{Backend, BackendErrorKind};
use cache_redis::Redis;
use common::{Proxy, Server, eventually, free_port};

/// Larger than every value.
const ALL: usize = usize::MAX;

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
async fn an_unreachable_server_is_named_in_the_error() {
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
    // The default is seconds, and the machine may be busy.
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn passwords_are_checked_and_never_shown() {
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
        let later = redis.get_many(&["a"], ALL).await.unwrap_err();
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

/// Each message names the mistake and the correction.
#[tokio::test]
async fn the_wrong_kind_of_url_is_named() {
    let server = Server::start();
    let at = format!("127.0.0.1:{}", server.port());
    for (url, says) in [
        (format!("redis-sentinel://{at}/main"), "is not a Sentinel"),
        (format!("redis-sentinel://{at}/main"), "for a server write `redis://`"),
        (format!("redis-cluster://{at}"), "it is a single server, write `redis://` in the URL"),
        (format!("redis://{at}/?db=3"), "here write `redis://user:pass@host/db`"),
        ("redis://localhost:70000".to_owned(), "the port must be a number below 65536"),
    ] {
        let error = Redis::connect(&url).await.unwrap_err();
        assert!(error.to_string().contains(says), "{url}: {error}");
    }
    let member = Server::with_args(&["--cluster-enabled", "yes"]);
    member.cli(&["cluster", "addslotsrange", "0", "16383"]);
    let redis = Redis::connect(member.url()).await.unwrap();
    let says = "it is a node of a cluster, write `redis-cluster://` in the URL";
    eventually(says, async || {
        let error = redis.remove(&["a", "b"], None).await.unwrap_err();
        error.to_string().contains(says)
    })
    .await;
}

/// A server of another protocol answers.
#[tokio::test]
async fn a_server_that_is_not_redis_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
            tokio::io::AsyncWriteExt::write_all(&mut socket, answer).await.unwrap();
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    let error = Redis::connect(format!("redis://127.0.0.1:{port}")).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unreachable);
    assert!(error.to_string().contains("the server is not a Redis"), "{error}");
}

#[tokio::test]
async fn missing_permissions_are_named() {
    let server = Server::start();
    let user = ["acl", "setuser", "few", "on", ">pw", "~*", "resetchannels", "+@all"];
    assert_eq!(server.cli(&user), "OK");
    let url = |user: &str| format!("redis://{user}:pw@127.0.0.1:{}", server.port());
    let redis = Redis::connect(url("few")).await.unwrap();
    let notice = cache_core::Message::new("bus", "x");
    let errors = [
        redis.remove(&["a"], Some(&notice)).await.unwrap_err(),
        redis.publish(&notice).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), BackendErrorKind::Refused);
        assert!(error.to_string().contains("the guide `operating` has a user"), "{error}");
    }
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
    // The server is killed, so it does not clean up.
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_lazy_redis_connects_once_for_all_callers() {
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

#[tokio::test]
async fn a_pool_has_as_many_connections_and_every_key_one() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let redis = Redis::builder(proxy.url()).connections(4).connect().await.unwrap();
    assert_eq!(proxy.accepted(), 4);
    let keys: Vec<String> = (0..100).map(|key| key.to_string()).collect();
    for key in &keys {
        redis.bump(key).await.unwrap();
    }
    assert_eq!(proxy.accepted(), 4);
    let list = server.cli(&["client", "list"]);
    let used =
        list.lines().filter(|client| client.contains("cmd=evalsha") || client.contains("cmd=eval"));
    assert_eq!(used.count(), 4, "{list}");
    // All requests for one key use one connection, so that they stay in order.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    for _ in 0..20 {
        redis.bump("the same").await.unwrap();
    }
    let list = server.cli(&["client", "list"]);
    let idle = |client: &str| -> Option<u64> {
        let of_scripts = client.contains("cmd=evalsha").then_some(client)?;
        let (_, rest) = of_scripts.split_once(" idle=")?;
        rest.split(' ').next()?.parse().ok()
    };
    let idle: Vec<u64> = list.lines().filter_map(idle).collect();
    let last = idle.iter().min().unwrap();
    // The other connections were used two seconds earlier, however long the machine took since.
    assert_eq!(idle.iter().filter(|seconds| **seconds <= last + 1).count(), 1, "{list}");
}

#[tokio::test]
async fn a_given_client_can_be_used() {
    let server = Server::with_args(&["--requirepass", SECRET]);
    let url = format!("redis://:{SECRET}@127.0.0.1:{}/3", server.port());
    let client = cache_redis::client::Client::open(url).unwrap();
    let redis = Redis::from_client(&client).connect().await.unwrap();
    redis.bump("here").await.unwrap();
    assert_eq!(server.cli(&["-n", "3", "exists", "here"]), "1");
    assert!(!format!("{redis:?}").contains(SECRET));
}

#[tokio::test]
async fn closing_waits_for_running_operations_and_ends_the_rest() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let redis = Redis::connect(proxy.url()).await.unwrap();
    let _subscription = redis.subscribe("bus", Arc::new(Deaf)).unwrap();
    eventually("subscribed", async || server.cli(&["pubsub", "numsub", "bus"]).ends_with('1'))
        .await;
    proxy.delay(Duration::from_millis(50));
    let under_way = tokio::spawn({
        let redis = redis.clone();
        async move { redis.bump("last").await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let closing = redis.close();
    closing.await;
    under_way.await.unwrap().unwrap();
    let error = redis.ping().await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unreachable);
    assert!(error.to_string().contains("was closed"), "{error}");
    eventually("no connection is left", async || {
        server.cli(&["client", "list"]).lines().count() == 1
    })
    .await;
    redis.close().await;
}

#[tokio::test]
async fn closing_does_not_wait_for_ever() {
    let server = Server::start();
    let operation = Duration::from_secs(1);
    let redis = Redis::builder(server.url()).operation_timeout(operation).connect().await.unwrap();
    server.stop();
    let hanging = tokio::spawn({
        let redis = redis.clone();
        async move { redis.ping().await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let began = Instant::now();
    redis.close().await;
    assert!(began.elapsed() < operation * 3, "{:?}", began.elapsed());
    hanging.await.unwrap().unwrap_err();
}

struct Deaf;

impl cache_core::MessageHandler for Deaf {
    fn connected(&self) {}
    fn disconnected(&self) {}
    fn message(&self, _: &[u8]) {}
}
