//! Automatic keys: a serde serializer that writes readable, injective text.
//!
//! Two values give the same text only if serde sees the same in them: integers equal as numbers,
//! floats equal by bits, strings equal, the same structure with the same names. Structure uses
//! characters that argument text never contains (`(),=!$'&`), so text can't pass for structure;
//! strings that don't begin with a letter are marked with `'`, so they can't pass for numbers.
//! Sequences are `(..)`, structs `&(name=..)`, variants `&Name(..)`, maps `!m(..)`; a newtype struct is
//! its content. What is empty and has a name says what it is, because an untagged enum may hold each of them: unit structs are
//! `&Name(!)`, variants without fields `&Name(=)`, tuple variants `&Name()`. Maps and sets that have no order are sorted by the
//! text of their keys or items. (Serde does not say which these are, so they are known by the type: see `unordered`.)

use std::fmt::{self, Display, Write as _};

use serde::ser::{self, Serialize};

use super::KeyBuf;
use super::unordered::is_unordered;

pub(super) fn write<T: Serialize + ?Sized>(key: &mut KeyBuf, value: &T) -> Result<(), Failed> {
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

/// Whether a sequence or a map is to be sorted.
struct Writer<'a>(&'a mut KeyBuf, bool);

/// A sequence, tuple, struct or variant with its parenthesis open.
struct Open<'a>(&'a mut KeyBuf);

/// A sequence, or a set: its items are kept until they can be sorted.
struct Listing<'a> {
    open: Open<'a>,
    unordered: Option<Vec<String>>,
}

/// A map: without an order its entries are kept until they can be sorted.
struct Entries<'a> {
    key: &'a mut KeyBuf,
    unordered: Option<Vec<(String, String)>>,
    /// The text of the key whose value is to come.
    pending: String,
}

fn text_of<T: Serialize + ?Sized>(value: &T) -> Result<String, Failed> {
    let mut key = KeyBuf::new();
    write(&mut key, value)?;
    Ok(key.as_str().to_owned())
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
        let unordered = self.1.then(Vec::new);
        if self.1 {
            self.0.literal("!s");
        }
        Ok(Listing { open: self.open(None), unordered })
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
        let unordered = self.1.then(Vec::new);
        Ok(Entries { key: self.0, unordered, pending: String::new() })
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

/// Readable where the text tells the bits; the bits themselves for the many NaNs.
fn float(key: &mut KeyBuf, value: &dyn fmt::Debug, nan: bool, bits: u64) {
    let _ = if nan { write!(key, "nan.{bits:x})") } else { write!(key, "{value:?})") };
}

impl ser::SerializeSeq for Listing<'_> {
    type Ok = ();
    type Error = Failed;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        match &mut self.unordered {
            Some(items) => items.push(text_of(value)?),
            None => self.open.element(value)?,
        }
        Ok(())
    }
    fn end(self) -> Result<(), Failed> {
        let mut items = self.unordered.unwrap_or_default();
        items.sort();
        for item in &items {
            self.open.0.literal(item);
            self.open.0.literal(",");
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

impl Entries<'_> {
    fn entry(&mut self, key: &str, value: &str) {
        for text in [key, "=", value, ","] {
            self.key.literal(text);
        }
    }
}

impl ser::SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = Failed;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failed> {
        self.pending = text_of(key)?;
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        let (key, value) = (std::mem::take(&mut self.pending), text_of(value)?);
        match &mut self.unordered {
            Some(entries) => entries.push((key, value)),
            None => self.entry(&key, &value),
        }
        Ok(())
    }
    fn end(mut self) -> Result<(), Failed> {
        let mut entries = self.unordered.take().unwrap_or_default();
        entries.sort();
        for (key, value) in &entries {
            self.entry(key, value);
        }
        self.key.literal(")");
        Ok(())
    }
}
