//! What tells one type's bytes from another's: a fingerprint of the type as serde sees it, found out once
//! per type.

mod answers;
mod reader;
#[cfg(test)]
mod tests;
mod trace;

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::hash::Hasher;
use std::sync::{LazyLock, PoisonError, RwLock};

use serde::de::DeserializeOwned;
use siphasher::sip::SipHasher13;

use super::Codec;
use trace::{Traced, trace};

/// What is known of a type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schema {
    pub(super) fingerprint: u64,
    /// It asks the bytes what they are: only a self-describing codec can answer.
    pub(super) asks: bool,
}

/// A type may have one form for humans and one for machines.
type Known = RwLock<HashMap<(TypeId, bool), (Schema, bool)>>;
static KNOWN: LazyLock<Known> = LazyLock::new(Known::default);

/// The schema of `V` as `codec` writes it.
pub(super) fn of<V: DeserializeOwned + 'static>(codec: Codec) -> Schema {
    let human = codec.is_human_readable();
    let which = (TypeId::of::<V>(), human);
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&which).copied();
    if let Some((schema, _)) = known {
        return schema;
    }
    // Not under the lock: this runs the type's own `Deserialize`.
    let schema = found::<V>(&trace::<V>(human));
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.entry(which).or_insert((schema, false)).0
}

/// The type's path is no part of it where the trace is whole: a type that moves keeps its entries, and other
/// services with a type of the same make share them.
fn found<V: 'static>(traced: &Traced) -> Schema {
    let mut hasher = SipHasher13::new_with_keys(0x6c61_7264_6572, 1);
    hasher.write(traced.text.as_bytes());
    if !traced.whole {
        hasher.write(type_name::<V>().as_bytes());
        hasher.write_u64(size_of::<V>() as u64);
        hasher.write_u64(align_of::<V>() as u64);
    }
    Schema { fingerprint: hasher.finish(), asks: traced.asks }
}

/// A whole entry of the type's own schema could not be read: said once per type, because it may be every
/// entry.
pub(super) fn misread<V: 'static>(codec: Codec) {
    let which = (TypeId::of::<V>(), codec.is_human_readable());
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let Some((_, said)) = known.get_mut(&which) else { return };
    if !std::mem::replace(said, true) {
        let name = type_name::<V>();
        tracing::warn!(
            "larder: an entry of `{name}` could not be read back by {codec:?}; if it never can, \
             choose another codec (`Builder::codec`), or `#[cached(local)]`"
        );
    }
}
