//! The formats that values are written in.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bounded::{Bounded, Limits};
use super::check;

/// How values become bytes for the remote tier. Set with [`Builder::codec`](crate::Builder::codec).
///
/// A stored value names its codec: a cache reads what any codec wrote that is compiled into it, so a
/// cache can change its codec while it runs in many processes. What another wrote is a counted miss
/// ([`Stats::foreign`](crate::Stats)).
///
/// | | bytes | types it can't carry |
/// | --- | --- | --- |
/// | `Postcard` | fewest, fastest | whatever asks the bytes what comes next: `untagged`, `tag = ".."`, `flatten`, `serde_json::Value`; and `skip_serializing_if` |
/// | `MessagePack` | fields by name | an `Option` that holds another `Option` or `()` |
/// | `Json` | text, for humans and other languages | the same; floats that are not finite; maps whose keys are no text or number |
///
/// What a codec can't carry is refused when it is stored, with the reason ([`Error::Encode`](crate::Error));
/// a cached function then answers from the memory tier and its load, and says so in a `tracing` event.
/// So are values that are nested more than 256 deep (`Json`: 120). A value that would take more than 1 MiB of the
/// stack to read is a counted miss.
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
    /// humans, such as IP addresses (feature `msgpack`).
    #[cfg(feature = "msgpack")]
    MessagePack,
}

impl Codec {
    /// What the header says: never to be given to another codec.
    pub(super) fn id(self) -> u8 {
        match self {
            Self::Postcard => 1,
            #[cfg(feature = "json")]
            Self::Json => 2,
            #[cfg(feature = "msgpack")]
            Self::MessagePack => 3,
        }
    }

    pub(super) fn of_id(id: u8) -> Option<Self> {
        match id {
            1 => Some(Self::Postcard),
            #[cfg(feature = "json")]
            2 => Some(Self::Json),
            #[cfg(feature = "msgpack")]
            3 => Some(Self::MessagePack),
            _ => None,
        }
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

    pub(crate) fn encode<V: Serialize>(self, value: &V) -> Result<Vec<u8>, String> {
        let elements = check::carries(self, value).map_err(|refused| refused.to_string())?;
        let bytes = match self {
            Self::Postcard => postcard::to_stdvec(value).map_err(|error| error.to_string())?,
            #[cfg(feature = "json")]
            Self::Json => serde_json::to_vec(value).map_err(|error| error.to_string())?,
            #[cfg(feature = "msgpack")]
            Self::MessagePack => {
                let mut bytes = Vec::new();
                let mut to =
                    rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_human_readable();
                value.serialize(&mut to).map_err(|error| error.to_string())?;
                bytes
            }
        };
        match Limits::of(&bytes).allow(elements) {
            true => Ok(bytes),
            false => Err(format!("{elements} elements that take no bytes are too many")),
        }
    }

    /// The value, if all of `bytes` is one. Nothing in them is believed: neither lengths nor depth.
    pub(super) fn decode<V: DeserializeOwned>(self, bytes: &[u8]) -> Option<V> {
        let limits = Limits::of(bytes);
        match self {
            Self::Postcard => {
                let mut from = postcard::Deserializer::from_bytes(bytes);
                let value = V::deserialize(Bounded::new(&mut from, &limits)).ok()?;
                from.finalize().ok()?.is_empty().then_some(value)
            }
            #[cfg(feature = "json")]
            Self::Json => {
                let mut from = serde_json::Deserializer::from_slice(bytes);
                let value = V::deserialize(Bounded::new(&mut from, &limits)).ok()?;
                from.end().ok()?;
                Some(value)
            }
            #[cfg(feature = "msgpack")]
            Self::MessagePack => {
                let mut rest = bytes;
                let mut from = rmp_serde::Deserializer::new(&mut rest).with_human_readable();
                let value = V::deserialize(Bounded::new(&mut from, &limits)).ok()?;
                rest.is_empty().then_some(value)
            }
        }
    }
}
