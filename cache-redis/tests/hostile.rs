//! A server that sends more than was requested must not fill the memory.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cache_core::{Backend, MessageHandler};
use cache_redis::Redis;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const MOST: usize = 1 << 20;

/// The size of the socket buffers and of the bound that every reply has.
const SOME: usize = 64 << 20;

/// What the server sends instead of a reply.
#[derive(Clone, Copy, Debug)]
enum Flood {
    EndlessLine,
    EndlessError,
    LongValue,
    ManyValues,
    Nested,
    LongMessage,
}

struct Hostile {
    port: u16,
    sent: Arc<AtomicUsize>,
}

impl Hostile {
    async fn start(flood: Flood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, sent) = (listener.local_addr().unwrap().port(), Arc::default());
        let counted = Arc::clone(&sent);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, flood, Arc::clone(&counted)));
            }
        });
        Self { port, sent }
    }

    fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }
}

/// Accepts every client, then sends a flood.
async fn serve(mut stream: TcpStream, flood: Flood, sent: Arc<AtomicUsize>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        let asked = String::from_utf8_lossy(&buffer[..read]).into_owned();
        let begins = |command: &str| asked.contains(command);
        if begins("SUBSCRIBE") {
            stream.write_all(b"*3\r\n$9\r\nsubscribe\r\n$3\r\nbus\r\n:1\r\n").await.unwrap();
            // A client that sends a ping has subscribed.
            let _ = stream.read(&mut buffer).await;
            break;
        }
        if begins("GETRANGE") {
            break;
        }
        for _ in asked.lines().filter(|line| line.starts_with('*')) {
            stream.write_all(b"+OK\r\n").await.unwrap();
        }
    }
    let (head, piece): (&[u8], &[u8]) = match flood {
        Flood::EndlessLine => (b"+", b"x"),
        Flood::EndlessError => (b"-ERR ", b"x"),
        Flood::LongValue => (b":-1\r\n$1999999999\r\n", b"x"),
        Flood::ManyValues => (b"*1999999999\r\n", b":1\r\n"),
        Flood::Nested => (b":-1\r\n*9999999\r\n", b"*9\r\n"),
        Flood::LongMessage => (b"*3\r\n$7\r\nmessage\r\n$3\r\nbus\r\n$1999999999\r\n", b"x"),
    };
    let piece = piece.repeat((1 << 20) / piece.len());
    if stream.write_all(head).await.is_err() {
        return;
    }
    while sent.load(Ordering::SeqCst) < 4 * SOME && stream.write_all(&piece).await.is_ok() {
        sent.fetch_add(piece.len(), Ordering::SeqCst);
    }
    // Gives the client time to read the rest.
    tokio::time::sleep(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_beyond_all_bounds_ends_the_connection() {
    for flood in [
        Flood::EndlessLine,
        Flood::EndlessError,
        Flood::LongValue,
        Flood::ManyValues,
        Flood::Nested,
    ] {
        let hostile = Hostile::start(flood).await;
        let url = format!("redis://127.0.0.1:{}", hostile.port);
        let timeout = Duration::from_secs(30);
        let redis = Redis::builder(url).operation_timeout(timeout).connect().await.unwrap();
        let error = redis.get_many(&["a"], MOST).await.expect_err("no answer of a Redis");
        assert!(error.to_string().contains("the connection to Redis"), "{flood:?}: {error}");
        assert!(hostile.sent() < SOME, "{flood:?}: {} bytes were taken", hostile.sent());
    }
}

struct Counting(AtomicUsize);

impl MessageHandler for Counting {
    fn connected(&self) {}
    fn disconnected(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
    fn message(&self, _: &[u8]) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_beyond_all_bounds_ends_the_subscription() {
    let hostile = Hostile::start(Flood::LongMessage).await;
    let redis = Redis::lazy(format!("redis://127.0.0.1:{}", hostile.port)).unwrap();
    let heard = Arc::new(Counting(AtomicUsize::new(0)));
    let _subscription = redis.subscribe("bus", Arc::clone(&heard) as _).unwrap();
    for _ in 0..6_000 {
        if heard.0.load(Ordering::SeqCst) > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // As after every lost link: entries in memory are verified.
    assert!(heard.0.load(Ordering::SeqCst) > 0, "the link is given up");
    assert!(hostile.sent() < SOME, "{} bytes were taken", hostile.sent());
}

/// Answers `PTTL` as for a value, and `GETRANGE` as for an absent one: it was removed in between.
async fn serve_a_removal(mut stream: TcpStream) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        let asked = String::from_utf8_lossy(&buffer[..read]).into_owned();
        let answer = match () {
            () if asked.contains("GETRANGE") => ":5000\r\n$0\r\n\r\n".to_owned(),
            () if asked.contains("EVAL") => "*0\r\n".to_owned(),
            () => "+OK\r\n".repeat(asked.lines().filter(|line| line.starts_with('*')).count()),
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn a_value_that_is_removed_during_the_read_is_absent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_a_removal(stream));
        }
    });
    let redis = Redis::connect(format!("redis://127.0.0.1:{port}")).await.unwrap();
    assert_eq!(redis.get_many(&["a"], MOST).await.unwrap(), [None]);
}
