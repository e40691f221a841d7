//! Which call loads which ids, and which calls wait.

use std::collections::HashMap;
use std::time::Duration;

use larder::{Cache, Policy, Source, cached, time::Clock};

use super::{Db, tens, value, values};

#[tokio::test]
async fn only_missing_ids_are_loaded() {
    let db = Db::new();
    assert_eq!(values(&db, &[1, 2, 3]).await.unwrap(), tens(&[1, 2, 3]));
    assert_eq!(values(&db, &[2, 3, 4]).await.unwrap(), tens(&[2, 3, 4]));
    assert_eq!(values(&db, &[4, 1]).await.unwrap(), tens(&[1, 4]));
    assert_eq!(db.asked(), [vec![1, 2, 3], vec![4]]);
    let stats = db.cache().stats();
    assert_eq!((stats.memory_hits, stats.misses, stats.loads), (4, 4, 4));
}

#[tokio::test]
async fn an_entry_is_shared_with_a_function_of_one_id() {
    let db = Db::new();
    assert_eq!(value(&db, 1).await, Ok(10));
    assert_eq!(values(&db, &[1, 2]).await.unwrap(), tens(&[1, 2]));
    assert_eq!(value(&db, 2).await, Ok(20));
    assert_eq!(db.asked(), [[1], [2]]);
}

#[tokio::test]
async fn nothing_is_loaded_for_an_empty_list_and_nothing_twice_for_a_doubled_id() {
    let db = Db::new();
    assert!(values(&db, &[]).await.unwrap().is_empty());
    assert_eq!(values(&db, &[7, 7, 7]).await.unwrap(), tens(&[7]));
    assert_eq!(db.asked(), [[7]]);
    // For few and many ids, with the duplicate in any position.
    let ids: Vec<u64> = (10..30).collect();
    for few in 1..ids.len() {
        let db = Db::new();
        let asked = [&ids[..few], &ids[..few], &ids[few - 1..], &ids[..few]].concat();
        assert_eq!(values(&db, &asked).await.unwrap(), tens(&ids));
        assert_eq!(db.asked(), [&ids[..]]);
    }
}

#[tokio::test]
async fn an_id_without_a_value_is_left_out_and_loaded_again() {
    let db = Db::new();
    for _ in 0..2 {
        assert_eq!(values(&db, &[1, 100]).await.unwrap(), tens(&[1]));
    }
    assert_eq!(db.asked(), [vec![1, 100], vec![100]]);
}

#[tokio::test]
async fn none_ttl_remembers_that_an_id_has_no_value() {
    #[cached(each = "id in ids", ttl = "5m", none_ttl = "1s", cache = db.cache(), skip(db))]
    async fn values(db: &Db, ids: &[u64]) -> Result<HashMap<u64, u64>, String> {
        db.fetch(ids).await
    }

    let clock = Clock::manual();
    let db = Db::on(Cache::builder().clock(clock.clone()).build().unwrap());
    for _ in 0..2 {
        assert_eq!(values(&db, &[1, 100]).await.unwrap(), tens(&[1]));
    }
    assert_eq!(db.asked(), [[1, 100]]);
    clock.advance(Duration::from_secs(2));
    assert_eq!(values(&db, &[1, 100]).await.unwrap(), tens(&[1]));
    assert_eq!(db.asked(), [[100]]);
}

#[tokio::test]
async fn a_load_without_a_value_evicts_the_old_one() {
    let db = Db::new();
    let policy = Policy::new().tags(&["values", "value:100"]);
    db.cache().entry("value:100").policy(policy).insert(5u64).await.unwrap();
    assert_eq!(values(&db, &[100]).await.unwrap().get(&100), Some(&5));
    assert_eq!(values(&db, &[100]).refresh().await.unwrap(), tens(&[]));
    assert_eq!(db.cache().get::<u64>("value:100").await.unwrap(), None);
}

#[tokio::test]
async fn a_failure_is_returned_and_not_cached() {
    let db = Db::new();
    db.fail(true);
    assert_eq!(values(&db, &[1, 2]).await, Err("down".to_owned()));
    db.fail(false);
    assert_eq!(values(&db, &[1, 2]).await.unwrap(), tens(&[1, 2]));
    assert_eq!(db.asked(), [[1, 2], [1, 2]]);
    // The cached values do not help a call that lacks one.
    db.fail(true);
    assert_eq!(values(&db, &[1, 3]).await, Err("down".to_owned()));
    assert_eq!(values(&db, &[1]).await.unwrap(), tens(&[1]));
}

#[tokio::test]
async fn an_error_that_cannot_be_cloned_is_returned_once() {
    #[derive(Debug, PartialEq)]
    struct Down;

    #[cached(each = "id in ids", cache = db.cache(), skip(db))]
    async fn values(db: &Db, ids: &[u64]) -> Result<HashMap<u64, u64>, Down> {
        db.fetch(ids).await.map_err(|_| Down)
    }

    let db = Db::new();
    db.fail(true);
    let (one, two) = tokio::join!(values(&db, &[1, 2]), values(&db, &[2, 3]));
    assert_eq!((one, two), (Err(Down), Err(Down)));
    db.fail(false);
    assert_eq!(values(&db, &[1, 2, 3]).await.unwrap(), tens(&[1, 2, 3]));
}

