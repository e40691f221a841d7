//! What a codec would get wrong without a word, found before it is written. This serializer writes
//! nothing; it counts, and refuses:
//!
//! - fields that `skip_serializing_if` leaves out, in postcard: a reader would take the next field's bytes
//!   for them;
//! - an `Option` in an `Option`, in codecs that write both as nothing;
//! - floats that are not finite, in JSON;
//! - what is deeper than a reader goes.

use std::cell::Cell;
use std::fmt::{self, Display};

use serde::ser::{self, Serialize};

use super::Codec;
use super::bounded::DEPTH;

/// How many arrays and objects `serde_json` reads one within the other, less a few.
const NESTED: u32 = 120;

/// How many elements `value` has, if `codec` carries it whole.
pub(super) fn carries<T: Serialize + ?Sized>(codec: Codec, value: &T) -> Result<usize, Refused> {
    let elements = Cell::new(0);
    value.serialize(Check { codec, elements: &elements, depth: 0, nested: 0, some: false })?;
    Ok(elements.get())
}

#[derive(Debug)]
pub(super) struct Refused(String);

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl ser::Error for Refused {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

#[derive(Clone, Copy)]
struct Check<'a> {
    codec: Codec,
    elements: &'a Cell<usize>,
    /// As [`Bounded`](super::bounded::Bounded) counts.
    depth: u32,
    /// As `serde_json` counts.
    nested: u32,
    /// Directly within a `Some`.
    some: bool,
}

impl Check<'_> {
    fn deeper(mut self, depth: u32, nested: u32) -> Result<Self, Refused> {
        self.count(1);
        self.depth += depth;
        self.nested += nested;
        self.some = false;
        let nested = if is_json(self.codec) { NESTED } else { u32::MAX };
        match self.depth > DEPTH || self.nested > nested {
            true => Err(Refused(format!(
                "it is nested more than {} deep: flatten it, or use `#[cached(local)]`",
                DEPTH.min(nested)
            ))),
            false => Ok(self),
        }
    }

    fn count(&self, more: usize) {
        self.elements.set(self.elements.get().saturating_add(more));
    }

    /// What a self-describing codec writes as nothing, as it writes `None`.
    fn nothing(self) -> Result<(), Refused> {
        match self.some && self.codec.is_self_describing() {
            true => Err(Refused(format!(
                "{:?} writes `Some(None)` and `Some(())` as it writes `None`: use an enum, or \
                 `Codec::Postcard`",
                self.codec
            ))),
            false => Ok(()),
        }
    }

    fn float(self, is_finite: bool) -> Result<(), Refused> {
        match is_finite || !is_json(self.codec) {
            true => Ok(()),
            false => Err(Refused(
                "JSON has no infinity and no NaN: use another codec, or an `Option`".to_owned(),
            )),
        }
    }

    fn known_length(self, len: Option<usize>) -> Result<(), Refused> {
        match len.is_some() || self.codec.is_self_describing() {
            true => Ok(()),
            false => Err(Refused(format!(
                "postcard has to know beforehand how many elements there are (`flatten` can't say): {OTHERS}"
            ))),
        }
    }
}

/// What to do instead of postcard.
pub(super) const OTHERS: &str = "use `Codec::Json` or `Codec::MessagePack`, or `#[cached(local)]`";

fn is_json(codec: Codec) -> bool {
    match codec {
        #[cfg(feature = "json")]
        Codec::Json => true,
        _ => false,
    }
}

macro_rules! leaves {
    ($($method:ident($t:ty)),*) => { $(
        fn $method(self, _: $t) -> Result<(), Refused> {
            Ok(())
        }
    )* };
}

macro_rules! compounds {
    ($($method:ident($($t:ty),*) -> $kind:ident, $depth:literal, $nested:literal;)*) => { $(
        fn $method(self, $(_: $t),*) -> Result<Self::$kind, Refused> {
            self.deeper($depth, $nested)
        }
    )* };
}

impl ser::Serializer for Check<'_> {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    leaves!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_i128(i128),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_u128(u128),
        serialize_char(char),
        serialize_str(&str)
    );

    compounds!(
        serialize_tuple(usize) -> SerializeTuple, 1, 1;
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct, 1, 1;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant, 2, 2;
        serialize_struct(&'static str, usize) -> SerializeStruct, 1, 1;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant, 2, 2;
    );

    fn serialize_f32(self, value: f32) -> Result<(), Refused> {
        self.float(value.is_finite())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Refused> {
        self.float(value.is_finite())
    }

    /// A codec may write bytes as a list.
    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Refused> {
        self.count(bytes.len());
        self.deeper(1, 1).map(drop)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self, Refused> {
        self.known_length(len)?;
        self.deeper(1, 1)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self, Refused> {
        self.known_length(len)?;
        self.deeper(1, 1)
    }

    fn serialize_none(self) -> Result<(), Refused> {
        self.nothing()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refused> {
        value.serialize(Self { some: true, ..self.deeper(1, 0)? })
    }

    fn serialize_unit(self) -> Result<(), Refused> {
        self.nothing()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Refused> {
        self.nothing()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
    ) -> Result<(), Refused> {
        self.deeper(1, 1).map(drop)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        value.serialize(Self { some: self.some, ..self.deeper(1, 0)? })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        value.serialize(self.deeper(1, 1)?)
    }

    /// As the codec: this decides what a type with two forms writes.
    fn is_human_readable(&self) -> bool {
        self.codec.is_human_readable()
    }
}

macro_rules! elements {
    ($($of:ident::$method:ident),*) => { $(
        impl ser::$of for Check<'_> {
            type Ok = ();
            type Error = Refused;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
                self.count(1);
                value.serialize(*self)
            }
            fn end(self) -> Result<(), Refused> {
                Ok(())
            }
        }
    )* };
}

elements!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! fields {
    ($($of:ident),*) => { $(
        impl ser::$of for Check<'_> {
            type Ok = ();
            type Error = Refused;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                _: &'static str,
                value: &T,
            ) -> Result<(), Refused> {
                self.count(1);
                value.serialize(*self)
            }
            fn skip_field(&mut self, field: &'static str) -> Result<(), Refused> {
                if self.codec.is_self_describing() {
                    return Ok(());
                }
                Err(Refused(format!(
                    "postcard can't leave a field out, but `{field}` is skipped \
                     (`skip_serializing_if`): remove that; or {OTHERS}"
                )))
            }
            fn end(self) -> Result<(), Refused> {
                Ok(())
            }
        }
    )* };
}

fields!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Check<'_> {
    type Ok = ();
    type Error = Refused;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        self.count(1);
        key.serialize(*self)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.count(1);
        value.serialize(*self)
    }
    fn end(self) -> Result<(), Refused> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize)]
    struct Skipping {
        #[serde(skip_serializing_if = "Option::is_none")]
        nickname: Option<u8>,
        scores: Vec<u8>,
    }

    #[test]
    fn a_skipped_field_is_refused_however_deep() {
        let whole = Skipping { nickname: Some(1), scores: vec![0] };
        assert!(carries(Codec::Postcard, &whole).is_ok(), "nothing is left out");
        let skipping = vec![Some((1, Skipping { nickname: None, scores: vec![0] }))];
        let error = carries(Codec::Postcard, &skipping).expect_err("a field is left out");
        assert!(error.to_string().contains("`nickname` is skipped"), "{error}");
    }
}
