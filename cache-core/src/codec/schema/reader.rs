//! The deserializer that answers with made-up values and records every request.

use std::any::type_name;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::answers::{ANYTHING, Any, BYTES, CHARS, FLOATS, LENGTHS, SIGNED, STRINGS, UNSIGNED};
use super::beyond::Frame;
use super::kind::{Kind, Names};
use super::trace::{Stop, Trace};

/// The maximum depth, on the caller's stack. Deeper types are known in part.
const DEPTH: u32 = 64;

/// The deserializer at one place of the type.
pub(crate) struct Reader<'t> {
    trace: &'t mut Trace,
    place: String,
    depth: u32,
    role: Role,
}

/// The role of the value that is read.
#[derive(Clone, Copy)]
enum Role {
    Value,
    /// A key of the map, and the name to give.
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

    /// A leaf of this `kind`. Returns which of the candidates to give.
    fn leaf(&mut self, kind: Kind, candidates: usize) -> Result<usize, Stop> {
        self.trace.line(&self.place, kind)?;
        Ok(self.trace.answer(&self.place, candidates))
    }

    /// The number of elements to give to a list or map.
    fn length(&mut self, node: usize) -> usize {
        match self.trace.answer(&self.place, LENGTHS.len()) {
            _ if self.trace.is_active(node) => 0,
            0 => usize::from(!self.trace.is_visited(node)),
            other => LENGTHS[other],
        }
    }

