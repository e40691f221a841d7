//! Compression of payloads, and decompression within limits.

use std::borrow::Cow;

/// The compression of values in the remote tier. Set it with
/// [`Builder::compression`](crate::registry::Builder::compression).
///
/// A stored value names its algorithm: a cache reads values of every algorithm that is compiled in, no matter
/// which one it writes. A value of any other algorithm is a counted miss.
///
/// Compressed lengths reveal something about the content. If an attacker can choose a part of an encrypted
/// value and sees its stored length, do not use compression.
#[cfg_attr(
    feature = "lz4",
    doc = "```\n\
           # use cache_core::facade as larder;\n\
           use larder::codec::Compression;\n\
           let compression = Compression::lz4().threshold(4096);\n\
           # assert_eq!(format!(\"{compression:?}\"), \"Lz4 from 4096 bytes\");\n\
           ```"
)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    algorithm: Algorithm,
    threshold: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Plain,
    #[cfg(feature = "lz4")]
    Lz4,
    #[cfg(feature = "zstd")]
    Zstd(i32),
}

/// The size from which compression is worth its time.
const THRESHOLD: usize = 1024;

impl Compression {
    /// No compression, which is the default.
    pub const fn none() -> Self {
        Self { algorithm: Algorithm::Plain, threshold: THRESHOLD }
    }

    /// LZ4: fast (feature `lz4`).
    #[cfg(feature = "lz4")]
    pub const fn lz4() -> Self {
        Self { algorithm: Algorithm::Lz4, threshold: THRESHOLD }
    }

    /// Zstandard: smaller, slower to write (feature `zstd`). `level` is from 1 (fast) to 22 (small); 3 is
    /// usual. A level outside the range counts as the nearest one in it.
    #[cfg(feature = "zstd")]
    pub const fn zstd(level: i32) -> Self {
        let level = match level {
            ..1 => 1,
            23.. => 22,
            level => level,
        };
        Self { algorithm: Algorithm::Zstd(level), threshold: THRESHOLD }
    }

    /// Sets the minimum size: values whose encoding has fewer bytes are stored uncompressed. Default: 1,024.
    ///
    /// Values that compression does not make smaller are stored uncompressed, too.
    #[must_use]
    pub const fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = bytes;
        self
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self::none()
    }
}

impl std::fmt::Debug for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.algorithm {
            Algorithm::Plain => f.write_str("none"),
            #[allow(unreachable_patterns)]
            algorithm => write!(f, "{algorithm:?} from {} bytes", self.threshold),
        }
    }
}

/// The number in the header. Never reuse one for another algorithm.
pub(super) const PLAIN: u8 = 0;
const LZ4: u8 = 1;
const ZSTD: u8 = 2;

/// The name of an algorithm, compiled in or not.
pub(super) fn name(algorithm: u8) -> String {
    match algorithm {
        PLAIN => "none".to_owned(),
        LZ4 => "lz4".to_owned(),
        ZSTD => "zstd".to_owned(),
        other => format!("unknown ({other})"),
    }
}

impl Compression {
    /// Compresses the payload; returns the algorithm and the bytes to store.
    pub(super) fn pack(self, payload: Vec<u8>) -> (u8, Vec<u8>) {
        if payload.len() < self.threshold {
            return (PLAIN, payload);
        }
        let packed: Option<(u8, Vec<u8>)> = match self.algorithm {
            Algorithm::Plain => None,
            #[cfg(feature = "lz4")]
            Algorithm::Lz4 => Some((LZ4, lz4_flex::block::compress(&payload))),
            #[cfg(feature = "zstd")]
            Algorithm::Zstd(level) => {
                zstd::bulk::compress(&payload, level).ok().map(|packed| (ZSTD, packed))
            }
        };
        packed.filter(|(_, packed)| packed.len() < payload.len()).unwrap_or((PLAIN, payload))
    }
}

/// Decompresses a payload. It must have the `length` of its header, which the caller has checked against the
/// limits.
pub(crate) fn unpack(algorithm: u8, packed: &[u8], length: usize) -> Option<Cow<'_, [u8]>> {
    match algorithm {
        PLAIN => (packed.len() == length).then_some(Cow::Borrowed(packed)),
        #[cfg(feature = "lz4")]
        LZ4 => unpack_lz4(packed, length).map(Cow::Owned),
        #[cfg(feature = "zstd")]
        ZSTD => unpack_zstd(packed, length).map(Cow::Owned),
        _ => None,
    }
}

/// LZ4 does not store the length, but one compressed byte becomes at most 255: this bounds the allocation.
#[cfg(feature = "lz4")]
fn unpack_lz4(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    if length > packed.len().saturating_mul(255) {
        return None;
    }
    let payload = lz4_flex::block::decompress(packed, length).ok()?;
    (payload.len() == length).then_some(payload)
}

/// Decompresses piece by piece: memory use follows the actual output, not the claimed length.
#[cfg(feature = "zstd")]
fn unpack_zstd(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    use std::io::Read;

    let mut from = zstd::stream::read::Decoder::with_buffer(packed).ok()?.single_frame();
    // A writer that knows the length uses no larger window.
    let window = usize::BITS - length.leading_zeros();
    from.window_log_max(window.clamp(10, 31)).ok()?;
    let mut payload = Vec::with_capacity(length.min(64 * 1024));
    from.by_ref().take(length as u64 + 1).read_to_end(&mut payload).ok()?;
    (payload.len() == length && from.finish().is_empty()).then_some(payload)
}

#[cfg(all(test, feature = "lz4", feature = "zstd"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all() -> impl Strategy<Value = Compression> {
        let each = [Compression::none(), Compression::lz4(), Compression::zstd(3)];
        prop::sample::select(each.to_vec()).prop_map(|one| one.threshold(0))
    }

    proptest! {
        #[test]
        fn what_is_packed_unpacks(
            compression in all(),
            payload in prop::collection::vec(0u8..4, 0..4096),
        ) {
            let (algorithm, packed) = compression.pack(payload.clone());
            prop_assert!(packed.len() <= payload.len());
            let unpacked = unpack(algorithm, &packed, payload.len());
            prop_assert_eq!(unpacked.as_deref(), Some(&payload[..]));
            for wrong in [payload.len() + 1, payload.len().wrapping_sub(1)] {
                prop_assert_eq!(unpack(algorithm, &packed, wrong), None);
            }
        }

        #[test]
        fn foreign_bytes_are_no_panic(
            algorithm in 0u8..4,
            packed in prop::collection::vec(any::<u8>(), 0..512),
            length in 0usize..100_000,
        ) {
            if let Some(payload) = unpack(algorithm, &packed, length) {
                prop_assert_eq!(payload.len(), length);
            }
        }

        #[test]
        fn damage_is_no_panic(
            compression in all(),
            payload in prop::collection::vec(0u8..4, 0..4096),
            at: prop::sample::Index,
            bit in 0u8..8,
        ) {
            let (algorithm, mut packed) = compression.pack(payload.clone());
            if !packed.is_empty() {
                let at = at.index(packed.len());
                packed[at] ^= 1 << bit;
                let _ = unpack(algorithm, &packed, payload.len());
                prop_assert_eq!(unpack(algorithm, &packed[..at], payload.len()), None);
            }
        }
    }
}
