//! `Simulation` finds changes that leave old values, names the seed, and finds nothing in correct programs.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder::testing::Simulation;
use larder::{cache_evict, cache_put, cached, transaction};

/// A table of prices. Reads and writes take time, as those of a database do.
#[derive(Default)]
struct Db {
    rows: Mutex<BTreeMap<u64, u64>>,
    next: AtomicU64,
}

impl Db {
    async fn get(&self, id: u64) -> u64 {
        let found = self.rows.lock().unwrap().get(&id).copied().unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(3)).await;
        found
    }

    async fn sum(&self) -> u64 {
        let sum = self.rows.lock().unwrap().values().sum();
        tokio::time::sleep(Duration::from_millis(2)).await;
        sum
    }

    /// Each row gets a value that it has not had before.
    async fn set(&self, id: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let new = self.next.fetch_add(1, Ordering::SeqCst) + 1;
        self.rows.lock().unwrap().insert(id, new);
        tokio::time::sleep(Duration::from_millis(2)).await;
        new
    }
}

type Shared = Arc<Db>;

#[cached(key = "sim-price:{id}", tags = ["sim-prices"], skip(db))]
async fn price(db: Shared, id: u64) -> u64 {
    db.get(id).await
}

#[cached(key = "sim-total", skip(db), ttl = "1h", stale = "1h")]
async fn total(db: Shared) -> u64 {
    db.sum().await
}

#[cache_evict(price(db.clone(), id), total(db.clone()))]
async fn set(db: Shared, id: u64) -> u64 {
    db.set(id).await
}

#[cache_evict(price(db.clone(), id))]
async fn set_and_forget_the_total(db: Shared, id: u64) -> u64 {
    db.set(id).await
}

#[cache_evict(before, price(db.clone(), id), total(db.clone()))]
async fn set_after_the_eviction(db: Shared, id: u64) -> u64 {
    db.set(id).await
}

#[cache_put(price(db.clone(), id))]
#[cache_evict(total(db.clone()))]
async fn put(db: Shared, id: u64) -> u64 {
    db.set(id).await
}

fn shop() -> Simulation<Db> {
    Simulation::new(Db::default).read("price", 3, |db, id| async move { price(db, id).await }).read(
        "total",
        1,
        |db, _| async move { total(db).await },
    )
}

/// The message of a simulation that fails.
fn failure(simulation: Simulation<Db>) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| simulation.run())).expect_err("it finds nothing");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => other.downcast::<&str>().map(|text| (*text).to_owned()).unwrap_or_default(),
    }
}

#[test]
fn correct_changes_pass() {
    shop().seeds(0..30).change("set", 3, |db, id| async move { set(db, id).await }).run();
}

#[test]
fn correct_changes_pass_in_one_process() {
    let shop = shop().processes(1).seeds(0..30);
    shop.change("set", 3, |db, id| async move { set(db, id).await }).run();
}

#[test]
fn correct_changes_pass_in_three_processes_without_memory() {
    let shop = shop().processes(3).caches(|_, builder| builder.no_memory()).seeds(0..15);
    shop.change("set", 3, |db, id| async move { set(db, id).await }).run();
}

#[test]
fn a_transaction_passes() {
    let commit = |db: Shared, id: u64| async move {
        transaction(async {
            set(Arc::clone(&db), id).await;
            set(db, (id + 1) % 3).await;
            Ok::<_, ()>(())
        })
        .await
    };
    shop().change("two rows", 3, commit).seeds(0..20).run();
}

#[test]
fn a_forgotten_function_is_found() {
    let forgets = |db, id| async move { set_and_forget_the_total(db, id).await };
    for simulation in [shop(), shop().processes(1), shop().without_faults()] {
        let message = failure(simulation.change("set", 3, forgets));
        assert!(message.contains("`total(0)` is old in process 1: its cache has "), "{message}");
        assert!(message.contains("this run again: `.seeds(0..1)`"), "{message}");
        assert!(message.contains("  set("), "{message}");
    }
}

#[test]
fn an_eviction_before_the_change_is_found() {
    let early = |db, id| async move { set_after_the_eviction(db, id).await };
    let message = failure(shop().change("set", 3, early));
    assert!(message.contains("is old in process"), "{message}");
}

/// Two puts of one key may be stored in another order than the database has them: the price of write-through without a lock.
#[test]
fn puts_that_race_are_found() {
    let message = failure(shop().change("put", 1, |db, id| async move { put(db, id).await }));
    assert!(message.contains("`price(0)` is old in process"), "{message}");
}

#[test]
fn a_change_outside_of_the_mutators_is_found() {
    let message = failure(shop().change("script", 3, |db, id| async move { db.set(id).await }));
    assert!(message.contains("is old in process"), "{message}");
}

#[test]
fn a_seed_always_gives_the_same_run() {
    let run = || {
        let early = |db, id| async move { set_after_the_eviction(db, id).await };
        failure(shop().change("set", 3, early))
    };
    assert_eq!(run(), run());
}

#[test]
fn a_function_that_panics_is_named() {
    let panics = |_, id| async move { assert_ne!(id, 2, "two is odd") };
    let message = failure(shop().change("odd", 3, panics));
    assert!(message.contains("`odd(2)` panicked: ") && message.contains("two is odd"), "{message}");
    assert!(message.contains("this run again: `.seeds("), "{message}");
}

#[test]
fn a_function_that_never_ends_is_reported() {
    let message = failure(shop().change("hangs", 1, |_, _| std::future::pending::<()>()));
    assert!(message.contains("an operation does not end"), "{message}");
}

#[test]
fn a_result_in_another_order_each_time_is_no_old_value() {
    let names = |_, _| async { (0..20).collect::<std::collections::HashSet<u64>>() };
    let simulation = shop().read("names", 1, names);
    let message = failure(simulation.change("set", 3, |db, id| async move { set(db, id).await }));
    assert!(message.contains("`names(0)` gives different results without its cache"), "{message}");
}

#[test]
fn a_mutator_that_is_dropped_passes() {
    let dropped = |db, id| async move {
        tokio::time::timeout(Duration::from_millis(id + 2), set(db, id)).await.is_ok()
    };
    shop().change("set", 3, dropped).seeds(0..20).run();
}

#[tokio::test]
async fn it_runs_inside_a_runtime() {
    shop().change("set", 3, |db, id| async move { set(db, id).await }).seeds(0..3).run();
}

#[test]
#[should_panic(expected = "the simulation has no cached function: add one with `read`")]
fn nothing_to_read_is_an_error() {
    Simulation::new(|| ()).run();
}

#[test]
fn a_simulation_that_tries_nothing_is_an_error() {
    let set = |db, id| async move { set(db, id).await };
    assert!(failure(shop()).contains("no mutator: add one with `change`"));
    assert!(failure(shop().change("set", 3, set).seeds(3..3)).contains("has no seeds"));
    assert!(
        failure(shop().change("set", 0, set)).contains("`set` is called with the numbers below 0")
    );
}
