//! Properties of leases that need a real server: forgotten scripts, several connections, leftover
//! keys, slots.

#![allow(clippy::unwrap_used)]

#[path = "../../tests/support/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use bytes::Bytes;
use cache_core::{
    Backend, BackendErrorKind, LEASE_GRACE, LeaseCommit, LeaseOutcome, LeaseRequest, Leases,
    Message, Pattern, SetEntry, StoredValue, VERSION_LEN,
};
use cache_redis::Redis;
use common::{Proxy, Server, eventually};

/// Larger than every value.
const ALL: usize = usize::MAX;

fn values(found: Vec<Option<StoredValue>>) -> Vec<Option<Bytes>> {
    found.into_iter().map(|read| Some(read?.value)).collect()
}

const LONG: Duration = Duration::from_secs(60);
const BRIEF: Duration = Duration::from_millis(50);

const LEAD: LeaseOutcome = LeaseOutcome::Lead { takeovers: 0 };

async fn redis() -> (Server, Redis) {
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    (server, redis)
}

fn write(key: &str, value: &'static [u8]) -> SetEntry {
    SetEntry::new(key, Bytes::from_static(value))
}

fn request(key: &str, token: u64) -> LeaseRequest<'_> {
    LeaseRequest::new(key, token, LONG)
}

/// The number of leases that a pattern ended.
async fn revoked(redis: &Redis, pattern: &Pattern) -> u64 {
    let (mut count, mut next) = (0, Some(0));
    while let Some(cursor) = next {
        let revoked = redis.revoke(pattern, cursor).await.unwrap();
        (count, next) = (count + revoked.count, revoked.next);
    }
    count
}

async fn lead(redis: &Redis, key: &str, token: u64) {
    assert_eq!(redis.acquire(request(key, token)).await.unwrap(), LEAD, "{key}");
}

/// Acquires the lease whether or not there is a value.
async fn steal(redis: &Redis, key: &str, token: u64) {
    let steal = request(key, token).steal(true);
    assert_eq!(redis.acquire(steal).await.unwrap(), LEAD, "{key}");
}

