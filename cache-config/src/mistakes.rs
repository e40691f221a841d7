//! What is wrong with a configuration, all of it together.

use std::fmt;

use serde::de::Unexpected;

/// One mistake in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    path: String,
    origin: Option<String>,
    message: String,
}

impl Mistake {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), origin: None, message: message.into() }
    }

    pub(crate) fn from(mut self, origin: Option<impl Into<String>>) -> Self {
        self.origin = origin.map(Into::into);
        self
    }

    /// The field, as in `caches.sessions.redis.url`; empty where it is about the whole.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where the field was given: a file, or an environment variable. Nowhere for one that was set in code.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// What was found, what is wanted, and what to do. It never holds a password.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Mistake {
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

/// A configuration that can't be, or caches that could not be built from it. Nothing was installed.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    mistakes: Vec<Mistake>,
}

impl ConfigError {
    /// All that is wrong; at least one.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    pub(crate) fn unless_none(mistakes: Vec<Mistake>) -> Result<(), Self> {
        if mistakes.is_empty() { Ok(()) } else { Err(Self { mistakes }) }
    }
}

impl From<Mistake> for ConfigError {
    fn from(mistake: Mistake) -> Self {
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

/// As text: it is what a `main` that returns the error prints.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for ConfigError {}

/// What was found, unless it may be a secret in the wrong place.
pub(crate) fn found(unexpected: Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Str(text) => shown(text),
        Unexpected::Signed(number) => format!("`{number}`"),
        Unexpected::Unsigned(number) => format!("`{number}`"),
        // Not with three hundred digits.
        Unexpected::Float(number) => format!("`{number:?}`"),
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        Unexpected::Unit => "nothing".to_owned(),
        other => other.to_string(),
    }
}

/// URLs and long texts are not shown: they may hold passwords or keys.
pub(crate) fn shown(text: &str) -> String {
    if text.len() > 32 || text.contains(['@', '/', '=']) {
        return "a text that is not shown, as it may be a secret".to_owned();
    }
    format!("`{}`", text.escape_debug())
}

/// `; did you mean ..?`, if there is something near.
pub(crate) fn suggestion(word: &str, known: &[&str]) -> String {
    nearest(word, known).map_or_else(String::new, |best| format!("; did you mean `{best}`?"))
}

/// What is most like a word, if anything is.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let near = known.iter().map(|known| (strsim::jaro_winkler(&word, known), *known));
    let best = near.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(likeness, _)| *likeness > 0.8).map(|(_, best)| best)
}
