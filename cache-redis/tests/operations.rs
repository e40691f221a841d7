//! Every operation against the documented behaviour of `Backend`.

#![allow(clippy::unwrap_used)]

#[path = "../../tests/support/mod.rs"]
mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use cache_core::{
    Backend, BackendErrorKind, Message, MessageHandler, Pattern, ReadRequest, SERIES, SetEntry,
    StoredValue,
};
use cache_redis::Redis;
use common::{Server, eventually};

/// Larger than every value.
const ALL: usize = usize::MAX;

fn values(found: Vec<Option<StoredValue>>) -> Vec<Option<Bytes>> {
    found.into_iter().map(|read| Some(read?.value)).collect()
}

const KEEP: Duration = Duration::from_secs(60);

/// A long timeout, so that no operation times out on a busy machine.
async fn redis() -> (Server, Redis) {
    let server = Server::start();
    let redis = Redis::connect(format!("{}?operation_timeout=10s", server.url())).await.unwrap();
    (server, redis)
}

fn write(key: &str, value: &str) -> SetEntry {
    SetEntry::new(key, Bytes::copy_from_slice(value.as_bytes()))
}

fn notice(message: &str) -> Message {
    Message::new("bus", Bytes::copy_from_slice(message.as_bytes()))
}

fn micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64
}

/// Reads the store at each message, from a separate thread: this is the state that a process sees
/// when it acts on the notice.
struct Witness {
    server_port: u16,
    seen: Mutex<Vec<(String, String)>>,
    connected: Mutex<bool>,
}

impl MessageHandler for Witness {
    fn connected(&self) {
        *self.connected.lock().unwrap() = true;
    }
    fn disconnected(&self) {
        *self.connected.lock().unwrap() = false;
    }
    fn message(&self, message: &[u8]) {
        let message = String::from_utf8(message.to_vec()).unwrap();
        let port = self.server_port.to_string();
        let output = std::process::Command::new("redis-cli")
            .args(["-p", &port, "--raw", "MGET", "a", "b"])
            .output()
            .unwrap();
        let state = String::from_utf8(output.stdout).unwrap();
        self.seen.lock().unwrap().push((message, state.trim_end_matches('\n').to_owned()));
    }
}

#[tokio::test]
async fn get_answers_in_order_and_twice() {
    let (_server, redis) = redis().await;
    assert_eq!(redis.name(), "redis");
    redis.ping().await.unwrap();
    assert!(redis.get_many(&[], ALL).await.unwrap().is_empty());
    assert_eq!(redis.get_many(&["a"], ALL).await.unwrap(), [None]);
    redis.set(&[write("a", "1"), write("b", ""), write("c", "\r\n\0")], None).await.unwrap();
    assert_eq!(values(redis.get_many(&["a"], ALL).await.unwrap()), [Some(Bytes::from("1"))]);
    let found = values(redis.get_many(&["c", "absent", "a", "b", "a"], ALL).await.unwrap());
    let expected = [Some("\r\n\0"), None, Some("1"), Some(""), Some("1")];
    assert_eq!(found, expected.map(|value| value.map(Bytes::from)));
}

#[tokio::test]
async fn many_keys_go_in_chunks() {
    let (server, redis) = redis().await;
    let entries: Vec<_> = (0..1000).map(|n| write(&format!("k{n}"), &n.to_string())).collect();
    redis.set(&entries, Some(&notice("all"))).await.unwrap();
    assert_eq!(server.cli(&["DBSIZE"]), "1000");
    let mut keys: Vec<_> = entries.iter().map(|entry| entry.key.as_str()).collect();
    keys.push("absent");
    let found = values(redis.get_many(&keys, ALL).await.unwrap());
    assert_eq!(found.len(), 1001);
    assert!(found[..1000].iter().zip(&entries).all(|(found, e)| found.as_ref() == Some(&e.value)));
    assert_eq!(found[1000], None);
    assert_eq!(redis.generations(&keys[..600], KEEP).await.unwrap().len(), 600);
    assert_eq!(redis.remove(&keys, None).await.unwrap(), 1000);
    assert_eq!(server.cli(&["DBSIZE"]), "0");
    // More keys than fit into one script.
    let many: Vec<_> = (0..9000).map(|n| write(&format!("m{n}"), "")).collect();
    for entries in many.chunks(1000) {
        redis.set(entries, None).await.unwrap();
    }
    let keys: Vec<_> = many.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(redis.remove(&keys, Some(&notice("gone"))).await.unwrap(), 9000);
    assert_eq!(server.cli(&["DBSIZE"]), "0");
}

