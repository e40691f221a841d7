//! The serialization formats.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bounded::{Bounded, Limits};
use super::check::{Carried, Refused};
use super::coder::Serde;
use super::messagepack;
use super::own::OWN;
use super::stack::roomy;
use crate::entry::Value;

/// The reason for a value that is not read back as it was written.
pub(super) const LOST: &str = "what is written is not read back as the same value";

/// The serialization format of values in the remote tier. Set it with
/// [`Builder::codec`](crate::registry::Builder::codec); a function can choose its own (`codec = json`).
///
/// A stored value names its codec: a cache reads values of every codec that is compiled in, so it can change
/// its codec while it runs in many processes. A value of any other codec is a counted miss
/// ([`Stats::foreign`](crate::Stats)).
///
/// | | bytes | cannot represent |
/// | --- | --- | --- |
/// | `Postcard` | fewest, fastest | types that ask the bytes what comes next: `untagged`, `tag = ".."`, `flatten`, `serde_json::Value`; and `skip_serializing_if` |
/// | `MessagePack` | fields by name | an `Option` that holds another `Option` or `()`; extension types |
/// | `Json` | text, for humans and other languages | the same; floats that are not finite; maps whose keys are neither text nor numbers |
///
/// If a cache's codec cannot represent a value, the next one that can writes it: `MessagePack`, `Json` if it
/// is compiled in, `Postcard`. A `tracing` event reports that once per type. If none can,
/// [`insert`](crate::engine::Cache::insert) returns [`Error::Encode`](crate::Error) with the reasons; a
/// cached function uses the memory tier and its load only. [`Stats::refused`](crate::Stats) counts such
/// values, including values that are nested more than 256 deep (`Json`: 120). A stored value that would need
/// more stack to read than a thread of 1 MiB has is a counted miss.
///
/// # Types whose `Serialize` and `Deserialize` differ
/// larder compares each field and variant that is written with those that are read. If a value may come back
/// as another one, larder reads it back before it stores it. So the following are errors that name the field
/// and the fix, unless a codec represents the value correctly:
///
/// - `skip_serializing`, `skip_deserializing`, and a variant with `#[serde(skip)]` before others;
/// - other names or another order of fields for reading than for writing;
/// - `serialize_with` without its `deserialize_with`.
///
/// In debug builds, and with the feature `testing`, every value is read back and written again before it is
/// stored, and the bytes must be the same (in any order, because a `HashMap` has none).
/// `testing::assert_round_trip` also compares the values.
///
/// larder does not notice what serde does not reveal: a field with `#[serde(skip)]` comes back as its
/// default, and so does `skip_serializing` in a struct with `flatten`; a `with` module that writes less than
/// it gets (seconds of a time with nanoseconds); an `untagged` enum with two variants that are written alike;
/// a `skip_serializing_if` whose `default` is not the value that was skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// [postcard](https://docs.rs/postcard): the default.
    #[default]
    Postcard,
    /// JSON by `serde_json` (feature `json`).
    #[cfg(feature = "json")]
    Json,
    /// MessagePack as `rmp-serde` writes it, with field names, and with the human-readable form of types that have one, such as
    /// IP addresses.
    MessagePack,
}

/// Whether a value that was read from `bytes` is written as `again`. The order does not count: that of a `HashMap`
/// changes each time.
pub(super) fn is_same(again: Vec<u8>, bytes: &[u8]) -> bool {
    let sorted = |mut bytes: Vec<u8>| {
        bytes.sort_unstable();
        bytes
    };
    again == bytes || sorted(again) == sorted(bytes.to_vec())
}

/// The name of the codec with this number, for operators.
pub(super) fn name(id: u8) -> String {
    match Codec::of_id(id) {
        Some(codec) => format!("{codec:?}").to_lowercase(),
        None if id == OWN => "own format".to_owned(),
        None => format!("unknown ({id})"),
    }
}

impl Codec {
    /// The number in the header. Never reuse one for another codec.
    pub(super) fn id(self) -> u8 {
        match self {
            Self::Postcard => 1,
            #[cfg(feature = "json")]
            Self::Json => 2,
            Self::MessagePack => 3,
        }
    }

    pub(super) fn of_id(id: u8) -> Option<Self> {
        match id {
            1 => Some(Self::Postcard),
            #[cfg(feature = "json")]
            2 => Some(Self::Json),
            3 => Some(Self::MessagePack),
            _ => None,
        }
    }

