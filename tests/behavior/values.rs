//! Values of many types survive a round trip through Redis.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use larder::redis::Redis;
use larder::{Cache, RemoteValue};
use serde::{Deserialize, Serialize};

use crate::support::Server;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Pair(i8, u128),
    Named { text: String, letter: char },
    Nested(Vec<Shape>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Wrapper<T>(T);

async fn round<T: RemoteValue + PartialEq + Debug>(cache: &Cache, value: T) {
    cache.insert("value", value.clone()).await.unwrap();
    assert_eq!(cache.get::<T>("value").await.unwrap(), Some(value));
    assert_eq!(cache.stats().foreign, 0);
}

#[tokio::test]
async fn survive_a_round_trip() {
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    let cache = Cache::builder().no_memory().remote(redis).build().unwrap();
    round(&cache, ()).await;
    round(&cache, String::new()).await;
    round(&cache, "naïve 🦀 \0 \r\n".to_owned()).await;
    round(&cache, (u64::MAX, i64::MIN, u128::MAX, i128::MIN)).await;
    round(&cache, (f64::INFINITY, -0.0f64, f32::MIN_POSITIVE)).await;
    round(&cache, (true, 'ß', Some(Some(1u8)), Some(None::<u8>), None::<Option<u8>>)).await;
    round(&cache, vec![0u8; 3 << 20]).await;
    round(&cache, Vec::<u64>::new()).await;
    round(&cache, [[1u16, 2], [3, 4]]).await;
    round(&cache, BTreeMap::from([("a".to_owned(), vec![1]), (String::new(), vec![])])).await;
    round(&cache, Ok::<u8, String>(1)).await;
    round(&cache, Err::<u8, String>("kept".into())).await;
    round(&cache, Wrapper(Wrapper(7u8))).await;
    round(&cache, Duration::from_nanos(1_234_567_890)).await;
    let nested = Shape::Nested(vec![
        Shape::Nothing,
        Shape::Pair(-1, 1),
        Shape::Named { text: "x".into(), letter: 'y' },
        Shape::Nested(vec![]),
    ]);
    round(&cache, nested).await;
}

#[tokio::test]
async fn can_have_any_key() {
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    let cache = Cache::builder().no_memory().remote(redis).build().unwrap();
    let long = "k".repeat(10_000);
    let keys = ["", " ", "a b\r\nSET x y", "*", "[a-c]?", "ключ:🦀", "a:b::c", "~tag:x", &long];
    for (number, key) in (0u32..).zip(keys) {
        cache.insert(key, number).await.unwrap();
    }
    for (number, key) in (0u32..).zip(keys) {
        assert_eq!(cache.get::<u32>(key).await.unwrap(), Some(number), "{key:?}");
    }
    let numbers: Vec<_> = (0u32..).take(keys.len()).map(Some).collect();
    assert_eq!(cache.get_many::<u32>(&keys).await.unwrap(), numbers);
    for key in keys {
        assert!(cache.remove(key).await.unwrap(), "{key:?}");
        assert_eq!(cache.get::<u32>(key).await.unwrap(), None, "{key:?}");
    }
}

/// Nothing was written, and the error says so.
#[tokio::test]
async fn a_value_whose_encoding_panics_is_rejected() {
    #[derive(Clone, Deserialize)]
    struct Fragile;
    impl Serialize for Fragile {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("the encoding panics")
        }
    }
    let cache = Cache::builder().remote(larder::backend::MemoryBackend::new()).build().unwrap();
    let refused = cache.insert("value", Fragile).await;
    assert!(matches!(refused, Err(larder::Error::Encode { .. })), "{refused:?}");
}
