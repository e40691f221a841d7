//! What tells one type's bytes from another's: a fingerprint of the type as serde sees it, found out once
//! per type.

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

/// What is known of a type.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    pub(super) fingerprint: u64,
    /// It asks the bytes what they are: only a self-describing codec can answer.
    pub(super) asks: bool,
    /// Some of it is not known: it refuses all that is made up, and has parts behind that.
    pub(super) partial: bool,
    /// What it reads.
    pub(super) shapes: Arc<Shapes>,
}

/// What was said of a type: each once.
#[derive(Clone, Copy, Default)]
struct Said {
    misread: bool,
    falls_back: bool,
    refused: bool,
}

/// A type may have one form for humans and one for machines.
type Known = RwLock<HashMap<(TypeId, bool), (Schema, Said)>>;
static KNOWN: LazyLock<Known> = LazyLock::new(Known::default);

/// The schema of `V` as `codec` writes it.
pub(crate) fn of<V: DeserializeOwned + 'static>(codec: Codec) -> Schema {
    let human = codec.is_human_readable();
    let which = (TypeId::of::<V>(), human);
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&which).cloned();
    if let Some((schema, _)) = known {
        return schema;
    }
    // Not under the lock: this runs the type's own `Deserialize`.
    // It goes as deep as the type does, on a stack that has room for that.
    let traced = roomy(|| trace::<V>(human)).unwrap_or_else(|| trace::<V>(human));
    let schema = found::<V>(traced);
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.entry(which).or_insert((schema, Said::default())).0.clone()
}

/// The type's path is no part of it where the trace is whole: a type that moves keeps its entries, and other
/// services with a type of the same make share them.
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

/// Whether this is the first time that this is said of the type.
fn is_news<V: 'static>(codec: Codec, said: fn(&mut Said) -> &mut bool) -> bool {
    let which = (TypeId::of::<V>(), codec.is_human_readable());
    let all = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&which).map(|(_, all)| *all);
    if all.is_none_or(|mut all| *said(&mut all)) {
        return false;
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.get_mut(&which).is_some_and(|(_, all)| !std::mem::replace(said(all), true))
}

/// A whole entry of the type's own schema could not be read: said once per type, because it may be every
/// entry.
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

/// A value is written by another codec than the cache's.
pub(crate) fn falls_back<V: 'static>(preferred: Codec, why: &Refused, codec: Codec) {
    if is_news::<V>(preferred, |said| &mut said.falls_back) {
        let (name, why) = (type_name::<V>(), why.discreet());
        tracing::warn!(
            target: "larder::codec",
            "larder: {preferred:?} can't represent a value of `{name}` ({why}): such values are written as {codec:?}"
        );
    }
}

/// No codec can represent a value.
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
