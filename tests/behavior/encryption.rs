//! Encrypted values cannot be read, changed or moved; keys can be rotated without a cold cache.

use larder::{
    Cache, Policy, Source,
    backend::MemoryBackend,
    cached,
    codec::{Codec, Compression, EncryptionKeys},
};
use serde::{Deserialize, Serialize};

use crate::stored::{Store, is_foreign};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Patient {
    name: String,
    findings: Vec<String>,
}

fn patient() -> Patient {
    Patient { name: "Erika Mustermann".to_owned(), findings: vec!["a secret one".to_owned()] }
}

const OLD: [u8; 32] = [0x0d; 32];
const NEW: [u8; 32] = [0x4e; 32];

fn encrypting(store: &Store, keys: EncryptionKeys) -> Cache {
    store.cache(|builder| builder.encryption(keys))
}

async fn store_patient(cache: &Cache) {
    let policy = Policy::new().tags(&["oncology"]);
    cache.entry("patient:7").policy(policy).insert(patient()).await.unwrap();
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn nothing_of_the_value_can_be_read() {
    let store = Store::default();
    store_patient(&store.plain()).await;
    let clear = store.bytes("ns:patient:7").await;
    let secrets = ["Erika", "secret", "oncology"];
    assert!(
        secrets.iter().all(|secret| contains(&clear, secret)),
        "the unencrypted bytes contain every secret"
    );
    for codec in [Codec::Postcard, Codec::Json, Codec::MessagePack] {
        for compression in [Compression::none(), Compression::lz4(), Compression::zstd(3)] {
            let cache = store.cache(|builder| {
                let compression = compression.threshold(0);
                builder
                    .codec(codec)
                    .compression(compression)
                    .encryption(EncryptionKeys::new(1, OLD))
            });
            store_patient(&cache).await;
            let bytes = store.bytes("ns:patient:7").await;
            assert!(!secrets.iter().any(|secret| contains(&bytes, secret)), "{codec:?}");
            assert_eq!(cache.get::<Patient>("patient:7").await.unwrap(), Some(patient()));
        }
    }
}

/// Using a nonce twice would reveal the contents.
#[tokio::test]
async fn the_same_value_is_never_the_same_bytes() {
    let store = Store::default();
    let cache = encrypting(&store, EncryptionKeys::new(1, OLD));
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100 {
        cache.insert("value", 7u8).await.unwrap();
        let bytes = store.bytes("ns:value").await;
        // The bytes after the format and the key id.
        assert!(seen.insert(bytes[9..33].to_vec()), "a nonce came twice");
    }
}

#[tokio::test]
async fn every_truncation_and_every_flipped_bit_is_a_miss() {
    let store = Store::default();
    let cache = encrypting(&store, EncryptionKeys::new(1, OLD).also(0, NEW));
    store_patient(&cache).await;
    let whole = store.bytes("ns:patient:7").await;
    for length in 0..whole.len() {
        store.put("ns:patient:7", &whole[..length]).await;
        assert!(is_foreign::<Patient>(&cache, "patient:7").await, "{length} bytes");
    }
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        store.put("ns:patient:7", &bytes).await;
        assert!(is_foreign::<Patient>(&cache, "patient:7").await, "bit {bit}");
    }
    for more in [&b"\0"[..], &whole] {
        store.put("ns:patient:7", &[&whole, more].concat()).await;
        assert!(is_foreign::<Patient>(&cache, "patient:7").await);
    }
    store.put("ns:patient:7", &whole).await;
    assert!(!is_foreign::<Patient>(&cache, "patient:7").await, "and the whole one is a hit");
}

#[tokio::test]
async fn a_value_copied_to_another_key_is_a_miss() {
    let store = Store::default();
    let cache = encrypting(&store, EncryptionKeys::new(1, OLD));
    store_patient(&cache).await;
    let bytes = store.bytes("ns:patient:7").await;
    store.put("ns:patient:8", &bytes).await;
    assert!(is_foreign::<Patient>(&cache, "patient:8").await);
    store.put("other:patient:7", &bytes).await;
    let other =
        store.cache(|builder| builder.namespace("other").encryption(EncryptionKeys::new(1, OLD)));
    assert!(is_foreign::<Patient>(&other, "patient:7").await);
    assert!(!is_foreign::<Patient>(&cache, "patient:7").await);
}

