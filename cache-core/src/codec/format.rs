//! The formats that values are written in.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bounded::{Bounded, Limits};
use super::check::{Carried, Refused};
use super::stack::roomy;
use super::{RemoteValue, check, schema};

/// What is wrong with a value that is not read back.
const LOST: &str = "what is written is not read back as the same value";

/// How values become bytes for the remote tier. Set with [`Builder::codec`](crate::registry::Builder::codec).
///
/// A stored value names its codec: a cache reads what any codec wrote that is compiled into it, so a
/// cache can change its codec while it runs in many processes. What another wrote is a counted miss
/// ([`Stats::foreign`](crate::Stats)).
///
/// | | bytes | what it can't represent |
/// | --- | --- | --- |
/// | `Postcard` | fewest, fastest | whatever asks the bytes what comes next: `untagged`, `tag = ".."`, `flatten`, `serde_json::Value`; and `skip_serializing_if` |
/// | `MessagePack` | fields by name | an `Option` that holds another `Option` or `()` |
/// | `Json` | text, for humans and other languages | the same; floats that are not finite; maps whose keys are no text or number |
///
/// A value that its cache's codec can't represent is written by the next one that can: `MessagePack`, `Json` if it is
/// compiled in, `Postcard`. That is said once per type, in a `tracing` event. If none can,
/// [`insert`](crate::engine::Cache::insert) returns [`Error::Encode`](crate::Error) with the reasons; a cached function answers
/// from the memory tier and its load. [`Stats::refused`](crate::Stats) counts such values. So are values that are
/// nested more than 256 deep (`Json`: 120) refused. A stored value that would take more of the stack to read than
/// there is on a thread of 1 MiB is a counted miss.
///
/// # Types that are written in one way and read in another
/// `Serialize` and `Deserialize` of one type may differ. Each field and variant that is written is compared with those
/// that are read, and where a value may come back as another one it is read back before it is stored. So these are
/// errors that name the field and what to do, unless a codec represents them all the same:
///
/// - `skip_serializing`, `skip_deserializing`, and a variant with `#[serde(skip)]` before others;
/// - other names or another order of fields for reading than for writing;
/// - `serialize_with` without its `deserialize_with`.
///
/// In debug builds, and with the feature `testing`, every value is read back and written again before it is stored, and
/// the bytes have to be the same (in any order, because a `HashMap` has none). `testing::assert_round_trip` also
/// compares the values.
///
/// What serde does not reveal is not noticed: a field with `#[serde(skip)]` comes back as its default, and so does
/// `skip_serializing` in a struct with `flatten`; a `with` module that writes less than it gets (seconds of a time with
/// nanoseconds); an `untagged` enum of which two variants are written alike; a `skip_serializing_if` whose `default` is
/// another value than the one that was skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// [postcard](https://docs.rs/postcard): the default.
    #[default]
    Postcard,
    /// JSON by `serde_json` (feature `json`).
    #[cfg(feature = "json")]
    Json,
    /// MessagePack by `rmp-serde`, with field names, and with the texts of types that have a form for
    /// humans, such as IP addresses.
    MessagePack,
}

impl Codec {
    /// What the header says: never to be given to another codec.
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

    /// This one, and then those that represent what it can't: each entry names its codec.
    pub(super) fn and_others(self) -> impl Iterator<Item = Self> {
        let all = [
            Self::MessagePack,
            #[cfg(feature = "json")]
            Self::Json,
            Self::Postcard,
        ];
        std::iter::once(self).chain(all.into_iter().filter(move |other| *other != self))
    }

    /// Whether fields are found by their names, and values tell what they are.
    pub(super) fn is_self_describing(self) -> bool {
        self != Self::Postcard
    }

    /// Whether types with two forms write the one for humans. The self-describing codecs do: what serde
    /// buffers for an untagged enum is read back as if it were for humans, whatever the format says.
    pub(super) fn is_human_readable(self) -> bool {
        self != Self::Postcard
    }

    /// The bytes, if a reader gets the same value from them. They are read back where that is in doubt, and
    /// `always` if that is wanted.
    pub(crate) fn encode<V: RemoteValue>(
        self,
        value: &V,
        always: bool,
    ) -> Result<Vec<u8>, Refused> {
        let schema = schema::of::<V>(self);
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
        let Carried { elements, doubt } = check::carries(self, &schema.shapes, value)?;
        let bytes = self.write(value)?;
        if !Limits::of(&bytes).allow(elements) {
            let why = format!("{elements} elements that take no bytes are too many");
            return Err(Refused::new(why));
        }
        let doubt = doubt.or_else(|| (schema.asks || always).then(|| LOST.to_owned()));
        match doubt {
            Some(why) if !self.reads_back::<V>(&bytes) => Err(Refused::new(why)),
            _ => Ok(bytes),
        }
    }

    fn write<V: Serialize>(self, value: &V) -> Result<Vec<u8>, Refused> {
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

    /// Whether what `bytes` are read as is written as the same bytes. In whatever order: that of a `HashMap`
    /// is another one each time.
    fn reads_back<V: RemoteValue>(self, bytes: &[u8]) -> bool {
        let sorted = |mut bytes: Vec<u8>| {
            bytes.sort_unstable();
            bytes
        };
        let read = || self.decode::<V>(bytes).and_then(|value| self.write(&value).ok());
        // A `Deserialize` that panics over what was written is no worse than one that fails.
        let again = catch_unwind(AssertUnwindSafe(read)).ok().flatten();
        again.is_some_and(|again| again == bytes || sorted(again) == sorted(bytes.to_vec()))
    }

    /// The value, if all of `bytes` is one. Nothing in them is believed: neither lengths nor depth.
    pub(super) fn decode<V: RemoteValue>(self, bytes: &[u8]) -> Option<V> {
        let limits = Limits::of(bytes);
        match self.read(bytes, &limits) {
            None if limits.spent_the_stack() => {
                let again = || self.read(bytes, &Limits::on_own_stack(bytes));
                roomy(again).flatten()
            }
            read => read,
        }
    }

    fn read<V: DeserializeOwned>(self, bytes: &[u8], limits: &Limits) -> Option<V> {
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
            Self::MessagePack => {
                let mut rest = bytes;
                let mut from = rmp_serde::Deserializer::new(&mut rest).with_human_readable();
                let value = V::deserialize(Bounded::new(&mut from, limits)).ok()?;
                rest.is_empty().then_some(value)
            }
        }
    }
}
