//! Reads sources and merges them.

use std::ffi::OsString;
use std::path::Path;

use config::{Map, Source, Value, ValueKind};

use crate::check::mistakes_of;
use crate::files::{self, Format};
use crate::mistakes::{ConfigError, ConfigIssue};
use crate::model::{CACHES, Config};
use crate::read::Table;
use crate::{environment, read};

/// The sources of a [`Config`], made by [`Config::layers`]. A later source overrides the fields of an earlier one.
///
/// ```no_run
/// # mod larder { pub use cache_core::*; pub mod config { pub use cache_config::*; } }
/// # fn main() -> Result<(), larder::config::ConfigError> {
/// use larder::config::Config;
///
/// let config = Config::layers().file("larder.toml").file_if_there("local.toml").env().load()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "layers do nothing until they are loaded"]
pub struct ConfigLoader {
    /// What the layers override.
    base: Config,
    /// The section of the files that are added next.
    section: String,
    layers: Vec<Layer>,
    mistakes: Vec<ConfigIssue>,
}

/// The fields of one source.
#[derive(Clone)]
struct Layer {
    fields: Table,
    /// The section of the source that has the fields; empty for the whole source.
    section: String,
}

/// Shows names only, because values may be secrets.
impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.fields.keys()).finish()
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Table, config::ConfigError> {
        Ok(self.fields.clone())
    }
}

impl Config {
    /// Starts without a source: all fields have their defaults.
    pub fn layers() -> ConfigLoader {
        ConfigLoader::default()
    }

    /// Reads the environment: `REDIS_URL` and `LARDER_..`.
    ///
    /// # Errors
    /// As [`ConfigLoader::load`].
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::layers().env().load()
    }

    /// Reads a file. Variables of the environment override its fields.
    ///
    /// # Errors
    /// As [`ConfigLoader::load`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::layers().file(path).env().load()
    }

    /// Reads a section of a program's own file, such as `cache` or `services.cache`. Variables of the environment override
    /// its fields.
    ///
    /// ```no_run
    /// # mod larder { pub use cache_core::*; pub mod config { pub use cache_config::*; } }
    /// # fn main() -> Result<(), larder::config::ConfigError> {
    /// use larder::config::Config;
    ///
    /// let config = Config::from_section("app.toml", "cache")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`ConfigLoader::load`]. The path of a mistake begins with the section.
    pub fn from_section(path: impl AsRef<Path>, section: &str) -> Result<Self, ConfigError> {
        Self::layers().section(section).file(path).env().load()
    }

    /// Overrides the fields with the variables of the environment: for a configuration that is a field of a program's own
    /// struct.
    ///
    /// # Errors
    /// As [`ConfigLoader::load`].
    pub fn with_env(self) -> Result<Self, ConfigError> {
        Self::layers().over(self).env().load()
    }
}

impl ConfigLoader {
    /// Overrides the fields of `base` with those of all layers, as a named cache overrides those of the default cache.
    pub fn over(mut self, base: Config) -> Self {
        self.base = base;
        self
    }

    /// Says that the files and texts that are added next have the fields in a section, such as `cache` or `services.cache`.
    /// What is outside of the section is not read. A file or a text without the section is a mistake, except for
    /// [`file_if_there`](Self::file_if_there). Empty: the whole file.
    ///
    /// ```
    /// # mod larder { pub use cache_core::*; pub mod config { pub use cache_config::*; } }
    /// # #[cfg(feature = "toml")]
    /// # fn main() -> Result<(), larder::config::ConfigError> {
    /// use larder::config::{Config, Format};
    ///
    /// let text = "port = 80\n[services.cache]\nnamespace = 'shop'";
    /// let layers = Config::layers().section("services.cache").text(Format::Toml, "app.toml", text);
    /// assert_eq!(layers.load()?.default.namespace.as_deref(), Some("shop"));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "toml"))]
    /// # fn main() {}
    /// ```
    pub fn section(mut self, path: impl Into<String>) -> Self {
        self.section = path.into();
        self
    }

    /// Adds a file, which must exist. Its extension names its format.
    pub fn file(self, path: impl AsRef<Path>) -> Self {
        self.read(path.as_ref(), true)
    }

    /// Adds a file if it exists.
    pub fn file_if_there(self, path: impl AsRef<Path>) -> Self {
        self.read(path.as_ref(), false)
    }

    fn read(mut self, path: &Path, needed: bool) -> Self {
        let name = path.display().to_string();
        let read = std::fs::read_to_string(path);
        if !needed && read.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        {
            return self;
        }
        let text = read.map_err(|error| format!("it can't be read: {error}"));
        match Format::of(path).and_then(|format| Ok((format, text?))) {
            Ok((format, text)) => self.parse(format, &name, &text, needed),
            Err(message) => {
                self.mistakes.push(ConfigIssue::new("", message).from(Some(name)));
                self
            }
        }
    }

