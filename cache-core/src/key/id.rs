//! A key's identity in memory.

use std::sync::OnceLock;

use siphasher::sip128::SipHasher13;

/// The keyed 128-bit hash of a key's text.
///
/// Looking a key up by its hash alone saves the comparison with a stored string, and with it a
/// cache miss. SipHash under a secret of this process: nobody who chooses keys can find two with
/// one identity, and by chance that takes some 2^64 keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct KeyId(pub(crate) u128);

impl KeyId {
    #[inline]
    pub(crate) fn of(text: &str) -> Self {
        Self::of_bytes(text.as_bytes())
    }

    #[inline]
    pub(crate) fn of_bytes(text: &[u8]) -> Self {
        static SECRET: OnceLock<(u64, u64)> = OnceLock::new();
        let (a, b) = *SECRET.get_or_init(|| (random(), random()));
        Self(SipHasher13::new_with_keys(a, b).hash(text).as_u128())
    }

    /// The half that maps and shards use.
    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn low(self) -> u64 {
        self.0 as u64
    }
}

/// A random number from the standard library's own seeding, which asks the system.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::thread::current().id())
}
