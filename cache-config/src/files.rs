//! Reads files.

use std::path::Path;

use config::{FileFormat, Format as _, Map, Value, ValueKind};

use crate::mistakes::ConfigIssue;
use crate::read::wrong;

/// The language of a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `.toml` (feature `config-toml`).
    #[cfg(feature = "toml")]
    Toml,
    /// `.json` (feature `config-json`).
    #[cfg(feature = "json-files")]
    Json,
    /// `.yaml` and `.yml` (feature `config-yaml`).
    #[cfg(feature = "yaml")]
    Yaml,
}

impl Format {
    /// The format by the extension of the file.
    #[allow(unreachable_patterns)] // with the features
    pub(crate) fn of(path: &Path) -> Result<Self, String> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let feature = match &*ending.to_lowercase() {
            #[cfg(feature = "toml")]
            "toml" => return Ok(Self::Toml),
            #[cfg(feature = "json-files")]
            "json" => return Ok(Self::Json),
            #[cfg(feature = "yaml")]
            "yaml" | "yml" => return Ok(Self::Yaml),
            "toml" => "config-toml",
            "json" => "config-json",
            "yaml" | "yml" => "config-yaml",
            _ => {
                return Err(
                    "the file name must end in `.toml`, `.json`, `.yaml` or `.yml`".to_owned()
                );
            }
        };
        Err(format!("`.{ending}` files need the feature `{feature}`"))
    }

    fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "toml")]
            Self::Toml => "TOML",
            #[cfg(feature = "json-files")]
            Self::Json => "JSON",
            #[cfg(feature = "yaml")]
            Self::Yaml => "YAML",
        }
    }

    fn parser(self) -> FileFormat {
        match self {
            #[cfg(feature = "toml")]
            Self::Toml => FileFormat::Toml,
            #[cfg(feature = "json-files")]
            Self::Json => FileFormat::Json,
            #[cfg(feature = "yaml")]
            Self::Yaml => FileFormat::Yaml,
        }
    }
}

/// The fields that `text` sets; `name` is their source.
pub(crate) fn parse(
    format: Format,
    name: &str,
    text: &str,
) -> Result<Map<String, Value>, ConfigIssue> {
    let wrong = |message: String| ConfigIssue::new("", message).from(Some(name));
    // Some editors write a byte order mark, and not all parsers accept it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    #[cfg(feature = "json-files")]
    if format == Format::Json {
        crate::unique::check(text).map_err(wrong)?;
    }
    format.parser().parse(Some(&name.to_owned()), text).map_err(|error| {
        #[cfg(feature = "toml")]
        if let Some((path, message)) = numbers::too_large(format, text) {
            return ConfigIssue::new(path, message).from(Some(name));
        }
        wrong(told(&*error, format, text))
    })
}

/// The fields in a section, such as `services.cache`; `None` if there is no such section. Empty: all fields.
pub(crate) fn section(
    mut fields: Map<String, Value>,
    section: &str,
    name: &str,
) -> Result<Option<Map<String, Value>>, ConfigIssue> {
    let mut path = String::new();
    for segment in section.split('.').filter(|_| !section.is_empty()) {
        path.extend([if path.is_empty() { "" } else { "." }, segment]);
        fields = match fields.remove(segment).map(|value| value.kind) {
            Some(ValueKind::Table(below)) => below,
            // A YAML table without fields.
            Some(ValueKind::Nil) => Map::new(),
            Some(other) => {
                let message = wrong(&other, "a table of fields");
                return Err(ConfigIssue::new(path, message).from(Some(name)));
            }
            None => return Ok(None),
        };
    }
    Ok(Some(fields))
}

/// The message for a file that does not parse. It does not quote the file, which may contain secrets.
fn told(
    error: &(dyn std::error::Error + Send + Sync + 'static),
    format: Format,
    text: &str,
) -> String {
    #[cfg(feature = "toml")]
    if let Some(error) = error.downcast_ref::<toml::de::Error>() {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let message = error.message().replace('\n', ", ");
        return format!("invalid TOML: {message} at line {line} column {column}");
    }
    let _ = text;
    // The file is not a table. The parser's own message quotes its value.
    if error.is::<config::ConfigError>() || error.is::<Box<config::ConfigError>>() {
        return "found no table; wanted a table of fields".to_owned();
    }
    format!("invalid {}: {error}", format.name())
}

/// Finds numbers that are too large: the parser's error does not name their field.
#[cfg(feature = "toml")]
mod numbers {
    use toml::de::{DeTable, DeValue};

    use super::Format;

    /// The path of the first such number, and the message.
    pub(super) fn too_large(format: Format, text: &str) -> Option<(String, String)> {
        if format != Format::Toml {
            return None;
        }
        in_table(DeTable::parse(text).ok()?.get_ref(), "")
    }

    fn in_table(table: &DeTable<'_>, above: &str) -> Option<(String, String)> {
        table.iter().find_map(|(name, value)| {
            let path = format!("{above}{}", name.get_ref());
            match value.get_ref() {
                DeValue::Table(table) => in_table(table, &format!("{path}.")),
                DeValue::Integer(number) => {
                    i64::from_str_radix(number.as_str(), number.radix()).err()?;
                    let message = format!(
                        "found `{}`; wanted a number from {} to {}",
                        number.as_str(),
                        i64::MIN,
                        i64::MAX
                    );
                    Some((path, message))
                }
                _ => None,
            }
        })
    }
}
