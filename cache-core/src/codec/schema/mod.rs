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

use std::alloc::Layout;
use std::any::TypeId;
use std::collections::HashMap;
use std::hash::Hasher;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use serde::de::DeserializeOwned;
use siphasher::sip::SipHasher13;

use super::check::Refused;
use super::format::Codec;
use super::stack::roomy;
use trace::{Run, Traced, trace};

use crate::entry::ValueType;

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

/// A type whose schema is traced.
pub(super) struct Source {
    kind: fn() -> ValueType,
    layout: Layout,
    run: Run,
}

impl Source {
    pub(super) const fn of<V: DeserializeOwned + 'static>() -> Self {
        Self { kind: ValueType::of::<V>, layout: Layout::new::<V>(), run: Run::of::<V>() }
    }

    fn which(&self, codec: Codec) -> (TypeId, bool) {
        ((self.kind)().id, codec.is_human_readable())
    }

    fn name(&self) -> &'static str {
        (self.kind)().name
    }
}

/// The schema of a type in the form that `codec` writes.
pub(super) fn of(source: &Source, codec: Codec) -> Schema {
    let (human, which) = (codec.is_human_readable(), source.which(codec));
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&which).cloned();
    if let Some((schema, _)) = known {
        return schema;
    }
    // Not under the lock, because it runs the type's own `Deserialize`. The recursion is as deep as the type,
    // so it runs on a separate stack.
    let traced = roomy(|| trace(source.run, human)).unwrap_or_else(|| trace(source.run, human));
    let schema = found(source, traced);
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.entry(which).or_insert((schema, Said::default())).0.clone()
}

/// The type's path is only hashed if the trace is incomplete: a type that moves keeps its entries, and other
/// services with an equal type share them.
fn found(source: &Source, traced: Traced) -> Schema {
    let mut hasher = SipHasher13::new_with_keys(0x6c61_7264_6572, 1);
    hasher.write(traced.text.as_bytes());
    if !traced.whole {
        hasher.write(source.name().as_bytes());
        hasher.write_u64(source.layout.size() as u64);
        hasher.write_u64(source.layout.align() as u64);
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
fn is_news(source: &Source, codec: Codec, said: fn(&mut Said) -> &mut bool) -> bool {
    let which = source.which(codec);
    let all = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&which).map(|(_, all)| *all);
    if all.is_none_or(|mut all| *said(&mut all)) {
        return false;
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.get_mut(&which).is_some_and(|(_, all)| !std::mem::replace(said(all), true))
}

/// Reports an intact entry of the type's own schema that could not be read. Once per type, because it may be
/// every entry.
pub(super) fn misread(source: &Source, codec: Codec) {
    if is_news(source, codec, |said| &mut said.misread) {
        let name = source.name();
        tracing::warn!(
            target: "larder::codec",
            "larder: an entry of `{name}` could not be read back by {codec:?}; if it never can, \
             choose another codec (`Builder::codec`), or `#[cached(local)]`"
        );
    }
}

/// Reports a value that another codec than the cache's writes.
pub(super) fn falls_back(source: &Source, preferred: Codec, why: &Refused, codec: Codec) {
    if is_news(source, preferred, |said| &mut said.falls_back) {
        let (name, why) = (source.name(), why.discreet());
        tracing::warn!(
            target: "larder::codec",
            "larder: {preferred:?} can't represent a value of `{name}` ({why}): such values are written as {codec:?}"
        );
    }
}

/// Reports a value that no codec can represent.
pub(super) fn refused(source: &Source, preferred: Codec, refusals: &[(Codec, Refused)]) {
    if is_news(source, preferred, |said| &mut said.refused) {
        let name = source.name();
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
