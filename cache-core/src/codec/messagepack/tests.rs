use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::*;
use crate::codec::coder::Serde;
use crate::codec::format::Codec;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Wrapped(i64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Unit(Unit),
    Wrapped(Wrapped),
    Bool(bool),
    Numbers(i8, i16, i32, i64, u8, u16, u32, u64),
    Wide(i128, u128),
    Floats { narrow: f32, wide: f64 },
    Letter(char),
    Text(String),
    Bytes(#[serde(with = "as_bytes")] Vec<u8>),
    Some(Option<Box<Shape>>),
    List(Vec<Shape>),
    Keyed(BTreeMap<i32, Shape>),
    Named(BTreeMap<String, (u8, Shape)>),
    Outcome(Result<u8, String>),
}

/// A type that reads any item.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Anything {
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<Anything>),
    Map(BTreeMap<String, Anything>),
    Nil(()),
}

mod as_bytes {
    use serde::de::{Deserializer, Error, Visitor};

    pub(super) fn serialize<S: serde::Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        from.deserialize_bytes(Bytes)
    }
}

fn shapes() -> impl Strategy<Value = Shape> {
    let numbers = any::<(i8, i16, i32, i64, u8, u16, u32, u64)>();
    let leaf = prop_oneof![
        Just(Shape::Nothing),
        Just(Shape::Unit(Unit)),
        any::<i64>().prop_map(|number| Shape::Wrapped(Wrapped(number))),
        any::<bool>().prop_map(Shape::Bool),
        numbers.prop_map(|(a, b, c, d, e, f, g, h)| Shape::Numbers(a, b, c, d, e, f, g, h)),
        any::<(i128, u128)>().prop_map(|(signed, unsigned)| Shape::Wide(signed, unsigned)),
        (-1e30f32..1e30, -1e300..1e300).prop_map(|(narrow, wide)| Shape::Floats { narrow, wide }),
        any::<char>().prop_map(Shape::Letter),
        ".{0,40}".prop_map(Shape::Text),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(Shape::Bytes),
        Just(Shape::Some(None)),
        any::<Result<u8, String>>().prop_map(Shape::Outcome),
    ];
    leaf.prop_recursive(4, 40, 20, |inner| {
        use proptest::collection::{btree_map, vec};
        prop_oneof![
            inner.clone().prop_map(|shape| Shape::Some(Some(Box::new(shape)))),
            vec(inner.clone(), 0..20).prop_map(Shape::List),
            btree_map(any::<i32>(), inner.clone(), 0..20).prop_map(Shape::Keyed),
            btree_map(".{0,8}", (any::<u8>(), inner), 0..5).prop_map(Shape::Named),
        ]
    })
}

fn written<V: Serialize>(value: &V) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut to = rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_human_readable();
    value.serialize(&mut to).expect("the value has a form in MessagePack");
    bytes
}

fn ours<V: DeserializeOwned>(bytes: &[u8]) -> Option<V> {
    read(bytes, &Limits::of(bytes)).ok()
}

fn theirs<V: DeserializeOwned>(mut bytes: &[u8]) -> Option<V> {
    let mut from = rmp_serde::Deserializer::new(&mut bytes).with_human_readable();
    let value = V::deserialize(&mut from).ok()?;
    bytes.is_empty().then_some(value)
}

/// What this reader reads, `rmp-serde` reads as the same.
fn agree<V: DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    if let Some(value) = ours::<V>(bytes) {
        assert_eq!(theirs(bytes), Some(value), "{bytes:x?}");
    }
}

proptest! {
    #[test]
    fn what_was_written_is_read(shape in shapes()) {
        let bytes = written(&shape);
        prop_assert_eq!(ours::<Shape>(&bytes), Some(shape));
    }

    #[test]
    fn bytes_that_are_cut_off_or_too_long_are_not_read(shape in shapes(), cut in any::<prop::sample::Index>()) {
        let mut bytes = written(&shape);
        let cut = cut.index(bytes.len());
        prop_assert_eq!(ours::<Shape>(&bytes[..cut]), None);
        bytes.push(0);
        prop_assert_eq!(ours::<Shape>(&bytes), None);
    }

    #[test]
    fn damaged_bytes_are_read_as_rmp_serde_reads_them(
        shape in shapes(), place in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = written(&shape);
        let place = place.index(bytes.len());
        bytes[place] = byte;
        agree::<Shape>(&bytes);
        agree::<Anything>(&bytes);
    }

    #[test]
    fn any_bytes_are_read_as_rmp_serde_reads_them(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        agree::<Anything>(&bytes);
        agree::<BTreeMap<String, u64>>(&bytes);
        agree::<Vec<i16>>(&bytes);
        agree::<(u8, Option<f32>)>(&bytes);
    }
}