/// The number of calls of a command, from clients and from scripts.
fn calls(server: &Server, command: &str) -> usize {
    let stats = server.cli(&["INFO", "commandstats"]);
    let line =
        stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn every_operation_survives_a_flush_of_the_scripts() {
    let (server, redis) = redis().await;
    let flush = || assert_eq!(server.cli(&["SCRIPT", "FLUSH"]), "OK");
    lead(&redis, "s:a", 1).await;
    flush();
    lead(&redis, "s:a", 1).await;
    flush();
    assert!(redis.renew("s:a", 1, LONG).await.unwrap());
    flush();
    assert!(redis.commit(1, &write("s:a", b"a"), None).await.unwrap());
    flush();
    let found = redis.acquire(request("s:a", 2)).await.unwrap();
    assert_eq!(found, LeaseOutcome::Value(StoredValue::new(Bytes::from("a"), None)));
    flush();
    lead(&redis, "s:b", 1).await;
    flush();
    redis.abort("s:b", 1).await.unwrap();
    flush();
    redis.set(&[write("s:b", b"b")], None).await.unwrap();
    flush();
    assert_eq!(redis.remove(&["s:a", "s:b"], None).await.unwrap(), 2);
    assert_eq!(server.cli(&["KEYS", "*"]), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_callers_over_several_connections_leads() {
    let (server, first) = redis().await;
    let second = Redis::connect(server.url()).await.unwrap();
    for round in 0..10 {
        let key = format!("s:raced-{round}");
        let tasks: Vec<_> = (1..=50)
            .map(|token| {
                let redis = if token % 2 == 0 { first.clone() } else { second.clone() };
                let key = key.clone();
                tokio::spawn(async move { (token, redis.acquire(request(&key, token)).await) })
            })
            .collect();
        let mut leaders = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                (token, Ok(LEAD)) => leaders.push(token),
                (_, Ok(LeaseOutcome::Wait(left))) => assert!(left <= LONG),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(leaders.len(), 1, "{leaders:?}");
        // The lease belongs to the key, not to the connection.
        let leader = leaders[0];
        assert!(second.renew(&key, leader, LONG).await.unwrap());
        assert!(first.commit(leader, &write(&key, b"x"), None).await.unwrap());
        assert!(!second.commit(leader, &write(&key, b"y"), None).await.unwrap());
    }
}

#[tokio::test]
async fn an_eviction_over_another_connection_fences_the_load() {
    let (server, loader) = redis().await;
    let evicter = Redis::connect(server.url()).await.unwrap();
    lead(&loader, "s:a", 1).await;
    assert_eq!(evicter.remove(&["s:a"], None).await.unwrap(), 0);
    assert!(!loader.commit(1, &write("s:a", b"old"), None).await.unwrap());
    lead(&loader, "s:a", 2).await;
    evicter.set(&[write("s:a", b"new")], None).await.unwrap();
    assert!(!loader.commit(2, &write("s:a", b"old"), None).await.unwrap());
    assert_eq!(values(loader.get_many(&["s:a"], ALL).await.unwrap()), [Some(Bytes::from("new"))]);
    lead(&loader, "s:b", 3).await;
    assert_eq!(revoked(&evicter, &Pattern::new("s:*")).await, 1);
    assert!(!loader.commit(3, &write("s:b", b"old"), None).await.unwrap());
}

/// Checks that Redis keeps the lease for about `ttl` plus `LEASE_GRACE`, and returns its key.
fn kept(server: &Server, ttl: Duration) -> String {
    let key = server.cli(&["KEYS", "s~lease{*"]);
    let (end, pttl) = (ttl + LEASE_GRACE, server.cli(&["PTTL", &key]));
    let left = Duration::from_millis(pttl.parse().unwrap());
    assert!(left <= end && left + Duration::from_secs(10) > end, "{key}: {left:?} of {end:?}");
    key
}

#[tokio::test]
async fn a_lease_is_kept_for_some_time_after_its_own() {
    let (server, redis) = redis().await;
    let brief = LeaseRequest::new("s:a", 1, BRIEF);
    assert_eq!(redis.acquire(brief).await.unwrap(), LEAD);
    kept(&server, BRIEF);
    tokio::time::sleep(2 * BRIEF).await;
    assert!(redis.renew("s:a", 1, LONG).await.unwrap(), "over, but no other token took it");
    kept(&server, LONG);
    assert!(redis.renew("s:a", 1, BRIEF).await.unwrap());
    kept(&server, BRIEF);
    tokio::time::sleep(2 * BRIEF).await;
    let taken = redis.acquire(request("s:a", 2)).await.unwrap();
    assert_eq!(taken, LeaseOutcome::Lead { takeovers: 1 });
    kept(&server, LONG);
    steal(&redis, "s:a", 3).await;
    let key = kept(&server, LONG);
    assert!(server.cli(&["GET", &key]).starts_with("3:00000000000000000000:0:"));
    // No caller asks again, and Redis removes the key.
    server.cli(&["PEXPIRE", &key, "10"]);
    eventually("vanished", async || server.cli(&["DBSIZE"]) == "0").await;
    assert!(!redis.commit(3, &write("s:a", b"a"), None).await.unwrap());
}

#[tokio::test]
async fn an_expired_lease_leaves_nothing() {
    let (server, redis) = redis().await;
    let late = async || {
        let brief = LeaseRequest::new("s:a", 1, Duration::from_millis(1));
        assert_eq!(redis.acquire(brief).await.unwrap(), LEAD);
        tokio::time::sleep(Duration::from_millis(10)).await;
        kept(&server, Duration::from_millis(1));
    };
    let keys = || server.cli(&["KEYS", "*"]);
    late().await;
    redis.abort("s:a", 1).await.unwrap();
    assert_eq!(keys(), "");
    late().await;
    assert_eq!(redis.remove(&["s:a"], None).await.unwrap(), 0);
    assert_eq!(keys(), "");
    late().await;
    assert_eq!(revoked(&redis, &Pattern::new("s:a")).await, 1);
    assert_eq!(keys(), "");
    late().await;
    redis.set(&[write("s:a", b"a")], None).await.unwrap();
    assert_eq!(keys(), "s:a");
    redis.remove(&["s:a"], None).await.unwrap();
    late().await;
    assert!(redis.commit(1, &write("s:a", b"a"), None).await.unwrap());
    assert_eq!(keys(), "s:a");
}

/// A clock that is set back leaves leases that seem to last longer; one that is set forward leaves
/// leases whose term seems to be over. The scripts see both only in the text of the lease.
#[tokio::test]
async fn steps_of_the_servers_clock_move_the_end_only() {
    let (server, redis) = redis().await;
    lead(&redis, "s:a", 1).await;
    let key = server.cli(&["KEYS", "*"]);
    let now = server.cli(&["EVAL", "return redis.call('TIME')[1] .. '000'", "0"]);
    let step = |seconds: i64| {
        let ends = now.parse::<i64>().unwrap() + (60 + seconds) * 1000;
        let px = (660 + seconds) * 1000;
        let lease = format!("1:{:020}:0:{ends}", 0);
        server.cli(&["SET", &key, &lease, "PX", &px.to_string()]);
    };
    step(30);
    let LeaseOutcome::Wait(left) = redis.acquire(request("s:a", 2)).await.unwrap() else {
        panic!("the holder has it to itself")
    };
    assert!(left > LONG && left <= LONG + Duration::from_secs(30), "{left:?}");
    assert!(redis.renew("s:a", 1, LONG).await.unwrap());
    let LeaseOutcome::Wait(left) = redis.acquire(request("s:a", 2)).await.unwrap() else {
        panic!("the holder has it to itself")
    };
    assert!(left <= LONG, "a renewal puts it right: {left:?}");
    step(-90);
    assert!(redis.renew("s:a", 1, LONG).await.unwrap(), "no other token took it");
    step(-90);
    let taken = redis.acquire(request("s:a", 2)).await.unwrap();
    assert_eq!(taken, LeaseOutcome::Lead { takeovers: 1 });
    assert!(!redis.commit(1, &write("s:a", b"a"), None).await.unwrap());
}

#[tokio::test]
async fn nothing_is_left_behind() {
    let (server, redis) = redis().await;
    let keys = || server.cli(&["KEYS", "*"]);
    lead(&redis, "s:a", 1).await;
    redis.abort("s:a", 1).await.unwrap();
    assert_eq!(keys(), "");
    lead(&redis, "s:a", 1).await;
    assert_eq!(redis.remove(&["s:a"], None).await.unwrap(), 0);
    assert_eq!(keys(), "");
    lead(&redis, "s:a", 1).await;
    let notice = Message::new("bus", Bytes::new());
    assert_eq!(redis.remove(&["s:a"], Some(&notice)).await.unwrap(), 0);
    assert_eq!(keys(), "");
    lead(&redis, "s:a", 1).await;
    assert_eq!(revoked(&redis, &Pattern::new("s:a")).await, 1);
    assert_eq!(keys(), "");
    lead(&redis, "s:a", 1).await;
    assert!(redis.commit(1, &write("s:a", b"a"), None).await.unwrap());
    assert_eq!(keys(), "s:a");
    lead(&redis, "s:b", 1).await;
    redis.set(&[write("s:b", b"b")], None).await.unwrap();
    redis.remove(&["s:a"], None).await.unwrap();
    assert_eq!(keys(), "s:b");
}

#[tokio::test]
async fn a_commit_stores_bytes_and_time_to_live() {
    let (server, redis) = redis().await;
    let value: Vec<u8> = (0..=255).chain([0, 0, 13, 10, 0, 255]).collect();
    let mark: [u8; VERSION_LEN] = *value.last_chunk().unwrap();
    let ttl = Some(Duration::from_secs(100));
    let entry = SetEntry::new("s:a", Bytes::from(value.clone())).ttl(ttl);
    lead(&redis, "s:a", u64::MAX).await;
    assert!(redis.commit(u64::MAX, &entry, None).await.unwrap());
    assert_eq!(server.bytes("s:a").unwrap(), value);
    assert!((99_000..=100_000).contains(&server.cli(&["PTTL", "s:a"]).parse::<i64>().unwrap()));
    let found = redis.acquire(request("s:a", 1)).await.unwrap();
    let LeaseOutcome::Value(StoredValue { value: stored, left: Some(left), .. }) = found else {
        panic!("a value with some time left: {found:?}")
    };
    assert_eq!(stored, value);
    assert!(left <= Duration::from_secs(100) && left > Duration::from_secs(50), "{left:?}");
    let seen = request("s:a", 1).seen(mark);
    assert_eq!(redis.acquire(seen).await.unwrap(), LEAD);
    assert!(redis.commit(1, &entry.ttl(None), None).await.unwrap());
    assert_eq!(server.cli(&["PTTL", "s:a"]), "-1");
}

/// Foreign values count neither as leases nor as values.
#[tokio::test]
async fn foreign_values_count_as_missing() {
    let (server, redis) = redis().await;
    server.cli(&["RPUSH", "s:a", "x"]);
    lead(&redis, "s:a", 1).await;
    assert!(redis.commit(1, &write("s:a", b"a"), None).await.unwrap());
    lead(&redis, "s:b", 1).await;
    let lease = server.cli(&["KEYS", "s~lease*"]);
    server.cli(&["DEL", &lease]);
    server.cli(&["RPUSH", &lease, "x"]);
    assert!(!redis.renew("s:b", 1, LONG).await.unwrap());
    assert!(!redis.commit(1, &write("s:b", b"b"), None).await.unwrap());
    redis.abort("s:b", 1).await.unwrap();
    lead(&redis, "s:b", 2).await;
    let generation = format!("{:020}", 0);
    let put = |text: &str| server.cli(&["SET", &lease, &text.replace('G', &generation)]);
    for text in ["", "3", "3:G", "3:G:0", "3:G:0:", ":G:0:9", "3:G:-1:9", "3:G:0:1e9", "3:G:0:9:9"]
    {
        put(text);
        assert!(!redis.renew("s:b", 3, LONG).await.unwrap(), "{text}");
        assert!(!redis.commit(3, &write("s:b", b"b"), None).await.unwrap(), "{text}");
        lead(&redis, "s:b", 4).await;
    }
    // Without an expiry it would be held forever.
    put("3:G:7:9999999999999");
    lead(&redis, "s:b", 4).await;
    // Numbers that larder does not write.
    let many = "9".repeat(400);
    for takeovers in ["4294967294", "4294967295", "4294967296", &many] {
        put(&format!("3:G:{takeovers}:1"));
        let most = LeaseOutcome::Lead { takeovers: u32::MAX };
        for token in [4, 4] {
            assert_eq!(redis.acquire(request("s:b", token)).await.unwrap(), most, "{takeovers}");
        }
        assert!(redis.renew("s:b", 4, LONG).await.unwrap());
    }
    let end = format!("3:G:0:{many}").replace('G', &generation);
    server.cli(&["SET", &lease, &end, "PX", "60000"]);
    let LeaseOutcome::Wait(left) = redis.acquire(request("s:b", 4)).await.unwrap() else {
        panic!("held while its key is there")
    };
    assert!(left <= LONG, "{left:?}");
}

#[tokio::test]
async fn a_full_redis_ends_leases_and_grants_none() {
    let (server, redis) = redis().await;
    lead(&redis, "s:a", 1).await;
    lead(&redis, "s:b", 1).await;
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    for error in [
        redis.acquire(request("s:c", 1)).await.unwrap_err(),
        redis.commit(1, &write("s:a", b"a"), None).await.unwrap_err(),
        redis.set(&[write("s:b", b"b")], None).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), BackendErrorKind::Refused);
        assert!(error.to_string().contains("OOM"), "{error}");
    }
    assert!(redis.renew("s:a", 1, LONG).await.unwrap(), "a load may go on meanwhile");
    redis.abort("s:a", 1).await.unwrap();
    assert_eq!(server.cli(&["KEYS", "*"]), "", "a refused set also ends the lease");
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    lead(&redis, "s:b", 2).await;
}

#[tokio::test]
async fn one_round_trip_each() {
    let (server, redis) = redis().await;
    // From here on the server knows the scripts.
    lead(&redis, "s:a", 1).await;
    redis.renew("s:a", 1, LONG).await.unwrap();
    redis.abort("s:a", 1).await.unwrap();
    redis.commit(1, &write("s:a", b"a"), None).await.unwrap();
    redis.set(&[write("s:a", b"a")], None).await.unwrap();
    redis.remove(&["s:a"], None).await.unwrap();
    server.cli(&["CONFIG", "RESETSTAT"]);
    lead(&redis, "s:a", 1).await;
    redis.renew("s:a", 1, LONG).await.unwrap();
    redis.commit(1, &write("s:a", b"a"), None).await.unwrap();
    redis.abort("s:a", 1).await.unwrap();
    let notice = Message::new("bus", Bytes::new());
    let entries: Vec<_> = (0..256).map(|n| write(&format!("s:{n}"), b"x")).collect();
    redis.set(&entries, Some(&notice)).await.unwrap();
    let keys: Vec<_> = entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(redis.remove(&keys, Some(&notice)).await.unwrap(), 256);
    assert_eq!((calls(&server, "evalsha"), calls(&server, "eval")), (6, 0));
    assert_eq!(calls(&server, "set"), 1 + 1 + 1 + 256);
    assert_eq!(calls(&server, "publish"), 2);
}

/// Up to 256 items are one script; more are a script for each 256, in one pipeline.
#[tokio::test]
async fn many_leases_are_one_script() {
    let (server, redis) = redis().await;
    let keys: Vec<String> = (0..256).map(|n| format!("s:{n}")).collect();
    let requests: Vec<_> = keys.iter().map(|key| request(key, 1)).collect();
    let entries: Vec<_> = keys.iter().map(|key| write(key, b"a value with a mark")).collect();
    let notice = Message::new("bus", Bytes::new());
    let commits: Vec<_> = entries
        .iter()
        .map(|entry| LeaseCommit::new(1, entry).notice((entry.key != "s:7").then_some(&notice)))
        .collect();
    let renewals: Vec<_> = keys.iter().map(|key| (key.as_str(), 1, LONG)).collect();
    let aborts: Vec<_> = keys.iter().map(|key| (key.as_str(), 1)).collect();
    // The scripts are known from here on.
    redis.abort("s:0", 1).await.unwrap();
    lead(&redis, "s:0", 1).await;
    redis.renew("s:0", 1, LONG).await.unwrap();
    redis.commit(2, &entries[0], None).await.unwrap();
    server.cli(&["CONFIG", "RESETSTAT"]);
    let led = redis.acquire_each(&requests).await;
    assert!(led.into_iter().all(|led| led.unwrap() == LEAD));
    assert!(redis.renew_each(&renewals).await.into_iter().all(Result::unwrap));
    redis.abort_each(&aborts[..128]).await.into_iter().for_each(Result::unwrap);
    let stored = redis.commit_each(&commits).await;
    assert!(stored.into_iter().enumerate().all(|(at, stored)| stored.unwrap() == (at >= 128)));
    assert_eq!((calls(&server, "evalsha"), calls(&server, "eval")), (4, 0));
    assert_eq!(calls(&server, "publish"), 128);
    let found = redis.acquire_each(&requests).await;
    let values = found.iter().filter(|found| matches!(found, Ok(LeaseOutcome::Value(_))));
    assert_eq!(values.count(), 128);
    redis.abort_each(&aborts).await.into_iter().for_each(Result::unwrap);

    server.cli(&["CONFIG", "RESETSTAT"]);
    let keys: Vec<String> = (0..1000).map(|n| format!("s:more:{n}")).collect();
    let requests: Vec<_> = keys.iter().map(|key| request(key, 1)).collect();
    assert!(redis.acquire_each(&requests).await.into_iter().all(|led| led.unwrap() == LEAD));
    assert_eq!(calls(&server, "evalsha"), 4);
    assert!(redis.acquire_each(&[]).await.is_empty());
    assert!(redis.commit_each(&[]).await.is_empty());
}

/// What needs no room is answered as ever.
#[tokio::test]
async fn a_full_redis_refuses_lease_by_lease() {
    let (server, redis) = redis().await;
    redis.set(&[write("s:valued", b"v")], None).await.unwrap();
    lead(&redis, "s:held", 9).await;
    lead(&redis, "s:mine", 1).await;
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    let asked = ["s:free", "s:valued", "s:held", "s:free-too"].map(|key| request(key, 1));
    let answers = redis.acquire_each(&asked).await;
    for full in [&answers[0], &answers[3]] {
        let error = full.as_ref().unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Refused);
        assert!(error.to_string().contains("OOM"), "{error}");
    }
    assert!(matches!(answers[1], Ok(LeaseOutcome::Value(_))), "{:?}", answers[1]);
    assert!(matches!(answers[2], Ok(LeaseOutcome::Wait(_))), "{:?}", answers[2]);
    let entries = [write("s:held", b"h"), write("s:mine", b"m")];
    let commits: Vec<_> = entries.iter().map(|entry| LeaseCommit::new(1, entry)).collect();
    let stored = redis.commit_each(&commits).await;
    assert!(matches!(stored[0], Ok(false)), "{:?}", stored[0]);
    assert!(stored[1].as_ref().unwrap_err().to_string().contains("OOM"), "{:?}", stored[1]);
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    assert!(redis.commit(1, &entries[1], None).await.unwrap(), "the lease is its holder's still");
}

