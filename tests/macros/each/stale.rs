//! Batch loads that continue in the background.

use std::collections::HashMap;
use std::time::Duration;

use larder::{Cache, Source, TimedOut, cached, time::Clock};

use super::{Db, of, tens};

const SECOND: Duration = Duration::from_secs(1);

async fn turns() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn timed() -> (Db, Clock) {
    let clock = Clock::manual();
    (Db::on(Cache::builder().clock(clock.clone()).build().unwrap()), clock)
}

#[cached(each = "id in ids", ttl = "10s", stale = "1m", cache = db.cache(), skip(db))]
async fn stale(db: &Db, ids: &[u64]) -> Result<HashMap<u64, u64>, String> {
    db.fetch(ids).await
}

#[tokio::test]
async fn old_values_are_served_while_one_load_refreshes_them_all() {
    let (db, clock) = timed();
    let _ = stale(&db, &[1, 2, 3]).await;
    clock.advance(SECOND * 11);
    db.write();
    let (served, sources) = stale(&db, &[1, 2, 3]).traced().await;
    assert_eq!(served.unwrap(), tens(&[1, 2, 3]));
    assert!(sources.iter().all(|(_, source)| *source == Source::Stale), "{sources:?}");
    turns().await;
    assert_eq!(db.asked(), [[1, 2, 3], [1, 2, 3]]);
    assert_eq!(stale(&db, &[1, 2, 3]).await.unwrap(), of(&[1, 2, 3], |id| id * 10 + 1));
    assert_eq!(db.asked(), [[0; 0]; 0]);
}

#[tokio::test]
async fn missing_ids_are_loaded_while_stale_ones_are_refreshed() {
    let (db, clock) = timed();
    let _ = stale(&db, &[1, 2]).await;
    clock.advance(SECOND * 11);
    db.write();
    let served = stale(&db, &[1, 2, 3]).await.unwrap();
    assert_eq!(served, HashMap::from([(1, 10), (2, 20), (3, 31)]));
    turns().await;
    let mut asked = db.asked().split_off(1);
    asked.sort();
    assert_eq!(asked, [vec![1, 2], vec![3]]);
}

#[tokio::test]
async fn a_refresh_outlives_its_caller_and_a_failed_one_keeps_the_old_values() {
    let (db, clock) = timed();
    let _ = stale(&db, &[1]).await;
    clock.advance(SECOND * 11);
    db.fail(true);
    assert_eq!(stale(&db, &[1]).await.unwrap(), tens(&[1]));
    turns().await;
    assert_eq!(stale(&db, &[1]).await.unwrap(), tens(&[1]));
    assert_eq!(db.asked().len(), 2);
}

#[tokio::test]
async fn a_hard_timeout_leaves_the_load_to_the_background() {
    #[derive(Clone, Debug, PartialEq)]
    struct Late;
    impl From<TimedOut> for Late {
        fn from(_: TimedOut) -> Self {
            Self
        }
    }

    #[cached(each = "id in ids", ttl = "1m", hard_timeout = "1s", cache = db.cache(), skip(db))]
    async fn values(db: &Db, ids: &[u64]) -> Result<HashMap<u64, u64>, Late> {
        Ok(db.fetch(ids).await.unwrap())
    }

    let (db, clock) = timed();
    let _ = values(&db, &[1]).await;
    db.hold();
    let call = async { values(&db, &[1, 2, 3]).await };
    let late = async {
        db.arrived(2).await;
        clock.advance(SECOND * 2);
    };
    let (output, ()) = tokio::join!(call, late);
    assert_eq!(output, Err(Late));
    db.release();
    turns().await;
    assert_eq!(values(&db, &[2, 3]).await.unwrap(), tens(&[2, 3]));
    assert_eq!(db.asked(), [vec![1], vec![2, 3]]);
}

#[tokio::test]
async fn an_old_value_is_served_if_the_load_fails() {
    #[cached(each = "id in ids", ttl = "10s", stale_if_error = "1h", cache = db.cache(), skip(db))]
    async fn values(db: &Db, ids: &[u64]) -> Result<HashMap<u64, u64>, String> {
        db.fetch(ids).await
    }

    let (db, clock) = timed();
    let _ = values(&db, &[1, 2]).await;
    clock.advance(SECOND * 11);
    db.fail(true);
    assert_eq!(values(&db, &[1, 2]).await.unwrap(), tens(&[1, 2]));
    // An id without an old value makes the call fail.
    assert_eq!(values(&db, &[1, 3]).await, Err("down".to_owned()));
}

#[tokio::test]
async fn a_policy_by_path_applies_to_batches() {
    const SHARED: larder::Policy = larder::Policy::new().ttl(SECOND).stale(SECOND);

    #[cached(each = "id in ids", policy = SHARED, cache = db.cache(), skip(db))]
    async fn values(db: &Db, ids: &[u64]) -> Result<HashMap<u64, u64>, String> {
        db.fetch(ids).await
    }

    let (db, clock) = timed();
    let _ = values(&db, &[1]).await;
    clock.advance(SECOND + SECOND / 2);
    let (_, sources) = values(&db, &[1]).traced().await;
    assert_eq!(sources, [(1, Source::Stale)]);
}
