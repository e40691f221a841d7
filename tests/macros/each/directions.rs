//! Directions of batch calls, and their evictions.

use std::collections::HashMap;
use std::time::Duration;

use larder::{Cache, Source, cache_evict, cache_put, cached, time::Clock, without_cache};

use super::{Db, of, tens, value, values};

#[tokio::test]
async fn refresh_loads_all_and_bypass_stores_nothing() {
    let db = Db::new();
    let _ = values(&db, &[1, 2]).await;
    db.write();
    assert_eq!(values(&db, &[1, 2]).await.unwrap(), tens(&[1, 2]));
    assert_eq!(values(&db, &[1, 3]).bypass().await.unwrap(), of(&[1, 3], |id| id * 10 + 1));
    assert_eq!(values(&db, &[1, 3]).peek().await.unwrap(), tens(&[1]));
    assert_eq!(values(&db, &[1]).refresh().await.unwrap(), of(&[1], |id| id * 10 + 1));
    assert_eq!(value(&db, 1).await, Ok(11));
    assert_eq!(db.asked(), [vec![1, 2], vec![1, 3], vec![1]]);
}

#[tokio::test]
async fn put_stores_the_given_values_and_evicts_the_others() {
    let db = Db::new();
    let _ = values(&db, &[1, 2, 3]).await;
    let put = HashMap::from([(1, 7), (9, 7)]);
    values(&db, &[1, 2]).put(put).await.unwrap();
    assert_eq!(values(&db, &[1, 2, 3, 9]).peek().await.unwrap(), HashMap::from([(1, 7), (3, 30)]));
}

#[tokio::test]
async fn evict_removes_all_ids_of_the_call() {
    let db = Db::new();
    let _ = values(&db, &[1, 2, 3]).await;
    assert_eq!(values(&db, &[1, 2, 9]).evict().await.unwrap(), 2);
    assert_eq!(values(&db, &[1, 2, 3]).peek().await.unwrap(), tens(&[3]));
}

#[tokio::test]
async fn a_mutator_evicts_the_call() {
    #[cache_evict(values(db, ids))]
    async fn change(db: &Db, ids: &[u64]) {
        let _ = ids;
        db.write();
    }

    #[cache_evict(tags = ["value:{id}"], cache = db.cache())]
    async fn change_one(db: &Db, id: u64) {
        db.write();
    }

    let db = Db::new();
    let _ = values(&db, &[1, 2, 3]).await;
    change(&db, &[1, 2]).await;
    assert_eq!(values(&db, &[1, 2, 3]).await.unwrap(), HashMap::from([(1, 11), (2, 21), (3, 30)]));
    change_one(&db, 3).await;
    assert_eq!(values(&db, &[1, 2, 3]).await.unwrap(), HashMap::from([(1, 11), (2, 21), (3, 32)]));
}

#[tokio::test]
async fn a_call_can_have_a_separate_ttl_cache_and_tenant() {
    let clock = Clock::manual();
    let db = Db::on(Cache::builder().clock(clock.clone()).build().unwrap());
    let other = Cache::builder().clock(clock.clone()).build().unwrap();
    let _ = values(&db, &[1]).ttl("1s").await;
    let _ = values(&db, &[4]).ttl("1s").ttl("default").await;
    let _ = values(&db, &[2]).cache(&other).await;
    let _ = values(&db, &[3]).tenant("acme").await;
    assert_eq!(values(&db, &[1, 2, 3]).peek().await.unwrap(), tens(&[1]));
    assert_eq!(other.get::<u64>("value:2").await.unwrap(), Some(20));
    assert_eq!(values(&db, &[1, 2, 3]).tenant("acme").peek().await.unwrap(), tens(&[3]));
    clock.advance(Duration::from_secs(2));
    assert_eq!(values(&db, &[1, 4]).peek().await.unwrap(), tens(&[4]));
    db.cache().tenant("acme").unwrap().clear().await.unwrap();
    assert_eq!(values(&db, &[3]).tenant("acme").peek().await.unwrap(), tens(&[]));
}

