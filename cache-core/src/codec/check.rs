//! Finds values that a codec would write wrongly without an error, before they are written. This serializer
//! writes nothing; it counts, compares, and refuses:
//!
//! - in postcard, fields that `skip_serializing_if` omits: a reader would take the next field's bytes for
//!   them;
//! - an `Option` in an `Option`, in codecs that write `None` and `Some(None)` alike;
//! - floats that are not finite, in JSON;
//! - values that are deeper than a reader accepts;
//! - values that the type reads differently from how it writes them (`compare`).

use std::cell::{Cell, RefCell};
use std::fmt;
use std::fmt::Display;

use serde::ser;
use serde::ser::Serialize;

use super::bounded::DEPTH;
use super::compare::{Fields, Read};
use super::format::Codec;
use super::schema::{Shapes, Wire};

/// The nesting depth of arrays and objects that `serde_json` reads, minus a small reserve.
const NESTED: u32 = 120;

/// The result of checking a value that `codec` can carry.
pub(crate) struct Carried {
    pub(super) elements: usize,
    /// Why a reader may get another value.
    pub(super) doubt: Option<String>,
}

/// Checks whether `codec` carries all of `value` to a reader with these `shapes`.
pub(crate) fn carries<T: Serialize + ?Sized>(
    codec: Codec,
    shapes: &Shapes,
    value: &T,
) -> Result<Carried, Refused> {
    let (elements, doubt) = (Cell::new(0), RefCell::new(None));
    let read = Read::new(shapes, codec.is_self_describing(), &doubt);
    value.serialize(Check {
        codec,
        elements: &elements,
        depth: 0,
        nested: 0,
        some: false,
        read,
    })?;
    Ok(Carried { elements: elements.get(), doubt: doubt.into_inner() })
}

/// The reason why a codec cannot carry a value.
#[derive(Debug)]
pub(crate) struct Refused {
    why: String,
    /// The message comes from the type's own code, and may contain a part of the value.
    theirs: bool,
}

impl Refused {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), theirs: false }
    }

    pub(super) fn theirs(why: impl Display) -> Self {
        Self { why: why.to_string(), theirs: true }
    }

    /// The message for logs.
    pub(super) fn discreet(&self) -> &str {
        if self.theirs { "its `Serialize` failed" } else { &self.why }
    }
}

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Refused {}

impl ser::Error for Refused {
    fn custom<T: Display>(message: T) -> Self {
        Self::theirs(message)
    }
}

#[derive(Clone, Copy)]
struct Check<'a> {
    codec: Codec,
    elements: &'a Cell<usize>,
    /// The depth as [`Bounded`](super::bounded::Bounded) counts it.
    depth: u32,
    /// The depth as `serde_json` counts it.
    nested: u32,
    /// Whether the value is directly inside a `Some`.
    some: bool,
    read: Read<'a>,
}

impl<'a> Check<'a> {
    fn at(self, read: Read<'a>) -> Self {
        Self { read, ..self }
    }

