//! A master dies, and another one takes over: the functions do not notice.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use larder::backend::{
    Backend, BackendErrorKind, Bytes, LeaseOutcome, LeaseRequest, Leases, Message, MessageHandler,
    SetEntry,
};
use larder::redis::Redis;

use crate::load::Load;
use crate::sentinel::{MASTER, Sentinel, Watched, until};
use crate::support::{Server, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_master_is_killed_under_load() {
    let watched = Watched::start(2);
    let load = Load::start(&watched.url()).await;
    load.goes_on(Duration::from_secs(1)).await;
    let before = watched.master().unwrap().port();
    let killed = Instant::now();
    watched.master().unwrap().shoot();
    eventually("another is the master", async || {
        watched.master().is_some_and(|master| master.port() != before)
    })
    .await;
    let failover = killed.elapsed();
    eventually("the new master is used", async || load.caches[0].ping().await.is_ok()).await;
    let used = killed.elapsed();
    load.goes_on(Duration::from_secs(1)).await;
    let book = load.end("sentinel, master killed").await;
    eprintln!("failover after {failover:?}, in use again after {used:?}");
    assert!(used - failover < Duration::from_secs(2), "{failover:?}, {used:?}");
    assert_eq!(book.old, 0, "an acknowledged eviction holds");
    assert!(book.longest_behind < used + Duration::from_secs(2), "{book:?}");
}

/// How long after a failover caches that did not evict may read old values: each Sentinel learns of it from the leading
/// one within two seconds. The rest is tolerance for a busy machine.
const HEARD_OF: Duration = Duration::from_secs(3);

/// The master stands still, is replaced, and then continues as if it were still the master.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_master_stands_still_under_load() {
    let watched = Watched::start(2);
    let load = Load::start(&watched.url()).await;
    load.goes_on(Duration::from_secs(1)).await;
    let before = watched.master().unwrap();
    let stopped = Instant::now();
    before.stop();
    eventually("another is the master", async || {
        watched.master().is_some_and(|master| master.port() != before.port())
    })
    .await;
    let failover = stopped.elapsed();
    before.cont();
    eventually("the new master is used", async || load.caches[0].ping().await.is_ok()).await;
    let used = stopped.elapsed();
    // Until no old value may be read any more.
    load.goes_on(HEARD_OF + Duration::from_secs(1)).await;
    let book = load.end("sentinel, master stopped").await;
    let last = book.last_old.and_then(|last| last.checked_duration_since(stopped + failover));
    eprintln!("failover after {failover:?}, in use again after {used:?}, last old value {last:?}");
    assert!(used - failover < Duration::from_secs(3), "{failover:?}, {used:?}");
    assert_eq!(book.old_at_home, 0, "the evicting cache reads no old value");
    assert!(last.is_none_or(|last| last < HEARD_OF), "{} old values elsewhere: {last:?}", book.old);
    assert!(book.longest_behind < used + Duration::from_secs(4), "{book:?}");
}

/// A client that began to connect before the failover reaches the old master, which continues as if it were still the
/// master. The client has missed the messages of the Sentinels meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_replaced_during_the_connection_is_disconnected() {
    let watched = Watched::start(1);
    let before = watched.master().unwrap();
    before.stop();
    let patient = Redis::builder(watched.url()).connect_timeout(Duration::from_secs(30));
    let connecting = tokio::spawn(async move { patient.connect().await });
    eventually("another is the master", async || {
        watched.master().is_some_and(|master| master.port() != before.port())
    })
    .await;
    let is_over = |sentinel: &Sentinel| {
        let told = sentinel.cli(&["sentinel", "master", MASTER]);
        !told.contains(&before.port().to_string()) && !told.contains("failover_in_progress")
    };
    eventually("all was said", async || watched.sentinels.iter().all(is_over)).await;
    before.cont();
    let redis = connecting.await.unwrap().unwrap();
    let connected = Instant::now();
    let master = watched.master().unwrap();
    eventually("the new master is used", async || {
        let _ = redis.bump("generation").await;
        master.cli(&["exists", "generation"]) == "1"
    })
    .await;
    assert!(connected.elapsed() < Duration::from_secs(8), "{:?}", connected.elapsed());
}

