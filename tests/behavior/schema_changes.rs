//! An entry from before a release that changed its type is a counted miss after it, whatever the change and the codec
//! are.

use larder::{Cache, RemoteValue, codec::Codec};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::stored::{Store, is_foreign};

const ALL: [Codec; 3] = [Codec::Postcard, Codec::Json, Codec::MessagePack];
/// The codecs for types that need a self-describing format.
const DESCRIBING: [Codec; 2] = [Codec::Json, Codec::MessagePack];

/// `After` cannot read an entry of `Before`, and `Before` cannot read one of `After`.
async fn seen<Before: RemoteValue, After: RemoteValue>(
    codecs: &[Codec],
    before: Before,
    after: After,
) {
    for codec in codecs {
        let store = Store::default();
        let cache = store.cache(|builder| builder.codec(*codec));
        one_way::<Before, After>(&cache, before.clone()).await;
        one_way::<After, Before>(&cache, after.clone()).await;
    }
}

async fn one_way<Writer: RemoteValue, Reader: RemoteValue>(cache: &Cache, value: Writer) {
    cache.insert("key", value).await.unwrap();
    assert!(!is_foreign::<Writer>(cache, "key").await, "its own type reads it");
    assert!(is_foreign::<Reader>(cache, "key").await, "the changed type does not");
}

