//! Automatic keys: a serde serializer that writes readable, injective text.
//!
//! Two values give the same text only if serde sees the same in them: integers equal as numbers,
//! Two values have the same text only if serde sees them as equal: integers equal as numbers, floats equal by
//! bits, strings equal, the same structure with the same names. Structure uses characters that argument text
//! never contains (`(),=!$'&`), so text cannot look like structure; strings that don't begin with a letter
//! are marked with `'`, so they cannot look like numbers. Sequences are `(..)`, structs `&(name=..)`,
//! variants `&Name(..)`, maps `!m(..)`; a newtype struct is its content. Empty named values are distinct,
//! because an untagged enum may hold each of them: unit structs are `&Name(!)`, variants without fields
//! `&Name(=)`, tuple variants `&Name()`. Unordered maps and sets are sorted by the text of their keys or
//! items. (Serde does not tell whether a map has an order, so `unordered` recognises the types by name.)

use std::fmt;
use std::fmt::{Display, Write as _};

use serde::ser;
use serde::ser::Serialize;
use smallvec::SmallVec;

use super::buf::KeyBuf;
use super::unordered::is_unordered;

pub(crate) fn write<T: Serialize + ?Sized>(key: &mut KeyBuf, value: &T) -> Result<(), Failed> {
    value.serialize(Writer(key, is_unordered::<T>()))
}

#[derive(Debug)]
pub(crate) struct Failed(String);

impl Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

impl ser::Error for Failed {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// The buffer, and whether a sequence or a map that follows must be sorted.
struct Writer<'a>(&'a mut KeyBuf, bool);

/// A sequence, tuple, struct or variant whose parenthesis is open.
struct Open<'a>(&'a mut KeyBuf);

/// A sequence, or a set.
struct Listing<'a> {
    open: Open<'a>,
    unordered: Option<Unordered>,
}

/// A map.
struct Entries<'a> {
    key: &'a mut KeyBuf,
    unordered: Option<Unordered>,
    /// The start of the entry whose value comes next.
    start: usize,
}

/// The items of a set, or the entries of an unordered map: they are written as they come, and sorted in place
/// at the end. (An inner set is sorted before its outer item ends.)
struct Unordered {
    start: usize,
    spans: SmallVec<[Span; 8]>,
}

/// The position of an item or an entry in the key's text. The last byte is its comma.
struct Span {
    start: usize,
    /// The end of a map's key; for an item, the position of the comma.
    middle: usize,
    end: usize,
}

impl Unordered {
    /// `None` for ordered collections.
    fn new(key: &KeyBuf, unordered: bool) -> Option<Self> {
        unordered.then(|| Self { start: key.len(), spans: SmallVec::new() })
    }

    fn sort(mut self, key: &mut KeyBuf) {
        let text = key.bytes();
        let parts =
            |span: &Span| (&text[span.start..span.middle], &text[span.middle..span.end - 1]);
        if self.spans.is_sorted_by_key(parts) {
            return;
        }
        self.spans.sort_unstable_by(|a, b| parts(a).cmp(&parts(b)));
        key.rearrange(self.start, self.spans.iter().map(|span| span.start..span.end));
    }
}

impl<'a> Writer<'a> {
    fn open(self, name: Option<&str>) -> Open<'a> {
        if let Some(name) = name {
            self.0.literal("&");
            self.0.escaped(name);
        }
        self.0.literal("(");
        Open(self.0)
    }
}

impl Open<'_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        write(self.0, value)?;
        self.0.literal(",");
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Failed> {
        self.0.escaped(name);
        self.0.literal("=");
        self.element(value)
    }

    fn close(self) -> Result<(), Failed> {
        self.0.literal(")");
        Ok(())
    }
}

macro_rules! integers {
    ($($method:ident: $t:ty),*) => { $(
        #[inline]
        fn $method(self, value: $t) -> Result<(), Failed> {
            self.0.integer(value);
            Ok(())
        }
    )* };
}

impl<'a> ser::Serializer for Writer<'a> {
    type Ok = ();
    type Error = Failed;
    type SerializeSeq = Listing<'a>;
    type SerializeTuple = Open<'a>;
    type SerializeTupleStruct = Open<'a>;
    type SerializeTupleVariant = Open<'a>;
    type SerializeMap = Entries<'a>;
    type SerializeStruct = Open<'a>;
    type SerializeStructVariant = Open<'a>;