#[tokio::test]
async fn large_values_pass() {
    let (_server, redis) = redis().await;
    let large = Bytes::from(vec![7u8; 3 << 20]);
    let entries = ["x", "y"].map(|key| SetEntry::new(key, large.clone()));
    redis.set(&entries, None).await.unwrap();
    assert_eq!(
        values(redis.get_many(&["x", "y"], ALL).await.unwrap()),
        [Some(large.clone()), Some(large)]
    );
}

#[tokio::test]
async fn set_replaces_value_and_time_to_live() {
    let (server, redis) = redis().await;
    let with = |ttl| write("a", "1").ttl(ttl);
    redis.set(&[with(Duration::from_secs(100))], None).await.unwrap();
    assert!((99_000..=100_000).contains(&server.cli(&["PTTL", "a"]).parse::<i64>().unwrap()));
    redis.set(&[write("a", "2")], None).await.unwrap();
    assert_eq!(server.cli(&["PTTL", "a"]), "-1");
    // Beyond the range of Redis's clock.
    redis.set(&[with(Duration::MAX)], None).await.unwrap();
    assert!(server.cli(&["PTTL", "a"]).parse::<i64>().unwrap() > 3_000_000_000_000);
    redis.set(&[with(Duration::from_nanos(1))], None).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(redis.get_many(&["a"], ALL).await.unwrap(), [None]);
    redis.set(&[], None).await.unwrap();
}

#[tokio::test]
async fn set_stores_as_much_as_possible_and_reports_the_rest() {
    let (server, redis) = redis().await;
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    let error = redis.set(&[write("a", "1")], None).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Refused);
    assert!(error.to_string().contains("OOM"), "{error}");
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    redis.set(&[write("a", "1")], None).await.unwrap();
}

/// A Redis that becomes full in the middle of a script.
#[tokio::test]
async fn each_entry_that_is_refused_is_named() {
    let (server, redis) = redis().await;
    let used = server.cli(&["INFO", "memory"]);
    let used = used.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    let most = used.trim().parse::<u64>().unwrap() + (4 << 20);
    server.cli(&["CONFIG", "SET", "maxmemory", &most.to_string()]);
    let large = Bytes::from(vec![7u8; 600 << 10]);
    let entries: Vec<_> = (0..20).map(|n| SetEntry::new(format!("k{n}"), large.clone())).collect();
    let stored = redis.set_each(&entries, None).await;
    assert_eq!(stored.len(), 20);
    let (fine, refused) = stored.iter().partition::<Vec<_>, _>(|stored| stored.is_ok());
    assert!(fine.len() > 2 && refused.len() > 10, "{} and {}", fine.len(), refused.len());
    for (entry, stored) in entries.iter().zip(&stored) {
        let there = server.cli(&["EXISTS", &entry.key]) == "1";
        assert_eq!(there, stored.is_ok(), "{}", entry.key);
        if let Err(error) = stored {
            assert_eq!(error.kind(), BackendErrorKind::Refused);
            assert!(error.to_string().contains("answers: OOM"), "{error}");
        }
    }
}

