//! Reads of single values that run at the same time share requests; each gets its own reply.

#![allow(clippy::unwrap_used)]

#[path = "../../tests/support/mod.rs"]
mod common;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use cache_core::{Backend, BackendErrorKind, ReadRequest, SetEntry};
use cache_redis::Redis;
use common::Server;
use futures_util::future::join_all;
use tokio::runtime::{Builder, Runtime};

const KEEP: Duration = Duration::from_secs(60);

/// What a read returns: its generations and its value.
type Read = Result<(Vec<u64>, Option<Bytes>), BackendErrorKind>;

async fn read(redis: &Redis, key: &str, most: usize, generations: &[&str]) -> Read {
    let keys = [key];
    let request = ReadRequest::new(&keys, most).generations(generations, KEEP);
    let (known, mut values) = redis.read(request).await.map_err(|error| error.kind())?;
    Ok((known, values.remove(0).map(|read| read.value)))
}

fn connect(server: &Server, runtime: &Runtime) -> Redis {
    let url = format!("{}?operation_timeout=10s", server.url());
    runtime.block_on(Redis::connect(url)).unwrap()
}

fn single() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn many() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn write(key: &str, value: &str) -> SetEntry {
    SetEntry::new(key, Bytes::copy_from_slice(value.as_bytes()))
}

/// How often the server has run the command.
fn calls(server: &Server, command: &str) -> u64 {
    let stats = server.cli(&["INFO", "commandstats"]);
    let prefix = format!("cmdstat_{command}:calls=");
    let calls = stats.lines().find_map(|line| line.strip_prefix(&prefix)?.split(',').next());
    calls.map_or(0, |calls| calls.parse().unwrap())
}

#[test]
fn each_read_gets_its_own_reply() {
    for runtime in [single(), many()] {
        let server = Server::start();
        let redis = connect(&server, &runtime);
        runtime.block_on(async {
            redis.set(&[write("empty", ""), write("long", "0123456789")], None).await.unwrap();
            server.cli(&["RPUSH", "list", "foreign"]);
            server.cli(&["SET", "word", "no generation"]);
            let keys: Vec<String> = (0..300).map(|n| format!("k{n}")).collect();
            let entries: Vec<_> = keys.iter().map(|key| write(key, &format!("v{key}"))).collect();
            redis.set(&entries, None).await.unwrap();
            let tags = redis.generations(&["tag0", "tag1", "tag2"], KEEP).await.unwrap();
            let own = ["tag0", "tag1", "tag2"];
            let ordinary = keys.iter().enumerate().map(|(n, key)| {
                let (redis, expected) = (&redis, (vec![tags[n % 3], tags[0]], format!("v{key}")));
                async move {
                    let (known, value) =
                        read(redis, key, 100, &[own[n % 3], "tag0"]).await.unwrap();
                    assert_eq!((known, value.unwrap()), (expected.0, expected.1.into()));
                }
            });
            let odd = async {
                tokio::join!(
                    async {
                        assert_eq!(
                            read(&redis, "empty", 9, &[]).await,
                            Ok((vec![], Some("".into())))
                        )
                    },
                    async {
                        assert_eq!(
                            read(&redis, "absent", 9, &["tag1"]).await,
                            Ok((vec![tags[1]], None))
                        )
                    },
                    async {
                        assert_eq!(
                            read(&redis, "list", 9, &["tag2"]).await,
                            Ok((vec![tags[2]], None))
                        )
                    },
                    // One byte more than requested shows that it is longer.
                    async {
                        assert_eq!(
                            read(&redis, "long", 4, &[]).await,
                            Ok((vec![], Some("01234".into())))
                        )
                    },
                    // A generation that is missing or foreign is created.
                    async { assert_ne!(read(&redis, "k1", 9, &["new"]).await.unwrap().0, [0]) },
                    async { assert_ne!(read(&redis, "k1", 9, &["word"]).await.unwrap().0, [0]) },
                );
            };
            tokio::join!(join_all(ordinary), odd);
        });
    }
}

#[test]
fn reads_that_run_together_share_requests() {
    let (server, runtime) = (Server::start(), single());
    let redis = connect(&server, &runtime);
    runtime.block_on(async {
        redis.generations(&["tag", "space"], KEEP).await.unwrap();
        let before = (calls(&server, "mget"), calls(&server, "getrange"));
        let keys: Vec<String> = (0..64).map(|n| format!("k{n}")).collect();
        let reads = keys.iter().map(|key| read(&redis, key, 100, &["space", "tag"]));
        assert!(join_all(reads).await.into_iter().all(|read| read.is_ok()));
        assert_eq!(calls(&server, "getrange") - before.1, 64);
        // The first one alone, and the others in two requests.
        assert_eq!(calls(&server, "mget") - before.0, 3);
        // One after the other, each has a request of its own.
        for key in &keys[..3] {
            read(&redis, key, 100, &["space", "tag"]).await.unwrap();
        }
        assert_eq!(calls(&server, "mget") - before.0, 6);
    });
}

/// Polls a future once. It must not be ready.
fn begin(future: Pin<&mut impl Future>) {
    assert!(matches!(future.poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
}

#[test]
fn a_read_does_not_depend_on_another_runtime() {
    let (server, busy, other) = (Server::start(), single(), single());
    let redis = connect(&server, &other);
    other.block_on(redis.set(&[write("k", "v")], None)).unwrap();
    let mut begun: Vec<_> = (0..3).map(|_| Box::pin(read(&redis, "k", 9, &[]))).collect();
    // A runtime that polls none of its tasks has begun these.
    {
        let _inside = busy.enter();
        begun.iter_mut().for_each(|read| begin(read.as_mut()));
    }
    let expected = Ok((vec![], Some(Bytes::from("v"))));
    for _ in 0..3 {
        assert_eq!(other.block_on(read(&redis, "k", 9, &[])), expected);
    }
    // When it ends, its reads go on elsewhere.
    drop(busy);
    assert_eq!(other.block_on(join_all(begun)), [expected.clone(), expected.clone(), expected]);
}

#[test]
fn a_read_whose_caller_is_gone_affects_no_other() {
    let (server, runtime) = (Server::start(), single());
    let redis = connect(&server, &runtime);
    runtime.block_on(redis.set(&[write("k", "v")], None)).unwrap();
    runtime.block_on(async {
        let mut reads = [(); 3].map(|()| Box::pin(read(&redis, "k", 9, &[])));
        reads.iter_mut().for_each(|read| begin(read.as_mut()));
        let [first, dropped, kept] = reads;
        drop(dropped);
        assert_eq!(kept.await, Ok((vec![], Some("v".into()))));
        assert_eq!(first.await, Ok((vec![], Some("v".into()))));
    });
}

#[test]
fn a_failure_reaches_every_reader() {
    for runtime in [single(), many()] {
        let server = Server::start();
        let redis = connect(&server, &runtime);
        drop(server);
        runtime.block_on(async {
            let reads = (0..40).map(|_| read(&redis, "k", 9, &["tag"]));
            let failed = join_all(reads).await;
            assert!(
                failed.iter().all(|read| *read == Err(BackendErrorKind::Unreachable)),
                "{failed:?}"
            );
        });
    }
}
