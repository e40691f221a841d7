//! Malicious bytes: no panic, no overflow, no hang, and never a wrong value.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use larder::testing::bytes::{Forged, encode, forge, read, resum};
use larder::{
    Builder, Cache, RemoteValue,
    codec::{Codec, Compression, EncryptionKeys},
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::stored::{Store, is_foreign};

const CODECS: [Codec; 3] = [Codec::Postcard, Codec::Json, Codec::MessagePack];
const PLACE: (&str, &str) = ("ns", "key");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Number(i64),
    Text { text: String, letter: char },
    List(Vec<Shape>),
    Named(BTreeMap<String, Option<Shape>>),
    Pair(Box<(Shape, f64)>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tree(Vec<Tree>);

/// A type with wide stack frames, to measure the cost of one level.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Wide {
    numbers: [u64; 32],
    texts: (String, String, String, String, String, String, String, String),
    more: [[u64; 16]; 16],
    next: Option<Box<Wide>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Either {
    Number(u64),
    List(Vec<Either>),
    Text(String),
}

fn shapes() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Nothing),
        any::<i64>().prop_map(Shape::Number),
        (any::<String>(), any::<char>()).prop_map(|(text, letter)| Shape::Text { text, letter }),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Shape::List),
            prop::collection::btree_map(any::<String>(), prop::option::of(inner.clone()), 0..4)
                .prop_map(Shape::Named),
            (inner, -1e300f64..1e300).prop_map(|pair| Shape::Pair(Box::new(pair))),
        ]
    })
}

