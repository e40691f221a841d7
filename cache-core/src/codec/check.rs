//! What postcard would get wrong without a word: a field that `skip_serializing_if` leaves out.
//!
//! postcard writes fields one after the other without names, so a reader would take the next field's
//! bytes for the one left out. This serializer writes nothing; it only refuses to skip.

use std::fmt::{self, Display};

use serde::ser::{self, Serialize};

/// Whether postcard carries `value` whole.
pub(super) fn carries<T: Serialize + ?Sized>(value: &T) -> Result<(), Refused> {
    value.serialize(Check)
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

struct Check;

macro_rules! leaves {
    ($($method:ident($t:ty)),*) => { $(
        fn $method(self, _: $t) -> Result<(), Refused> {
            Ok(())
        }
    )* };
}

macro_rules! compounds {
    ($($method:ident($($t:ty),*) -> $kind:ident),*) => { $(
        fn $method(self, $(_: $t),*) -> Result<Self::$kind, Refused> {
            Ok(Check)
        }
    )* };
}

impl ser::Serializer for Check {
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
        serialize_f32(f32),
        serialize_f64(f64),
        serialize_char(char),
        serialize_str(&str),
        serialize_bytes(&[u8]),
        serialize_unit_struct(&'static str)
    );

    compounds!(
        serialize_seq(Option<usize>) -> SerializeSeq,
        serialize_tuple(usize) -> SerializeTuple,
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct,
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant,
        serialize_map(Option<usize>) -> SerializeMap,
        serialize_struct(&'static str, usize) -> SerializeStruct,
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant
    );

    fn serialize_none(self) -> Result<(), Refused> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refused> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Refused> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
    ) -> Result<(), Refused> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        value.serialize(self)
    }

    /// As postcard: this decides what a type with two forms writes.
    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! elements {
    ($($of:ident::$method:ident),*) => { $(
        impl ser::$of for Check {
            type Ok = ();
            type Error = Refused;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
                carries(value)
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
        impl ser::$of for Check {
            type Ok = ();
            type Error = Refused;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                _: &'static str,
                value: &T,
            ) -> Result<(), Refused> {
                carries(value)
            }
            fn skip_field(&mut self, field: &'static str) -> Result<(), Refused> {
                Err(Refused(format!(
                    "postcard can't leave a field out, but `{field}` is skipped \
                     (`skip_serializing_if`): remove that, or use `#[cached(local)]`"
                )))
            }
            fn end(self) -> Result<(), Refused> {
                Ok(())
            }
        }
    )* };
}

fields!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Check {
    type Ok = ();
    type Error = Refused;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        carries(key)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        carries(value)
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
        assert!(carries(&whole).is_ok(), "nothing is left out: {:?}", whole.scores);
        let skipping = Skipping { nickname: None, scores: vec![0] };
        let error = carries(&vec![Some((1, skipping))]).expect_err("a field is left out");
        assert!(error.to_string().contains("`nickname` is skipped"), "{error}");
    }
}