/// No server dies or is cut off: the Sentinels only name another master.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_master_hands_over_under_load() {
    let watched = Watched::start(1);
    let load = Load::start(&watched.url()).await;
    load.goes_on(Duration::from_secs(1)).await;
    let before = watched.master().unwrap().port();
    until("a failover begins", || {
        watched.sentinels[0].cli(&["sentinel", "failover", MASTER]) == "OK"
    });
    eventually("another is the master", async || {
        watched.master().is_some_and(|master| master.port() != before)
    })
    .await;
    let replaced = Instant::now();
    load.goes_on(Duration::from_secs(3)).await;
    let book = load.end("sentinel, handed over").await;
    // Until it is replaced, the old master acknowledges evictions that the new one never receives. The cache repeats
    // them.
    let last = book.last_old.and_then(|last| last.checked_duration_since(replaced));
    eprintln!("{} old values, the last {last:?} after the new master was named", book.old);
    assert!(last.is_none_or(|last| last < Duration::from_secs(2)), "{last:?}");
}

/// A master that was replaced and does not know it would accept writes that are lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_master_is_disconnected() {
    let watched = Watched::start(1);
    let redis = Redis::connect(watched.url()).await.unwrap();
    let old = watched.master().unwrap();
    // It stands still until it has been replaced, and receives no message afterwards.
    old.stop();
    eventually("another is the master", async || {
        watched.master().is_some_and(|master| master.port() != old.port())
    })
    .await;
    let sentinels: Vec<_> = watched.sentinels.iter().collect();
    eventually("everybody knows", async || {
        sentinels.iter().all(|sentinel| {
            let named = sentinel.cli(&["sentinel", "get-master-addr-by-name", MASTER]);
            !named.contains(&old.port().to_string())
        })
    })
    .await;
    eventually("the new one is used", async || redis.bump("shop~tag:x").await.is_ok()).await;
    assert_ne!(watched.master().unwrap().cli(&["get", "shop~tag:x"]), "");
    old.cont();
}

#[tokio::test]
async fn errors_name_the_cause() {
    let watched = Watched::start(0);
    let wrong = watched.url().replace("/main", "/other");
    let error = Redis::connect(wrong).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Refused);
    assert!(error.to_string().contains("do not know a master `other`"), "{error}");

    let port = crate::support::free_port();
    let nobody = format!("redis-sentinel://127.0.0.1:{port}/main");
    let error = Redis::connect(nobody).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unreachable);
    assert!(error.to_string().contains("can't reach any Sentinel"), "{error}");

    // One Sentinel that answers is enough.
    let some = watched.url().replacen("//", &format!("//127.0.0.1:{port},"), 1);
    Redis::connect(some).await.unwrap().ping().await.unwrap();
    // A lazy client starts without a connection and connects later.
    let lazy = Redis::lazy(watched.url()).unwrap();
    lazy.ping().await.unwrap();
}

#[tokio::test]
async fn sentinels_have_passwords_of_their_own() {
    let server = Server::with_args(&["--requirepass", "hunter2"]);
    let port = server.port().to_string();
    let login = format!("sentinel auth-pass {MASTER} hunter2\nrequirepass guard3");
    let sentinel = Sentinel::start(&port, &login);
    let url = |login: &str, options: &str| {
        format!("redis-sentinel://{login}127.0.0.1:{}/{MASTER}/3{options}", sentinel.port)
    };
    let right = url(":hunter2@", "?sentinel_password=guard3");
    let redis = Redis::connect(right).await.unwrap();
    redis.bump("here").await.unwrap();
    assert_eq!(server.cli(&["-n", "3", "exists", "here"]), "1");
    for (wrong, says) in [
        (url(":hunter2@", ""), "the Sentinels of"),
        (url(":hunter2@", "?sentinel_password=hunter2"), "the Sentinels of"),
        (url(":guard3@", "?sentinel_password=guard3"), "check the user and the password"),
        (url("", "?sentinel_password=guard3"), "wants a password"),
    ] {
        let error = Redis::connect(wrong).await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Refused, "{error}");
        let text = error.to_string();
        assert!(text.contains(says), "{text}");
        assert!(!text.contains("hunter2") && !text.contains("guard3"), "{text}");
    }
}