#[tokio::test]
async fn revoking_goes_through_everything_and_spares_what_is_foreign() {
    let (server, redis) = redis().await;
    let entries: Vec<_> = (0..5000).map(|n| write(&format!("s:v:{n}"), b"x")).collect();
    redis.set(&entries, None).await.unwrap();
    for n in 0..1500 {
        steal(&redis, &format!("s:v:{n}"), 1).await;
        lead(&redis, &format!("s:w:{n}"), 1).await;
    }
    lead(&redis, "s2:v:1", 1).await;
    // Not a lease of larder: the hash tag does not match the key.
    server.cli(&["SET", "s~lease{@@@@}:v:1", "x"]);
    server.cli(&["EVAL", "return redis.call('SET', 's~lease{@@@@}:\\255', '')", "0"]);
    assert_eq!(revoked(&redis, &Pattern::new("s:v:*")).await, 1500);
    assert_eq!(revoked(&redis, &Pattern::new("s:v:*")).await, 0);
    assert_eq!(revoked(&redis, &Pattern::new("s*:w:*9")).await, 150);
    assert_eq!(revoked(&redis, &Pattern::new("s:*")).await, 1350);
    assert_eq!(revoked(&redis, &Pattern::new("*")).await, 1);
    assert_eq!(server.cli(&["DBSIZE"]), "5002");
}

