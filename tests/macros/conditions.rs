//! `cache_if` and `unless`: which values are stored.

use larder::{cached, call};

use crate::{Loads, install};

#[tokio::test]
async fn a_value_that_fails_its_condition_is_returned_and_not_stored() {
    static LOADS: Loads = Loads::new();

    #[cached(key = "even:{n}", cache_if = |n| n % 2 == 0, cache = "conditions-if")]
    async fn load(n: u64) -> Result<u64, String> {
        LOADS.count();
        Ok(n)
    }

    let cache = install("conditions-if");
    assert_eq!([load(2).await, load(2).await], [Ok(2), Ok(2)]);
    assert_eq!(LOADS.get(), 1);
    assert_eq!([load(3).await, load(3).await], [Ok(3), Ok(3)]);
    assert_eq!(LOADS.get(), 3);
    assert!(!cache.contains::<u64>("even:3").await.unwrap());
}

#[tokio::test]
async fn a_value_that_meets_unless_is_returned_and_not_stored() {
    static LOADS: Loads = Loads::new();

    #[cached(key = "some:{n}", unless = Vec::is_empty, cache = "conditions-unless")]
    async fn load(n: u64) -> Vec<u64> {
        LOADS.count();
        (0..n).collect()
    }

    install("conditions-unless");
    assert_eq!([load(2).await, load(2).await], [[0, 1], [0, 1]]);
    assert_eq!(LOADS.get(), 1);
    assert_eq!([load(0).await, load(0).await], [[0; 0], []]);
    assert_eq!(LOADS.get(), 3);
}

#[tokio::test]
async fn both_have_to_agree_also_on_a_sync_function() {
    static LOADS: Loads = Loads::new();

    fn is_ten(n: &u64) -> bool {
        *n == 10
    }

    #[cached(cache_if = |n: &u64| *n > 5, unless = is_ten, cache = "conditions-sync")]
    fn load(n: u64) -> u64 {
        LOADS.count();
        n
    }

    install("conditions-sync");
    for n in [1, 1, 7, 7, 10, 10] {
        assert_eq!(load(n), n);
    }
    assert_eq!(LOADS.get(), 5);
    assert_eq!(call!(load(7)).peek().await.unwrap(), Some(7));
    assert_eq!(call!(load(10)).peek().await.unwrap(), None);
}

#[tokio::test]
async fn a_refresh_stores_no_value_that_fails_its_condition() {
    static LOADS: Loads = Loads::new();

    #[cached(cache_if = |n| *n == 1, cache = "conditions-refresh")]
    async fn load() -> u64 {
        LOADS.count()
    }

    install("conditions-refresh");
    assert_eq!(load().await, 1);
    assert_eq!(load().refresh().await, 2);
    assert_ne!(load().peek().await.unwrap(), Some(2));
}
