//! Types of the list and the result, and places of the function.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use larder::{Cache, cached};

use super::{Db, tens};

#[tokio::test]
async fn lists_of_all_kinds() {
    #[cached(each = "id in ids", key = "a:{id}", cache = db.cache(), skip(db))]
    async fn owned(db: &Db, ids: Vec<u64>) -> HashMap<u64, u64> {
        db.fetch(&ids).await.unwrap()
    }

    #[cached(each = "id in ids", key = "a:{id}", cache = db.cache(), skip(db))]
    async fn set(db: &Db, ids: HashSet<u64>) -> HashMap<u64, u64> {
        let ids: Vec<u64> = ids.into_iter().collect();
        db.fetch(&ids).await.unwrap()
    }

    #[cached(each = "id in ids", key = "a:{id}", cache = db.cache(), skip(db))]
    async fn ordered(db: &Db, ids: &BTreeSet<u64>) -> HashMap<u64, u64> {
        let ids: Vec<u64> = ids.iter().copied().collect();
        db.fetch(&ids).await.unwrap()
    }

    let db = Db::new();
    assert_eq!(owned(&db, vec![1, 2]).await, tens(&[1, 2]));
    assert_eq!(set(&db, HashSet::from([2, 3])).await, tens(&[2, 3]));
    assert_eq!(ordered(&db, &BTreeSet::from([3, 4])).await, tens(&[3, 4]));
    assert_eq!(db.asked(), [vec![1, 2], vec![3], vec![4]]);
    // `peek` and `put` of an output without `Result` use it as it is.
    assert_eq!(owned(&db, vec![1, 9]).peek().await.unwrap(), tens(&[1]));
    owned(&db, vec![9]).put(tens(&[9])).await.unwrap();
    assert_eq!(owned(&db, vec![9]).await, tens(&[9]));
}

#[tokio::test]
async fn results_of_all_kinds() {
    #[cached(each = "name in names", cache = cache, skip(cache))]
    async fn sorted(cache: &Cache, names: &[String]) -> BTreeMap<String, usize> {
        names.iter().map(|name| (name.clone(), name.len())).collect()
    }

    #[cached(each = "name in names", cache = cache, skip(cache))]
    async fn pairs(
        cache: &Cache,
        names: &[&'static str],
    ) -> std::io::Result<Vec<(&'static str, usize)>> {
        Ok(names.iter().rev().map(|name| (*name, name.len())).collect())
    }

    let cache = Cache::builder().build().unwrap();
    let names = ["b".to_owned(), "aa".to_owned()];
    let expected = BTreeMap::from([("aa".to_owned(), 2), ("b".to_owned(), 1)]);
    for _ in 0..2 {
        assert_eq!(sorted(&cache, &names).await, expected);
        // In the order of the requested names.
        let pairs = pairs(&cache, &["b", "aa", "b"]).await.unwrap();
        assert_eq!(pairs, [("b", 1), ("aa", 2)]);
    }
}

#[tokio::test]
async fn other_arguments_are_part_of_each_key() {
    #[cached(each = "id in ids", cache = db.cache(), skip(db))]
    async fn automatic(
        db: &Db,
        mut times: u64,
        ids: &[u64],
        (plus, _): (u64, u8),
    ) -> HashMap<u64, u64> {
        times += plus;
        let values = db.fetch(ids).await.unwrap();
        values.into_iter().map(|(id, value)| (id, value * times)).collect()
    }

    let db = Db::new();
    assert_eq!(automatic(&db, 1, &[1, 2], (0, 0)).await, tens(&[1, 2]));
    assert_eq!(automatic(&db, 2, &[1], (0, 0)).await[&1], 20);
    assert_eq!(automatic(&db, 2, &[1], (1, 0)).await[&1], 30);
    assert_eq!(automatic(&db, 1, &[2], (0, 0)).await, tens(&[2]));
    assert_eq!(db.asked(), [vec![1, 2], vec![1], vec![1]]);
}

#[tokio::test]
async fn methods_and_generics() {
    struct Shop {
        db: Db,
        city: &'static str,
    }

    impl Shop {
        #[cached(each = "id in ids", key = "shop:{self.city}:{id}", cache = self.db.cache())]
        async fn prices(&self, ids: &[u64]) -> Result<HashMap<u64, u64>, String> {
            self.db.fetch(ids).await
        }
    }

    #[cached(each = "id in ids", cache = cache, skip(cache, load))]
    async fn generic<I, const N: u64>(
        cache: &Cache,
        ids: &[I],
        load: impl Fn(&[I]) -> HashMap<I, u64> + Clone,
    ) -> HashMap<I, u64>
    where
        I: Clone + Eq + Hash + Send + serde::Serialize + 'static,
    {
        load(ids).into_iter().map(|(id, value)| (id, value + N)).collect()
    }

    let shop = Shop { db: Db::new(), city: "Rome" };
    assert_eq!(shop.prices(&[1, 2]).await.unwrap(), tens(&[1, 2]));
    assert_eq!(shop.prices(&[2]).await.unwrap(), tens(&[2]));
    let other = Shop { city: "Oslo", ..shop };
    assert_eq!(other.prices(&[2]).await.unwrap(), tens(&[2]));
    assert_eq!(other.db.asked(), [vec![1, 2], vec![2]]);

    let cache = other.db.cache();
    let numbers = |ids: &[u8]| ids.iter().map(|id| (*id, 0)).collect();
    let texts = |ids: &[char]| ids.iter().map(|id| (*id, 5)).collect();
    assert_eq!(generic::<u8, 1>(cache, &[1], numbers).await[&1], 1);
    assert_eq!(generic::<u8, 2>(cache, &[1], numbers).await[&1], 2);
    assert_eq!(generic::<char, 2>(cache, &['1'], texts).await[&'1'], 7);
}

#[tokio::test]
async fn a_call_can_be_spawned() {
    let db = Db::new();
    let spawned = tokio::spawn(async move { super::values(&db, &[1, 2]).await });
    assert_eq!(spawned.await.unwrap().unwrap(), tens(&[1, 2]));
}
