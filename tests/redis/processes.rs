//! Several processes, some of which die, are cut off or evict: the promises to the fleet.

use std::time::{Duration, Instant};

use crate::fleet::{Origin, behind, live, quantile};
use crate::process::{Process, role};
use crate::support::{Proxy, Server, lasting};

/// A long timeout, so that no operation times out on a busy machine.
const PATIENT: &str = "?operation_timeout=5s";

/// A lease that its holder can no longer renew lasts three seconds.
const LEASE: Duration = Duration::from_secs(3);

/// How long a process may take to notice that Redis is reachable again: the pause between two attempts to connect, and
/// the pause of the breaker.
const NOTICED: Duration = Duration::from_secs(6);

/// Tolerance for a busy machine.
const SLACK: Duration = Duration::from_secs(4);

/// The code that the other processes run. Run as a test it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn member() {
    if let Some(role) = role() {
        live(&role).await;
    }
}

fn start(origin: &Origin, url: &str) -> Process {
    Process::test("processes::member", &origin.role(url))
}

fn fleet(origin: &Origin, server: &Server, members: usize) -> Vec<Process> {
    let url = format!("{}{PATIENT}", server.url());
    (0..members).map(|_| start(origin, &url)).collect()
}

/// 8 processes with 500 tasks each read 20 items at the same time: one process loads each item once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_load_per_key_in_the_fleet() {
    const TASKS: u64 = 500;
    const ITEMS: u64 = 20;
    let (server, origin) = (Server::start(), Origin::new());
    (0..ITEMS).for_each(|id| origin.change(id, id + 1));
    let mut members = fleet(&origin, &server, 8);
    // All processes are up before the first one begins.
    members.iter_mut().for_each(|member| assert_eq!(member.ask("loads"), "0"));
    members.iter_mut().for_each(|member| member.tell(&format!("storm {TASKS} {ITEMS}")));
    let mut loads = 0;
    for member in &mut members {
        let said = member.hear();
        let (right, loaded) = said.split_once(' ').unwrap();
        assert_eq!(right, TASKS.to_string(), "every task has its value");
        loads += loaded.parse::<u64>().unwrap();
    }
    assert_eq!(loads, ITEMS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_eviction_reaches_the_memory_of_every_process() {
    let (server, origin) = (Server::start(), Origin::new());
    let mut members = fleet(&origin, &server, 4);
    let behind = behind(&mut members, 60).await;
    let (p50, p99) = (quantile(&behind.followed, 0.5), quantile(&behind.followed, 0.99));
    eprintln!("three memory tiers follow an eviction: p50 {p50:?}, p99 {p99:?}");
    assert!(p50 < Duration::from_secs(1), "{p50:?}");
    assert!(p99 < SLACK, "{p99:?}");
}

/// The loading process is killed: waiters get a value of one other load when its lease has ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_killed_is_replaced() {
    let (server, origin) = (Server::start(), Origin::new());
    origin.change(7, 70);
    let mut members = fleet(&origin, &server, 4);
    assert_eq!(members[0].ask("hang 7"), "loading");
    members[1..].iter_mut().for_each(|member| member.tell("get 7"));
    // By now the other processes wait for it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut leader = members.remove(0);
    leader.kill();
    let killed = Instant::now();
    let mut loads = 0;
    for member in &mut members {
        assert!(member.hear().starts_with("70 "), "the value as it is");
        loads += member.ask("loads").parse::<u64>().unwrap();
    }
    let took = killed.elapsed();
    eprintln!("a killed leader was replaced after {took:?}");
    assert!(took < LEASE + SLACK, "{took:?}");
    assert_eq!(loads, 1, "one of them, for all");
    assert!(server.cli(&["--scan", "--pattern", "*~lease*"]).is_empty(), "no lease is left");
}

/// The same with a lease shorter than three seconds: the waiters' time would be over before the lease of the killed
/// process ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_with_a_short_lease_that_is_killed_is_replaced_by_one() {
    let (server, origin) = (Server::start(), Origin::new());
    origin.change(7, 70);
    let mut members = fleet(&origin, &server, 4);
    // All processes are up before the first one begins.
    members.iter_mut().for_each(|member| assert_eq!(member.ask("loads"), "0"));
    assert_eq!(members[0].ask("hang-brief 7"), "loading");
    members[1..].iter_mut().for_each(|member| member.tell("brief 7"));
    tokio::time::sleep(Duration::from_millis(800)).await;
    members.remove(0).kill();
    let mut loads = 0;
    for member in &mut members {
        assert!(member.hear().starts_with("70 "), "the value as it is");
        loads += member.ask("loads").parse::<u64>().unwrap();
    }
    assert_eq!(loads, 1, "one of them, for all");
}

/// A process is cut off from Redis while others evict: it serves its entries, and no old value once it is connected
/// again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_evicted_during_a_cut_are_not_served_after_it() {
    const ITEMS: u64 = 40;
    let (server, origin) = (Server::start(), Origin::new());
    let proxy = Proxy::start(server.port());
    let (mut evicts, mut cut) = (start(&origin, &server.url()), start(&origin, &proxy.url()));
    for id in 0..ITEMS {
        origin.change(id, 1);
        evicts.ask(&format!("get {id}"));
        cut.ask(&format!("get {id}"));
    }
    proxy.down();
    let until = Instant::now() + lasting(Duration::from_secs(4), Duration::from_secs(30));
    let (mut version, mut longest) = (1, Duration::ZERO);
    while Instant::now() < until {
        version += 1;
        for id in 0..ITEMS {
            origin.change(id, version);
            assert!(evicts.ask(&format!("evict {id}")).starts_with("true"), "Redis is there");
            let began = Instant::now();
            cut.ask(&format!("get {id}"));
            longest = longest.max(began.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    proxy.up();
    let healed = Instant::now();
    let current = format!("{version} ");
    let mut last_old = None;
    // Watches for some time after the last old value.
    let watched = |last: Option<Duration>| last.unwrap_or_default() + Duration::from_secs(2);
    while healed.elapsed() < watched(last_old) {
        for id in 0..ITEMS {
            if !cut.ask(&format!("get {id}")).starts_with(&current) {
                last_old = Some(healed.elapsed());
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    eprintln!(
        "cut off: a call took {longest:?} at most; the last old value {last_old:?} after the cut"
    );
    assert!(last_old.is_none_or(|last| last < NOTICED + SLACK), "{last_old:?}");
    assert!(longest < SLACK, "{longest:?}");
}