    fn compound(self, of: &'static str, named: bool) -> Compound<'a> {
        Compound { fields: self.read.parts(of, named), check: self }
    }

    fn deeper(mut self, depth: u32, nested: u32) -> Result<Self, Refused> {
        self.count(1);
        self.depth += depth;
        self.nested += nested;
        self.some = false;
        let nested = if is_json(self.codec) { NESTED } else { u32::MAX };
        match self.depth > DEPTH || self.nested > nested {
            true => Err(Refused::new(format!(
                "it is nested more than {} deep: flatten it",
                DEPTH.min(nested)
            ))),
            false => Ok(self),
        }
    }

    fn count(&self, more: usize) {
        self.elements.set(self.elements.get().saturating_add(more));
    }

    /// A value that a self-describing codec writes as it writes `None`.
    fn nothing(self) -> Result<(), Refused> {
        match self.some && self.codec.is_self_describing() {
            true => Err(Refused::new(format!(
                "{:?} writes `Some(None)` and `Some(())` as it writes `None`: use an enum",
                self.codec
            ))),
            false => Ok(()),
        }
    }

    fn float(self, is_finite: bool) -> Result<(), Refused> {
        match is_finite || !is_json(self.codec) {
            true => Ok(()),
            false => Err(Refused::new("JSON has no infinity and no NaN: use an `Option`")),
        }
    }

    fn known_length(self, len: Option<usize>) -> Result<(), Refused> {
        match len.is_some() || self.codec.is_self_describing() {
            true => Ok(()),
            false => Err(Refused::new(
                "postcard has to know beforehand how many elements there are (`flatten` can't say)",
            )),
        }
    }
}

fn is_json(codec: Codec) -> bool {
    match codec {
        #[cfg(feature = "json")]
        Codec::Json => true,
        _ => false,
    }
}

macro_rules! leaves {
    ($($method:ident($t:ty): $wire:ident),* $(,)?) => { $(
        fn $method(self, _: $t) -> Result<(), Refused> {
            self.read.leaf(Wire::$wire);
            Ok(())
        }
    )* };
}

impl<'a> ser::Serializer for Check<'a> {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Self;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Entries<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    leaves!(
        serialize_bool(bool): Bool,
        serialize_i8(i8): I8,
        serialize_i16(i16): Signed,
        serialize_i32(i32): Signed,
        serialize_i64(i64): Signed,
        serialize_i128(i128): Signed,
        serialize_u8(u8): U8,
        serialize_u16(u16): Unsigned,
        serialize_u32(u32): Unsigned,
        serialize_u64(u64): Unsigned,
        serialize_u128(u128): Unsigned,
        serialize_char(char): Bytes,
        serialize_str(&str): Bytes,
    );

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a>, Refused> {
        Ok(self.deeper(1, 1)?.compound("a tuple", false))
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Compound<'a>, Refused> {
        Ok(self.deeper(1, 1)?.compound(name, false))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, Refused> {
        let read = self.read.variant(name, index, variant);
        Ok(self.at(read).deeper(2, 2)?.compound(variant, false))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Compound<'a>, Refused> {
        Ok(self.deeper(1, 1)?.compound(name, true))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, Refused> {
        let read = self.read.variant(name, index, variant);
        Ok(self.at(read).deeper(2, 2)?.compound(variant, true))
    }

    fn serialize_f32(self, value: f32) -> Result<(), Refused> {
        self.read.leaf(Wire::F32);
        self.float(value.is_finite())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Refused> {
        self.read.leaf(Wire::F64);
        self.float(value.is_finite())
    }

    /// A codec may write bytes as a list.
    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Refused> {
        self.read.leaf(Wire::Bytes);
        self.count(bytes.len());
        self.deeper(1, 1).map(drop)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self, Refused> {
        self.known_length(len)?;
        self.at(self.read.each()).deeper(1, 1)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Entries<'a>, Refused> {
        self.known_length(len)?;
        let (key, value) = self.read.entries();
        Ok(Entries { check: self.deeper(1, 1)?, key, value })
    }

    fn serialize_none(self) -> Result<(), Refused> {
        self.read.option();
        self.nothing()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refused> {
        value.serialize(Self { some: true, ..self.at(self.read.option()).deeper(1, 0)? })
    }

    fn serialize_unit(self) -> Result<(), Refused> {
        self.read.unit();
        self.nothing()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Refused> {
        self.read.unit();
        self.nothing()
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<(), Refused> {
        self.read.variant(name, index, variant).unit();
        self.deeper(1, 1).map(drop)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        if self.codec == Codec::MessagePack && name == rmp_serde::MSGPACK_EXT_STRUCT_NAME {
            return Err(Refused::new("MessagePack's extension types are not supported"));
        }
        value.serialize(Self { some: self.some, ..self.deeper(1, 0)? })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        let read = self.read.variant(name, index, variant);
        value.serialize(self.at(read).deeper(1, 1)?)
    }

    /// The codec decides which form a type with two forms writes.
    fn is_human_readable(&self) -> bool {
        self.codec.is_human_readable()
    }
}

impl ser::SerializeSeq for Check<'_> {
    type Ok = ();
    type Error = Refused;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.count(1);
        value.serialize(*self)
    }
    fn end(self) -> Result<(), Refused> {
        Ok(())
    }
}

/// A struct or a tuple, and what the type reads there.
struct Compound<'a> {
    check: Check<'a>,
    fields: Fields<'a>,
}

macro_rules! parts {
    ($($of:ident::$method:ident),*) => { $(
        impl ser::$of for Compound<'_> {
            type Ok = ();
            type Error = Refused;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
                self.check.count(1);
                value.serialize(self.check.at(self.fields.part()))
            }
            fn end(self) -> Result<(), Refused> {
                self.fields.end()
            }
        }
    )* };
}

parts!(
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! fields {
    ($($of:ident),*) => { $(
        impl ser::$of for Compound<'_> {
            type Ok = ();
            type Error = Refused;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Refused> {
                self.check.count(1);
                value.serialize(self.check.at(self.fields.field(name)?))
            }
            fn skip_field(&mut self, name: &'static str) -> Result<(), Refused> {
                self.fields.skip(name);
                match self.check.codec.is_self_describing() {
                    true => Ok(()),
                    false => Err(Refused::new(format!(
                        "postcard can't leave a field out, but `{name}` is skipped (`skip_serializing_if`)"
                    ))),
                }
            }
            fn end(self) -> Result<(), Refused> {
                self.fields.end()
            }
        }
    )* };
}

fields!(SerializeStruct, SerializeStructVariant);

/// A map, and what the type reads as its keys and values.
struct Entries<'a> {
    check: Check<'a>,
    key: Read<'a>,
    value: Read<'a>,
}

impl ser::SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = Refused;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        self.check.count(1);
        key.serialize(self.check.at(self.key))
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.check.count(1);
        value.serialize(self.check.at(self.value))
    }
    fn end(self) -> Result<(), Refused> {
        Ok(())
    }
}