    fn list<'de, V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        let node = self.trace.node(&self.place, Kind::List, type_name::<V>(), 1)?;
        let left = self.length(node);
        let (prefix, depth) = (format!("#{node}"), self.depth);
        if left == 0 {
            return visitor.visit_seq(Items { trace: self.trace, prefix, depth, left });
        }
        self.trace.go(node, 0, |trace| visitor.visit_seq(Items { trace, prefix, depth, left }))
    }

    /// `total` parts, one after the other.
    fn parts<'de, V: Visitor<'de>>(
        self,
        kind: Kind,
        total: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let node = self.trace.node(&self.place, kind, type_name::<V>(), 0)?;
        let of = format!("#{node}");
        visit_parts(self.trace, of, self.depth, Order::of_tuple(total), visitor)
    }

    fn map<'de, V: Visitor<'de>>(mut self, kind: Kind, visitor: V) -> Result<V::Value, Stop> {
        let node = self.trace.node(&self.place, kind, type_name::<V>(), 1)?;
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

    /// Answers a type that accepts any value.
    fn anything<'de, V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        self.trace.asks_for_anything(&self.place);
        let answer = self.leaf(Kind::Anything, ANYTHING.len())?;
        match ANYTHING[answer] {
            Any::Map => {
                let kind = Kind::FieldsOfAnything;
                let node = self.trace.node(&self.place, kind, type_name::<V>(), 1)?;
                self.trace.name_keys(node);
                self.map(kind, visitor)
            }
            Any::Unsigned => visitor.visit_u64(0),
            Any::Text => visitor.visit_str(""),
            Any::Bool => visitor.visit_bool(false),
            Any::Signed => visitor.visit_i64(-1),
            Any::Float => visitor.visit_f64(0.5),
            Any::Nothing => visitor.visit_unit(),
            Any::List => {
                let (prefix, depth) = (self.place, self.depth);
                visitor.visit_seq(Items { trace: self.trace, prefix, depth, left: 0 })
            }
        }
    }

    /// A name among the values: the tag of an internally tagged enum.
    fn tag<'de, V: Visitor<'de>>(self, map: Option<usize>, visitor: V) -> Result<V::Value, Stop> {
        self.trace.asks_for_anything(&self.place);
        let Some(names) = self.trace.tag(&self.place) else {
            self.trace.line(&self.place, Kind::Name)?;
            return visitor.visit_str("");
        };
        let node = self.trace.node(&self.place, Kind::Tag(names), type_name::<V>(), names.len())?;
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
            let answer = self.leaf(Kind::Leaf($kind), $candidates.len())?;
            visitor.$visit($candidates[answer] $(as $t)?)
        }
    )* };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Stop;

    leaves!(
        deserialize_i8: "i8", visit_i8, SIGNED as i8;
        deserialize_i16: "i16", visit_i16, SIGNED as i16;
        deserialize_i32: "i32", visit_i32, SIGNED as i32;
        deserialize_i64: "i64", visit_i64, SIGNED;
        deserialize_i128: "i128", visit_i128, SIGNED as i128;
        deserialize_u8: "u8", visit_u8, UNSIGNED as u8;
        deserialize_u16: "u16", visit_u16, UNSIGNED as u16;
        deserialize_u32: "u32", visit_u32, UNSIGNED as u32;
        deserialize_u64: "u64", visit_u64, UNSIGNED;
        deserialize_u128: "u128", visit_u128, UNSIGNED as u128;
        deserialize_f32: "f32", visit_f32, FLOATS;
        deserialize_f64: "f64", visit_f64, FLOATS as f64;
        deserialize_char: "char", visit_char, CHARS;
        deserialize_str: "text", visit_str, STRINGS;
        deserialize_string: "text", visit_str, STRINGS;
    );

    fn deserialize_bool<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        let answer = self.leaf(Kind::Leaf("bool"), 2)?;
        visitor.visit_bool(answer == 1)
    }

    fn deserialize_bytes<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        let answer = self.leaf(Kind::Leaf("bytes"), BYTES.len())?;
        visitor.visit_byte_buf(vec![0; BYTES[answer]])
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let node = self.trace.node(&self.place, Kind::Option, type_name::<V>(), 1)?;
        if self.trace.is_visited(node) {
            return visitor.visit_none();
        }
        let depth = self.depth;
        self.trace.go(node, 0, |trace| {
            visitor.visit_some(Reader::below(trace, format!("#{node}.some"), depth)?)
        })
    }

    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        self.leaf(Kind::Unit, 1)?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.leaf(Kind::UnitStruct(name), 1)?;
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let node = self.trace.node(&self.place, Kind::Newtype(name), type_name::<V>(), 0)?;
        let inner = Reader::below(self.trace, format!("#{node}.0"), self.depth)?;
        visitor.visit_newtype_struct(inner)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.list(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.parts(Kind::Tuple(len), len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.parts(Kind::TupleStruct(name, len), len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.map(Kind::Map, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let named = self.trace.answer(&self.place, 2) == 1;
        let kind = Kind::Struct(name, fields);
        let node = self.trace.node(&self.place, kind, type_name::<V>(), 0)?;
        visit_fields(self.trace, format!("#{node}"), self.depth, (fields, named), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let kind = Kind::Enum(name, variants);
        let node = self.trace.node(&self.place, kind, type_name::<V>(), variants.len())?;
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

/// The fields of a struct or of a variant: in order and without names; or with names, if the visitor requires
/// them or the fields must come in another order.
fn visit_fields<'de, V: Visitor<'de>>(
    trace: &mut Trace,
    of: String,
    depth: u32,
    (fields, named): (Names, bool),
    visitor: V,
) -> Result<V::Value, Stop> {
    let total = fields.len();
    if !named && !trace.refusals.reorder(&of) {
        return visit_parts(trace, of, depth, Order { total, fields: true }, visitor);
    }
    let order = trace.refusals.order(&of, total);
    let parts = order.len();
    let mut begun = false;
    let names =
        Fields { trace: &mut *trace, of: &of, depth, fields, order, next: 0, begun: &mut begun };
    let visited = visitor.visit_map(names);
    match &visited {
        Ok(_) => trace.has_parts(&of, parts),
        Err(_) if !begun => trace.refusals.nameless(&of),
        Err(_) => {}
    }
    visited
}

fn visit_parts<'de, V: Visitor<'de>>(
    trace: &mut Trace,
    of: String,
    depth: u32,
    order: Order,
    visitor: V,
) -> Result<V::Value, Stop> {
    let mut index = 0;
    let access = Parts { trace: &mut *trace, of: &of, depth, order, index: &mut index };
    let visited = visitor.visit_seq(access);
    if visited.is_ok() {
        trace.has_parts(&of, index);
    }
    visited
}

/// The elements of a list, all at one place.
struct Items<'t> {
    trace: &'t mut Trace,
    prefix: String,
    depth: u32,
    left: usize,
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
        let place = format!("{}.each", self.prefix);
        seed.deserialize(Reader::below(self.trace, place, self.depth)?).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The number of parts, and whether they are fields, which can be given by name in another order.
struct Order {
    total: usize,
    fields: bool,
}

impl Order {
    fn of_tuple(total: usize) -> Self {
        Self { total, fields: false }
    }
}

/// The parts of a value, each at its own place.
struct Parts<'t> {
    trace: &'t mut Trace,
    of: &'t str,
    depth: u32,
    order: Order,
    index: &'t mut usize,
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        let (index, total) = (*self.index, self.order.total);
        if index == total {
            return Ok(None);
        }
        *self.index += 1;
        let (of, fields) = (self.of, self.order.fields);
        let depth = self.trace.begin(|asked| match fields {
            true => Frame::Field { of: of.to_owned(), index, asked },
            false => Frame::Part { last: index + 1 == total, asked },
        });
        let place = format!("{of}.{index}");
        let value = seed.deserialize(Reader::below(self.trace, place, self.depth)?)?;
        self.trace.end(depth);
        Ok(Some(value))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.order.total - *self.index)
    }
}

/// The fields of a struct, by name.
struct Fields<'t> {
    trace: &'t mut Trace,
    of: &'t str,
    depth: u32,
    fields: Names,
    /// The indices of the fields to give.
    order: Vec<usize>,
    next: usize,
    begun: &'t mut bool,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Stop;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        *self.begun = true;
        let Some(&index) = self.order.get(self.next) else { return Ok(None) };
        self.trace.refusals.names(self.of, index);
        let name: StrDeserializer<'_, Stop> = self.fields[index].into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        let (of, index) = (self.of, self.order.get(self.next).copied().unwrap_or_default());
        self.next += 1;
        let field = |asked| Frame::Field { of: of.to_owned(), index, asked };
        let depth = self.trace.begin(field);
        let place = format!("{of}.{index}");
        if self.trace.refusals.is_hopeless(of, index) {
            self.trace.stopped(&place);
            return Err(Stop::Refused);
        }
        let value = seed.deserialize(Reader::below(self.trace, place, self.depth)?)?;
        self.trace.end(depth);
        Ok(value)
    }
}

/// The entries of a map, or the fields of a type that does not list them.
struct Entries<'t> {
    trace: &'t mut Trace,
    node: usize,
    depth: u32,
    left: usize,
    index: usize,
    /// The place of the next value, if its key is a name.
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
        // If a key is refused, its value cannot be reached.
        let depth = self.trace.begin(|asked| Frame::Part { last: false, asked });
        let mut key = Reader::below(self.trace, format!("#{node}.key"), self.depth)?;
        key.role = Role::Key(node, name);
        let key = seed.deserialize(key)?;
        self.trace.end(depth);
        Ok(Some(key))
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
        self.trace.line(&self.place, Kind::UnitVariant)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Stop> {
        self.trace.line(&self.place, Kind::NewtypeVariant)?;
        let place = format!("{}.0", self.place);
        seed.deserialize(Reader::below(self.trace, place, self.depth)?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, total: usize, visitor: V) -> Result<V::Value, Stop> {
        self.trace.line(&self.place, Kind::TupleVariant(total))?;
        visit_parts(self.trace, self.place, self.depth, Order::of_tuple(total), visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.trace.line(&self.place, Kind::StructVariant(fields))?;
        visit_fields(self.trace, self.place, self.depth, (fields, false), visitor)
    }
}
