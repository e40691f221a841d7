//! A real second process over the same Redis: this test binary, started again.

use std::time::Duration;

use larder::redis::Redis;
use larder::{Cache, Policy, cache_evict, cached};

use crate::process::{Process, role, serve};
use crate::support::{Server, eventually, within};

const DELAY: Duration = Duration::from_secs(10);
const TAGGED: Policy = Policy::new().tags(&["numbers"]);

async fn cache(url: &str) -> Cache {
    let redis = Redis::connect(format!("{url}?operation_timeout=5s")).await.unwrap();
    let cache = Cache::builder().name("two-processes").remote(redis).build().unwrap();
    cache.install();
    eventually("the bus is connected", async || cache.is_linked()).await;
    cache
}

#[cached(cache = "two-processes", skip(origin))]
async fn number(origin: u64, id: u64) -> u64 {
    origin + id
}

#[cache_evict(number(0, id))]
async fn change(id: u64) {}

/// The code that the second process runs. Run as a test it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_the_second_process() {
    let Some(url) = role() else { return };
    let cache = cache(&url).await;
    serve(async |words| match *words {
        ["get", key] => format!("{:?}", cache.get::<u64>(key).await),
        ["insert", key, value] => {
            let value: u64 = value.parse().unwrap();
            format!("{:?}", cache.entry(key).policy(TAGGED).insert(value).await)
        }
        ["remove", key] => format!("{:?}", cache.remove(key).await),
        ["pattern", pattern] => format!("{:?}", cache.evict_pattern(pattern).await),
        ["tag", tag] => format!("{:?}", cache.evict_tag(tag).await),
        ["clear"] => format!("{:?}", cache.clear().await),
        ["number", id] => {
            let read = number(2000, id.parse().unwrap()).traced().await;
            format!("{} {:?}", read.value, read.source)
        }
        ["change", id] => format!("{:?}", change(id.parse().unwrap()).await),
        _ => panic!("not understood: {words:?}"),
    })
    .await;
}

fn start(server: &Server) -> Process {
    Process::test("second_process::in_the_second_process", &server.url())
}

async fn until(second: &mut Process, command: &str, answer: &str) {
    let what = format!("{command}: {answer}");
    within(DELAY, &what, async || second.ask(command) == answer).await;
}

/// One test, because the cache is installed for the whole process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_follow_each_other() {
    let server = Server::start();
    let cache = cache(&server.url()).await;
    let mut second = start(&server);
    let get = async |key: &str| cache.get::<u64>(key).await.unwrap();

    // Each process reads the other's values.
    assert_eq!(second.ask("insert a 1"), "Ok(())");
    assert_eq!(get("a").await, Some(1));
    cache.insert("b", 2u64).await.unwrap();
    assert_eq!(second.ask("get b"), "Ok(Some(2))");

    // Evictions of the second process reach the first one's memory.
    for (evict, answer) in [
        ("remove a", "Ok(true)"),
        ("pattern a*", "Ok(1)"),
        ("tag numbers", "Ok(())"),
        ("clear", "Ok(())"),
    ] {
        assert_eq!(second.ask("insert a 1"), "Ok(())");
        within(DELAY, "a hit", async || get("a").await == Some(1)).await;
        assert_eq!(second.ask(evict), answer);
        within(DELAY, evict, async || get("a").await.is_none()).await;
    }
    assert_eq!(second.ask("insert a 1"), "Ok(())");
    within(DELAY, "a hit", async || get("a").await == Some(1)).await;
    assert_eq!(second.ask("insert a 11"), "Ok(())");
    within(DELAY, "the new value", async || get("a").await == Some(11)).await;

    // And the other way round.
    assert_eq!(second.ask("get a"), "Ok(Some(11))");
    cache.insert("a", 12u64).await.unwrap();
    until(&mut second, "get a", "Ok(Some(12))").await;
    assert!(cache.remove("a").await.unwrap());
    until(&mut second, "get a", "Ok(None)").await;

    // Functions: the automatic key is the same in both processes.
    assert_eq!(number(1000, 7).await, 1007);
    assert_eq!(second.ask("number 7"), "1007 Remote");
    assert_eq!(second.ask("number 7"), "1007 Memory");
    change(7).await;
    until(&mut second, "number 7", "2007 Loaded").await;
    assert_eq!(number(1000, 7).await, 2007);
    assert_eq!(second.ask("change 7"), "()");
    within(DELAY, "the new number", async || number(1000, 7).await == 1007).await;
}

/// A process that is killed half-way leaves nothing that blocks the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_values_of_a_killed_process_stay() {
    let server = Server::start();
    let mut second = start(&server);
    assert_eq!(second.ask("insert a 1"), "Ok(())");
    assert_eq!(second.ask("number 7"), "2007 Loaded");
    // A load does not wait for the write of its value; this read shows that it has arrived.
    let mut observer = start(&server);
    assert_eq!(observer.ask("number 7"), "2007 Remote");
    drop((second, observer));
    let mut third = start(&server);
    assert_eq!(third.ask("get a"), "Ok(Some(1))");
    assert_eq!(third.ask("number 7"), "2007 Remote");
}
