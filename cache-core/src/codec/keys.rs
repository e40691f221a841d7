//! Encryption keys of values.

use std::fmt;
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroize;

use crate::base::Error;

/// The keys with which a cache encrypts its values in the remote tier, by XChaCha20-Poly1305 (feature
/// `encryption`). Set them with [`Builder::encryption`](crate::registry::Builder::encryption).
///
/// Every key has an id, which stored values name. The first key encrypts; all keys decrypt. So you can change
/// the key and keep the cache warm, in three steps, each rolled out to all processes before the next:
///
/// 1. add the new key: `EncryptionKeys::new(1, old).also(2, new)`
/// 2. write with it: `EncryptionKeys::new(2, new).also(1, old)`
/// 3. once the longest time to live has passed, remove the old one: `EncryptionKeys::new(2, new)`
///
/// A value under a key that a process does not have is a counted miss there.
///
/// A key is 32 bytes from a secret store or a random generator, never a password. `Debug` shows ids only. The
/// copies in this type are overwritten when the last one is dropped.
///
/// # What is hidden, and what is not
/// A stored value is one sealed box that contains the value and its metadata (times, tags, fingerprint of the
/// type). Without the key it can be neither read nor changed nor moved: under another key, namespace or
/// tenant it is a miss, and so is every flipped bit.
///
/// A client that can read Redis still sees the **keys** (`user:7`), the **names of tags**, which have
/// generations of their own in Redis, when a value is written and for how long it is kept, its **length**,
/// and the messages on the bus: evicted keys, tags and patterns. Do not put secrets in keys and tags.
///
/// A client that can *write* to Redis can remove a value, and can restore the bytes that a key had before (a
/// replay). Such bytes are intact, so they are accepted unless the sealed metadata contradicts them. The
/// sealed metadata contains:
///
/// - The namespace and the key: at another place the value is a miss.
/// - The generations of the namespace and of the value's tags. After `clear`, or after the eviction of one of
///   its tags, an old value is a miss. Generations are not encrypted: if a client restores them as well, only
///   processes that have seen the newer ones since their start refuse the value.
/// - The spans of its lifetime. Its age is the part of the store's time to live that has passed, so a client
///   that resets that time makes the value young again; only the process that wrote it also checks its own
///   clock.
/// - The schema of its type, and the id of the encryption key: a value under a key that was removed from
///   `EncryptionKeys` is a miss.
///
/// Nothing in Redis can show that a value was replaced or removed **by its key** since: a version next to it
/// could be restored together with it. If that matters, give the values a tag of their own and evict that,
/// remove the old encryption key, or keep them in memory (`#[cached(local)]`).
///
/// ```
/// # use cache_core::facade as larder;
/// use larder::{Cache, backend::MemoryBackend, codec::EncryptionKeys};
///
/// # fn key_of_the_vault(_: u32) -> [u8; 32] { [7; 32] }
/// # fn main() -> Result<(), larder::Error> {
/// let keys = EncryptionKeys::new(2, key_of_the_vault(2)).also(1, key_of_the_vault(1));
/// assert_eq!(format!("{keys:?}"), "EncryptionKeys([2, 1])");
/// let cache = Cache::builder().remote(MemoryBackend::new()).encryption(keys).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct EncryptionKeys {
    first: (u32, Arc<XChaCha20Poly1305>),
    others: Vec<(u32, Arc<XChaCha20Poly1305>)>,
}

impl fmt::Debug for EncryptionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<u32> = self.ids().collect();
        write!(f, "EncryptionKeys({ids:?})")
    }
}

pub(crate) const NONCE: usize = 24;

impl EncryptionKeys {
    /// Creates keys from the one that encrypts and its id.
    pub fn new(id: u32, key: [u8; 32]) -> Self {
        Self { first: (id, cipher(key)), others: Vec::new() }
    }

    /// Adds a key that only decrypts.
    #[must_use]
    pub fn also(mut self, id: u32, key: [u8; 32]) -> Self {
        self.others.push((id, cipher(key)));
        self
    }

    fn ids(&self) -> impl Iterator<Item = u32> {
        std::iter::once(self.first.0).chain(self.others.iter().map(|(id, _)| *id))
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let mut ids: Vec<u32> = self.ids().collect();
        ids.sort_unstable();
        match ids.windows(2).find(|two| two[0] == two[1]) {
            None => Ok(()),
            Some(two) => {
                let message = format!("two keys have the id {}; give each its own", two[0]);
                Err(Error::config("encryption", message))
            }
        }
    }

    pub(super) fn first(&self) -> u32 {
        self.first.0
    }

    /// Encrypts `contents` with the first key and appends a tag of 16 bytes.
    pub(super) fn encrypt(
        &self,
        nonce: &[u8; NONCE],
        aad: &[u8],
        msg: &[u8],
    ) -> Result<Vec<u8>, String> {
        let sealed = self.first.1.encrypt(&XNonce::from(*nonce), Payload { msg, aad });
        sealed.map_err(|_| "it is too long to be encrypted".to_owned())
    }

    /// Decrypts contents of the key `id`; `None` if they are not intact.
    pub(super) fn decrypt(
        &self,
        id: u32,
        nonce: &[u8; NONCE],
        aad: &[u8],
        msg: &[u8],
    ) -> Option<Vec<u8>> {
        let mut keys = std::iter::once(&self.first).chain(&self.others);
        let (_, cipher) = keys.find(|(known, _)| *known == id)?;
        cipher.decrypt(&XNonce::from(*nonce), Payload { msg, aad }).ok()
    }
}

/// The cipher overwrites its copy of the key when it is dropped.
fn cipher(mut key: [u8; 32]) -> Arc<XChaCha20Poly1305> {
    let cipher = XChaCha20Poly1305::new((&key).into());
    key.zeroize();
    Arc::new(cipher)
}

/// Makes a nonce that is never used twice: 24 random bytes suffice for any number of values.
pub(crate) fn nonce() -> Result<[u8; NONCE], String> {
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce)
        .map_err(|error| format!("the system has no randomness: {error}"))?;
    Ok(nonce)
}
