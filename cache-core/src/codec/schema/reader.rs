//! The deserializer that answers with made-up values and has everything written down.

use std::any::type_name;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::answers::{ANYTHING, Any, BYTES, CHARS, FLOATS, LENGTHS, SIGNED, STRINGS, UNSIGNED};
use super::trace::{Stop, Trace};

/// How deep it goes: what is deeper is known in part. (On the caller's stack.)
const DEPTH: u32 = 64;

/// Stands at one place of the type.
pub(super) struct Reader<'t> {
    trace: &'t mut Trace,
    place: String,
    depth: u32,
    role: Role,
}

/// What is read.
#[derive(Clone, Copy)]
enum Role {
    Value,
    /// A key of the map, with the name that it is to have.
    Key(usize, &'static str),
    /// A value of the map whose keys are names.
    Named(usize),
}

impl<'t> Reader<'t> {
    pub(super) fn root(trace: &'t mut Trace) -> Self {
        Self { trace, place: "root".to_owned(), depth: 0, role: Role::Value }
    }

    fn below(trace: &'t mut Trace, place: String, depth: u32) -> Result<Self, Stop> {
        if depth >= DEPTH {
            return Err(Stop::Endless);
        }
        Ok(Self { trace, place, depth: depth + 1, role: Role::Value })
    }

    /// A leaf of this `kind`: which of so many candidates is to be given.
    fn leaf(&mut self, kind: &str, candidates: usize) -> Result<usize, Stop> {
        self.trace.line(&self.place, kind)?;
        Ok(self.trace.answer(&self.place, candidates))
    }

    /// How many elements a list or map is given.
    fn length(&mut self, node: usize) -> usize {
        match self.trace.answer(&self.place, LENGTHS.len()) {
            _ if self.trace.is_active(node) => 0,
            0 => usize::from(!self.trace.is_visited(node)),
            other => LENGTHS[other],
        }
    }

    fn list<'de, V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        let node = self.trace.node(&self.place, "list", type_name::<V>(), 1)?;
        let left = self.length(node);
        let depth = self.depth;
        let prefix = format!("#{node}");
        if left == 0 {
            return visitor.visit_seq(Items {
                trace: self.trace,
                prefix,
                depth,
                left,
                index: None,
            });
        }
        self.trace.go(node, 0, |trace| {
            visitor.visit_seq(Items { trace, prefix, depth, left, index: None })
        })
    }

    /// So many parts, one after the other.
    fn parts<'de, V: Visitor<'de>>(
        self,
        what: &str,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let node = self.trace.node(&self.place, what, type_name::<V>(), 0)?;
        let (prefix, index) = (format!("#{node}"), Some(0));
        visitor.visit_seq(Items { trace: self.trace, prefix, depth: self.depth, left, index })
    }

    fn map<'de, V: Visitor<'de>>(mut self, what: &str, visitor: V) -> Result<V::Value, Stop> {
        let node = self.trace.node(&self.place, what, type_name::<V>(), 1)?;
        let left = self.length(node);
        let depth = self.depth;
        self.trace.begin_map(node);
        fn entries(trace: &mut Trace, node: usize, depth: u32, left: usize) -> Entries<'_> {
            Entries { trace, node, depth, left, index: 0, value: String::new() }
        }
        if left == 0 && !self.trace.is_named(node) {
            return visitor.visit_map(entries(self.trace, node, depth, left));
        }
        if self.trace.is_active(node) {
            return Err(Stop::Endless);
        }
        self.trace.go(node, 0, |trace| visitor.visit_map(entries(trace, node, depth, left)))
    }

    /// What is given to who asks for anything.
    fn anything<'de, V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        self.trace.asks_for_anything(&self.place);
        let answer = self.leaf("anything", ANYTHING.len())?;
        match ANYTHING[answer] {
            Any::Map => {
                // By place: two that ask for anything may be of different types.
                let what = format!("fields of {}", self.place);
                let node = self.trace.node(&self.place, &what, type_name::<V>(), 1)?;
                self.trace.name_keys(node);
                self.map(&what, visitor)
            }
            Any::Unsigned => visitor.visit_u64(0),
            Any::Text => visitor.visit_str(""),
            Any::Bool => visitor.visit_bool(false),
            Any::Signed => visitor.visit_i64(-1),
            Any::Float => visitor.visit_f64(0.5),
            Any::Nothing => visitor.visit_unit(),
            Any::List => {
                let (prefix, depth) = (self.place, self.depth);
                visitor.visit_seq(Items { trace: self.trace, prefix, depth, left: 0, index: None })
            }
        }
    }

    /// A name among the values: the tag of an enum that is tagged from within.
    fn tag<'de, V: Visitor<'de>>(self, map: Option<usize>, visitor: V) -> Result<V::Value, Stop> {
        self.trace.asks_for_anything(&self.place);
        let Some(names) = self.trace.tag(&self.place) else {
            self.trace.line(&self.place, "name")?;
            return visitor.visit_str("");
        };
        let what = format!("tag {names:?}");
        let node = self.trace.node(&self.place, &what, type_name::<V>(), names.len())?;
        let way = self.trace.choose(node)?;
        if let Some(map) = map {
            self.trace.tagged(map, way);
        }
        self.trace.go(node, way, |_| visitor.visit_str(names[way]))
    }
}

