//! What the sources say, merged, and how it becomes a [`Config`](crate::Config): with every mistake in it.

use std::fmt;

use config::{Map, Value, ValueKind};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::environment::renamed;
use crate::fields::CacheConfig;
use crate::mistakes::{Mistake, found, nearest, suggestion};
use crate::model::CACHES;

/// Reads the tree as far as it can be read: what can't be is a mistake, and is taken out.
///
/// serde stops at the first mistake. So it is asked again, without the field at fault, until it finds none; all
/// fields may be left out.
pub(crate) fn read<T: DeserializeOwned + Default>(tree: &mut Value) -> (T, Vec<Mistake>) {
    let mut mistakes = Vec::new();
    loop {
        let fault = match T::deserialize(Node(tree)) {
            Ok(read) => return (read, mistakes),
            Err(fault) => fault,
        };
        let taken = take(tree, &fault.path);
        let origin = taken.as_ref().and_then(given).map(str::to_owned);
        let message = fault.told(origin.as_deref());
        mistakes.push(Mistake::new(fault.path.join("."), message).from(origin));
        if taken.is_none() {
            return (T::default(), mistakes);
        }
    }
}

/// Where the field at `path` was given, or else what is nearest above it.
pub(crate) fn origin<'a>(fields: &'a Map<String, Value>, path: &str) -> Option<&'a str> {
    let (mut fields, mut found) = (fields, None);
    for segment in path.split('.') {
        let Some(value) = fields.get(segment) else { break };
        found = Some(value);
        let ValueKind::Table(below) = &value.kind else { break };
        fields = below;
    }
    found.and_then(given)
}

/// Where a value was given. A table that was merged is from where its fields are, if that is one place.
fn given(value: &Value) -> Option<&str> {
    let ValueKind::Table(table) = &value.kind else { return value.origin() };
    if table.is_empty() {
        return value.origin();
    }
    let mut places = table.values().map(given);
    let first = places.next()??;
    places.all(|place| place == Some(first)).then_some(first)
}

fn take(tree: &mut Value, path: &[String]) -> Option<Value> {
    let (last, above) = path.split_last()?;
    let mut value = tree;
    for segment in above {
        let ValueKind::Table(table) = &mut value.kind else { return None };
        value = table.get_mut(segment)?;
    }
    let ValueKind::Table(table) = &mut value.kind else { return None };
    table.remove(last)
}

/// What is wrong, and where.
#[derive(Debug)]
struct Fault {
    path: Vec<String>,
    message: String,
    /// The fields there are, if there is none of this name.
    known: Option<&'static [&'static str]>,
}

impl Fault {
    fn wanted(found: &str, expected: &dyn Expected) -> Self {
        // serde's own words are those of a programmer.
        let expected = match expected.to_string() {
            text if text.starts_with("struct ") || text == "a map" => {
                "a table of fields".to_owned()
            }
            text if matches!(&*text, "u32" | "u64" | "i32") => "a whole number".to_owned(),
            text => match &*text {
                "a string" | "path string" => "a text".to_owned(),
                "a boolean" => "`true` or `false`".to_owned(),
                _ => text,
            },
        };
        de::Error::custom(format_args!("found {found}; wanted {expected}"))
    }

    /// What is to be told; `origin` is where it was found.
    fn told(&self, origin: Option<&str>) -> String {
        let (Some(known), Some((field, above))) = (self.known, self.path.split_last()) else {
            return self.message.clone();
        };
        let mut known = known.to_vec();
        // At the top level stands what is no field of a cache.
        if above.is_empty() {
            known.push(CACHES);
        }
        let meant = match parted(field, &known) {
            Some((table, Some(below))) => format!("{table}.{below}"),
            Some((table, None)) => {
                let fields = CacheConfig::fields_of(table).unwrap_or_default().join(", ");
                return format!("there is no such field; `{table}` has {fields}");
            }
            None => match nearest(field, &known) {
                Some(near) => near.to_owned(),
                None => return format!("there is no such field; there are {}", known.join(", ")),
            },
        };
        // Who wrote a variable is told of a variable.
        let right: Vec<&str> = above.iter().map(String::as_str).chain([&*meant]).collect();
        let variable =
            origin.and_then(|name| renamed(name, &self.path.join("."), &right.join(".")));
        format!("there is no such field; did you mean `{}`?", variable.unwrap_or(meant))
    }

    fn below(mut self, key: &str) -> Self {
        self.path.insert(0, key.to_owned());
        self
    }
}