/// Unencrypted values too belong to their namespace and key.
#[tokio::test]
async fn the_checksum_covers_namespace_and_key() {
    let store = Store::default();
    let cache = store.plain();
    store_patient(&cache).await;
    let bytes = store.bytes("ns:patient:7").await;
    store.put("ns:patient:8", &bytes).await;
    assert!(is_foreign::<Patient>(&cache, "patient:8").await);
    store.put("other:patient:7", &bytes).await;
    let other = store.cache(|builder| builder.namespace("other"));
    assert!(is_foreign::<Patient>(&other, "patient:7").await);
}

#[tokio::test]
async fn plain_and_encrypted_caches_do_not_read_each_others_values() {
    let store = Store::default();
    let (clear, sealed) = (store.plain(), encrypting(&store, EncryptionKeys::new(1, OLD)));
    store_patient(&clear).await;
    assert!(is_foreign::<Patient>(&sealed, "patient:7").await);
    store_patient(&sealed).await;
    assert!(is_foreign::<Patient>(&clear, "patient:7").await);
    assert!(!is_foreign::<Patient>(&sealed, "patient:7").await);
}

#[tokio::test]
async fn keys_are_rotated_in_three_steps() {
    let store = Store::default();
    let before = encrypting(&store, EncryptionKeys::new(1, OLD));
    let first = encrypting(&store, EncryptionKeys::new(1, OLD).also(2, NEW));
    let second = encrypting(&store, EncryptionKeys::new(2, NEW).also(1, OLD));
    let third = encrypting(&store, EncryptionKeys::new(2, NEW));
    // During each step, processes of the previous step still run.
    for (one, two) in [(&before, &first), (&first, &second)] {
        for (writer, reader) in [(one, two), (two, one)] {
            store_patient(writer).await;
            assert!(!is_foreign::<Patient>(reader, "patient:7").await);
        }
    }
    store_patient(&second).await;
    assert!(!is_foreign::<Patient>(&third, "patient:7").await);
    store_patient(&before).await;
    assert!(is_foreign::<Patient>(&third, "patient:7").await, "the old key is forgotten");
    // The same id with another key.
    let wrong = encrypting(&store, EncryptionKeys::new(1, NEW));
    assert!(is_foreign::<Patient>(&wrong, "patient:7").await);
}

#[test]
fn keys_show_their_ids_only() {
    let keys = EncryptionKeys::new(7, [0xab; 32]).also(3, [0xcd; 32]);
    assert_eq!(format!("{keys:?}"), "EncryptionKeys([7, 3])");
    let builder = Cache::builder().remote(MemoryBackend::new()).encryption(keys);
    let cache = builder.build().unwrap();
    let shown = format!("{cache:?}");
    for byte in ["171", "205", "ab, ab", "abab", "cdcd"] {
        assert!(!shown.contains(byte), "{shown}");
    }
}

#[test]
fn two_keys_of_one_id_are_refused() {
    let keys = EncryptionKeys::new(1, OLD).also(2, NEW).also(1, NEW);
    let error = Cache::builder().encryption(keys).build().expect_err("which one is it?");
    let words = "encryption: two keys have the id 1; give each its own";
    assert_eq!(error.to_string(), words);
}

#[cached(key = "patient:{id}", tags = ["oncology"], ttl = "1h", stale = "1m", cache = cache, skip(cache))]
async fn get_patient(cache: &Cache, id: u64) -> Patient {
    let _ = id;
    patient()
}

/// Tags, clearing and eviction work as usual: the sealed header contains what they need.
#[tokio::test]
async fn functions_over_an_encrypting_cache() {
    let store = Store::default();
    let [here, there] = [1, 2].map(|_| encrypting(&store, EncryptionKeys::new(1, OLD)));
    assert_eq!(get_patient(&here, 7).traced().await.source, Source::Loaded);
    assert_eq!(get_patient(&there, 7).traced().await.source, Source::Remote);
    here.evict_tag("oncology").await.unwrap();
    assert_eq!(get_patient(&there, 7).traced().await.source, Source::Loaded);
    here.clear().await.unwrap();
    assert_eq!(get_patient(&there, 7).traced().await.source, Source::Loaded);
    assert_eq!(get_patient(&here, 7).traced().await.source, Source::Remote);
    assert_eq!((here.stats().foreign, there.stats().foreign), (0, 0));
}
