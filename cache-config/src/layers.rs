//! Reads sources and merges them.

use std::ffi::OsString;
use std::path::Path;

use config::{Map, Source, Value, ValueKind};

use crate::check::mistakes_of;
use crate::files::{self, Format};
use crate::mistakes::{ConfigError, ConfigIssue};
use crate::model::Config;
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
    layers: Vec<Layer>,
    mistakes: Vec<ConfigIssue>,
}

/// The fields of one source.
#[derive(Clone)]
struct Layer(Table);

/// Shows names only, because values may be secrets.
impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Table, config::ConfigError> {
        Ok(self.0.clone())
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
}

impl ConfigLoader {
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
            Ok((format, text)) => self.text(format, name, &text),
            Err(message) => {
                self.mistakes.push(ConfigIssue::new("", message).from(Some(name)));
                self
            }
        }
    }

    /// Adds a text, as if it were the text of a file. Mistakes call the source `name`.
    pub fn text(mut self, format: Format, name: impl Into<String>, text: &str) -> Self {
        match files::parse(format, &name.into(), text) {
            Ok(fields) => self.layers.push(Layer(fields)),
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
        self.layers.push(Layer(environment::read(pairs, &mut self.mistakes)));
        self
    }

    /// Reads the configuration and checks it as [`Config::check`] does.
    ///
    /// # Errors
    /// All mistakes in all sources. (Rules that depend on several fields are checked once every field can be read.)
    pub fn load(self) -> Result<Config, ConfigError> {
        let mut mistakes = self.mistakes;
        let mut tree = Value::new(None, ValueKind::Table(Map::new()));
        for layer in &self.layers {
            if let Err(error) = layer.collect_to(&mut tree) {
                mistakes.push(ConfigIssue::new("", error.to_string()));
            }
        }
        let (config, unread) = read::read::<Config>(tree.clone());
        mistakes.extend(unread);
        let whole = mistakes.is_empty();
        mistakes.extend(mistakes_of(&config, whole).into_iter().map(|mistake| match &tree.kind {
            ValueKind::Table(fields) => placed(mistake, fields),
            _ => mistake,
        }));
        // Merging loses the source of an empty table; the layer still has it.
        let placed = |mistake| {
            self.layers.iter().rev().fold(mistake, |mistake, Layer(fields)| placed(mistake, fields))
        };
        let mistakes = mistakes.into_iter().map(placed).collect();
        ConfigError::unless_none(mistakes).map(|()| config)
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