fn wires() -> impl Strategy<Value = fn(Builder) -> Builder> {
    prop::sample::select(vec![
        (|builder| builder) as fn(Builder) -> Builder,
        |builder| builder.codec(Codec::Json),
        |builder| builder.codec(Codec::MessagePack),
        |builder| builder.compression(Compression::lz4().threshold(0)),
        |builder| builder.codec(Codec::Json).compression(Compression::zstd(1).threshold(0)),
        |builder| builder.encryption(EncryptionKeys::new(1, [7; 32])),
        |builder| {
            let compression = Compression::lz4().threshold(0);
            builder
                .codec(Codec::MessagePack)
                .compression(compression)
                .encryption(EncryptionKeys::new(1, [7; 32]))
        },
    ])
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

async fn is_miss<T: RemoteValue>(store: &Store, cache: &Cache, bytes: &[u8]) -> bool {
    store.put("ns:key", bytes).await;
    is_foreign::<T>(cache, "key").await
}

proptest! {
    #[test]
    fn any_bytes_are_a_miss(wire in wires(), mut bytes: Vec<u8>, head in 0usize..4) {
        let heads: [&[u8]; 4] = [b"", b"LRD\x03", b"LRD\x03\0", b"LRD\x03\x01\x01\0\0\0"];
        bytes.splice(0..0, heads[head].iter().copied());
        wait(async {
            let store = Store::default();
            assert!(is_miss::<Shape>(&store, &store.cache(wire), &bytes).await);
        });
    }

    #[test]
    fn a_damaged_value_is_a_miss(
        wire in wires(),
        shape in shapes(),
        at: prop::sample::Index,
        bit in 0u8..8,
    ) {
        wait(async {
            let store = Store::default();
            let cache = store.cache(wire);
            cache.insert("key", shape.clone()).await.unwrap();
            let whole = store.bytes("ns:key").await;
            assert_eq!(cache.get::<Shape>("key").await.unwrap(), Some(shape));
            let at = at.index(whole.len());
            assert!(is_miss::<Shape>(&store, &cache, &whole[..at]).await);
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            assert!(is_miss::<Shape>(&store, &cache, &bytes).await);
        });
    }

    /// With a correct checksum: the header must be rejected.
    #[test]
    fn any_header_is_handled(contents: Vec<u8>) {
        read::<Shape>(PLACE, &resum(PLACE, &contents));
    }

    /// With a correct header too: the codec must handle the payload.
    #[test]
    fn any_payload_is_handled(
        payload: Vec<u8>,
        codec in prop::sample::select(CODECS.to_vec()),
        compression in 0u8..4,
        length: Option<u64>,
    ) {
        let length = length.unwrap_or(payload.len() as u64);
        let forged = Forged { codec, compression, length, payload: &payload };
        fn borne<T: RemoteValue>(forged: &Forged<'_>) {
            read::<T>(PLACE, &forge::<T>(PLACE, forged));
        }
        borne::<Shape>(&forged);
        borne::<Chain>(&forged);
        borne::<Tree>(&forged);
        borne::<String>(&forged);
        borne::<Vec<()>>(&forged);
        borne::<BTreeMap<Option<u8>, Vec<(u64, f32)>>>(&forged);
        borne::<(Duration, char, i128)>(&forged);
        if codec != Codec::Postcard {
            borne::<Either>(&forged);
        }
    }

    /// As above, but close to a real value.
    #[test]
    fn a_changed_payload_is_handled(
        shape in shapes(),
        codec in prop::sample::select(CODECS.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut: Option<prop::sample::Index>,
    ) {
        let mut payload = encode(codec, &shape).unwrap();
        for (at, byte) in changes {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        if let Some(cut) = cut {
            payload.truncate(cut.index(payload.len()));
        }
        let forged = Forged { codec, compression: 0, length: payload.len() as u64, payload: &payload };
        read::<Shape>(PLACE, &forge::<Shape>(PLACE, &forged));
    }
}

/// Whether a payload with a correct checksum is read as a `T`.
fn is_read<T: RemoteValue>(codec: Codec, payload: &[u8]) -> bool {
    let forged = Forged { codec, compression: 0, length: payload.len() as u64, payload };
    // A hit clones the value and drops it.
    read::<T>(PLACE, &forge::<T>(PLACE, &forged)).is_some_and(|value| {
        drop(value.clone());
        true
    })
}

/// Half of the main thread's stack on Windows, and a quarter of the stack of a tokio worker.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(512 << 10).spawn(work).unwrap().join().unwrap();
}

#[test]
fn nesting_without_end_is_a_miss() {
    on_a_small_stack(|| {
        const MANY: usize = 1 << 20;
        assert!(!is_read::<Wide>(Codec::Postcard, &vec![1; MANY]));
        assert!(!is_read::<Chain>(Codec::Postcard, &vec![1; MANY]));
        assert!(!is_read::<Tree>(Codec::Postcard, &vec![1; MANY]));
        assert!(!is_read::<Shape>(Codec::Postcard, &[3, 1].repeat(MANY)), "a list in a list");
        assert!(!is_read::<Tree>(Codec::Json, &vec![b'['; MANY]));
        assert!(!is_read::<Either>(Codec::Json, &vec![b'['; MANY]));
        assert!(!is_read::<Shape>(Codec::Json, &b"{\"List\":[".repeat(MANY)));
        assert!(!is_read::<Tree>(Codec::MessagePack, &vec![0x91; MANY]));
        assert!(!is_read::<Either>(Codec::MessagePack, &vec![0x91; MANY]));
        assert!(!is_read::<Shape>(Codec::MessagePack, &b"\x81\xa4List\x91".repeat(MANY)));
    });
}

/// Every value that can be read fits on a small stack, even with wide frames: a deeper value is a miss.
#[test]
fn the_deepest_value_fits_on_a_small_stack() {
    let text = String::new;
    let wide = |next| Wide {
        numbers: [0; 32],
        texts: (text(), text(), text(), text(), text(), text(), text(), text()),
        more: [[0; 16]; 16],
        next,
    };
    for codec in CODECS {
        let (mut payloads, mut value) = (Vec::new(), wide(None));
        while let Ok(payload) = encode(codec, &value) {
            payloads.push(payload);
            value = wide(Some(Box::new(value)));
        }
        on_a_small_stack(move || {
            let read: Vec<bool> =
                payloads.iter().map(|payload| is_read::<Wide>(codec, payload)).collect();
            let deepest = read.iter().take_while(|read| **read).count();
            assert!(deepest >= 8 && read.len() >= 100, "{codec:?}: {deepest} of {}", read.len());
            assert!(read[deepest..].iter().all(|read| !read), "{codec:?}: {read:?}");
        });
    }
}

/// A value without wide frames is read up to the depth to which it can be written.
#[test]
fn a_deep_value_is_read_on_a_small_stack() {
    let chain = (1..100).fold(Chain(None), |chain, _| Chain(Some(chain.into())));
    let tree = (1..100).fold(Tree(vec![]), |tree, _| Tree(vec![tree]));
    let payloads = CODECS.map(|codec| {
        let chain = (codec == Codec::Postcard).then(|| encode(codec, &chain).unwrap());
        (codec, chain, encode(codec, &tree).unwrap())
    });
    on_a_small_stack(move || {
        for (codec, chain, tree) in payloads {
            assert!(chain.is_none_or(|chain| is_read::<Chain>(codec, &chain)), "{codec:?}");
            assert!(is_read::<Tree>(codec, &tree), "{codec:?}");
        }
    });
}

/// A list of empty elements: the bytes may claim any number of them.
#[test]
fn a_list_of_nothing_ends() {
    let begun = Instant::now();
    assert!(!is_read::<Vec<()>>(Codec::Postcard, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    assert!(!is_read::<Vec<[(); 8]>>(Codec::Postcard, b"\xff\xff\xff\xff\x0f"));
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(is_read::<Vec<()>>(Codec::Postcard, b"\xe8\x07"), "a thousand are allowed");
    assert!(
        encode(Codec::Postcard, &vec![(); 1 << 20]).is_err(),
        "a million cannot be written either"
    );
}

#[test]
fn bytes_left_over_are_a_miss() {
    for codec in CODECS {
        let mut payload = encode(codec, &7u64).unwrap();
        assert!(is_read::<u64>(codec, &payload), "{codec:?}");
        payload.push(b'}');
        assert!(!is_read::<u64>(codec, &payload), "{codec:?}");
    }
}
