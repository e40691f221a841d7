//! larder's formats as types, so that one function can choose its own.

use super::RemoteValue;
use super::coder::{Coder, Preference, decoded, encoded, preferring};
use super::format::Codec;
use super::own::{CodecError, ValueCodec};

macro_rules! choices {
    ($($(#[$attr:meta])* $name:ident $text:literal;)*) => {
        $(
            $(#[$attr])*
            #[derive(Clone, Copy, Debug)]
            pub enum $name {}

            $(#[$attr])*
            impl Preference for $name {
                const CODEC: Option<Codec> = Some(Codec::$name);
            }

            $(#[$attr])*
            impl<V: RemoteValue> ValueCodec<V> for $name {
                const NAME: &'static str = $text;

                fn encode(value: &V) -> Result<Vec<u8>, CodecError> {
                    encoded(Codec::$name, value).map_err(Into::into)
                }

                fn decode(bytes: &[u8]) -> Result<V, CodecError> {
                    decoded(Codec::$name, bytes).ok_or_else(|| concat!("the bytes are no value in ", $text).into())
                }

                #[allow(private_interfaces)]
                fn coder() -> Coder {
                    preferring::<V, Self>()
                }
            }
        )*
    };
}

choices! {
    /// [`Codec::Json`] for one function: `#[cached(codec = json)]`.
    #[cfg(feature = "json")]
    Json "json";
    /// [`Codec::MessagePack`] for one function: `#[cached(codec = messagepack)]`.
    MessagePack "messagepack";
    /// [`Codec::Postcard`] for one function: `#[cached(codec = postcard)]`.
    Postcard "postcard";
}
