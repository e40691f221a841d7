//! A value that a cache writes with its codec comes back from any cache that knows the codec. If the codec cannot
//! represent a value, another codec writes it; if no codec can, an error names a fix.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder::redis::Redis;
use larder::{Cache, Error, RemoteValue, Source, cached, codec::Codec};
use serde::{Deserialize, Serialize};

use crate::schema_changes::Octets;
use crate::stored::{Store, is_foreign};
use crate::support::Server;

const ALL: [Codec; 3] = [Codec::Postcard, Codec::Json, Codec::MessagePack];
const DESCRIBING: [Codec; 2] = [Codec::Json, Codec::MessagePack];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Pair(i8, u64),
    Named { text: String, letter: char },
    Nested(Vec<Shape>),
    One(Option<Box<Shape>>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Wrapper<T>(T);

async fn round<T: RemoteValue + PartialEq + Debug>(codec: Codec, value: T) {
    let store = Store::default();
    let cache = store.cache(|builder| builder.codec(codec));
    cache.insert("value", value.clone()).await.unwrap();
    assert_eq!(cache.get::<T>("value").await.unwrap(), Some(value.clone()), "{codec:?}");
    // The reader's own codec does not matter.
    for other in ALL {
        let reader = store.cache(|builder| builder.codec(other));
        assert_eq!(reader.get::<T>("value").await.unwrap(), Some(value.clone()), "{codec:?}");
    }
}

#[tokio::test]
async fn values_survive_a_round_trip() {
    for codec in ALL {
        round(codec, ()).await;
        round(codec, "naïve 🦀 \0 \r\n \"".to_owned()).await;
        round(codec, (u64::MAX, i64::MIN, u128::MAX, i128::MIN)).await;
        round(codec, (0.1f32, -0.0f64, f64::MIN_POSITIVE, f64::MAX, 1e-7, 0.1 + 0.2)).await;
        round(codec, (true, 'ß', Some(1u8), None::<u8>)).await;
        round(codec, [[1u16, 2], [3, 4]]).await;
        round(codec, BTreeMap::from([("a".to_owned(), vec![1]), (String::new(), vec![])])).await;
        round(codec, BTreeMap::from([(-7i64, 'a'), (8, 'b')])).await;
        round(codec, vec![Ok::<u8, String>(1), Err("kept".to_owned())]).await;
        round(codec, Wrapper(Wrapper(Some(7u8)))).await;
        round(codec, (Duration::from_nanos(1_234_567_890), IpAddr::from([127, 0, 0, 1]))).await;
        let named = Shape::Named { text: "x".into(), letter: 'y' };
        let one = Shape::One(Some(Box::new(Shape::Pair(-1, 1))));
        round(codec, Shape::Nested(vec![Shape::Nothing, one, named, Shape::Nested(vec![])])).await;
    }
    round(Codec::Postcard, (f64::INFINITY, Some(None::<u8>), Some(()))).await;
    round(Codec::MessagePack, (f64::INFINITY, f32::NEG_INFINITY)).await;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Loose {
    id: u8,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    nickname: Option<String>,
    either: Either,
    tagged: Tagged,
    #[serde(flatten)]
    page: Page,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Either {
    Number(u64),
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    Host { address: IpAddr },
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    One(u8),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Page {
    first: u8,
}

fn loose(either: Either, tagged: Tagged) -> Loose {
    Loose { id: 7, nickname: None, either, tagged, page: Page { first: 1 } }
}

#[tokio::test]
async fn self_describing_codecs_represent_types_that_need_them() {
    for codec in DESCRIBING {
        let address = IpAddr::from([127, 0, 0, 1]);
        round(codec, loose(Either::Number(1), Tagged::Nothing)).await;
        round(codec, loose(Either::Text("x".to_owned()), Tagged::Host { address })).await;
        round(codec, Adjacent::One(1)).await;
    }
}

/// What MessagePack has for types of other formats: `rmp-serde` writes a newtype of this name as an extension.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "_ExtStruct")]
struct Extension((i8, Octets));

#[tokio::test]
async fn another_codec_writes_what_would_be_an_extension() {
    round(Codec::MessagePack, Extension((1, Octets(vec![2, 3])))).await;
}

/// Nothing is stored, and the error contains all of `words`.
async fn refused<T: RemoteValue>(codec: Codec, value: T, words: &[&str]) {
    let store = Store::default();
    let cache = store.cache(|builder| builder.codec(codec));
    let error = cache.insert("value", value).await.expect_err("it can't be carried");
    assert!(matches!(error, Error::Encode { .. }), "{error:?}");
    for word in words {
        assert!(error.to_string().contains(word), "no {word:?} in {error}");
    }
    assert!(store.is_empty("ns:value").await);
    assert_eq!(cache.stats().refused, 1);
}

/// The codec cannot represent the value and its error contains all of `words`; the cache stores it with another codec.
async fn carried_by_another<T: RemoteValue + PartialEq + Debug>(
    codec: Codec,
    value: T,
    words: &[&str],
) {
    let error = larder::testing::bytes::encode(codec, &value).expect_err("it can't be carried");
    for word in words {
        assert!(error.contains(word), "no {word:?} in {error}");
    }
    round(codec, value).await;
}

#[tokio::test]
async fn types_that_postcard_cannot_represent_use_another_codec() {
    let codec = Codec::Postcard;
    carried_by_another(codec, Either::Number(1), &["untagged"]).await;
    carried_by_another(codec, Tagged::Nothing, &["tag = "]).await;
    carried_by_another(codec, Adjacent::One(1), &[]).await;
    carried_by_another(codec, vec![Some((Either::Text(String::new()), 1))], &[]).await;
    carried_by_another(codec, serde_json::json!({"a": [1, null, {"b": 0.5}]}), &["serde_json"])
        .await;
    carried_by_another(codec, loose(Either::Number(1), Tagged::Nothing), &["flatten"]).await;
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Skipping {
        #[serde(skip_serializing_if = "Option::is_none")]
        nickname: Option<u8>,
        id: u8,
    }
    carried_by_another(codec, Skipping { nickname: None, id: 1 }, &["`nickname`"]).await;
    round(codec, Skipping { nickname: Some(1), id: 1 }).await;
}

#[tokio::test]
async fn values_that_would_change_use_another_codec() {
    for codec in DESCRIBING {
        carried_by_another(codec, Some(None::<u8>), &["Some(None)"]).await;
        carried_by_another(codec, vec![Some(())], &["Some(())"]).await;
        carried_by_another(codec, Some(Wrapper(None::<u8>)), &["Some(None)"]).await;
    }
    carried_by_another(Codec::Json, Some(f32::INFINITY), &["infinity"]).await;
    let lists = BTreeMap::from([(vec![1], 1)]);
    carried_by_another(Codec::Json, lists, &["key must be a string"]).await;
}

/// A map with number keys inside serde's buffer: in JSON the keys would remain strings.
#[tokio::test]
async fn number_keys_in_tagged_and_flattened_types() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Flat {
        name: String,
        #[serde(flatten)]
        by_id: BTreeMap<u64, u8>,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type")]
    enum Tagged {
        Scores { by_id: BTreeMap<u64, u8> },
    }
    for codec in ALL {
        round(codec, Tagged::Scores { by_id: [(7, 1)].into() }).await;
        round(codec, Flat { name: "a".to_owned(), by_id: [(7, 1), (300, 2)].into() }).await;
    }
}

/// Serde's buffer holds no 128-bit numbers, so no codec can represent them there. `insert` returns the error; a
/// function returns its value, and the cache counts it.
#[tokio::test]
async fn values_that_no_codec_can_represent() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type")]
    enum Tagged {
        Large { number: u128 },
    }
    let value = Tagged::Large { number: u128::MAX };
    for codec in ALL {
        refused(codec, value.clone(), &["no codec can represent it", "#[cached(local)]"]).await;
        refused(codec, vec![Some(None), Some(Some(value.clone()))], &["Postcard", "Some(None)"])
            .await;
    }
    #[cached(key = "large", ttl = "1h", cache = cache, skip(cache))]
    async fn large(cache: &Cache) -> Tagged {
        Tagged::Large { number: u128::MAX }
    }
    let cache = Store::default().plain();
    for _ in 0..3 {
        assert_eq!(large(&cache).await, value);
    }
    let stats = cache.stats();
    assert_eq!((stats.loads, stats.refused, stats.stores, stats.remote_stores), (3, 3, 0, 0));
    let functions = cache.stats_by_function();
    assert_eq!(functions[0].stats.refused, 3);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tree(Vec<Tree>);

/// A value up to the depth limit can be read back; a deeper one is rejected when it is written, not when it is read.
#[tokio::test]
async fn depth_is_bounded_for_writes_and_reads() {
    let tree = |depth: u32| (1..depth).fold(Tree(vec![]), |tree, _| Tree(vec![tree]));
    let chain = |depth: u32| (1..depth).fold(Chain(None), |chain, _| Chain(Some(chain.into())));
    for codec in ALL {
        round(codec, tree(128)).await;
        refused(codec, tree(129), &["nested more than"]).await;
        if codec == Codec::Postcard {
            round(codec, chain(128)).await;
        }
        refused(codec, chain(129), &["nested more than", "flatten it"]).await;
    }
}

#[tokio::test]
async fn values_that_are_too_large_are_rejected_and_never_read() {
    let store = Store::default();
    let [small, large] =
        [1_000, 10_000].map(|bytes| store.cache(|builder| builder.max_value_bytes(bytes)));
    let error = small.insert("value", vec![0u8; 2_000]).await.expect_err("it is too large");
    assert!(error.to_string().contains("`max_value_bytes` is 1000"), "{error}");
    assert!(store.is_empty("ns:value").await);
    // The old value was to be replaced, so it is evicted before the next read.
    assert_eq!(small.get::<Vec<u8>>("value").await.unwrap(), None);
    large.insert("value", vec![0u8; 2_000]).await.unwrap();
    assert!(!is_foreign::<Vec<u8>>(&large, "value").await);
    assert!(is_foreign::<Vec<u8>>(&small, "value").await);
    let none = Cache::builder().max_value_bytes(0).build().expect_err("nothing would fit");
    assert!(none.to_string().starts_with("max_value_bytes: "), "{none}");
}

#[cached(key = "either:{id}", ttl = "1h", cache = cache, skip(cache))]
async fn either(cache: &Cache, id: u64) -> Either {
    Either::Number(id)
}

/// A cached function never fails because of its cache: a value that its codec cannot represent is still returned.
#[tokio::test]
async fn a_function_whose_value_its_codec_cannot_represent_answers() {
    let server = Server::start();
    let build = |codec| {
        let url = server.url();
        async move {
            let redis = Redis::connect(url).await.unwrap();
            Cache::builder().namespace("ns").codec(codec).remote(redis).build().unwrap()
        }
    };
    let postcard = build(Codec::Postcard).await;
    assert_eq!(either(&postcard, 7).traced().await.source, Source::Loaded);
    let json = build(Codec::Json).await;
    assert_eq!(either(&json, 7).traced().await.source, Source::Remote);
    assert_eq!(either(&json, 8).traced().await.source, Source::Loaded);
    let other = build(Codec::MessagePack).await;
    assert_eq!(either(&other, 8).traced().await.source, Source::Remote);
}

#[cached(key = "nan:{id}", ttl = "1h", cache = cache, skip(cache))]
async fn strange(cache: &Cache, id: u64) -> (u64, Option<Option<f64>>, Either) {
    (id, Some(None), Either::Number(id))
}

/// A cached function never fails because of its cache: a value that no codec can represent is still returned.
#[tokio::test]
async fn a_function_whose_value_no_codec_can_represent_answers() {
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    let cache = Cache::builder().namespace("ns").remote(redis).build().unwrap();
    crate::support::eventually("memory is trusted", async || cache.is_linked()).await;
    assert_eq!(strange(&cache, 7).traced().await.source, Source::Loaded);
    assert_eq!(server.bytes("ns:nan:7"), None);
    assert_eq!(strange(&cache, 7).traced().await.source, Source::Memory);
    let stats = cache.stats();
    assert_eq!((stats.refused, stats.stores, stats.remote_stores), (1, 1, 0));
}

/// A `Deserialize` that panics on some values is a miss for them.
#[tokio::test]
async fn a_deserialize_that_panics_is_a_miss() {
    static PANICS: AtomicBool = AtomicBool::new(false);
    #[derive(Clone, Debug, Serialize)]
    struct Even(u8);
    impl<'de> Deserialize<'de> for Even {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            let number = u8::deserialize(from)?;
            let panics = PANICS.load(Ordering::Relaxed) && !number.is_multiple_of(2);
            assert!(!panics, "this type panics over odd numbers");
            Ok(Self(number))
        }
    }
    let store = Store::default();
    let cache = store.plain();
    cache.insert("two", Even(2)).await.unwrap();
    cache.insert("three", Even(3)).await.unwrap();
    PANICS.store(true, Ordering::Relaxed);
    assert_eq!(cache.get::<Even>("two").await.unwrap().map(|even| even.0), Some(2));
    assert!(is_foreign::<Even>(&cache, "three").await);
    // With the test kit, and in debug builds, the value is not even stored.
    cache.insert("five", Even(5)).await.expect_err("it can't be read back");
}
