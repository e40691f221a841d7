//! The error type: all mistakes in a configuration.

use std::fmt;

/// One mistake in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigIssue {
    path: String,
    origin: Option<String>,
    message: String,
}

impl ConfigIssue {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), origin: None, message: message.into() }
    }

    pub(crate) fn from(mut self, origin: Option<impl Into<String>>) -> Self {
        self.origin = origin.map(Into::into);
        self
    }

    /// Places the field in a section of its source.
    pub(crate) fn below(mut self, section: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        self.path = format!("{section}{dot}{}", self.path);
        self
    }

    /// The path of the field, such as `caches.sessions.redis.url`; empty if the mistake concerns a whole source. For a file
    /// that has the fields in a section, the path begins with the section.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The source of the field: a file or an environment variable; `None` for a field that was set in code.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// The mistake and its fix. The message never contains a password.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ConfigIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.path, &self.origin) {
            ("", None) => {}
            ("", Some(origin)) => write!(f, "{origin}: ")?,
            (path, None) => write!(f, "{path}: ")?,
            (path, Some(origin)) => write!(f, "{path} ({origin}): ")?,
        }
        f.write_str(&self.message)
    }
}

/// The configuration has mistakes, or its caches could not be built. Nothing was installed.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    mistakes: Vec<ConfigIssue>,
}

impl ConfigError {
    /// All mistakes; there is one at least.
    pub fn mistakes(&self) -> &[ConfigIssue] {
        &self.mistakes
    }

    pub(crate) fn unless_none(mistakes: Vec<ConfigIssue>) -> Result<(), Self> {
        if mistakes.is_empty() { Ok(()) } else { Err(Self { mistakes }) }
    }
}

impl From<ConfigIssue> for ConfigError {
    fn from(mistake: ConfigIssue) -> Self {
        Self { mistakes: vec![mistake] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.mistakes {
            [one] => write!(f, "the cache configuration is wrong: {one}"),
            all => {
                write!(f, "the cache configuration is wrong in {} places:", all.len())?;
                all.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
            }
        }
    }
}

/// The same as `Display`, because a `main` that returns the error prints this.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for ConfigError {}
