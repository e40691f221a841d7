//! A type's schema: a fingerprint of the type as serde sees it, computed once per type. It distinguishes one
//! type's bytes from another's.

mod answers;
mod beyond;
mod kind;
mod reader;
mod shape;
#[cfg(test)]
mod tests;
mod trace;

pub(crate) use shape::{Parts, Shape, Shapes, Wire};

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::hash::Hasher;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use serde::de::DeserializeOwned;
use siphasher::sip::SipHasher13;

use super::check::Refused;
use super::format::Codec;
use super::stack::roomy;
use trace::{Traced, trace};

/// The schema of a type.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    pub(super) fingerprint: u64,
    /// Whether the type asks the bytes what they are: only a self-describing codec can answer.
    pub(super) asks: bool,
    /// Whether a part is unknown, because a type before it refuses all made-up values.
    pub(super) partial: bool,
    /// What the type reads.
    pub(super) shapes: Arc<Shapes>,
}

/// The messages that were logged about a type, each once.
#[derive(Clone, Copy, Default)]
struct Said {
    misread: bool,
    falls_back: bool,
    refused: bool,
}

/// A type may have a human-readable form and a binary form.
type Known = RwLock<HashMap<(TypeId, bool), (Schema, Said)>>;
static KNOWN: LazyLock<Known> = LazyLock::new(Known::default);

/// The schema of `V` in the form that `codec` writes.
pub(crate) fn of<V: DeserializeOwned + 'static>(codec: Codec) -> Schema {
    let human = codec.is_human_readable();
    let which = (TypeId::of::<V>(), human);
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&which).cloned();
    if let Some((schema, _)) = known {
        return schema;
    }
    // Not under the lock, because it runs the type's own `Deserialize`. The recursion is as deep as the type,
    // so it runs on a separate stack.
    let traced = roomy(|| trace::<V>(human)).unwrap_or_else(|| trace::<V>(human));
    let schema = found::<V>(traced);
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.entry(which).or_insert((schema, Said::default())).0.clone()
}

/// The type's path is only hashed if the trace is incomplete: a type that moves keeps its entries, and other
/// services with an equal type share them.
fn found<V: 'static>(traced: Traced) -> Schema {
    let mut hasher = SipHasher13::new_with_keys(0x6c61_7264_6572, 1);
    hasher.write(traced.text.as_bytes());
    if !traced.whole {
        hasher.write(type_name::<V>().as_bytes());
        hasher.write_u64(size_of::<V>() as u64);
        hasher.write_u64(align_of::<V>() as u64);
    }
    let Traced { whole, asks, shapes, .. } = traced;
    Schema {
        fingerprint: hasher.finish(),
        asks,
        partial: !whole && !asks,
        shapes: Arc::new(shapes),
    }
}

/// Whether the message is the first one of its kind about the type.
fn is_news<V: 'static>(codec: Codec, said: fn(&mut Said) -> &mut bool) -> bool {
    let which = (TypeId::of::<V>(), codec.is_human_readable());
    let all = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&which).map(|(_, all)| *all);
    if all.is_none_or(|mut all| *said(&mut all)) {
        return false;
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.get_mut(&which).is_some_and(|(_, all)| !std::mem::replace(said(all), true))
}

/// Reports an intact entry of the type's own schema that could not be read. Once per type, because it may be
/// every entry.
pub(crate) fn misread<V: 'static>(codec: Codec) {
    if is_news::<V>(codec, |said| &mut said.misread) {
        let name = type_name::<V>();
        tracing::warn!(
            target: "larder::codec",
            "larder: an entry of `{name}` could not be read back by {codec:?}; if it never can, \
             choose another codec (`Builder::codec`), or `#[cached(local)]`"
        );
    }
}

/// Reports a value that another codec than the cache's writes.
pub(crate) fn falls_back<V: 'static>(preferred: Codec, why: &Refused, codec: Codec) {
    if is_news::<V>(preferred, |said| &mut said.falls_back) {
        let (name, why) = (type_name::<V>(), why.discreet());
        tracing::warn!(
            target: "larder::codec",
            "larder: {preferred:?} can't represent a value of `{name}` ({why}): such values are written as {codec:?}"
        );
    }
}

/// Reports a value that no codec can represent.
pub(crate) fn refused<V: 'static>(preferred: Codec, refusals: &[(Codec, Refused)]) {
    if is_news::<V>(preferred, |said| &mut said.refused) {
        let name = type_name::<V>();
        let reasons = refusals.iter().map(|(codec, why)| format!("{codec:?}: {}", why.discreet()));
        let reasons: Vec<String> = reasons.collect();
        tracing::warn!(
            target: "larder::codec",
            "larder: a value of `{name}` can't be stored in the remote tier ({}); change the type, or use \
             `#[cached(local)]`",
            reasons.join("; ")
        );
    }
}