macro_rules! leaves {
    ($($method:ident: $kind:literal, $visit:ident, $candidates:ident $(as $t:ty)?;)*) => { $(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
            let answer = self.leaf($kind, $candidates.len())?;
            visitor.$visit($candidates[answer] $(as $t)?)
        }
    )* };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Stop;

    leaves!(
        deserialize_i8: "i8", visit_i8, SIGNED;
        deserialize_i16: "i16", visit_i16, SIGNED as i16;
        deserialize_i32: "i32", visit_i32, SIGNED as i32;
        deserialize_i64: "i64", visit_i64, SIGNED as i64;
        deserialize_i128: "i128", visit_i128, SIGNED as i128;
        deserialize_u8: "u8", visit_u8, UNSIGNED;
        deserialize_u16: "u16", visit_u16, UNSIGNED as u16;
        deserialize_u32: "u32", visit_u32, UNSIGNED as u32;
        deserialize_u64: "u64", visit_u64, UNSIGNED as u64;
        deserialize_u128: "u128", visit_u128, UNSIGNED as u128;
        deserialize_f32: "f32", visit_f32, FLOATS;
        deserialize_f64: "f64", visit_f64, FLOATS as f64;
        deserialize_char: "char", visit_char, CHARS;
        deserialize_str: "text", visit_str, STRINGS;
        deserialize_string: "text", visit_str, STRINGS;
    );

    fn deserialize_bool<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        let answer = self.leaf("bool", 2)?;
        visitor.visit_bool(answer == 1)
    }

    fn deserialize_bytes<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        let answer = self.leaf("bytes", BYTES.len())?;
        visitor.visit_byte_buf(vec![0; BYTES[answer]])
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let node = self.trace.node(&self.place, "option", type_name::<V>(), 1)?;
        if self.trace.is_visited(node) {
            return visitor.visit_none();
        }
        let depth = self.depth;
        self.trace.go(node, 0, |trace| {
            visitor.visit_some(Reader::below(trace, format!("#{node}.some"), depth)?)
        })
    }

    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        self.leaf("unit", 1)?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.leaf(&format!("unit {name}"), 1)?;
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let what = format!("newtype {name}");
        let node = self.trace.node(&self.place, &what, type_name::<V>(), 0)?;
        let inner = Reader::below(self.trace, format!("#{node}.0"), self.depth)?;
        visitor.visit_newtype_struct(inner)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.list(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.parts(&format!("tuple of {len}"), len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.parts(&format!("tuple {name} of {len}"), len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.map("map", visitor)
    }

    /// In order and without names; or with them, for a visitor that insists.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let what = format!("struct {name} {fields:?}");
        if self.trace.answer(&self.place, 2) == 0 {
            return self.parts(&what, fields.len(), visitor);
        }
        let node = self.trace.node(&self.place, &what, type_name::<V>(), 0)?;
        visitor.visit_map(Fields { trace: self.trace, node, depth: self.depth, fields, index: 0 })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let what = format!("enum {name} {variants:?}");
        let node = self.trace.node(&self.place, &what, type_name::<V>(), variants.len())?;
        let way = self.trace.choose(node)?;
        let (name, depth) = (variants[way], self.depth);
        self.trace.go(node, way, |trace| {
            visitor.visit_enum(Variant { trace, place: format!("#{node}.{way}"), depth, name })
        })
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.role {
            Role::Key(map, name) => {
                self.trace.name_keys(map);
                visitor.visit_str(name)
            }
            Role::Named(map) => self.tag(Some(map), visitor),
            Role::Value => self.tag(None, visitor),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.role {
            Role::Key(..) => self.deserialize_identifier(visitor),
            _ => self.anything(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.trace.asks_for_anything(&self.place);
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        self.trace.human
    }
}

/// The elements of a list, at one place; or the parts of something, each at its own.
struct Items<'t> {
    trace: &'t mut Trace,
    prefix: String,
    depth: u32,
    left: usize,
    index: Option<usize>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let place = match &mut self.index {
            None => format!("{}.each", self.prefix),
            Some(index) => {
                *index += 1;
                format!("{}.{}", self.prefix, *index - 1)
            }
        };
        seed.deserialize(Reader::below(self.trace, place, self.depth)?).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The fields of a struct, by name.
struct Fields<'t> {
    trace: &'t mut Trace,
    node: usize,
    depth: u32,
    fields: &'static [&'static str],
    index: usize,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Stop;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        let Some(name) = self.fields.get(self.index) else { return Ok(None) };
        let name: StrDeserializer<'_, Stop> = (*name).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        let place = format!("#{}.{}", self.node, self.index);
        self.index += 1;
        seed.deserialize(Reader::below(self.trace, place, self.depth)?)
    }
}

