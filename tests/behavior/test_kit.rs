//! Caches for one test: the scope of a kit, and its end.

use std::panic::AssertUnwindSafe;
use std::sync::Barrier;
use std::time::Duration;

use larder::testing::{Kit, isolated, with_current_kit};
use larder::{Cache, Error, backend::MemoryBackend, cache_evict, cached, call, default_cache};

use crate::origin::soon;

/// Every test calls it, with different values.
#[cached(key = "test-kit:answer", skip(value))]
async fn answer(value: u64) -> u64 {
    value
}

#[cached(key = "test-kit:sync", skip(value))]
fn sync_answer(value: u64) -> u64 {
    value
}

#[cached(key = "named", cache = "test-kit-named", skip(value))]
async fn named_answer(value: u64) -> u64 {
    value
}

#[cache_evict(answer(0))]
async fn change() {}

/// Returns the entry of the process's default cache, which is absent unless a kit leaks.
async fn outside() -> Option<u64> {
    default_cache().get::<u64>("test-kit:answer").await.unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn concurrent_tests_share_nothing() {
    const THREADS: u64 = 16;
    let barrier = Barrier::new(THREADS as usize);
    std::thread::scope(|scope| {
        for value in 0..THREADS {
            let barrier = &barrier;
            scope.spawn(move || {
                let kit = Kit::new();
                barrier.wait();
                runtime().block_on(kit.run(async {
                    for turn in 0..50 {
                        let expected = value * 1000 + turn;
                        assert_eq!(answer(expected).await, expected, "the value of no other test");
                        assert_eq!(answer(0).await, expected, "a hit");
                        assert_eq!(sync_answer(expected), expected);
                        assert_eq!(sync_answer(0), expected);
                        assert_eq!(named_answer(expected).await, expected);
                        tokio::task::yield_now().await;
                        assert_eq!(named_answer(0).await, expected);
                        change().await;
                        call!(sync_answer(0)).evict().await.unwrap();
                        named_answer(0).evict().await.unwrap();
                    }
                }));
                kit.expect().loads(150).hits(150).misses(150);
            });
        }
    });
}

/// Many kits take turns on the threads of one runtime.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn kits_move_with_their_tasks_from_thread_to_thread() {
    let tasks: Vec<_> = (0..50u64)
        .map(|value| {
            Kit::new().spawn(async move {
                assert_eq!(answer(value).await, value);
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                    assert_eq!(answer(0).await, value);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_left_when_it_ends() {
    assert_eq!(isolated(async { answer(1).await }).await, 1);
    assert_eq!(isolated(async { answer(2).await }).await, 2, "the next one begins with nothing");
    assert_eq!(outside().await, None);
    assert!(Kit::current().is_none());
}

#[tokio::test]
async fn entries_of_the_process_are_not_seen() {
    default_cache().insert("test-kit:process", 7u64).await.unwrap();
    let seen = isolated(async { default_cache().get::<u64>("test-kit:process").await }).await;
    assert_eq!(seen.unwrap(), None);
    isolated(async { default_cache().clear().await.unwrap() }).await;
    let kept = default_cache().get::<u64>("test-kit:process").await.unwrap();
    assert_eq!(kept, Some(7), "and a kit's evictions are its own");
}

#[tokio::test]
async fn tasks_see_the_kit_if_it_is_carried_along() {
    let kit = Kit::new();
    kit.run(async {
        assert_eq!(answer(1).await, 1);
        let look = async || default_cache().get::<u64>("test-kit:answer").await.unwrap();
        assert_eq!(tokio::spawn(look()).await.unwrap(), None, "a task of its own does not");
        assert_eq!(tokio::spawn(with_current_kit(look())).await.unwrap(), Some(1));
        assert_eq!(kit.spawn(look()).await.unwrap(), Some(1));
        let inner = kit.clone();
        let twice = async move { inner.spawn(with_current_kit(look())).await.unwrap() };
        assert_eq!(tokio::spawn(twice).await.unwrap(), Some(1));
    })
    .await;
    let bare = tokio::spawn(with_current_kit(async { outside().await }));
    assert_eq!(bare.await.unwrap(), None, "without a kit nothing is with_current_kit");
}

#[test]
fn threads_see_the_kit_if_it_is_carried_along() {
    let kit = Kit::new();
    kit.run_sync(|| {
        assert_eq!(sync_answer(1), 1);
        let here = Kit::current().unwrap();
        std::thread::scope(|scope| {
            let with = scope.spawn(move || here.run_sync(|| sync_answer(2)));
            assert_eq!(with.join().unwrap(), 1);
            let without = scope.spawn(|| Kit::current().is_none());
            assert!(without.join().unwrap());
        });
    });
    kit.expect().loads(1).hits(1);
}

#[tokio::test]
async fn an_inner_kit_hides_the_outer_one_until_it_ends() {
    let (outer, inner) = (Kit::new(), Kit::new());
    outer
        .run(async {
            assert_eq!(answer(1).await, 1);
            inner.run(async { assert_eq!(answer(2).await, 2) }).await;
            assert_eq!(answer(3).await, 1, "the outer one's again");
            assert_eq!(inner.run_sync(|| sync_answer(4)), 4);
            assert_eq!(sync_answer(5), 5);
        })
        .await;
    assert_eq!(outside().await, None);
    inner.run(async { assert_eq!(answer(6).await, 2, "a kit can be run in again") }).await;
}

#[tokio::test]
async fn a_panic_brings_the_outer_one_back() {
    let (outer, inner) = (Kit::new(), Kit::new());
    outer
        .run(async {
            assert_eq!(answer(1).await, 1);
            let panics = async {
                assert_eq!(answer(2).await, 2);
                panic!("of the inner one");
            };
            let task = async { inner.run(panics).await };
            let done = futures_catch(task).await;
            assert!(done.is_err());
            assert_eq!(answer(3).await, 1);
            let caught = std::panic::catch_unwind(AssertUnwindSafe(|| {
                inner.run_sync(|| panic!("of the inner one, sync"))
            }));
            assert!(caught.is_err());
            assert_eq!(answer(4).await, 1);
        })
        .await;
}

/// Polls `work` here, and catches its panic.
async fn futures_catch<T>(work: impl Future<Output = T>) -> Result<T, ()> {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|cx| {
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
        polled.map_or_else(|_| std::task::Poll::Ready(Err(())), |poll| poll.map(Ok))
    })
    .await
}

#[tokio::test]
async fn dropping_the_future_ends_the_kit() {
    let outer = Kit::new();
    outer
        .run(async {
            assert_eq!(answer(1).await, 1);
            let inner = Kit::new();
            let hangs = inner.run(async {
                assert_eq!(answer(2).await, 2);
                std::future::pending::<()>().await;
            });
            let late = tokio::time::timeout(Duration::from_millis(10), hangs).await;
            assert!(late.is_err());
            assert_eq!(answer(3).await, 1, "between two polls it is not in force either");
        })
        .await;
}

#[tokio::test]
async fn named_caches_need_no_installation_and_belong_to_the_kit() {
    let kit = Kit::new();
    kit.run(async {
        assert_eq!(named_answer(1).await, 1);
        assert_eq!(named_answer(2).await, 1);
        let named = Cache::named("test-kit-named").unwrap();
        assert_eq!(named.name(), Some("test-kit-named"));
        assert_eq!(named.get::<u64>("named").await.unwrap(), Some(1));
        assert_eq!(default_cache().get::<u64>("named").await.unwrap(), None, "each is a cache");
    })
    .await;
    assert!(kit.named("test-kit-named").unwrap().contains::<u64>("named").await.unwrap());
    let outside = Cache::named("test-kit-named");
    assert!(matches!(outside, Err(Error::UnknownCache { .. })), "{outside:?}");
}

/// The set-up code of a program.
fn set_up() -> Result<(), Error> {
    Cache::builder().default_ttl(Duration::from_secs(60)).build()?.install();
    Cache::builder().name("test-kit-set-up").build()?.install();
    Ok(())
}

#[tokio::test]
async fn the_set_up_of_a_program_runs_in_a_kit() {
    let kit = Kit::manual();
    kit.run(async {
        assert_eq!(answer(1).await, 1);
        set_up().unwrap();
        assert_eq!(answer(2).await, 2, "another cache was installed");
        kit.advance(Duration::from_secs(61));
        assert_eq!(answer(3).await, 3, "which goes by the kit's clock");
    })
    .await;
    kit.expect().loads(3).misses(3).hits(0);
    assert_eq!(outside().await, None, "nothing was installed for others");
    assert!(Cache::named("test-kit-set-up").is_err());
}

#[tokio::test]
async fn the_off_switch_is_the_kits_own() {
    let (one, two) = (Kit::new(), Kit::new());
    one.run(async {
        larder::disable();
        assert!(!larder::is_enabled());
        assert_eq!((answer(1).await, answer(2).await), (1, 2));
        two.run(async {
            assert!(larder::is_enabled());
            assert_eq!((answer(3).await, answer(4).await), (3, 3));
        })
        .await;
        larder::enable();
        assert_eq!((answer(5).await, answer(6).await), (5, 5));
        larder::disable();
    })
    .await;
    assert!(larder::is_enabled(), "outside nothing was switched off");
}

#[tokio::test]
async fn caches_are_built_by_the_kits_settings() {
    let store = MemoryBackend::new();
    let kit = || {
        let store = store.clone();
        Kit::builder()
            .caches(move |name, builder| match name {
                Some("bad") => builder.namespace("no good"),
                _ => builder.remote(store.clone()),
            })
            .build()
    };
    let (one, two) = (kit(), kit());
    assert_eq!(one.run(async { answer(1).await }).await, 1);
    assert_eq!(two.run(async { answer(2).await }).await, 1, "they share a remote tier");
    assert_eq!(one.run(async { named_answer(3).await }).await, 3);
    let default = one.cache().keys("*").await.unwrap();
    assert_eq!(default, ["test-kit:answer"], "names do not share entries");
    let bad = one.run(async { Cache::named("bad") }).await;
    assert!(bad.unwrap_err().to_string().contains("`no good` can't be a namespace"));
}

#[test]
#[should_panic(expected = "the kit's default cache can't be built: namespace: ``")]
fn an_invalid_default_cache_is_reported_immediately() {
    let _ = Kit::builder().caches(|_, builder| builder.namespace("")).build();
}

#[test]
#[should_panic(expected = "this kit's clock can't be moved: make it with `Kit::manual()`")]
fn real_time_cannot_be_moved() {
    Kit::new().advance(Duration::from_secs(1));
}

/// While other kits start and end, code without a kit uses the process's caches.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn code_without_a_kit_is_not_affected() {
    #[cached(key = "test-kit:undisturbed")]
    async fn undisturbed() -> u64 {
        static LOADS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        LOADS.fetch_add(1, std::sync::atomic::Ordering::SeqCst)
    }
    let kits: Vec<_> = (0..20).map(|value| tokio::spawn(isolated(answer(value)))).collect();
    let others: Vec<_> = (0..20).map(|_| tokio::spawn(async { undisturbed().await })).collect();
    for other in others {
        assert_eq!(other.await.unwrap(), 0, "one load");
    }
    for (value, kit) in kits.into_iter().enumerate() {
        assert_eq!(soon(kit).await.unwrap(), value as u64);
    }
}

#[tokio::test]
async fn no_two_names_share_a_namespace() {
    let store = MemoryBackend::new();
    let kit =
        Kit::builder().caches(move |_, builder| builder.no_memory().remote(store.clone())).build();
    let names =
        ["ab", "a b", "a_b", "a__b", "a_20_b", "a/b", "a:b", "\u{fc}", "*", "_", "__", "A b"];
    for (value, name) in names.iter().enumerate() {
        kit.named(name).unwrap().insert("k", value).await.unwrap();
    }
    for (value, name) in names.iter().enumerate() {
        let cache = kit.named(name).unwrap();
        assert_eq!(cache.get::<usize>("k").await.unwrap(), Some(value), "{name}");
        assert_eq!(cache.name(), Some(*name));
    }
    assert_eq!(kit.named("shop").unwrap().namespace(), "larder/shop");
    let nameless = kit.named("").unwrap_err().to_string();
    assert_eq!(nameless, "name: a name can't be empty; ask for the default cache instead");
}
