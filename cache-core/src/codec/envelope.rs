//! What stands around a value in the remote tier: who may read it, for how long, under which
//! generations. Bytes that come back are untrusted: whatever is not a whole envelope is a miss.

use serde::{Deserialize, Serialize};

/// Format 1. A reader of another format sees a miss.
const MAGIC: &[u8; 4] = b"LRD\x01";

/// Moments are milliseconds since 1970; `u64::MAX` is never.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Envelope {
    pub(crate) fingerprint: u64,
    pub(crate) created: u64,
    pub(crate) fresh_until: u64,
    pub(crate) stale_until: u64,
    /// The namespace's generation, moved on by `clear`.
    pub(crate) space: u64,
    pub(crate) tags: Vec<(String, u64)>,
}

pub(crate) fn seal(envelope: &Envelope, payload: &[u8]) -> Result<Vec<u8>, String> {
    let bytes = MAGIC.to_vec();
    let mut bytes = postcard::to_extend(envelope, bytes).map_err(|error| error.to_string())?;
    bytes.extend_from_slice(payload);
    Ok(bytes)
}

pub(crate) fn open(bytes: &[u8]) -> Option<(Envelope, &[u8])> {
    postcard::take_from_bytes(bytes.strip_prefix(MAGIC)?).ok()
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
            space: 9,
            tags: vec![("users".into(), 3)],
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(payload: Vec<u8>) {
            let bytes = seal(&envelope(), &payload).expect("seals");
            prop_assert_eq!(open(&bytes), Some((envelope(), payload.as_slice())));
        }

        #[test]
        fn foreign_bytes_are_no_panic(mut bytes: Vec<u8>, keep_magic: bool) {
            if keep_magic {
                bytes.splice(0..0, *MAGIC);
            }
            let _ = open(&bytes);
        }
    }
}