/// The entries of a map; or the fields of which its type told no list.
struct Entries<'t> {
    trace: &'t mut Trace,
    node: usize,
    depth: u32,
    left: usize,
    index: usize,
    /// The place of the value that comes next, if its key is a name.
    value: String,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Stop;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        let node = self.node;
        let mut name = "";
        if self.trace.is_named(node) {
            let Some(learned) = self.trace.learned(node, self.index) else {
                self.trace.end_map(node);
                return Ok(None);
            };
            (name, self.value) = learned;
        } else if self.left == 0 {
            self.trace.end_map(node);
            return Ok(None);
        }
        self.index += 1;
        self.left = self.left.saturating_sub(1);
        let mut key = Reader::below(self.trace, format!("#{node}.key"), self.depth)?;
        key.role = Role::Key(node, name);
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        let node = self.node;
        let place = std::mem::take(&mut self.value);
        let named = !place.is_empty();
        let place = if named { place } else { format!("#{node}.value") };
        let mut value = Reader::below(self.trace, place, self.depth)?;
        if named {
            value.role = Role::Named(node);
        }
        seed.deserialize(value)
    }
}

/// One variant of an enum.
struct Variant<'t> {
    trace: &'t mut Trace,
    place: String,
    depth: u32,
    name: &'static str,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Stop;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Stop> {
        let name: StrDeserializer<'_, Stop> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        self.trace.line(&self.place, "unit")
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Stop> {
        self.trace.line(&self.place, "newtype")?;
        let place = format!("{}.0", self.place);
        seed.deserialize(Reader::below(self.trace, place, self.depth)?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, Stop> {
        self.trace.line(&self.place, &format!("tuple of {left}"))?;
        let Self { trace, place: prefix, depth, .. } = self;
        visitor.visit_seq(Items { trace, prefix, depth, left, index: Some(0) })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.trace.line(&self.place, &format!("struct {fields:?}"))?;
        let Self { trace, place: prefix, depth, .. } = self;
        visitor.visit_seq(Items { trace, prefix, depth, left: fields.len(), index: Some(0) })
    }
}
