//! Estimates a value's heap memory from its serde form.
//!
//! It counts the lengths of texts and byte strings, and all elements of lists and maps with an average size
//! for their handles. It does not see a vector's spare capacity, padding or the allocator's rounding. A
//! number behind its own `Box` counts as part of the value that holds the `Box`.

use std::fmt;
use std::fmt::{Display, Write};

use serde::ser;
use serde::ser::Serialize;

/// A `String` or `Vec` inside a list: pointer, capacity and length.
const HANDLE: u64 = 24;
/// A map's overhead for each element, in addition to key and value.
const MAP_ELEMENT: u64 = 16;
/// The tag of a variant or an `Option`, with the padding it causes.
const TAG: u64 = 8;

/// The bytes on the heap. If a value refuses to be serialized, the part before the refusal counts.
pub(crate) fn of<V: Serialize + ?Sized>(value: &V) -> u64 {
    let mut heap = Heap { bytes: 0, inside: false };
    let _ = value.serialize(&mut heap);
    heap.bytes
}

struct Heap {
    bytes: u64,
    /// Whether it is inside a list or a map, whose elements are themselves on the heap.
    inside: bool,
}

impl Heap {
    /// Counts a part of the value's own memory, or of an element's.
    fn own(&mut self, bytes: u64) -> Result<(), Refused> {
        if self.inside {
            self.bytes = self.bytes.saturating_add(bytes);
        }
        Ok(())
    }

    fn far(&mut self, bytes: u64) -> Result<(), Refused> {
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }

    fn text(&mut self, length: usize) -> Result<(), Refused> {
        self.own(HANDLE)?;
        self.far(length as u64)
    }

    /// Enters a list or map. The result restores the outer state.
    fn enter(&mut self) -> Elements<'_> {
        let outer = std::mem::replace(&mut self.inside, true);
        Elements { heap: self, outer }
    }
}

/// The error of a value whose `Serialize` failed.
#[derive(Debug)]
struct Refused;

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value can't be serialized")
    }
}

impl std::error::Error for Refused {}

impl ser::Error for Refused {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

/// Counts the elements of a list or map.
struct Elements<'a> {
    heap: &'a mut Heap,
    outer: bool,
}

impl Drop for Elements<'_> {
    fn drop(&mut self) {
        self.heap.inside = self.outer;
    }
}

/// Counts the length of a `Display` text without storing it.
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

macro_rules! numbers {
    ($($name:ident($number:ty)),*) => {$(
        fn $name(self, _: $number) -> Result<(), Refused> {
            self.own(size_of::<$number>() as u64)
        }
    )*};
}

impl<'a> ser::Serializer for &'a mut Heap {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Elements<'a>;
    type SerializeTuple = &'a mut Heap;
    type SerializeTupleStruct = &'a mut Heap;
    type SerializeTupleVariant = &'a mut Heap;
    type SerializeMap = Elements<'a>;
    type SerializeStruct = &'a mut Heap;
    type SerializeStructVariant = &'a mut Heap;

    numbers!(
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
        serialize_char(char)
    );

    fn serialize_str(self, text: &str) -> Result<(), Refused> {
        self.text(text.len())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Refused> {
        self.text(bytes.len())
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Refused> {
        let mut length = Length(0);
        write!(length, "{value}").map_err(|_| Refused)?;
        self.text(length.0)
    }

    fn serialize_none(self) -> Result<(), Refused> {
        self.own(TAG)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refused> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Refused> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Refused> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &str, _: u32, _: &str) -> Result<(), Refused> {
        self.own(TAG)
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
        self.own(TAG)?;
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'a>, Refused> {
        self.own(HANDLE)?;
        Ok(self.enter())
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Refused> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Refused> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Refused> {
        self.own(TAG)?;
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Elements<'a>, Refused> {
        self.own(2 * HANDLE)?;
        Ok(self.enter())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Refused> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Refused> {
        self.own(TAG)?;
        Ok(self)
    }

    /// As in postcard, the default codec: addresses and similar types are numbers.
    fn is_human_readable(&self) -> bool {
        false
    }
}

impl ser::SerializeSeq for Elements<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        value.serialize(&mut *self.heap)
    }

    fn end(self) -> Result<(), Refused> {
        Ok(())
    }
}

impl ser::SerializeMap for Elements<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        self.heap.far(MAP_ELEMENT)?;
        key.serialize(&mut *self.heap)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        value.serialize(&mut *self.heap)
    }

    fn end(self) -> Result<(), Refused> {
        Ok(())
    }
}

macro_rules! parts {
    ($($part:ident::$method:ident($($key:ty)?)),* $(,)?) => {$(
        impl ser::$part for &mut Heap {
            type Ok = ();
            type Error = Refused;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $(_: $key,)?
                value: &T,
            ) -> Result<(), Refused> {
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Refused> {
                Ok(())
            }
        }
    )*};
}

parts!(
    SerializeTuple::serialize_element(),
    SerializeTupleStruct::serialize_field(),
    SerializeTupleVariant::serialize_field(),
    SerializeStruct::serialize_field(&'static str),
    SerializeStructVariant::serialize_field(&'static str),
);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;

    use super::*;

    #[derive(Serialize)]
    struct Page {
        id: u64,
        title: String,
        links: Vec<String>,
        ranks: Vec<u32>,
        by_name: BTreeMap<String, u64>,
        body: Option<Box<str>>,
    }

    #[test]
    fn counts_texts_and_elements() {
        assert_eq!(of(&7_u64), 0);
        assert_eq!(of(&"x".repeat(100)), 100);
        assert_eq!(of(&vec![0_u64; 10]), 80);
        assert_eq!(of(&vec!["ab".to_owned(), "c".to_owned()]), 2 * 24 + 3);
        assert_eq!(of(&[vec![1_u8], vec![2]]), 2);
        assert_eq!(of(&vec![vec![1_u8], vec![2]]), 2 * 24 + 2);
        let page = Page {
            id: 1,
            title: "title".to_owned(),
            links: vec!["abc".to_owned()],
            ranks: vec![1, 2],
            by_name: BTreeMap::from([("k".to_owned(), 1)]),
            body: Some("body".into()),
        };
        assert_eq!(page.id, 1);
        assert_eq!(of(&page), 5 + (24 + 3) + 8 + (16 + 24 + 1 + 8) + 4);
    }

    #[test]
    fn a_refused_value_counts_up_to_the_refusal() {
        struct Refuses;
        impl Serialize for Refuses {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(ser::Error::custom("no"))
            }
        }
        assert_eq!(of(&("abc".to_owned(), Refuses)), 3);
    }
}