/// `redis_url`, where `redis.url` is meant: the table, and the field of it that is nearest. In a variable it is two `_` that stand
/// for the dot.
fn parted(field: &str, known: &[&'static str]) -> Option<(&'static str, Option<String>)> {
    let field = field.to_lowercase();
    let below = |table: &str| {
        let below = field.strip_prefix(table)?.strip_prefix(['_', '-'])?;
        (!below.is_empty()).then(|| below.to_owned())
    };
    let (table, below) = known.iter().find_map(|table| Some((*table, below(table)?)))?;
    if table == CACHES {
        return Some((table, Some(named(&below)?)));
    }
    let fields = CacheConfig::fields_of(table)?;
    Some((table, nearest(&below, fields).map(str::to_owned)))
}

/// `sessions_redis_url`, where `sessions.redis.url` is meant: the end tells where the name ends.
fn named(text: &str) -> Option<String> {
    let tables = CacheConfig::TABLES.iter().flat_map(|table| {
        let fields = CacheConfig::fields_of(table).unwrap_or_default();
        fields.iter().map(move |field| (format!("_{table}_{field}"), format!("{table}.{field}")))
    });
    let fields = CacheConfig::FIELDS.iter().map(|field| (format!("_{field}"), (*field).to_owned()));
    // Tables first: `redis.enabled` ends as `enabled` does.
    tables.chain(fields).find_map(|(end, path)| {
        let name = text.strip_suffix(&end).filter(|name| !name.is_empty())?;
        Some(format!("{name}.{path}"))
    })
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { path: Vec::new(), message: message.to_string(), known: None }
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::wanted(&found(unexpected), expected)
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::wanted(&found(unexpected), expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let found = found(Unexpected::Str(variant));
        let all: Vec<String> = expected.iter().map(|one| format!("`{one}`")).collect();
        let near = suggestion(variant, expected);
        Self::custom(format_args!("found {found}; wanted one of {}{near}", all.join(", ")))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let path = vec![field.to_owned()];
        Self { path, message: String::new(), known: Some(expected) }
    }
}

/// One value. A text passes for a number or a boolean, as environment variables have nothing else.
struct Node<'a>(&'a Value);

macro_rules! numbers {
    ($($method:ident $type:ty => $visit:ident),*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.text().and_then(|text| text.trim().parse::<$type>().ok()) {
                Some(number) => visitor.$visit(number),
                None => self.deserialize_any(visitor),
            }
        }
    )* };
}

impl<'a> Node<'a> {
    fn text(&self) -> Option<&'a str> {
        match &self.0.kind {
            ValueKind::String(text) => Some(text),
            _ => None,
        }
    }
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.kind {
            ValueKind::Nil => visitor.visit_unit(),
            ValueKind::Boolean(value) => visitor.visit_bool(*value),
            ValueKind::I64(value) => visitor.visit_i64(*value),
            ValueKind::U64(value) => visitor.visit_u64(*value),
            ValueKind::I128(value) => visitor.visit_i128(*value),
            ValueKind::U128(value) => visitor.visit_u128(*value),
            ValueKind::Float(value) => visitor.visit_f64(*value),
            ValueKind::String(text) => visitor.visit_str(text),
            ValueKind::Table(table) => visitor.visit_map(Fields::of(table)),
            ValueKind::Array(_) => Err(de::Error::invalid_type(Unexpected::Seq, &visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.kind {
            ValueKind::Nil => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.text() {
            Some(text) => visitor.visit_enum(text.trim().into_deserializer()),
            None => match self.deserialize_any(NoText) {
                Ok(never) => match never {},
                Err(fault) => Err(fault),
            },
        }
    }

    numbers! {
        deserialize_bool bool => visit_bool,
        deserialize_i32 i32 => visit_i32,
        deserialize_u32 u32 => visit_u32,
        deserialize_u64 u64 => visit_u64
    }

    forward_to_deserialize_any! {
        i8 i16 i64 i128 u8 u16 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// For choices: whatever is found is wrong.
struct NoText;

enum Never {}

impl Visitor<'_> for NoText {
    type Value = Never;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }
}

/// The fields of a table, in the order of their names.
struct Fields<'a> {
    rest: std::vec::IntoIter<(&'a String, &'a Value)>,
    next: Option<(&'a String, &'a Value)>,
}

impl<'a> Fields<'a> {
    fn of(table: &'a Map<String, Value>) -> Self {
        let mut fields: Vec<_> = table.iter().collect();
        fields.sort_by_key(|(name, _)| *name);
        Self { rest: fields.into_iter(), next: None }
    }
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.next = self.rest.next();
        let Some((name, _)) = self.next else { return Ok(None) };
        seed.deserialize(name.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((name, value)) = self.next else {
            return Err(de::Error::custom("a value was asked for before its name"));
        };
        seed.deserialize(Node(value)).map_err(|fault| fault.below(name))
    }
}