#[tokio::test]
async fn notices_come_after_their_changes() {
    let (server, redis) = redis().await;
    let witness = Arc::new(Witness {
        server_port: server.port(),
        seen: Mutex::default(),
        connected: Mutex::new(false),
    });
    let subscription = redis.subscribe("bus", Arc::clone(&witness) as _).unwrap();
    eventually("subscribed", async || *witness.connected.lock().unwrap()).await;
    let seen = async |count: usize| {
        eventually("the notice", async || witness.seen.lock().unwrap().len() == count).await;
        witness.seen.lock().unwrap()[count - 1].clone()
    };
    let told = |message: &str, state: &str| (message.to_owned(), state.to_owned());

    redis.set(&[write("a", "1"), write("b", "2")], Some(&notice("set"))).await.unwrap();
    assert_eq!(seen(1).await, told("set", "1\n2"));
    assert_eq!(redis.remove(&["a", "b", "c"], Some(&notice("removed"))).await.unwrap(), 2);
    assert_eq!(seen(2).await, told("removed", ""));
    // Also if no key existed, and if there is no key to remove.
    assert_eq!(redis.remove(&["a"], Some(&notice("absent"))).await.unwrap(), 0);
    assert_eq!(seen(3).await.0, "absent");
    assert_eq!(redis.remove(&[], Some(&notice("none"))).await.unwrap(), 0);
    assert_eq!(seen(4).await.0, "none");
    redis.set(&[], Some(&notice("only"))).await.unwrap();
    assert_eq!(seen(5).await.0, "only");
    redis.publish(&notice("published")).await.unwrap();
    assert_eq!(seen(6).await.0, "published");

    // The messages of one sender arrive in order.
    for n in 0..20 {
        redis.publish(&notice(&n.to_string())).await.unwrap();
    }
    seen(26).await;
    let order: Vec<_> = witness.seen.lock().unwrap()[6..].iter().map(|(m, _)| m.clone()).collect();
    assert_eq!(order, (0..20).map(|n| n.to_string()).collect::<Vec<_>>());

    // Messages of another channel do not arrive.
    let other = Message::new("other", Bytes::from("x"));
    redis.publish(&other).await.unwrap();
    drop(subscription);
    eventually("unsubscribed", async || server.cli(&["PUBSUB", "CHANNELS"]).is_empty()).await;
    redis.publish(&notice("nobody")).await.unwrap();
    assert_eq!(witness.seen.lock().unwrap().len(), 26);
}

#[tokio::test]
async fn generations_are_minted_once_and_never_again() {
    let (server, redis) = redis().await;
    assert!(redis.generations(&[], KEEP).await.unwrap().is_empty());
    let before = micros();
    let first = redis.generations(&["t1", "t2", "t1"], KEEP).await.unwrap();
    assert_eq!(first[0], first[2]);
    assert!((before..=micros()).contains(&(first[0] / SERIES)), "{first:?}");
    assert_eq!(redis.generations(&["t1", "t2", "t1"], KEEP).await.unwrap(), first);
    let left: i64 = server.cli(&["PTTL", "t1"]).parse().unwrap();
    assert!((1..=60_000).contains(&left), "it is kept for as long as was asked for: {left}");
    // A generation that the server has dropped is replaced by a new one.
    server.cli(&["DEL", "t1"]);
    assert!(redis.generations(&["t1"], KEEP).await.unwrap()[0] > first[0]);
}

#[tokio::test]
async fn bump_moves_on() {
    let (server, redis) = redis().await;
    let first = redis.bump("t").await.unwrap();
    let second = redis.bump("t").await.unwrap();
    assert!(second > first);
    assert_eq!(redis.generations(&["t"], KEEP).await.unwrap(), [second]);
    // A number ahead of the clock, which `%.14g` would round.
    server.cli(&["SET", "t", "8007199254740993000"]);
    assert_eq!(redis.generations(&["t"], KEEP).await.unwrap(), [8_007_199_254_740_993_000]);
    assert_eq!(redis.bump("t").await.unwrap(), 8_007_199_254_740_994_000);
}