    /// Adds a text, as if it were the text of a file. Mistakes call the source `name`.
    pub fn text(self, format: Format, name: impl Into<String>, text: &str) -> Self {
        self.parse(format, &name.into(), text, true)
    }

    fn parse(mut self, format: Format, name: &str, text: &str, needed: bool) -> Self {
        let fields = files::parse(format, name, text);
        match fields.and_then(|fields| files::section(fields, &self.section, name)) {
            Ok(Some(fields)) => self.layers.push(Layer { fields, section: self.section.clone() }),
            Ok(None) if !needed => {}
            Ok(None) => {
                let message = "there is no such section";
                self.mistakes.push(ConfigIssue::new(&*self.section, message).from(Some(name)));
            }
            Err(mistake) => self.mistakes.push(mistake),
        }
        self
    }

    /// Adds the environment of the process: `REDIS_URL` for `redis.url`, or `REDIS_HOST` and its relatives, and `LARDER_` with the path of a field, with `__`
    /// for each dot: `LARDER_CACHES__SESSIONS__DEFAULT_TTL`. Empty variables count as unset. Kubernetes service links
    /// (`LARDER_SERVICE_HOST`, `LARDER_PORT=tcp://..`) are ignored.
    pub fn env(self) -> Self {
        self.env_from(std::env::vars_os())
    }

    /// Adds other pairs of name and value, as if they were the environment.
    pub fn env_from<N, T>(mut self, pairs: impl IntoIterator<Item = (N, T)>) -> Self
    where
        N: Into<OsString>,
        T: Into<OsString>,
    {
        let pairs = pairs.into_iter().map(|(name, text)| (name.into(), text.into()));
        let fields = environment::read(pairs, &mut self.mistakes);
        self.layers.push(Layer { fields, section: String::new() });
        self
    }

    /// Reads the configuration and checks it as [`Config::check`] does.
    ///
    /// # Errors
    /// All mistakes in all sources. (Rules that depend on several fields are checked once every field can be read.)
    pub fn load(self) -> Result<Config, ConfigError> {
        let Self { base, layers, mut mistakes, .. } = self;
        let empty = || Value::new(None, ValueKind::Table(Map::new()));
        let mut tree = empty();
        for layer in &layers {
            // The names of variables are paths, which this resolves.
            let mut own = empty();
            let merged = layer.collect_to(&mut own).and_then(|()| {
                replace_bounds(&mut tree, &own);
                layer.collect_to(&mut tree)
            });
            if let Err(error) = merged {
                mistakes.push(ConfigIssue::new("", error.to_string()));
            }
        }
        let (config, mut found) = read::read::<Config>(tree.clone());
        let whole = mistakes.is_empty() && found.is_empty();
        let config = config.over(&base);
        found.extend(mistakes_of(&config, whole).into_iter().map(|mistake| match &tree.kind {
            ValueKind::Table(fields) => placed(mistake, fields),
            _ => mistake,
        }));
        // Merging loses the source of an empty table; the layer still has it.
        let placed = |mistake| {
            layers.iter().rev().fold(mistake, |mistake, layer| placed(mistake, &layer.fields))
        };
        mistakes.extend(found.into_iter().map(placed).map(|mistake| in_section(mistake, &layers)));
        ConfigError::unless_none(mistakes).map(|()| config)
    }
}

/// Removes the bounds of the memory tiers that the next source replaces by a bound of the other kind.
fn replace_bounds(tree: &mut Value, source: &Value) {
    let (ValueKind::Table(into), ValueKind::Table(from)) = (&mut tree.kind, &source.kind) else {
        return;
    };
    for (name, from) in from {
        let Some(into) = into.get_mut(name) else { continue };
        match (&**name, &mut into.kind, &from.kind) {
            ("memory", ValueKind::Table(into), ValueKind::Table(from)) => {
                for (bound, other) in [("max_entries", "max_bytes"), ("max_bytes", "max_entries")] {
                    if from.contains_key(bound) && !from.contains_key(other) {
                        into.remove(other);
                    }
                }
            }
            (CACHES, ValueKind::Table(into), ValueKind::Table(from)) => {
                for (name, from) in from {
                    if let Some(into) = into.get_mut(name) {
                        replace_bounds(into, from);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The mistake with the path of its field in the whole file. Of several layers with the same source, the last one that has
/// the field set it.
fn in_section(mistake: ConfigIssue, layers: &[Layer]) -> ConfigIssue {
    let set_by = |layer: &&Layer| {
        mistake.origin().is_some()
            && read::origin(&layer.fields, mistake.path()) == mistake.origin()
    };
    match layers.iter().rev().find(set_by) {
        Some(layer) if !layer.section.is_empty() => mistake.below(&layer.section),
        _ => mistake,
    }
}

/// The mistake with the source of its field, unless it has one.
fn placed(mistake: ConfigIssue, fields: &Table) -> ConfigIssue {
    if mistake.origin().is_some() {
        return mistake;
    }
    let origin = read::origin(fields, mistake.path()).map(str::to_owned);
    mistake.from(origin)
}