#[test]
fn a_number_is_read_from_every_form() {
    let unsigned: [&[u8]; 6] = [
        &[7],
        &[0xcc, 7],
        &[0xcd, 0, 7],
        &[0xce, 0, 0, 0, 7],
        &[0xcf, 0, 0, 0, 0, 0, 0, 0, 7],
        &[0xd3, 0, 0, 0, 0, 0, 0, 0, 7],
    ];
    for bytes in unsigned {
        assert_eq!(ours::<u32>(bytes), Some(7), "{bytes:x?}");
    }
    let signed: [&[u8]; 5] = [
        &[0xf9],
        &[0xd0, 0xf9],
        &[0xd1, 0xff, 0xf9],
        &[0xd2, 0xff, 0xff, 0xff, 0xf9],
        &[0xd3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf9],
    ];
    for bytes in signed {
        assert_eq!(ours::<i16>(bytes), Some(-7), "{bytes:x?}");
    }
    assert_eq!(ours::<u8>(&[0xcd, 1, 0]), None, "256 is no u8");
    assert_eq!(ours::<u8>(&[0xf9]), None, "-7 is no u8");
}

#[test]
fn a_length_is_read_from_every_form() {
    let texts: [&[u8]; 4] =
        [&[0xa1, b'x'], &[0xd9, 1, b'x'], &[0xda, 0, 1, b'x'], &[0xdb, 0, 0, 0, 1, b'x']];
    for bytes in texts {
        assert_eq!(ours::<String>(bytes).as_deref(), Some("x"), "{bytes:x?}");
    }
    let lists: [&[u8]; 3] = [&[0x91, 5], &[0xdc, 0, 1, 5], &[0xdd, 0, 0, 0, 1, 5]];
    for bytes in lists {
        assert_eq!(ours::<Vec<u8>>(bytes), Some(vec![5]), "{bytes:x?}");
    }
    let maps: [&[u8]; 3] = [&[0x81, 5, 6], &[0xde, 0, 1, 5, 6], &[0xdf, 0, 0, 0, 1, 5, 6]];
    let map = BTreeMap::from([(5u8, 6u8)]);
    for bytes in maps {
        assert_eq!(ours(bytes).as_ref(), Some(&map), "{bytes:x?}");
    }
    assert_eq!(ours::<String>(&[0xdb, 0xff, 0xff, 0xff, 0xff]), None);
    assert_eq!(ours::<String>(&[0xa1, 0xff]), None, "not UTF-8");
}

#[test]
fn a_variant_needs_its_data() {
    assert_eq!(ours::<Shape>(&written(&"Nothing")), Some(Shape::Nothing));
    assert_eq!(ours::<Shape>(&written(&BTreeMap::from([("Nothing", ())]))), Some(Shape::Nothing));
    assert_eq!(ours::<Shape>(&written(&"Bool")), None);
    assert_eq!(ours::<Shape>(&written(&BTreeMap::from([("Nothing", 1)]))), None);
    assert_eq!(ours::<Shape>(&written(&BTreeMap::from([("Bool", true), ("Letter", true)]))), None);
}

/// `rmp-serde` writes a newtype of this name as an extension, which this reader does not read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename = "_ExtStruct")]
struct Extension((i8, Octets));

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Octets(#[serde(with = "as_bytes")] Vec<u8>);

#[test]
fn an_extension_is_refused_before_it_is_written() {
    let (serde, value) = (Serde::of::<Extension>(None), Extension((1, Octets(vec![2]))));
    let refused = Codec::MessagePack.encode(&serde, &value, false).expect_err("an extension");
    assert!(refused.to_string().contains("extension"), "{refused}");
}
