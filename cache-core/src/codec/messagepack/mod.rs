//! Reads MessagePack within limits. What parses bytes is compiled once for all types; a type contributes one match over the
//! kinds of an item.
//!
//! (`rmp-serde`, which writes these bytes, would compile the parsing of every form of every number for each visitor of each type.
//! That was a third of the time that a small service took to compile its release, most of it for a codec that it never uses.)

#[cfg(test)]
mod tests;

use std::fmt::Display;

use rmp::Marker;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::bounded::{Limits, Spent};

/// Reads exactly one value.
pub(super) fn read<'de, V: serde::Deserialize<'de>>(
    bytes: &'de [u8],
    limits: &Limits,
) -> Result<V, Malformed> {
    let mut input = Input { rest: bytes, limits };
    let value = V::deserialize(At { input: &mut input, depth: 0 })?;
    if input.rest.is_empty() { Ok(value) } else { Err(Malformed) }
}

/// The bytes are no value of the type. No one reads why, so no message is made.
#[derive(Debug)]
pub(super) struct Malformed;

impl Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a value of the type")
    }
}

impl std::error::Error for Malformed {}

impl Error for Malformed {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

impl From<Spent> for Malformed {
    fn from(_: Spent) -> Self {
        Self
    }
}

/// The next item of the bytes: a value, or the start of one.
enum Item<'de> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    F32(f32),
    F64(f64),
    Text(&'de str),
    Bytes(&'de [u8]),
    List(u32),
    Map(u32),
}

struct Input<'de, 'l> {
    rest: &'de [u8],
    limits: &'l Limits,
}

impl<'de> Input<'de, '_> {
    fn marker(&self) -> Option<Marker> {
        self.rest.first().map(|byte| Marker::from_u8(*byte))
    }

    fn take(&mut self, count: usize) -> Result<&'de [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    /// A number of 1, 2, 4 or 8 bytes.
    fn unsigned(&mut self, width: usize) -> Result<u64, Malformed> {
        let mut bytes = [0; 8];
        bytes[8 - width..].copy_from_slice(self.take(width)?);
        Ok(u64::from_be_bytes(bytes))
    }

    fn signed(&mut self, width: usize) -> Result<i64, Malformed> {
        let unused = 64 - 8 * width;
        Ok((self.unsigned(width)? << unused).cast_signed() >> unused)
    }

    #[allow(clippy::cast_possible_truncation)]
    fn length(&mut self, width: usize) -> Result<u32, Malformed> {
        self.unsigned(width).map(|length| length as u32)
    }

    fn text(&mut self, length: u32) -> Result<Item<'de>, Malformed> {
        std::str::from_utf8(self.take(length as usize)?).map(Item::Text).map_err(|_| Malformed)
    }

    fn bytes(&mut self, length: u32) -> Result<Item<'de>, Malformed> {
        self.take(length as usize).map(Item::Bytes)
    }

    #[inline(never)]
    fn item(&mut self) -> Result<Item<'de>, Malformed> {
        let marker = self.marker().ok_or(Malformed)?;
        self.rest = &self.rest[1..];
        Ok(match marker {
            Marker::Null => Item::Nil,
            Marker::True => Item::Bool(true),
            Marker::False => Item::Bool(false),
            Marker::FixPos(number) => Item::Unsigned(number.into()),
            Marker::U8 => Item::Unsigned(self.unsigned(1)?),
            Marker::U16 => Item::Unsigned(self.unsigned(2)?),
            Marker::U32 => Item::Unsigned(self.unsigned(4)?),
            Marker::U64 => Item::Unsigned(self.unsigned(8)?),
            Marker::FixNeg(number) => Item::Signed(number.into()),
            Marker::I8 => Item::Signed(self.signed(1)?),
            Marker::I16 => Item::Signed(self.signed(2)?),
            Marker::I32 => Item::Signed(self.signed(4)?),
            Marker::I64 => Item::Signed(self.signed(8)?),
            Marker::F32 => Item::F32(f32::from_be_bytes(self.array()?)),
            Marker::F64 => Item::F64(f64::from_be_bytes(self.array()?)),
            Marker::FixStr(length) => self.text(length.into())?,
            Marker::Str8 => self.length(1).and_then(|length| self.text(length))?,
            Marker::Str16 => self.length(2).and_then(|length| self.text(length))?,
            Marker::Str32 => self.length(4).and_then(|length| self.text(length))?,
            Marker::Bin8 => self.length(1).and_then(|length| self.bytes(length))?,
            Marker::Bin16 => self.length(2).and_then(|length| self.bytes(length))?,
            Marker::Bin32 => self.length(4).and_then(|length| self.bytes(length))?,
            Marker::FixArray(length) => Item::List(length.into()),
            Marker::Array16 => Item::List(self.length(2)?),
            Marker::Array32 => Item::List(self.length(4)?),
            Marker::FixMap(length) => Item::Map(length.into()),
            Marker::Map16 => Item::Map(self.length(2)?),
            Marker::Map32 => Item::Map(self.length(4)?),
            // Extensions are refused before they are written (`check`).
            _ => return Err(Malformed),
        })
    }

    /// Whether the next item is nil, which is then consumed.
    fn is_nil(&mut self) -> bool {
        let nil = self.marker() == Some(Marker::Null);
        if nil {
            self.rest = &self.rest[1..];
        }
        nil
    }

    /// Whether the next item is a variant with data: a map with one entry, whose start is then consumed.
    fn is_variant_with_data(&mut self) -> Result<bool, Malformed> {
        match self.marker() {
            Some(Marker::FixMap(_) | Marker::Map16 | Marker::Map32) => match self.item()? {
                Item::Map(1) => Ok(true),
                _ => Err(Malformed),
            },
            _ => Ok(false),
        }
    }

    /// A number that MessagePack does not have: 16 bytes.
    fn wide(&mut self) -> Result<i128, Malformed> {
        match self.item()? {
            Item::Unsigned(number) => Ok(number.into()),
            Item::Signed(number) => Ok(number.into()),
            Item::Bytes(bytes) => bytes.try_into().map(i128::from_be_bytes).map_err(|_| Malformed),
            _ => Err(Malformed),
        }
    }
}

