//! Batches with a remote tier that other processes use too.

use larder::time::Clock;

use super::{Db, of, tens, value, values};
use crate::gated::Gated;
use crate::origin::landed;

#[tokio::test]
async fn the_remote_tier_is_asked_once_for_all() {
    let clock = Clock::manual();
    for store in [Gated::new(), Gated::leased(&clock)] {
        let (one, two) = (Db::on(store.cache(&clock)), Db::on(store.another().cache(&clock)));
        let _ = values(&one, &[1, 2, 3]).await;
        // Calls do not wait for the write of a loaded value.
        landed(one.cache()).await;
        assert_eq!(store.calls("get"), 1);
        assert_eq!(store.calls("generations"), 1);
        assert_eq!(values(&two, &[1, 2, 3]).await.unwrap(), tens(&[1, 2, 3]));
        assert_eq!(values(&two, &[3, 4]).await.unwrap(), tens(&[3, 4]));
        landed(two.cache()).await;
        assert_eq!(two.asked(), [[4]]);
        assert_eq!(values(&one, &[1, 2, 3, 4]).await.unwrap(), tens(&[1, 2, 3, 4]));
        assert_eq!(store.calls("get"), 2);
        assert_eq!(one.asked(), [[1, 2, 3]]);
    }
}

#[tokio::test]
async fn values_are_stored_in_one_request_and_each_under_its_own_lease() {
    let clock = Clock::manual();
    let (plain, leased) = (Gated::new(), Gated::leased(&clock));
    for (store, write, writes) in [(&plain, "set", 1), (&leased, "commit", 3)] {
        let db = Db::on(store.cache(&clock));
        let _ = values(&db, &[1, 2, 3]).await;
        landed(db.cache()).await;
        assert_eq!(store.calls(write), writes);
        // A refresh replaces all values and notifies the other caches.
        let other = Db::on(store.another().cache(&clock));
        let _ = values(&other, &[1, 2, 3]).await;
        db.write();
        let _ = values(&db, &[1, 2, 3]).refresh().await;
        assert_eq!(store.calls(write), 2 * writes);
        assert_eq!(values(&other, &[1, 2, 3]).await.unwrap(), of(&[1, 2, 3], |id| id * 10 + 1));
        assert_eq!(other.asked(), [[0; 0]; 0]);
    }
}

#[tokio::test]
async fn batches_that_write_the_same_keys_do_not_wait_in_a_circle() {
    let clock = Clock::manual();
    let store = Gated::new();
    let db = Db::on(store.cache(&clock));
    for _ in 0..50 {
        let (one, two, three) = tokio::join!(
            values(&db, &[1, 2, 3]).refresh(),
            values(&db, &[3, 2, 1]).refresh(),
            values(&db, &[2, 4]),
        );
        assert_eq!((one.unwrap().len(), two.unwrap().len(), three.unwrap().len()), (3, 3, 2));
    }
}

#[tokio::test]
async fn a_fleet_loads_each_id_once() {
    let clock = Clock::manual();
    let store = Gated::leased(&clock);
    let (one, two) = (Db::on(store.cache(&clock)), Db::on(store.another().cache(&clock)));
    one.hold();
    two.hold();
    let calls = async { tokio::join!(values(&one, &[1, 2]), values(&two, &[3, 2, 1])) };
    let release = async {
        // Each process loads the ids whose leases it has, and waits for the others.
        tokio::select! {
            () = one.arrived(1) => {}
            () = two.arrived(1) => {}
        }
        one.release();
        two.release();
        for _ in 0..100 {
            clock.advance(std::time::Duration::from_millis(100));
            tokio::task::yield_now().await;
        }
    };
    let ((first, second), ()) = tokio::join!(calls, release);
    assert_eq!((first.unwrap(), second.unwrap()), (tens(&[1, 2]), tens(&[1, 2, 3])));
    let mut asked = [one.asked(), two.asked()].concat().concat();
    asked.sort_unstable();
    assert_eq!(asked, [1, 2, 3]);
}

#[tokio::test]
async fn a_remote_tier_that_is_down_does_not_keep_a_batch_from_loading() {
    let clock = Clock::manual();
    let store = Gated::leased(&clock);
    let db = Db::on(store.cache(&clock));
    let _ = values(&db, &[1]).await;
    store.set_down(true);
    assert_eq!(values(&db, &[1, 2]).await.unwrap(), tens(&[1, 2]));
    assert_eq!(db.asked(), [[1], [2]]);
    assert_eq!(value(&db, 2).await, Ok(20));
}