#[tokio::test]
async fn a_soft_bump_stays_in_its_series() {
    let (server, redis) = redis().await;
    assert_eq!(redis.bump_softly("t").await.unwrap() % SERIES, 0, "there is no older series");
    server.cli(&["SET", "t", "8007199254740993997"]);
    redis.prolong(&[("t", 8_007_199_254_740_993_997)], KEEP).await.unwrap();
    assert!(server.cli(&["PTTL", "t"]).parse::<i64>().unwrap() > 0, "it is exact");
    assert_eq!(redis.bump_softly("t").await.unwrap(), 8_007_199_254_740_993_998);
    assert_eq!(redis.bump_softly("t").await.unwrap(), 8_007_199_254_740_993_999);
    assert_eq!(redis.bump_softly("t").await.unwrap(), 8_007_199_254_740_994_000);
    assert_eq!(redis.bump("t").await.unwrap(), 8_007_199_254_740_995_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_bumps_get_different_numbers() {
    let (_server, redis) = redis().await;
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let redis = redis.clone();
            tokio::spawn(async move { redis.bump("t").await.unwrap() })
        })
        .collect();
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap());
    }
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 50);
}

#[tokio::test]
async fn foreign_values_are_missing() {
    let (server, redis) = redis().await;
    server.cli(&["RPUSH", "list", "x"]);
    assert_eq!(redis.get_many(&["list"], ALL).await.unwrap(), [None]);
    assert_eq!(redis.get_many(&["list", "absent"], ALL).await.unwrap(), [None, None]);
    for foreign in [
        "abc",
        "",
        "-5",
        "1.5",
        "1e3",
        "0",
        "0x10",
        "99999999999999999999",
        "9007199254740992000",
        "999",
        "0123456",
    ] {
        server.cli(&["SET", "t", foreign]);
        let before = micros();
        let generation = redis.generations(&["t"], KEEP).await.unwrap()[0];
        assert!((before..=micros()).contains(&(generation / SERIES)), "{foreign}: {generation}");
        assert_eq!(redis.generations(&["t"], KEEP).await.unwrap(), [generation]);
        server.cli(&["SET", "t", foreign]);
        assert!(redis.bump("t").await.unwrap() / SERIES >= before, "{foreign}");
    }
    for key in ["g1", "g2"] {
        server.cli(&["RPUSH", key, "x"]);
    }
    assert!(redis.generations(&["g1"], KEEP).await.unwrap()[0] > 1);
    assert!(redis.bump("g2").await.unwrap() > 1);
    redis.set(&[write("list", "1")], None).await.unwrap();
    assert_eq!(values(redis.get_many(&["list"], ALL).await.unwrap()), [Some(Bytes::from("1"))]);
}

#[tokio::test]
async fn scan_finds_every_match_and_nothing_else() {
    let (server, redis) = redis().await;
    let literal = "u:[a-c]*?\\^{x}:";
    let mut entries: Vec<_> = (0..2500).map(|n| write(&format!("{literal}{n}"), "")).collect();
    entries.extend((0..2500).map(|n| write(&format!("u:b:{n}"), "")));
    for chunk in entries.chunks(1000) {
        redis.set(chunk, None).await.unwrap();
    }
    // Keys that are not text are foreign.
    server.cli(&["EVAL", "return redis.call('SET', 'u:\\255', '')", "0"]);
    let all = async |pattern: &Pattern| {
        let (mut keys, mut cursor, mut pages) = (Vec::new(), 0, 0);
        loop {
            let page = redis.scan(pattern, cursor).await.unwrap();
            keys.extend(page.keys);
            pages += 1;
            match page.next {
                Some(next) => cursor = next,
                None => break,
            }
        }
        keys.sort_unstable();
        keys.dedup();
        (keys, pages)
    };
    let (keys, pages) = all(&Pattern::prefix(literal)).await;
    assert_eq!(keys.len(), 2500);
    assert!(keys.iter().all(|key| key.starts_with(literal)));
    assert!(pages > 1);
    assert_eq!(all(&Pattern::new("u:*")).await.0.len(), 5000);
    assert_eq!(all(&Pattern::new("u:*:7")).await.0, ["u:[a-c]*?\\^{x}:7", "u:b:7"]);
    assert_eq!(all(&Pattern::new("nothing*")).await.0.len(), 0);
}

