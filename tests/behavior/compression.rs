//! Values are compressed if that saves space. A cache never allocates more memory than its limit, whatever length a
//! header claims.

use larder::{
    Cache,
    codec::{Codec, Compression},
};

use crate::stored::{Store, is_foreign};

fn text() -> String {
    "all work and no play makes jack a dull boy; ".repeat(100)
}

/// Bytes that no compressor can shrink.
fn noise(length: u32) -> Vec<u8> {
    let hash = |number: u32| {
        number.wrapping_mul(0x9e37_79b9) ^ number.wrapping_mul(0x85eb_ca6b).rotate_left(13)
    };
    (1..=length).map(|number| (hash(hash(number)) >> 21) as u8).collect()
}

const ALL: [Compression; 3] = [Compression::none(), Compression::lz4(), Compression::zstd(3)];

fn cache(store: &Store, compression: Compression) -> Cache {
    store.cache(|builder| builder.compression(compression))
}

#[tokio::test]
async fn every_cache_reads_every_algorithm() {
    for writer in ALL {
        let store = Store::default();
        cache(&store, writer).insert("value", text()).await.unwrap();
        let bytes = store.bytes("ns:value").await;
        match writer == Compression::none() {
            true => assert!(bytes.len() > text().len()),
            false => assert!(bytes.len() < text().len() / 10, "{writer:?}: {}", bytes.len()),
        }
        for reader in ALL {
            let reader = cache(&store, reader);
            assert_eq!(reader.get::<String>("value").await.unwrap(), Some(text()));
        }
    }
}

#[tokio::test]
async fn short_or_incompressible_values_are_stored_uncompressed() {
    for compression in [Compression::lz4(), Compression::zstd(19)] {
        let store = Store::default();
        let plain = cache(&store, Compression::none());
        for (value, threshold) in [(vec![7; 1_000], 2_000), (noise(4_000), 0)] {
            let packing = cache(&store, compression.threshold(threshold));
            plain.insert("plain", value.clone()).await.unwrap();
            packing.insert("value", value.clone()).await.unwrap();
            let (as_is, stored) = (store.bytes("ns:plain").await, store.bytes("ns:value").await);
            assert_eq!(as_is.len(), stored.len(), "{compression:?} from {threshold}");
            assert_eq!(packing.get::<Vec<u8>>("value").await.unwrap(), Some(value));
        }
    }
}

#[tokio::test]
async fn every_codec_can_be_compressed() {
    for codec in [Codec::Postcard, Codec::Json, Codec::MessagePack] {
        for compression in ALL {
            let store = Store::default();
            let cache = store.cache(|builder| builder.codec(codec).compression(compression));
            cache.insert("value", vec![text(); 3]).await.unwrap();
            assert_eq!(cache.get::<Vec<String>>("value").await.unwrap(), Some(vec![text(); 3]));
        }
    }
}

/// A few bytes that would decompress to too many are a miss for a cache with a lower limit.
#[tokio::test]
async fn values_that_would_become_too_large_are_a_miss() {
    for compression in [Compression::lz4(), Compression::zstd(3)] {
        let store = Store::default();
        cache(&store, compression).insert("value", vec![0u8; 8 << 20]).await.unwrap();
        assert!(store.bytes("ns:value").await.len() < 64 << 10);
        let careful = store.cache(|builder| builder.max_value_bytes(1 << 20));
        assert!(is_foreign::<Vec<u8>>(&careful, "value").await);
        let generous = store.plain();
        assert!(!is_foreign::<Vec<u8>>(&generous, "value").await);
    }
}

#[tokio::test]
async fn a_level_out_of_range_is_the_nearest() {
    for level in [i32::MIN, 0, 23, i32::MAX] {
        let store = Store::default();
        let cache = cache(&store, Compression::zstd(level));
        cache.insert("value", text()).await.unwrap();
        assert_eq!(cache.get::<String>("value").await.unwrap(), Some(text()), "{level}");
    }
}
