//! What stands around a value in the remote tier: who may read it, for how long, under which
//! generations. Bytes that come back are untrusted: whatever is not a whole envelope is a miss.

use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher13};

/// Format 2. A reader of another format sees a miss.
const MAGIC: &[u8; 4] = b"LRD\x02";

/// Moments are milliseconds since 1970; `u64::MAX` is never.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Envelope {
    pub(crate) fingerprint: u64,
    pub(crate) created: u64,
    pub(crate) fresh_until: u64,
    pub(crate) stale_until: u64,
    pub(crate) keep_until: u64,
    /// For how many milliseconds it is fresh without being read; 0: that does not matter.
    pub(crate) idle: u64,
    /// What the load took, in milliseconds.
    pub(crate) cost: u64,
    /// The namespace's generation, moved on by `clear`.
    pub(crate) space: u64,
    pub(crate) tags: Vec<(String, u64)>,
}

/// The sum over key and contents: 128 bits at the end. It finds damage, and a value that was copied
/// under another key; against somebody who computes sums too it is no protection.
fn sum(key: &str, contents: &[u8]) -> [u8; 16] {
    let mut hasher = SipHasher13::new_with_keys(0x6c61_7264_6572, 2);
    hasher.write_usize(key.len());
    hasher.write(key.as_bytes());
    hasher.write(contents);
    hasher.finish128().as_u128().to_le_bytes()
}

pub(crate) fn seal(key: &str, envelope: &Envelope, payload: &[u8]) -> Result<Vec<u8>, String> {
    let bytes = MAGIC.to_vec();
    let mut bytes = postcard::to_extend(envelope, bytes).map_err(|error| error.to_string())?;
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(&sum(key, &bytes));
    Ok(bytes)
}

pub(crate) fn open<'a>(key: &str, bytes: &'a [u8]) -> Option<(Envelope, &'a [u8])> {
    let (contents, end) = bytes.split_last_chunk::<16>()?;
    if *end != sum(key, contents) {
        return None;
    }
    postcard::take_from_bytes(contents.strip_prefix(MAGIC)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn envelope() -> Envelope {
        Envelope {
            fingerprint: 7,
            created: 1,
            fresh_until: 2,
            stale_until: u64::MAX,
            keep_until: u64::MAX,
            idle: 0,
            cost: 12,
            space: 9,
            tags: vec![("users".into(), 3)],
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(payload: Vec<u8>) {
            let bytes = seal("key", &envelope(), &payload).expect("seals");
            prop_assert_eq!(open("key", &bytes), Some((envelope(), payload.as_slice())));
            prop_assert_eq!(open("another", &bytes), None);
        }

        #[test]
        fn damage_is_found(payload: Vec<u8>, at: prop::sample::Index, bit in 0u8..8) {
            let mut bytes = seal("key", &envelope(), &payload).expect("seals");
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(open("key", &bytes), None);
            prop_assert_eq!(open("key", &bytes[..at]), None);
        }

        #[test]
        fn foreign_bytes_are_no_panic(mut bytes: Vec<u8>, keep_magic: bool) {
            if keep_magic {
                bytes.splice(0..0, *MAGIC);
            }
            let _ = open("key", &bytes);
            let end = sum("key", &bytes);
            bytes.extend_from_slice(&end);
            let _ = open("key", &bytes);
        }
    }
}