#[tokio::test]
async fn traced_tells_where_each_value_came_from() {
    let db = Db::new();
    let _ = values(&db, &[1]).await;
    let (output, sources) = values(&db, &[2, 1]).traced().await;
    assert_eq!(output.unwrap(), tens(&[1, 2]));
    assert_eq!(sources, [(2, Source::Loaded), (1, Source::Memory)]);
    let (_, sources) = values(&db, &[2, 1]).bypass().traced().await;
    assert_eq!(sources, [(2, Source::Bypassed), (1, Source::Bypassed)]);
}

#[tokio::test]
async fn while_caching_is_off_one_load_returns_all() {
    let db = Db::new();
    let _ = values(&db, &[1]).await;
    let all = without_cache(async { values(&db, &[1, 2]).await }).await;
    assert_eq!(all.unwrap(), tens(&[1, 2]));
    assert_eq!(db.asked(), [vec![1], vec![1, 2]]);
    assert_eq!(values(&db, &[2]).peek().await.unwrap(), tens(&[]));
}

#[tokio::test]
async fn without_its_cache_a_function_loads_all() {
    #[cached(each = "id in ids", cache = "each-nobody-installed-it", skip(db))]
    async fn values(db: &Db, ids: &[u64]) -> Result<HashMap<u64, u64>, String> {
        db.fetch(ids).await
    }

    let db = Db::new();
    for _ in 0..2 {
        assert_eq!(values(&db, &[1, 2]).await.unwrap(), tens(&[1, 2]));
    }
    assert_eq!(db.asked(), [[1, 2], [1, 2]]);
    assert!(values(&db, &[1]).peek().await.is_err());
}

#[tokio::test]
async fn a_mutators_values_become_the_cached_ones() {
    #[cache_put(values(db, &ids))]
    async fn save(db: &Db, ids: Vec<u64>, fails: bool) -> Result<HashMap<u64, u64>, String> {
        db.write();
        match fails {
            true => Err("no".into()),
            false => Ok(of(&ids, |id| id + 500)),
        }
    }

    let db = Db::new();
    let _ = values(&db, &[1, 2, 3]).await;
    let _ = save(&db, vec![1, 2], false).await;
    assert_eq!(
        values(&db, &[1, 2, 3]).peek().await.unwrap(),
        HashMap::from([(1, 501), (2, 502), (3, 30)])
    );
    // A failed call may have written the values.
    let _ = save(&db, vec![2, 3], true).await;
    assert_eq!(values(&db, &[1, 2, 3]).peek().await.unwrap(), HashMap::from([(1, 501)]));
}

/// An entry that is inserted under the key of an id is the function's.
#[tokio::test]
async fn the_keys_of_a_batch_are_those_of_its_entries() {
    let db = Db::new();
    let keys = |call: Result<Vec<larder::Key>, larder::Error>| {
        call.unwrap().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let three = keys(values(&db, &[3, 1, 3, 2]).cache_keys());
    assert_eq!(three.len(), 3, "{three:?}");
    assert_eq!(
        keys(values(&db, &[3]).tenant("acme").cache_keys()),
        [format!("@acme/{}", three[0])]
    );
    assert!(values(&db, &[3]).tenant("").cache_keys().is_err());
    assert_eq!(db.asked(), [[0; 0]; 0], "nothing was loaded");
    let _ = values(&db, &[1, 2, 3]).await;
    let mut sorted = three.clone();
    sorted.sort_unstable();
    assert_eq!(db.cache().keys("*").await.unwrap(), sorted);
    let key = values(&db, &[2]).cache_keys().unwrap().remove(0);
    db.cache().insert(&key, 7u64).await.unwrap();
    assert_eq!(value(&db, 2).await, Ok(7));
    db.cache().evict_tag("value:2").await.unwrap();
    assert_eq!(value(&db, 2).await, Ok(20));
}