/// Two forms of one type, in two modules: before and after a release.
macro_rules! changes {
    ($($(#[$doc:meta])* $name:ident in $codecs:ident:
        { $($before:item)* } = $was:expr, { $($after:item)* } = $is:expr;)*) => { $(
        $(#[$doc])*
        #[tokio::test]
        async fn $name() {
            mod before {
                #[allow(unused_imports)]
                use super::*;
                #[allow(unused_imports)]
                use std::collections::{BTreeMap, HashMap};
                $(#[derive(Clone, Debug, Serialize, Deserialize)] #[allow(dead_code)] $before)*
                pub(super) fn value() -> Value { $was }
            }
            mod after {
                #[allow(unused_imports)]
                use super::*;
                #[allow(unused_imports)]
                use std::collections::{BTreeMap, HashMap};
                $(#[derive(Clone, Debug, Serialize, Deserialize)] #[allow(dead_code)] $after)*
                pub(super) fn value() -> Value { $is }
            }
            seen(&$codecs, before::value(), after::value()).await;
        }
    )* };
}

changes! {
    reordered_fields in ALL:
        { pub(super) struct Value { a: u32, b: u32 } } = Value { a: 1, b: 2 },
        { pub(super) struct Value { b: u32, a: u32 } } = Value { a: 1, b: 2 };
    a_last_field_removed in ALL:
        { pub(super) struct Value { a: u32, b: u32 } } = Value { a: 1, b: 2 },
        { pub(super) struct Value { a: u32 } } = Value { a: 1 };
    a_first_field_removed in ALL:
        { pub(super) struct Value { a: u32, b: u32 } } = Value { a: 1, b: 2 },
        { pub(super) struct Value { b: u32 } } = Value { b: 2 };
    a_field_added_with_a_default in ALL:
        { pub(super) struct Value { a: u32 } } = Value { a: 1 },
        { pub(super) struct Value { a: u32, #[serde(default)] b: u32 } } = Value { a: 1, b: 2 };
    a_field_skipped in ALL:
        { pub(super) struct Value { a: u32, b: u32 } } = Value { a: 1, b: 2 },
        { pub(super) struct Value { a: u32, #[serde(skip)] b: u32 } } = Value { a: 1, b: 0 };
    u32_read_as_i32 in ALL:
        { pub(super) struct Value { a: u32 } } = Value { a: 1 },
        { pub(super) struct Value { a: i32 } } = Value { a: 1 };
    u32_read_as_u64 in ALL:
        { pub(super) struct Value { a: u32 } } = Value { a: 1 },
        { pub(super) struct Value { a: u64 } } = Value { a: 1 };
    f32_read_as_f64 in ALL:
        { pub(super) struct Value(f32); } = Value(0.5),
        { pub(super) struct Value(f64); } = Value(0.5);
    bool_read_as_u8 in ALL:
        { pub(super) struct Value { a: bool } } = Value { a: true },
        { pub(super) struct Value { a: u8 } } = Value { a: 1 };
    a_char_read_as_text in ALL:
        { pub(super) struct Value { a: char } } = Value { a: 'x' },
        { pub(super) struct Value { a: String } } = Value { a: "x".to_owned() };
    text_read_as_bytes in ALL:
        { pub(super) struct Value { a: String } } = Value { a: "x".to_owned() },
        { pub(super) struct Value { a: Octets } } = Value { a: Octets(b"x".to_vec()) };
    bytes_read_as_a_list in ALL:
        { pub(super) struct Value { a: Octets } } = Value { a: Octets(b"x".to_vec()) },
        { pub(super) struct Value { a: Vec<u8> } } = Value { a: b"x".to_vec() };
    a_field_renamed in ALL:
        { pub(super) struct Value { cents: u32 } } = Value { cents: 1 },
        { pub(super) struct Value { pence: u32 } } = Value { pence: 1 };
    a_field_renamed_for_serde in ALL:
        { pub(super) struct Value { user_id: u32 } } = Value { user_id: 1 },
        { #[serde(rename_all = "camelCase")] pub(super) struct Value { user_id: u32 } } = Value { user_id: 1 };
    the_type_renamed in ALL:
        { pub(super) struct Value { a: u32 } } = Value { a: 1 },
        { #[serde(rename = "Other")] pub(super) struct Value { a: u32 } } = Value { a: 1 };
    a_newtype_renamed in ALL:
        { pub(super) struct Value { id: UserId } pub(super) struct UserId(u64); } = Value { id: UserId(1) },
        { pub(super) struct Value { id: OrderId } pub(super) struct OrderId(u64); } = Value { id: OrderId(1) };
    a_newtype_unwrapped in ALL:
        { pub(super) struct Value { id: Id } pub(super) struct Id(u64); } = Value { id: Id(1) },
        { pub(super) struct Value { id: u64 } } = Value { id: 1 };
    what_is_in_a_newtype in ALL:
        { pub(super) struct Value(u64); } = Value(1),
        { pub(super) struct Value(i64); } = Value(1);
    an_option_added in ALL:
        { pub(super) struct Value { a: u32 } } = Value { a: 1 },
        { pub(super) struct Value { a: Option<u32> } } = Value { a: Some(1) };
    a_list_around_it in ALL:
        { pub(super) struct Value { a: u32 } } = Value { a: 1 },
        { pub(super) struct Value { a: Vec<u32> } } = Value { a: vec![1] };
    the_length_of_a_tuple in ALL:
        { pub(super) struct Value(u32, u32, u32); } = Value(1, 2, 3),
        { pub(super) struct Value(u32, u32); } = Value(1, 2);
    the_length_of_an_array in ALL:
        { pub(super) struct Value { a: [u8; 3] } } = Value { a: [1; 3] },
        { pub(super) struct Value { a: [u8; 4] } } = Value { a: [1; 4] };
    a_tuple_made_a_struct in ALL:
        { pub(super) struct Value(u32, u32); } = Value(1, 2),
        { pub(super) struct Value { a: u32, b: u32 } } = Value { a: 1, b: 2 };
    a_map_made_a_list in ALL:
        { pub(super) struct Value { a: BTreeMap<u32, u32> } } = Value { a: [(1, 2)].into() },
        { pub(super) struct Value { a: Vec<(u32, u32)> } } = Value { a: vec![(1, 2)] };
    the_key_of_a_map in ALL:
        { pub(super) struct Value { a: HashMap<u32, u32> } } = Value { a: [(1, 2)].into() },
        { pub(super) struct Value { a: HashMap<i32, u32> } } = Value { a: [(1, 2)].into() };
    the_order_of_variants in ALL:
        { pub(super) enum Value { A, B } } = Value::A,
        { pub(super) enum Value { B, A } } = Value::A;
    a_variant_added in ALL:
        { pub(super) enum Value { A } } = Value::A,
        { pub(super) enum Value { A, B } } = Value::A;
    a_variant_renamed in ALL:
        { pub(super) enum Value { A, B } } = Value::B,
        { pub(super) enum Value { A, C } } = Value::C;
    what_a_variant_holds in ALL:
        { pub(super) enum Value { A, B(u32) } } = Value::B(1),
        { pub(super) enum Value { A, B(i32) } } = Value::B(1);
    a_unit_variant_that_holds_something in ALL:
        { pub(super) enum Value { A, B } } = Value::A,
        { pub(super) enum Value { A, B(()) } } = Value::A;
    the_fields_of_a_variant in ALL:
        { pub(super) enum Value { A { x: u8, y: u8 } } } = Value::A { x: 1, y: 2 },
        { pub(super) enum Value { A { y: u8, x: u8 } } } = Value::A { x: 1, y: 2 };
    far_down in ALL:
        { pub(super) struct Value { a: Option<Vec<BTreeMap<String, Inner>>> }
          pub(super) struct Inner { x: (u8, Result<u8, u16>) } }
            = Value { a: Some(vec![[("x".to_owned(), Inner { x: (1, Ok(1)) })].into()]) },
        { pub(super) struct Value { a: Option<Vec<BTreeMap<String, Inner>>> }
          pub(super) struct Inner { x: (u8, Result<u8, i16>) } }
            = Value { a: Some(vec![[("x".to_owned(), Inner { x: (1, Ok(1)) })].into()]) };
    in_a_type_that_holds_itself in ALL:
        { pub(super) struct Value { next: Option<Box<Value>>, a: u32 } } = Value { next: None, a: 1 },
        { pub(super) struct Value { next: Option<Box<Value>>, a: i32 } } = Value { next: None, a: 1 };
    how_an_enum_is_tagged in DESCRIBING:
        { #[serde(tag = "t", content = "c")] pub(super) enum Value { A(u8), B { x: u8 } } } = Value::B { x: 1 },
        { #[serde(tag = "t")] pub(super) enum Value { A { x: u8 }, B { x: u8 } } } = Value::B { x: 1 };
    a_variant_of_a_tagged_enum in DESCRIBING:
        { #[serde(tag = "t")] pub(super) enum Value { A { x: u8 }, B { x: u8 } } } = Value::A { x: 1 },
        { #[serde(tag = "t")] pub(super) enum Value { A { x: u8 } } } = Value::A { x: 1 };
    a_field_of_a_tagged_enum in DESCRIBING:
        { #[serde(tag = "t")] pub(super) enum Value { A { x: u8 }, B } } = Value::B,
        { #[serde(tag = "t")] pub(super) enum Value { A { y: u8 }, B } } = Value::B;
    a_flattened_field in DESCRIBING:
        { pub(super) struct Value { a: u8, #[serde(flatten)] b: Inner } pub(super) struct Inner { x: u8 } }
            = Value { a: 1, b: Inner { x: 1 } },
        { pub(super) struct Value { a: u8, #[serde(flatten)] b: Inner } pub(super) struct Inner { y: u8 } }
            = Value { a: 1, b: Inner { y: 1 } };
}

/// Bytes, as `serde_bytes` serializes them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Octets(pub(crate) Vec<u8>);

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Octets;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Octets, E> {
                Ok(Octets(bytes.to_vec()))
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Octets, E> {
                Ok(Octets(bytes))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut bytes: A,
            ) -> Result<Octets, A::Error> {
                let mut octets = Vec::new();
                while let Some(byte) = bytes.next_element()? {
                    octets.push(byte);
                }
                Ok(Octets(octets))
            }
        }
        from.deserialize_byte_buf(Visitor)
    }
}

/// A percentage from 1 to 100, whose `Deserialize` rejects other numbers.
#[derive(Clone, Debug)]
struct Percent(i64);

impl Percent {
    fn of(percent: i64) -> Result<Self, String> {
        (1..=100).contains(&percent).then_some(Self(percent)).ok_or_else(|| percent.to_string())
    }
}

/// A type made from another one with a check.
macro_rules! made_from {
    ($module:ident, $from:ty) => {
        mod $module {
            use super::{Deserialize, Percent, Serialize};
            #[derive(Clone, Debug, Serialize, Deserialize)]
            #[serde(try_from = "Made", into = "Made")]
            pub(super) struct Value(pub(super) Percent);
            type Made = $from;
            impl TryFrom<Made> for Value {
                type Error = String;
                fn try_from(percent: Made) -> Result<Self, String> {
                    Percent::of(percent.into()).map(Self)
                }
            }
            impl From<Value> for Made {
                fn from(value: Value) -> Self {
                    value.0.0 as Self
                }
            }
        }
    };
}

#[tokio::test]
async fn the_type_that_a_value_is_made_from() {
    made_from!(before, u16);
    made_from!(after, i16);
    seen(&ALL, before::Value(Percent(7)), after::Value(Percent(7))).await;
}

/// The tests above depend on this: the cache detects the change of the type and not its module.
#[tokio::test]
async fn a_type_that_moved_is_the_same() {
    mod here {
        #[derive(Clone, Debug, PartialEq, super::Serialize, super::Deserialize)]
        pub(super) struct Value {
            pub(super) a: Vec<Option<u32>>,
            pub(super) b: Option<Kind>,
        }
        #[derive(Clone, Debug, PartialEq, super::Serialize, super::Deserialize)]
        pub(super) enum Kind {
            A,
            B { x: u8 },
        }
    }
    mod there {
        #[derive(Clone, Debug, PartialEq, super::Serialize, super::Deserialize)]
        pub(super) struct Value {
            pub(super) a: Box<[Option<u32>]>,
            pub(super) b: Box<Option<Kind>>,
        }
        #[derive(Clone, Debug, PartialEq, super::Serialize, super::Deserialize)]
        pub(super) enum Kind {
            A,
            B { x: u8 },
        }
    }
    for codec in ALL {
        let store = Store::default();
        let cache = store.cache(|builder| builder.codec(codec));
        let value = here::Value { a: vec![Some(1), None], b: Some(here::Kind::B { x: 2 }) };
        cache.insert("key", value).await.unwrap();
        let same =
            there::Value { a: [Some(1), None].into(), b: Box::new(Some(there::Kind::B { x: 2 })) };
        assert_eq!(cache.get::<there::Value>("key").await.unwrap(), Some(same), "{codec:?}");
    }
}

/// The type rejects every made-up value, so only the path, size and alignment distinguish it.
#[tokio::test]
async fn a_type_that_rejects_every_made_up_value() {
    #[derive(Clone, Debug, PartialEq, Serialize)]
    struct Word(String);
    impl<'de> Deserialize<'de> for Word {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            let word = String::deserialize(from)?;
            let known = word == "open sesame";
            known.then_some(Self(word)).ok_or_else(|| serde::de::Error::custom("not the word"))
        }
    }
    mod before {
        #[derive(Clone, Debug, super::Serialize, super::Deserialize)]
        pub(super) struct Value {
            pub(super) word: super::Wordy,
            pub(super) a: u32,
        }
    }
    mod after {
        #[derive(Clone, Debug, super::Serialize, super::Deserialize)]
        pub(super) struct Value {
            pub(super) word: super::Wordy,
            pub(super) a: i32,
        }
    }
    let store = Store::default();
    let cache = store.plain();
    let word = Word("open sesame".to_owned());
    cache.insert("word", word.clone()).await.unwrap();
    assert_eq!(cache.get::<Word>("word").await.unwrap(), Some(word));
    let before = before::Value { word: Wordy, a: 1 };
    let after = after::Value { word: Wordy, a: 1 };
    seen(&ALL, before, after).await;
}

/// Rejects every made-up value by a panic.
#[derive(Clone, Debug)]
struct Wordy;

impl Serialize for Wordy {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str("open sesame")
    }
}

impl<'de> Deserialize<'de> for Wordy {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        assert_eq!(word, "open sesame", "this type panics over what it does not know");
        Ok(Self)
    }
}