/// The timeout applies to each page.
#[tokio::test]
async fn revoking_may_take_longer_than_an_operation() {
    let (server, redis) = redis().await;
    let entries: Vec<_> = (0..20_000).map(|n| write(&format!("s:v:{n}"), b"")).collect();
    redis.set(&entries, None).await.unwrap();
    steal(&redis, "s:v:1", 1).await;
    let proxy = Proxy::start(server.port());
    let builder = Redis::builder(proxy.url()).operation_timeout(Duration::from_millis(500));
    let slow = builder.connect().await.unwrap();
    proxy.delay(Duration::from_millis(20));
    let began = Instant::now();
    assert_eq!(revoked(&slow, &Pattern::new("s:*")).await, 1);
    assert!(began.elapsed() > Duration::from_millis(500), "it took less than one operation may");
}

#[tokio::test]
async fn a_cut_connection_is_not_noticed() {
    let (server, _) = redis().await;
    let proxy = Proxy::start(server.port());
    let redis = Redis::connect(proxy.url()).await.unwrap();
    lead(&redis, "s:a", 1).await;
    proxy.cut();
    lead(&redis, "s:a", 1).await;
    proxy.cut();
    assert!(redis.renew("s:a", 1, LONG).await.unwrap());
    proxy.cut();
    assert!(redis.commit(1, &write("s:a", b"a"), None).await.unwrap());
    lead(&redis, "s:b", 1).await;
    proxy.cut();
    redis.abort("s:b", 1).await.unwrap();
    lead(&redis, "s:c", 1).await;
    proxy.cut();
    assert_eq!(revoked(&redis, &Pattern::new("s:*")).await, 1);
}

