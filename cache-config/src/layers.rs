//! Sources on top of each other.

use std::ffi::OsString;
use std::path::Path;

use config::{Map, Source, Value, ValueKind};

use crate::check::mistakes_of;
use crate::files::{self, Format};
use crate::mistakes::{ConfigError, Mistake};
use crate::model::Config;
use crate::{environment, tree};

/// Sources of a [`Config`], begun with [`Config::layers`]. A later one wins over an earlier one, field by field.
///
/// ```no_run
/// # fn main() -> Result<(), cache_config::ConfigError> {
/// use cache_config::Config;
///
/// let config = Config::layers().file("larder.toml").file_if_there("local.toml").env().load()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "layers do nothing until they are loaded"]
pub struct Layers {
    layers: Vec<Layer>,
    mistakes: Vec<Mistake>,
}

/// What one source says.
#[derive(Clone)]
struct Layer(Map<String, Value>);

/// Without the values: there are secrets among them.
impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.0.clone())
    }
}

impl Config {
    /// Begins with nothing but the defaults.
    pub fn layers() -> Layers {
        Layers::default()
    }

    /// From the environment alone: `REDIS_URL` and `LARDER_..`.
    ///
    /// # Errors
    /// As [`Layers::load`].
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::layers().env().load()
    }

    /// From a file, and the environment above it.
    ///
    /// # Errors
    /// As [`Layers::load`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::layers().file(path).env().load()
    }
}

impl Layers {
    /// A file, whose name's ending says its format. It has to be there.
    pub fn file(self, path: impl AsRef<Path>) -> Self {
        self.read(path.as_ref(), true)
    }

    /// A file that may be missing.
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
                self.mistakes.push(Mistake::new("", message).from(Some(name)));
                self
            }
        }
    }

    /// A text, as a file's; `name` says in mistakes where it is from.
    pub fn text(mut self, format: Format, name: impl Into<String>, text: &str) -> Self {
        match files::parse(format, &name.into(), text) {
            Ok(fields) => self.layers.push(Layer(fields)),
            Err(mistake) => self.mistakes.push(mistake),
        }
        self
    }

    /// The process's environment: `REDIS_URL` for `redis.url`, and `LARDER_` with the path of a field, where `__`
    /// stands for the dot: `LARDER_CACHES__SESSIONS__DEFAULT_TTL`. Empty variables count as unset. Service links
    /// of Kubernetes (`LARDER_SERVICE_HOST`, `LARDER_PORT=tcp://..`) are ignored.
    pub fn env(self) -> Self {
        self.env_from(std::env::vars_os())
    }

    /// The same from other pairs of name and value.
    pub fn env_from<N, T>(mut self, pairs: impl IntoIterator<Item = (N, T)>) -> Self
    where
        N: Into<OsString>,
        T: Into<OsString>,
    {
        let pairs = pairs.into_iter().map(|(name, text)| (name.into(), text.into()));
        self.layers.push(Layer(environment::read(pairs, &mut self.mistakes)));
        self
    }

    /// The configuration, checked as [`Config::check`] does.
    ///
    /// # Errors
    /// All mistakes of all layers. (As long as something can't be read, what depends on several fields is not
    /// looked at.)
    pub fn load(self) -> Result<Config, ConfigError> {
        let mut mistakes = self.mistakes;
        let mut tree = Value::new(None, ValueKind::Table(Map::new()));
        for layer in &self.layers {
            if let Err(error) = layer.collect_to(&mut tree) {
                mistakes.push(Mistake::new("", error.to_string()));
            }
        }
        let (config, unread) = tree::read::<Config>(&mut tree);
        mistakes.extend(unread);
        let whole = mistakes.is_empty();
        mistakes.extend(mistakes_of(&config, whole).into_iter().map(|mistake| match &tree.kind {
            ValueKind::Table(fields) => placed(mistake, fields),
            _ => mistake,
        }));
        // What is merged does not know where an empty table was given; its layer does.
        let placed = |mistake| {
            self.layers.iter().rev().fold(mistake, |mistake, Layer(fields)| placed(mistake, fields))
        };
        let mistakes = mistakes.into_iter().map(placed).collect();
        ConfigError::unless_none(mistakes).map(|()| config)
    }
}

/// The mistake, and where its field was given, unless it says so already.
fn placed(mistake: Mistake, fields: &Map<String, Value>) -> Mistake {
    if mistake.origin().is_some() {
        return mistake;
    }
    let origin = tree::origin(fields, mistake.path()).map(str::to_owned);
    mistake.from(origin)
}
