//! The seal of a stored value: a checksum, or encryption. Both cover the value's place (namespace and key)
//! and all of its bytes. A value whose seal is broken is a miss, and so is a value with the other kind of
//! seal.
//!
//! ```text
//! "LRD\x04" 0                 contents                            sum (16)
//! "LRD\x04" 1 key id (4) nonce (24) contents, encrypted           tag (16)
//! ```
//!
//! The last 16 bytes also distinguish a value from its predecessor (`backend::MARK`).

use std::borrow::Cow;
use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::base::Error;

#[cfg(feature = "encryption")]
use super::keys::{EncryptionKeys, NONCE};

#[cfg(feature = "encryption")]
use super::keys;

/// Format 4. A reader of another format treats the value as a miss.
pub(super) const MAGIC: &[u8; 4] = b"LRD\x04";

const SUMMED: u8 = 0;
/// The length of the checksum.
const SUM: usize = 16;
#[cfg(feature = "encryption")]
const ENCRYPTED: u8 = 1;

/// How a cache seals.
#[derive(Debug, Default)]
pub(crate) enum Seal {
    #[default]
    Sum,
    #[cfg(feature = "encryption")]
    Encryption(EncryptionKeys),
}

impl Seal {
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Sum => Ok(()),
            #[cfg(feature = "encryption")]
            Self::Encryption(keys) => keys.check(),
        }
    }
}

/// The place of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(super) namespace: &'a str,
    pub(super) key: &'a str,
}

/// A 128-bit checksum of place and bytes. It detects damage, and a value that was copied to another place. It
/// does not protect against an attacker, who can compute checksums, too.
pub(super) fn sum(place: Place<'_>, bytes: &[u8]) -> [u8; SUM] {
    let mut hasher = SipHasher13::new_with_keys(0x6c61_7264_6572, 3);
    for part in [place.namespace, place.key] {
        hasher.write_u64(part.len() as u64);
        hasher.write(part.as_bytes());
    }
    hasher.write(bytes);
    hasher.finish128().as_u128().to_le_bytes()
}

impl Seal {
    pub(crate) fn encrypts(&self) -> bool {
        !matches!(self, Self::Sum)
    }

    /// Seals a header and its payload. A large payload is copied once.
    pub(super) fn close(
        &self,
        place: Place<'_>,
        [head, payload]: [&[u8]; 2],
    ) -> Result<Vec<u8>, String> {
        match self {
            Self::Sum => {
                let parts = [&MAGIC[..], &[SUMMED], head, payload];
                let length = parts.iter().map(|part| part.len()).sum::<usize>() + SUM;
                let mut bytes = Vec::with_capacity(length);
                parts.iter().for_each(|part| bytes.extend_from_slice(part));
                bytes.extend_from_slice(&sum(place, &bytes));
                Ok(bytes)
            }
            #[cfg(feature = "encryption")]
            Self::Encryption(keys) => {
                let mut bytes = [&MAGIC[..], &[ENCRYPTED], &keys.first().to_le_bytes()].concat();
                let nonce = keys::nonce()?;
                let contents = [head, payload].concat();
                let sealed = keys.encrypt(&nonce, &associated(place, &bytes), &contents)?;
                bytes.extend_from_slice(&nonce);
                bytes.extend_from_slice(&sealed);
                Ok(bytes)
            }
        }
    }

    /// Returns the content, if it is intact and in its place.
    pub(super) fn open<'a>(&self, place: Place<'_>, bytes: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::Sum => {
                let (bytes, end) = bytes.split_last_chunk::<SUM>()?;
                let contents = bytes.strip_prefix(MAGIC)?.strip_prefix(&[SUMMED])?;
                (*end == sum(place, bytes)).then_some(Cow::Borrowed(contents))
            }
            #[cfg(feature = "encryption")]
            Self::Encryption(keys) => {
                let rest = bytes.strip_prefix(MAGIC)?.strip_prefix(&[ENCRYPTED])?;
                let (id, rest) = rest.split_first_chunk::<4>()?;
                let head = bytes.get(..bytes.len() - rest.len())?;
                let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
                let id = u32::from_le_bytes(*id);
                keys.decrypt(id, nonce, &associated(place, head), sealed).map(Cow::Owned)
            }
        }
    }
}

/// The additional data to authenticate: the clear bytes before the content, and the place.
#[cfg(feature = "encryption")]
fn associated(place: Place<'_>, head: &[u8]) -> Vec<u8> {
    let mut associated = head.to_vec();
    for part in [place.namespace, place.key] {
        associated.extend_from_slice(&(part.len() as u64).to_le_bytes());
        associated.extend_from_slice(part.as_bytes());
    }
    associated
}