/// Another server takes over without the last evictions, as if replication were too slow. The old one continues, and
/// does not learn of the takeover.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evictions_that_the_new_master_has_missed_are_repeated() {
    let watched = Watched::start(0);
    let (old, new) = (&watched.servers[0], Server::start());
    let redis = Redis::connect(watched.url()).await.unwrap();
    let heard = Arc::new(Heard::default());
    let _subscription = redis.subscribe("bus", Arc::clone(&heard) as _).unwrap();
    eventually("subscribed", async || heard.count("connected") == 1).await;

    let keys: Vec<String> = (0..300).map(|id| format!("shop:{id}")).collect();
    keys.iter().for_each(|key| new.set_bytes(key, b"old"));
    new.cli(&["set", "shop~tag:t", "5"]);
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let notice = Message::new("bus", Bytes::from("gone"));
    redis.remove(&keys[..299], Some(&notice)).await.unwrap();
    let put = SetEntry::new(keys[299], Bytes::from("new"));
    redis.set(&[put], None).await.unwrap();
    redis.bump("shop~tag:t").await.unwrap();
    eventually("heard", async || heard.count("gone") == 1).await;

    watched.name(&new);
    let began = Instant::now();
    old.cli(&["client", "kill", "type", "normal"]);
    redis.ping().await.unwrap();
    eventually("all is gone", async || {
        new.cli(&["keys", "shop:*"]).is_empty() && new.cli(&["get", "shop~tag:t"]) != "5"
    })
    .await;
    eventually("messages of the new master arrive", async || heard.count("connected") == 2).await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    redis.publish(&Message::new("bus", Bytes::from("here"))).await.unwrap();
    eventually("heard", async || heard.count("here") == 1).await;
}

/// The new master has values that were evicted a moment ago. The evicting process does not read them: it repeats the
/// evictions first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_evictions_are_repeated_before_the_new_master_is_used() {
    const KEYS: usize = 5_000;
    let watched = Watched::start(0);
    let (old, new) = (&watched.servers[0], Server::start());
    let redis = Redis::builder(watched.url()).operation_timeout(Duration::from_secs(20));
    let redis = redis.connect().await.unwrap();
    let keys: Vec<String> = (0..KEYS).map(|id| format!("shop:{id}")).collect();
    let script = "for id = 0, ARGV[1] - 1 do redis.call('SET', 'shop:' .. id, 'old') end";
    new.cli(&["EVAL", script, "0", &KEYS.to_string()]);
    new.cli(&["SET", "shop~tag:t", "5"]);
    // One command each, so that there are as many evictions as keys; at the same time, because they are kept for ten seconds.
    let removals = keys.iter().map(|key| async { redis.remove(&[key], None).await.unwrap() });
    stream::iter(removals).buffer_unordered(100).count().await;
    let minute = Duration::from_secs(60);
    let tag = redis.bump("shop~tag:t").await.unwrap();
    // A refresh that replaced a value that other caches may have.
    new.set_bytes("shop:refreshed", b"old");
    let lease = LeaseRequest::new("shop:refreshed", 1, minute).steal(true);
    assert_eq!(redis.acquire(lease).await.unwrap(), LeaseOutcome::Lead { takeovers: 0 });
    let write = SetEntry::new(lease.key, Bytes::from("new"));
    let notice = Message::new("bus", Bytes::from("refreshed"));
    assert!(redis.commit(1, &write, Some(&notice)).await.unwrap());

    watched.name(&new);
    let asked = Instant::now();
    old.cli(&["client", "kill", "type", "normal"]);
    let reads = (0..50).map(|first| {
        let (redis, keys) = (redis.clone(), keys.clone());
        tokio::spawn(async move {
            let mut found = 0;
            for key in keys.iter().skip(first).step_by(50) {
                // An error while a connection breaks says nothing about the new master's values.
                if let Ok(read) = redis.get_many(&[key], usize::MAX).await {
                    found += read.iter().flatten().count();
                }
            }
            found
        })
    });
    let reads: Vec<_> = reads.collect();
    let mut old_values = 0;
    for read in reads {
        old_values += read.await.unwrap();
    }
    assert_eq!(old_values, 0, "evicted values were read from the new master");
    assert_eq!(redis.get_many(&["shop:refreshed"], usize::MAX).await.unwrap(), [None]);
    assert_ne!(redis.generations(&["shop~tag:t"], minute).await.unwrap(), [5]);
    assert!(redis.generations(&["shop~tag:t"], minute).await.unwrap()[0] > tag);
    assert_eq!(new.cli(&["DBSIZE"]), "1", "the generation");
    eprintln!("{KEYS} evictions were made again, and read, in {:?}", asked.elapsed());
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn count(&self, what: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|heard| *heard == what).count()
    }
}

impl MessageHandler for Heard {
    fn connected(&self) {
        self.message(b"connected");
    }
    fn disconnected(&self) {
        self.message(b"disconnected");
    }
    fn message(&self, message: &[u8]) {
        self.0.lock().unwrap().push(String::from_utf8_lossy(message).into_owned());
    }
}
