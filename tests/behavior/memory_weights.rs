//! A bound in bytes counts the heap memory of values, without a weigher.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use larder::{Cache, Memory, cached};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const MIB: u64 = 1 << 20;

fn bounded() -> Cache {
    Cache::builder().memory(Memory::max_bytes(MIB)).build().unwrap()
}

#[derive(Clone, Serialize, Deserialize)]
struct Page {
    title: String,
    parts: Vec<Part>,
    by_name: HashMap<String, Vec<u8>>,
    note: Option<Box<str>>,
}

#[derive(Clone, Serialize, Deserialize)]
enum Part {
    Text(String),
    Link { to: String },
}

/// Inserts 64 MiB in values of about 64 KiB each, and returns how much of it the tier still has.
async fn kept<V>(value: V, heap: u64) -> u64
where
    V: Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
{
    let cache = bounded();
    for id in 0..1_000 {
        cache.insert(&format!("k{id}"), value.clone()).await.unwrap();
    }
    let stats = cache.stats();
    assert!(stats.bytes <= MIB, "{}: {}", std::any::type_name::<V>(), stats.bytes);
    assert!(stats.entries > 0, "{}", std::any::type_name::<V>());
    stats.entries * heap
}

#[tokio::test]
async fn common_types_are_weighed_with_their_heap() {
    const SIZE: usize = 64 << 10;
    let text = "x".repeat(SIZE);
    let (heap, most) = (SIZE as u64, 2 * MIB);
    assert!(kept(text.clone(), heap).await <= most);
    assert!(kept(vec![0_u8; SIZE], heap).await <= most);
    assert!(kept(vec![0_u64; SIZE / 8], heap).await <= most);
    assert!(kept(vec![text[..SIZE / 2].to_owned(); 2], heap).await <= most);
    assert!(kept(Some(text.clone().into_boxed_str()), heap).await <= most);
    assert!(kept(BTreeMap::from([(1_u8, text.clone())]), heap).await <= most);
    assert!(kept((1_u32, vec![Some(text.clone())]), heap).await <= most);
    let half = text[..SIZE / 4].to_owned();
    let page = Page {
        title: half.clone(),
        parts: vec![Part::Text(half.clone()), Part::Link { to: half.clone() }],
        by_name: HashMap::from([("k".to_owned(), vec![0; SIZE / 8])]),
        note: Some(half[..SIZE / 8].into()),
    };
    assert!(kept(page, heap).await <= most);
}

#[cached(key = "text:{id}", local, cache = cache, skip(cache))]
async fn local_text(cache: &Cache, id: u32) -> Arc<str> {
    "x".repeat(64 << 10).into()
}

#[cached(key = "bytes:{id}", local, cache = cache, skip(cache))]
async fn local_bytes(cache: &Cache, id: u32) -> Bytes {
    vec![0; 64 << 10].into()
}

#[cached(key = "loaded:{id}", cache = cache, skip(cache))]
async fn loaded(cache: &Cache, id: u32) -> Result<Vec<String>, String> {
    Ok(vec!["x".repeat(32 << 10), "y".repeat(32 << 10)])
}

#[tokio::test]
async fn loaded_and_local_values_are_weighed_too() {
    let (texts, bytes, lists) = (bounded(), bounded(), bounded());
    for id in 0..200 {
        local_text(&texts, id).await;
        local_bytes(&bytes, id).await;
        loaded(&lists, id).await.unwrap();
    }
    for cache in [texts, bytes, lists] {
        let stats = cache.stats();
        assert!(stats.bytes <= MIB && (1..=16).contains(&stats.entries), "{stats:?}");
    }
}