/// A node of a cluster refuses scripts over keys in several slots.
#[tokio::test]
async fn a_lease_shares_its_values_slot() {
    let server = Server::with_args(&["--cluster-enabled", "yes"]);
    server.cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    eventually("a cluster of one", async || {
        server.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
    })
    .await;
    let redis = Redis::connect(server.url()).await.unwrap();
    for rest in [
        "user:7",
        "{7}",
        "{user}:{7}",
        "{7",
        "7}",
        "}7{",
        "}7{8}",
        "{}",
        "{}{7}",
        "{{7}}",
        "",
        "\u{1F980}",
    ] {
        let key = format!("shop:{rest}");
        lead(&redis, &key, 1).await;
        let lease = server.cli(&["KEYS", "*"]);
        let slot = |key: &str| server.cli(&["CLUSTER", "KEYSLOT", key]);
        assert_eq!(slot(&lease), slot(&key), "{lease}");
        assert!(redis.renew(&key, 1, LONG).await.unwrap());
        assert!(redis.commit(1, &write(&key, b"a"), None).await.unwrap());
        redis.set(&[write(&key, b"b")], None).await.unwrap();
        steal(&redis, &key, 2).await;
        assert_eq!(redis.remove(&[&key], None).await.unwrap(), 1);
        assert_eq!(server.cli(&["DBSIZE"]), "0");
    }
}