#[tokio::test]
async fn scripts_survive_a_flush() {
    let (server, redis) = redis().await;
    let first = redis.bump("t").await.unwrap();
    server.cli(&["SCRIPT", "FLUSH"]);
    assert!(redis.bump("t").await.unwrap() > first);
    server.cli(&["SCRIPT", "FLUSH"]);
    redis.generations(&["t"], KEEP).await.unwrap();
    server.cli(&["SCRIPT", "FLUSH"]);
    assert_eq!(redis.remove(&["t"], Some(&notice("x"))).await.unwrap(), 1);
}

#[tokio::test]
async fn databases_are_kept_apart() {
    let server = Server::start();
    let one = Redis::connect(format!("{}/1", server.url())).await.unwrap();
    let two = Redis::connect(format!("{}/2", server.url())).await.unwrap();
    one.set(&[write("a", "1")], None).await.unwrap();
    assert_eq!(two.get_many(&["a"], ALL).await.unwrap(), [None]);
    assert_eq!(server.cli(&["-n", "1", "GET", "a"]), "1");
}

#[tokio::test]
async fn awaited_operations_take_effect_in_order() {
    let (_server, redis) = redis().await;
    for n in 0..200 {
        let value = n.to_string();
        redis.set(&[write("a", &value)], None).await.unwrap();
        assert_eq!(values(redis.get_many(&["a"], ALL).await.unwrap()), [Some(Bytes::from(value))]);
        redis.remove(&["a"], (n % 2 == 0).then_some(&notice("x"))).await.unwrap();
        assert_eq!(redis.get_many(&["a"], ALL).await.unwrap(), [None]);
    }
}

#[test]
fn works_from_threads_without_a_runtime() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (_server, redis) = runtime.block_on(redis());
    let outside = std::thread::spawn(move || {
        // An executor without Tokio.
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        let mut ping = redis.ping();
        loop {
            if let std::task::Poll::Ready(result) = ping.as_mut().poll(&mut context) {
                return result;
            }
            std::thread::yield_now();
        }
    });
    outside.join().unwrap().unwrap();
}

#[test]
fn without_any_runtime_it_is_an_error() {
    let redis = Redis::lazy("redis://localhost").unwrap();
    let waker = std::task::Waker::noop();
    let mut ping = redis.ping();
    match ping.as_mut().poll(&mut std::task::Context::from_waker(waker)) {
        std::task::Poll::Ready(Err(error)) => {
            assert_eq!(error.kind(), BackendErrorKind::Config);
            assert!(error.to_string().contains("Tokio"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    struct Deaf;
    impl MessageHandler for Deaf {
        fn connected(&self) {}
        fn disconnected(&self) {}
        fn message(&self, _: &[u8]) {}
    }
    assert!(redis.subscribe("bus", Arc::new(Deaf)).is_err());
}

/// The runtime of one test ends, and the next one uses the same `Redis`.
#[test]
fn outlives_the_runtime_that_connected() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_server, redis) = runtime().block_on(redis());
    runtime().block_on(async { redis.ping().await.unwrap() });
    runtime().block_on(async { redis.ping().await.unwrap() });
}

#[tokio::test]
async fn reads_between_replacements_and_removals_are_whole() {
    let (_server, redis) = redis().await;
    let (writer, key) = (redis.clone(), "ns:moving");
    let entry = |value: &'static str, secs| {
        SetEntry::new(key, Bytes::from_static(value.as_bytes())).ttl(Duration::from_secs(secs))
    };
    let writing = async {
        for _ in 0..300 {
            writer.set(&[entry("long", 60)], None).await.unwrap();
            writer.set(&[entry("short", 10)], None).await.unwrap();
            writer.remove(&[key], None).await.unwrap();
        }
    };
    let reading = async {
        for _ in 0..900 {
            let generations = &["ns~space"];
            let keys = [key];
            let read = ReadRequest::new(&keys, 100).generations(generations, KEEP);
            let (known, found) = redis.read(read).await.unwrap();
            assert_eq!(known.len(), 1);
            if let [Some(StoredValue { value, left, .. })] = &found[..] {
                assert!(value == "long" || value == "short", "{value:?}");
                assert!(left.is_some_and(|left| left <= Duration::from_secs(60)), "{left:?}");
            }
        }
    };
    tokio::join!(writing, reading);
}