/// The deserializer of the next value, and the depth at which it is.
struct At<'a, 'de, 'l> {
    input: &'a mut Input<'de, 'l>,
    depth: u32,
}

impl<'a, 'de, 'l> At<'a, 'de, 'l> {
    fn deeper(self) -> Result<Self, Malformed> {
        let depth = self.input.limits.enter(self.depth)?;
        Ok(Self { depth, ..self })
    }

    fn parts(self, left: u32) -> Result<Parts<'a, 'de, 'l>, Malformed> {
        Ok(Parts { at: self.deeper()?, left })
    }
}

impl<'de> Deserializer<'de> for At<'_, 'de, '_> {
    type Error = Malformed;

    fn is_human_readable(&self) -> bool {
        true
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        match self.input.item()? {
            Item::Nil => visitor.visit_unit(),
            Item::Bool(flag) => visitor.visit_bool(flag),
            Item::Unsigned(number) => visitor.visit_u64(number),
            Item::Signed(number) => visitor.visit_i64(number),
            Item::F32(number) => visitor.visit_f32(number),
            Item::F64(number) => visitor.visit_f64(number),
            Item::Text(text) => visitor.visit_borrowed_str(text),
            Item::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Item::List(length) => {
                let mut parts = self.parts(length)?;
                let value = visitor.visit_seq(&mut parts)?;
                parts.end().map(|()| value)
            }
            Item::Map(length) => {
                let mut parts = self.parts(length)?;
                let value = visitor.visit_map(&mut parts)?;
                parts.end().map(|()| value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        match self.input.is_nil() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self.deeper()?),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        visitor.visit_newtype_struct(self.deeper()?)
    }

    /// An empty list, as `rmp-serde` writes it.
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        match self.input.item()? {
            Item::Nil | Item::List(0) => visitor.visit_unit(),
            _ => Err(Malformed),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        let has_data = self.input.is_variant_with_data()?;
        visitor.visit_enum(Variant { at: self.deeper()?, has_data })
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_i128(self.input.wide()?)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_u128(self.input.wide()?.cast_unsigned())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

/// The rest of a list or of a map.
struct Parts<'a, 'de, 'l> {
    at: At<'a, 'de, 'l>,
    left: u32,
}

impl<'de, 'l> Parts<'_, 'de, 'l> {
    /// The next element or key, if there is one.
    fn next(&mut self) -> Result<Option<At<'_, 'de, 'l>>, Malformed> {
        self.at.input.limits.take()?;
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        Ok(Some(self.same()))
    }

    fn same(&mut self) -> At<'_, 'de, 'l> {
        At { input: self.at.input, depth: self.at.depth }
    }

    /// A hint from the bytes counts only within the limits, so a false length reserves no memory.
    fn hint(&self) -> Option<usize> {
        let left = self.left as usize;
        self.at.input.limits.allow(left).then_some(left)
    }

    /// The reader must have taken all parts.
    fn end(&self) -> Result<(), Malformed> {
        if self.left == 0 { Ok(()) } else { Err(Malformed) }
    }
}

impl<'de> SeqAccess<'de> for Parts<'_, 'de, '_> {
    type Error = Malformed;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Malformed> {
        self.next()?.map(|at| seed.deserialize(at)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint()
    }
}

impl<'de> MapAccess<'de> for Parts<'_, 'de, '_> {
    type Error = Malformed;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Malformed> {
        self.next()?.map(|at| seed.deserialize(at)).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Malformed> {
        seed.deserialize(self.same())
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint()
    }
}

/// A variant of an enum: its name, and its data, if it has some.
struct Variant<'a, 'de, 'l> {
    at: At<'a, 'de, 'l>,
    has_data: bool,
}

impl<'a, 'de, 'l> Variant<'a, 'de, 'l> {
    fn data(self) -> Result<At<'a, 'de, 'l>, Malformed> {
        if self.has_data { Ok(self.at) } else { Err(Malformed) }
    }
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de, '_> {
    type Error = Malformed;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Malformed> {
        let Self { at: At { input, depth }, has_data } = self;
        let name = seed.deserialize(At { input: &mut *input, depth })?;
        Ok((name, Self { at: At { input, depth }, has_data }))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de, '_> {
    type Error = Malformed;

    fn unit_variant(self) -> Result<(), Malformed> {
        if !self.has_data || self.at.input.is_nil() { Ok(()) } else { Err(Malformed) }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Malformed> {
        seed.deserialize(self.data()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Malformed> {
        self.data()?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        self.data()?.deserialize_any(visitor)
    }
}
