//! Checks that a value comes back from the remote tier unchanged.

use std::fmt::Debug;

use cache_core::__testing::round_trip;
use cache_core::{Codec, RemoteValue};

/// Asserts that a remote tier returns the stored value, for every [`Codec`].
///
/// A cache compares bytes, because a cached value need not be `PartialEq`. This function compares the values,
/// so it also finds differences that the bytes do not show: a field with `#[serde(skip)]`, a `with` module
/// that writes less than it gets, an `untagged` enum with two variants that are written alike.
///
/// ```
/// use larder::testing::assert_round_trip;
///
/// assert_round_trip(&vec![Some((7u64, "seven".to_owned())), None]);
/// ```
///
/// # Panics
/// If no codec can represent the value, or another value comes back. The message contains both values.
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