#[tokio::test]
async fn overlapping_calls_load_each_id_once_and_wait_for_one_another() {
    let db = Db::new();
    db.hold();
    let calls = async {
        tokio::join!(
            values(&db, &[1, 2]).traced(),
            values(&db, &[2, 3]).traced(),
            values(&db, &[3, 1]),
            value(&db, 2),
        )
    };
    let release = async {
        db.arrived(2).await;
        db.release();
    };
    let ((one, two, three, four), ()) = tokio::join!(calls, release);
    assert_eq!(one.0.unwrap(), tens(&[1, 2]));
    assert_eq!(two.0.unwrap(), tens(&[2, 3]));
    assert_eq!((three.unwrap(), four), (tens(&[1, 3]), Ok(20)));
    assert_eq!(one.1, [(1, Source::Loaded), (2, Source::Loaded)]);
    assert_eq!(two.1, [(2, Source::Coalesced), (3, Source::Loaded)]);
    assert_eq!(db.asked(), [vec![1, 2], vec![3]]);
}

#[tokio::test]
async fn calls_that_wait_for_each_other_both_end() {
    let db = Db::new();
    db.hold();
    let calls =
        async { tokio::join!(value(&db, 1), values(&db, &[1, 2]), values(&db, &[2, 1, 3])) };
    let release = async {
        db.arrived(3).await;
        db.release();
    };
    let ((one, two, three), ()) = tokio::join!(calls, release);
    assert_eq!((one, two.unwrap(), three.unwrap()), (Ok(10), tens(&[1, 2]), tens(&[1, 2, 3])));
    assert_eq!(db.asked(), [[1], [2], [3]]);
}

#[tokio::test]
async fn a_waiter_loads_the_ids_of_a_dropped_call() {
    let db = Db::new();
    db.hold();
    let first = tokio::spawn({
        let db = db.clone();
        async move { values(&db, &[1, 2]).await }
    });
    db.arrived(1).await;
    let second = tokio::spawn({
        let db = db.clone();
        async move { values(&db, &[2, 3]).await }
    });
    db.arrived(1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    db.release();
    assert_eq!(second.await.unwrap().unwrap(), tens(&[2, 3]));
    assert_eq!(db.asked(), [vec![1, 2], vec![3], vec![2]]);
    assert_eq!(db.cache().stats().in_flight, 0);
}

#[tokio::test]
async fn a_panicking_load_does_not_block_waiters() {
    #[cached(each = "id in ids", key = "value:{id}", cache = db.cache(), skip(db, panics))]
    async fn values(db: &Db, ids: &[u64], panics: bool) -> Result<HashMap<u64, u64>, String> {
        let loaded = db.fetch(ids).await;
        assert!(!panics, "on purpose");
        loaded
    }

    let db = Db::new();
    db.hold();
    let first = tokio::spawn({
        let db = db.clone();
        async move { values(&db, &[1, 2], true).await }
    });
    db.arrived(1).await;
    let second = tokio::spawn({
        let db = db.clone();
        async move { values(&db, &[1, 2], false).await }
    });
    tokio::task::yield_now().await;
    db.release();
    assert!(first.await.unwrap_err().is_panic());
    assert_eq!(second.await.unwrap().unwrap(), tens(&[1, 2]));
}

#[tokio::test]
async fn an_eviction_ends_the_load_of_its_own_id_only() {
    for evict in 0..4 {
        let db = Db::new();
        db.hold();
        let call = async { values(&db, &[1, 2]).await };
        let evicting = async {
            db.arrived(1).await;
            db.write();
            match evict {
                0 => drop(value(&db, 1).evict().await.unwrap()),
                1 => db.cache().evict_tag("value:1").await.unwrap(),
                2 => drop(db.cache().evict_pattern("*:1").await.unwrap()),
                _ => value(&db, 1).put(11).await.unwrap(),
            }
            db.release();
        };
        let (loaded, ()) = tokio::join!(call, evicting);
        assert_eq!(loaded.unwrap(), tens(&[1, 2]));
        assert_eq!(value(&db, 1).await, Ok(11), "eviction {evict}");
        assert_eq!(value(&db, 2).await, Ok(20));
        let again = if evict == 3 { vec![] } else { vec![vec![1]] };
        assert_eq!(db.asked()[1..], again, "eviction {evict}");
    }
}

#[tokio::test]
async fn conditions_apply_to_each_value() {
    #[cached(
        each = "id in ids",
        cache_if = |value| *value != 10,
        unless = |value: &u64| *value == 20,
        skip_if = ids.contains(&9),
        cache = db.cache(),
        skip(db)
    )]
    async fn values(db: &Db, ids: &[u64]) -> Result<HashMap<u64, u64>, String> {
        db.fetch(ids).await
    }

    let db = Db::new();
    for _ in 0..2 {
        assert_eq!(values(&db, &[1, 2, 3]).await.unwrap(), tens(&[1, 2, 3]));
    }
    assert_eq!(values(&db, &[3, 9]).await.unwrap(), tens(&[3, 9]));
    assert_eq!(db.asked(), [vec![1, 2, 3], vec![1, 2], vec![3, 9]]);
}
