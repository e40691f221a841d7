//! Untrusted bytes cannot make the process allocate much more than their own size, whatever lengths they
//! claim.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};

use cache_core::__testing::bytes::{Forged, encode, forge, read};
use cache_core::{Codec, RemoteValue};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

struct Counting;

thread_local! {
    static NOW: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system allocator unchanged; counting touches only thread-local cells
// without a destructor.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.get() + layout.size();
        NOW.set(now);
        PEAK.set(PEAK.get().max(now));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.set(NOW.get().saturating_sub(layout.size()));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PLACE: (&str, &str) = ("ns", "key");

/// The peak of allocated bytes while a payload with the right checksum is read as a `T`.
fn peak<T: RemoteValue>(forged: &Forged<'_>) -> usize {
    let bytes = forge::<T>(PLACE, forged);
    // Computes the type's schema before the measurement.
    read::<T>(PLACE, &bytes);
    let before = NOW.get();
    PEAK.set(before);
    read::<T>(PLACE, &bytes);
    PEAK.get() - before
}

fn plain(codec: Codec, payload: &[u8]) -> Forged<'_> {
    Forged { codec, compression: 0, length: payload.len() as u64, payload }
}

/// Serde allocates at most a mebibyte for a list before it has seen its elements.
const LEVEL: usize = 1 << 20;

#[derive(Clone, Serialize, Deserialize)]
struct Tree(Vec<(u64, Tree)>);

#[test]
fn lengths_are_not_believed() {
    let long = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    assert!(peak::<String>(&plain(Codec::Postcard, long)) < 4096);
    assert!(peak::<Vec<u64>>(&plain(Codec::Postcard, long)) < 4096);
    assert!(peak::<Vec<[u64; 32]>>(&plain(Codec::Postcard, long)) < 4096);
    assert!(peak::<HashMap<u64, u64>>(&plain(Codec::Postcard, long)) < 4096);
    let many = [0xdd, 0xff, 0xff, 0xff, 0xff];
    assert!(peak::<Vec<u64>>(&plain(Codec::MessagePack, &many)) < 4096);
    let text = [0xdb, 0xff, 0xff, 0xff, 0xff, b'x'];
    assert!(peak::<String>(&plain(Codec::MessagePack, &text)) < 4096);
    // A list at every level, each with the greatest length that its bytes allow.
    let nested = [0xff, 0xff, 0x03, 0x00].repeat(1 << 10);
    assert!(peak::<Tree>(&plain(Codec::Postcard, &nested)) <= 128 * LEVEL);
}

#[test]
fn bombs_do_not_go_off() {
    let zeros = vec![0u8; 32 << 20];
    let lz4 = lz4_flex::block::compress(&zeros);
    let zstd = zstd::bulk::compress(&zeros, 19).unwrap();
    assert!(zstd.len() < 16 << 10);
    let few = [lz4_flex::block::compress(b"few"), zstd::bulk::compress(b"few", 3).unwrap()];
    for (compression, payload, few) in [(1, &lz4, &few[0]), (2, &zstd, &few[1])] {
        // It decompresses to far more than it claims.
        let forged = Forged { codec: Codec::Postcard, compression, length: 1000, payload };
        assert!(peak::<Vec<u8>>(&forged) < LEVEL, "{compression}");
        // It claims far more than it decompresses to.
        let length = 60 << 20;
        let forged = Forged { codec: Codec::Postcard, compression, length, payload: few };
        assert!(peak::<Vec<u8>>(&forged) < LEVEL, "{compression}");
        // It claims more than any value may have.
        let forged = Forged { codec: Codec::Postcard, compression, length: u64::MAX, payload };
        assert!(peak::<Vec<u8>>(&forged) < 4096, "{compression}");
    }
}

proptest! {
    #[test]
    fn what_is_set_aside_is_bounded(
        payload in prop::collection::vec(any::<u8>(), 0..256),
        codec in prop::sample::select(vec![Codec::Postcard, Codec::Json, Codec::MessagePack]),
        compression in 0u8..3,
        length in 0u64..1 << 30,
    ) {
        for forged in [
            plain(codec, &payload),
            Forged { codec, compression, length, payload: &payload },
        ] {
            prop_assert!(peak::<BTreeMap<String, Vec<u64>>>(&forged) <= 2 * LEVEL);
            prop_assert!(peak::<Vec<String>>(&forged) <= 2 * LEVEL);
        }
    }

    /// Bytes before the value, so that lengths are read at other positions.
    #[test]
    fn what_is_set_aside_for_shifted_values_is_bounded(
        value in prop::collection::btree_map(any::<String>(), any::<Vec<u64>>(), 0..4),
        shift in prop::collection::vec(any::<u8>(), 0..4),
        codec in prop::sample::select(vec![Codec::Postcard, Codec::MessagePack]),
    ) {
        let payload = [shift, encode(codec, &value).unwrap()].concat();
        let most = 2 * LEVEL + payload.len() * 64;
        prop_assert!(peak::<BTreeMap<String, Vec<u64>>>(&plain(codec, &payload)) <= most);
    }
}