    /// This codec, then the codecs that can represent what this one cannot: each entry names its codec.
    pub(super) fn and_others(self) -> impl Iterator<Item = Self> {
        let all = [
            Self::MessagePack,
            #[cfg(feature = "json")]
            Self::Json,
            Self::Postcard,
        ];
        std::iter::once(self).chain(all.into_iter().filter(move |other| *other != self))
    }

    /// Whether the format contains field names and the types of values.
    pub(super) fn is_self_describing(self) -> bool {
        self != Self::Postcard
    }

    /// Whether types with two forms write the human-readable one. Self-describing codecs do: serde reads the
    /// buffered content of an untagged enum as human-readable, whatever the format says.
    pub(super) fn is_human_readable(self) -> bool {
        self != Self::Postcard
    }

    /// Encodes a value if a reader gets the same value back. Reads the bytes back if that is in doubt, or if
    /// `always` is set.
    pub(super) fn encode(
        self,
        serde: &Serde,
        value: &dyn Any,
        always: bool,
    ) -> Result<Vec<u8>, Refused> {
        let schema = serde.schema(self);
        if !self.is_self_describing() && schema.asks {
            return Err(Refused::new(
                "postcard can't read back a type that asks the bytes what they are (`untagged`, `tag = \"..\"`, \
                 `flatten`, `serde_json::Value`)",
            ));
        }
        if !self.is_self_describing() && schema.partial {
            return Err(Refused::new(
                "the type refuses values so strictly that not all of its schema can be found out, and postcard would \
                 read a changed field as the old one",
            ));
        }
        let Carried { elements, doubt } = serde.carries(value, self, &schema.shapes)?;
        let bytes = serde.write(value, self)?;
        if !Limits::of(&bytes).allow(elements) {
            let why = format!("{elements} elements that take no bytes are too many");
            return Err(Refused::new(why));
        }
        let doubt = doubt.or_else(|| (schema.asks || always).then(|| LOST.to_owned()));
        match doubt {
            Some(why) if !self.reads_back(serde, &bytes) => Err(Refused::new(why)),
            _ => Ok(bytes),
        }
    }

    pub(super) fn write<V: Serialize>(self, value: &V) -> Result<Vec<u8>, Refused> {
        match self {
            Self::Postcard => postcard::to_stdvec(value).map_err(Refused::theirs),
            #[cfg(feature = "json")]
            Self::Json => serde_json::to_vec(value).map_err(Refused::theirs),
            Self::MessagePack => {
                let mut bytes = Vec::new();
                let mut to =
                    rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_human_readable();
                value.serialize(&mut to).map_err(Refused::theirs)?;
                Ok(bytes)
            }
        }
    }

    /// Whether the value that is read from `bytes` is written as the same bytes.
    fn reads_back(self, serde: &Serde, bytes: &[u8]) -> bool {
        let read = || {
            let value = self.decode(serde, bytes)?;
            serde.write(&*value, self).ok()
        };
        // A `Deserialize` that panics counts as one that fails.
        let again = catch_unwind(AssertUnwindSafe(read)).ok().flatten();
        again.is_some_and(|again| is_same(again, bytes))
    }

    /// Decodes a value, if `bytes` contains exactly one. Neither lengths nor depth are trusted.
    pub(super) fn decode(self, serde: &Serde, bytes: &[u8]) -> Option<Box<dyn Value>> {
        let limits = Limits::of(bytes);
        match serde.read_within(bytes, self, &limits) {
            None if limits.spent_the_stack() => {
                let again = || serde.read_within(bytes, self, &Limits::on_own_stack(bytes));
                roomy(again).flatten()
            }
            read => read,
        }
    }

    pub(super) fn read<V: DeserializeOwned>(self, bytes: &[u8], limits: &Limits) -> Option<V> {
        match self {
            Self::Postcard => {
                let mut from = postcard::Deserializer::from_bytes(bytes);
                let value = V::deserialize(Bounded::new(&mut from, limits)).ok()?;
                from.finalize().ok()?.is_empty().then_some(value)
            }
            #[cfg(feature = "json")]
            Self::Json => {
                let mut from = serde_json::Deserializer::from_slice(bytes);
                let value = V::deserialize(Bounded::new(&mut from, limits)).ok()?;
                from.end().ok()?;
                Some(value)
            }
            Self::MessagePack => messagepack::read(bytes, limits).ok(),
        }
    }
}
