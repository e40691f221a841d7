//! Whether a value comes back from the remote tier as it went.

use std::fmt::Debug;

use crate::codec::{Codec, RemoteValue, round_trip};

/// Asserts that a remote tier gives back what is stored there, whatever the cache's [`Codec`] is.
///
/// A cache compares bytes, because a cached value need not be `PartialEq`. This compares the values, so it also finds
/// what the bytes don't show: a field with `#[serde(skip)]`, a `with` module that writes less than it gets, an
/// `untagged` enum of which two variants are written alike.
///
/// ```
/// # use cache_core as larder;
/// use larder::testing::assert_round_trip;
///
/// assert_round_trip(&vec![Some((7u64, "seven".to_owned())), None]);
/// ```
///
/// # Panics
/// No codec can represent the value, or another value comes back. The message holds both.
#[track_caller]
pub fn assert_round_trip<T: RemoteValue + PartialEq + Debug>(value: &T) {
    let codecs = [
        Codec::Postcard,
        #[cfg(feature = "json")]
        Codec::Json,
        Codec::MessagePack,
    ];
    for preferred in codecs {
        match round_trip(value, preferred) {
            Ok((codec, back)) => {
                let same = back.as_ref() == Some(value);
                assert!(same, "{codec:?} gives back another value: {back:?}, not {value:?}");
            }
            Err(why) => panic!("{value:?} can't be stored: {why}"),
        }
    }
}