    integers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
              serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
              serialize_u64: u64, serialize_u128: u128);

    fn serialize_bool(self, value: bool) -> Result<(), Failed> {
        self.0.literal(if value { "!t" } else { "!f" });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Failed> {
        self.0.literal("!f32");
        let _ = write!(self.0, "(");
        float(self.0, &value, value.is_nan(), u64::from(value.to_bits()));
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Failed> {
        self.0.literal("!f64");
        let _ = write!(self.0, "(");
        float(self.0, &value, value.is_nan(), value.to_bits());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Failed> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Failed> {
        if !value.bytes().next().is_some_and(|first| first.is_ascii_alphabetic()) {
            self.0.literal("'");
        }
        self.0.escaped(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Failed> {
        self.0.literal("!x");
        for byte in value {
            let _ = write!(self.0, "{byte:02x}");
        }
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Failed> {
        self.0.literal("!n");
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Failed> {
        self.0.literal("$");
        write(self.0, value)
    }

    fn serialize_unit(self) -> Result<(), Failed> {
        self.0.literal("!u");
        Ok(())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), Failed> {
        let open = self.open(Some(name));
        open.0.literal("!");
        open.close()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Failed> {
        self.0.literal("&");
        self.0.escaped(variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Failed> {
        write(self.0, value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Failed> {
        let mut open = self.open(Some(variant));
        open.element(value)?;
        open.close()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Listing<'a>, Failed> {
        if self.1 {
            self.0.literal("!s");
        }
        let unordered = self.1;
        let open = self.open(None);
        Ok(Listing { unordered: Unordered::new(open.0, unordered), open })
    }

    fn serialize_tuple(self, _: usize) -> Result<Open<'a>, Failed> {
        Ok(self.open(None))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Open<'a>, Failed> {
        Ok(self.open(None))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Open<'a>, Failed> {
        Ok(self.open(Some(variant)))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries<'a>, Failed> {
        self.0.literal("!m(");
        Ok(Entries { unordered: Unordered::new(self.0, self.1), start: self.0.len(), key: self.0 })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Open<'a>, Failed> {
        Ok(self.open(Some("")))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Open<'a>, Failed> {
        Ok(self.open(Some(variant)))
    }
}

/// Writes a float as text if the text identifies its bits, and a NaN as its bits, because there are many
/// NaNs.
fn float(key: &mut KeyBuf, value: &dyn fmt::Debug, nan: bool, bits: u64) {
    let _ = if nan { write!(key, "nan.{bits:x})") } else { write!(key, "{value:?})") };
}

impl ser::SerializeSeq for Listing<'_> {
    type Ok = ();
    type Error = Failed;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        let start = self.open.0.len();
        self.open.element(value)?;
        if let Some(items) = &mut self.unordered {
            let end = self.open.0.len();
            items.spans.push(Span { start, middle: end - 1, end });
        }
        Ok(())
    }
    fn end(self) -> Result<(), Failed> {
        if let Some(items) = self.unordered {
            items.sort(self.open.0);
        }
        self.open.close()
    }
}

impl ser::SerializeTuple for Open<'_> {
    type Ok = ();
    type Error = Failed;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        self.element(value)
    }
    fn end(self) -> Result<(), Failed> {
        self.close()
    }
}

impl ser::SerializeTupleStruct for Open<'_> {
    type Ok = ();
    type Error = Failed;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        self.element(value)
    }
    fn end(self) -> Result<(), Failed> {
        self.close()
    }
}

impl ser::SerializeTupleVariant for Open<'_> {
    type Ok = ();
    type Error = Failed;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        self.element(value)
    }
    fn end(self) -> Result<(), Failed> {
        self.close()
    }
}

impl ser::SerializeStruct for Open<'_> {
    type Ok = ();
    type Error = Failed;
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Failed> {
        self.field(name, value)
    }
    fn end(self) -> Result<(), Failed> {
        self.close()
    }
}

impl ser::SerializeStructVariant for Open<'_> {
    type Ok = ();
    type Error = Failed;
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Failed> {
        self.field(name, value)
    }
    fn end(self) -> Result<(), Failed> {
        if self.0.as_str().ends_with('(') {
            self.0.literal("=");
        }
        self.close()
    }
}

impl ser::SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = Failed;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failed> {
        self.start = self.key.len();
        write(self.key, key)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        let (start, middle) = (self.start, self.key.len());
        self.key.literal("=");
        write(self.key, value)?;
        self.key.literal(",");
        if let Some(entries) = &mut self.unordered {
            entries.spans.push(Span { start, middle, end: self.key.len() });
        }
        Ok(())
    }
    fn end(self) -> Result<(), Failed> {
        if let Some(entries) = self.unordered {
            entries.sort(self.key);
        }
        self.key.literal(")");
        Ok(())
    }
}
