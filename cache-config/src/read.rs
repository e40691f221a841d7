//! Reads merged values into a configuration. Every mistake has the path of its field and the source that set the field.

use std::collections::BTreeMap;

use config::{Map, Value, ValueKind};

use crate::mistakes::{ConfigError, ConfigIssue};
use crate::suggest;

/// Values by their names.
pub(crate) type Table = Map<String, Value>;

/// A type that is read from one value.
pub(crate) trait Kind {
    type Read;

    /// The error names the value that was found, and the wanted kind.
    fn read(value: &ValueKind) -> Result<Self::Read, String>;
}

/// A type that is read from a value, or from a table of values. A mistake is noted, and leaves the field unset.
pub(crate) trait Field {
    type Read;

    fn read(value: Value, reader: &mut Reader) -> Option<Self::Read>;
}

/// A table with known fields.
pub(crate) trait Section: Default {
    fn read(fields: Table, reader: &mut Reader) -> Self;
}

impl<K: Kind> Field for K {
    type Read = K::Read;

    fn read(value: Value, reader: &mut Reader) -> Option<K::Read> {
        match K::read(&value.kind) {
            Ok(read) => Some(read),
            Err(message) => {
                reader.note(message, given(&value));
                None
            }
        }
    }
}

/// Sections by their names.
impl<S: Section> Field for BTreeMap<String, S> {
    type Read = Self;

    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        let named = reader.table(value)?.into_iter();
        Some(named.map(|(name, value)| (name.clone(), reader.section(&name, value))).collect())
    }
}

/// The table that is being read, and the mistakes so far.
#[derive(Default)]
pub(crate) struct Reader {
    path: Vec<String>,
    mistakes: Vec<ConfigIssue>,
}

impl Reader {
    /// Takes a field out of the table. `null` means that the field is not set.
    pub(crate) fn field<F: Field>(&mut self, fields: &mut Table, name: &str) -> Option<F::Read> {
        let value = fields.remove(name).filter(|value| value.kind != ValueKind::Nil)?;
        self.below(name, |reader| F::read(value, reader))
    }

    /// Takes a table out of the table.
    pub(crate) fn section_in<S: Section>(&mut self, fields: &mut Table, name: &str) -> S {
        fields.remove(name).map(|value| self.section(name, value)).unwrap_or_default()
    }

    fn section<S: Section>(&mut self, name: &str, value: Value) -> S {
        self.below(name, |reader| match reader.table(value) {
            Some(fields) => S::read(fields, reader),
            None => S::default(),
        })
    }

    /// Notes the fields that are left when all known ones are taken.
    pub(crate) fn unknown(&mut self, fields: Table, known: &[&'static str]) {
        for (name, value) in fields {
            let origin = given(&value);
            let message = suggest::field(&self.path, &name, known, origin);
            self.below(&name, |reader| reader.note(message, origin));
        }
    }

    fn below<R>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> R) -> R {
        self.path.push(name.to_owned());
        let read = read(self);
        self.path.pop();
        read
    }

    fn table(&mut self, value: Value) -> Option<Table> {
        if let ValueKind::Table(fields) = value.kind {
            return Some(fields);
        }
        self.note(wrong(&value.kind, "a table of fields"), value.origin());
        None
    }

    fn note(&mut self, message: String, origin: Option<&str>) {
        self.mistakes.push(ConfigIssue::new(self.path.join("."), message).from(origin));
    }
}

/// Reads all fields that have no mistake. The mistakes are in the order of their paths.
pub(crate) fn read<S: Section>(value: Value) -> (S, Vec<ConfigIssue>) {
    let mut reader = Reader::default();
    let read = reader.table(value).map(|fields| S::read(fields, &mut reader)).unwrap_or_default();
    reader.mistakes.sort_by(|one, other| one.path().cmp(other.path()));
    (read, reader.mistakes)
}

/// For sections as parts of a program's own configuration.
pub(crate) fn deserialize<'de, S, D>(from: D) -> Result<S, D::Error>
where
    S: Section,
    D: serde::Deserializer<'de>,
{
    let (read, mistakes) = read(serde::Deserialize::deserialize(from)?);
    ConfigError::unless_none(mistakes).map_err(serde::de::Error::custom)?;
    Ok(read)
}

/// The same for a single value.
pub(crate) fn deserialize_kind<'de, K, D>(from: D) -> Result<K::Read, D::Error>
where
    K: Kind,
    D: serde::Deserializer<'de>,
{
    let value: Value = serde::Deserialize::deserialize(from)?;
    K::read(&value.kind).map_err(serde::de::Error::custom)
}

/// `found ..; wanted ..`, without a value that may be a secret in the wrong field.
pub(crate) fn wrong(found: &ValueKind, wanted: &str) -> String {
    let found = match found {
        ValueKind::Nil => "nothing".to_owned(),
        ValueKind::String(text) => suggest::shown(text),
        ValueKind::Array(_) => "a list".to_owned(),
        ValueKind::Table(_) => "a table".to_owned(),
        // `Display` writes three hundred digits.
        ValueKind::Float(number) => format!("`{number:?}`"),
        other => format!("`{other}`"),
    };
    format!("found {found}; wanted {wanted}")
}

/// The source of the field at `path`, or of the nearest table above it.
pub(crate) fn origin<'a>(fields: &'a Table, path: &str) -> Option<&'a str> {
    let (mut fields, mut found) = (fields, None);
    for segment in path.split('.') {
        let Some(value) = fields.get(segment) else { break };
        found = Some(value);
        let ValueKind::Table(below) = &value.kind else { break };
        fields = below;
    }
    found.and_then(given)
}

/// The source of a value. A merged table has one if all of its fields have the same.
fn given(value: &Value) -> Option<&str> {
    let ValueKind::Table(table) = &value.kind else { return value.origin() };
    if table.is_empty() {
        return value.origin();
    }
    let mut sources = table.values().map(given);
    let first = sources.next()??;
    sources.all(|source| source == Some(first)).then_some(first)
}
