//! The counters of a kit, and the messages of its assertions.

use std::time::Duration;

use larder::testing::{Counts, Kit};
use larder::{Source, backend::MemoryBackend, cached, call, default_cache};

const SECOND: Duration = Duration::from_secs(1);

#[cached(key = "counted:{id}", ttl = "1m", stale = "1m", skip(value))]
async fn counted(id: u64, value: u64) -> u64 {
    value
}

#[cached(key = "counted-elsewhere", cache = "counted")]
async fn elsewhere() -> u64 {
    1
}

#[cached]
fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

#[cached(key = "fails")]
async fn fails() -> Result<u64, String> {
    Err("no".into())
}

#[tokio::test]
async fn all_its_caches_are_counted_together() {
    let kit = Kit::new();
    kit.run(async {
        for _ in 0..3 {
            counted(1, 1).await;
            elsewhere().await;
        }
        fails().await.unwrap_err();
        counted(1, 1).evict().await.unwrap();
    })
    .await;
    kit.expect().loads(3).misses(3).hits(4).load_failures(1).stores(2).removals(1);
    kit.expect().stale_hits(0).remote_hits(0).coalesced(0).remote_errors(0);
    kit.recount();
    assert_eq!(kit.counts(), Counts::default());
    kit.run(async { elsewhere().await }).await;
    assert_eq!(kit.counts().to_string(), "1 hit");
}

#[tokio::test]
async fn sync_functions_are_counted() {
    let kit = Kit::new();
    assert_eq!(kit.run_sync(|| fib(40)), 102_334_155);
    kit.expect().loads(41).hits(38);
    kit.recount();
    kit.run(async { call!(fib(40)).refresh().await }).await;
    kit.expect().loads(1).hits(2);
}

#[tokio::test]
async fn waiters_of_one_load_are_counted() {
    #[cached(key = "slow")]
    async fn slow() -> u64 {
        tokio::task::yield_now().await;
        1
    }
    let kit = Kit::new();
    kit.run(async { tokio::join!(slow(), slow(), slow()) }).await;
    kit.expect().loads(1).coalesced(2).hits(2);
}

#[tokio::test]
async fn the_clock_drives_ttl_and_stale_window() {
    let kit = Kit::manual();
    kit.run(async {
        assert_eq!(counted(1, 1).await, 1);
        kit.advance(SECOND * 59);
        assert_eq!(counted(1, 2).traced().await.source, Source::Memory);
        kit.advance(SECOND * 2);
        let old = counted(1, 2).traced().await;
        assert_eq!((old.value, old.source), (1, Source::Stale));
        kit.settled().await;
        assert_eq!(counted(1, 3).await, 2, "refreshed in the background");
        kit.advance(SECOND * 121);
        assert_eq!(counted(1, 3).await, 3, "beyond the window it is loaded");
    })
    .await;
    kit.expect().loads(3).hits(3).stale_hits(1);
}

#[tokio::test]
async fn remote_tiers_are_counted() {
    let store = MemoryBackend::new();
    let kit = || {
        let store = store.clone();
        Kit::builder().caches(move |_, builder| builder.remote(store.clone())).build()
    };
    let (one, two) = (kit(), kit());
    one.run(async { counted(1, 1).await }).await;
    two.run(async { counted(1, 2).await }).await;
    one.expect().loads(1).remote_hits(0);
    two.expect().loads(0).remote_hits(1).hits(1);
}

fn message(fails: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(fails).unwrap_err();
    *panic.downcast::<String>().unwrap()
}

#[tokio::test]
async fn a_failure_lists_what_happened() {
    let kit = Kit::new();
    kit.run(async {
        counted(1, 1).await;
        counted(2, 1).await;
        elsewhere().await;
        elsewhere().await;
    })
    .await;
    let expect = kit.expect();
    let text = message(|| drop(expect.loads(3).hits(7)));
    assert_eq!(
        text,
        "expected 7 hits, but there were 1:\
         \n  default cache: 2 misses, 2 loads, 2 stores; in memory: `counted:1`, `counted:2`\
         \n  cache `counted`: 1 hit, 1 miss, 1 load, 1 store; in memory: `counted-elsewhere`"
    );
    let idle = Kit::new().expect();
    let text = message(|| drop(idle.misses(1)));
    let expected =
        "expected 1 miss, but there were 0:\n  default cache: nothing happened; in memory: nothing";
    assert_eq!(text, expected);
}

#[tokio::test]
async fn a_failure_lists_some_keys_only() {
    let kit = Kit::new();
    kit.run(async {
        for id in 0..50 {
            default_cache().insert(format!("many:{id}"), id).await.unwrap();
        }
    })
    .await;
    let expect = kit.expect();
    let text = message(|| drop(expect.stores(1)));
    assert!(text.ends_with(" and 30 more"), "{text}");
}
