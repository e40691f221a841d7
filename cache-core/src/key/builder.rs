//! Keys that are put together by hand, in the encoding of the attributes.

use std::fmt::Display;

use serde::Serialize;

use super::buf::KeyBuf;
use super::named::Key;
use super::tenant::TenantPrefix;
use crate::base::{Error, Pattern};

/// Puts a [`Key`] together; see there. What stands in front (tenant, prefix, model or function) may be given in any order;
/// texts, values and parameters follow in the order in which they are given, and the version comes last.
#[derive(Clone, Debug, Default)]
#[must_use = "a builder makes a key by `build`"]
pub struct KeyBuilder {
    tenant: Option<String>,
    prefix: Option<String>,
    model: Option<String>,
    operation: Option<String>,
    function: Option<String>,
    parts: KeyBuf,
    /// Whether a value was given and no separator after it.
    open: bool,
    /// Whether a value is the first of the parts.
    value_first: bool,
    version: Option<String>,
    /// The first mistake.
    wrong: Option<Error>,
}

impl KeyBuilder {
    /// The tenant whose key it is: that of [`Call::tenant`](crate::call::Call::tenant) and [`Cache::tenant`](crate::engine::Cache::tenant).
    pub fn tenant(mut self, name: &str) -> Self {
        self.tenant = Some(name.to_owned());
        self
    }

    /// `key_prefix`. A `:` is added unless the text ends in `:` or `/`.
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.check("prefix", prefix);
        let separator = if prefix.ends_with([':', '/']) { "" } else { ":" };
        self.prefix = Some(format!("{prefix}{separator}"));
        self
    }

    /// The model: letters, digits, `-._~@+`.
    pub fn model(mut self, model: &str) -> Self {
        self.check_name("model", model);
        self.model = Some(model.to_owned());
        self
    }

    /// The operation of the model: letters, digits, `-._~@+`.
    pub fn operation(mut self, operation: &str) -> Self {
        self.check_name("operation", operation);
        self.operation = Some(operation.to_owned());
        self
    }

    /// The path of a function with an automatic key, with its crate: `shop::users::get_user`.
    ///
    /// The keys of methods, and of functions in functions, hold more than that, which only the compiler can tell:
    /// give these a `model` and an `op`, or a `key`.
    pub fn function(mut self, path: &str) -> Self {
        self.check("function", path);
        self.function = Some(path.to_owned());
        self
    }

    /// The type that a function with `model`, or with an automatic key, is generic over, or whose method it is:
    /// `<shop::Shop>`. It stands before the parameters.
    /// Of two types with the same name, which functions' bodies may have, only one can be in keys.
    pub fn of<T: ?Sized>(mut self) -> Self {
        self.parts.generic::<T>();
        if let Some(error) = self.parts.refused() {
            self.wrong.get_or_insert(Error::clone(error));
        }
        self
    }

    /// One argument of a function with `model` or an automatic key, by its `Serialize`. It must be of the argument's own
    /// type: `7u8` and `7u64` are written alike, but a text is not written like a number.
    pub fn param<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        if let Err(error) = self.parts.try_arg(value) {
            self.refuse(
                "param",
                format!("serde can't write it: {error}; take a part of it that it can"),
            );
        }
        self
    }

    /// Text of your own, such as that of a template between its placeholders. It is taken as it is: text from outside
    /// is a [`value`](Self::value).
    pub fn text(mut self, text: &str) -> Self {
        self.check("text", text);
        // An argument's text has `%` for what it escapes.
        self.open &= !text.chars().any(|c| !is_plain(c) && c != '%');
        self.parts.literal(text);
        self
    }

    /// A placeholder of a template: what `Display` writes, escaped. Between two of them there must be a separator such as `:`.
    pub fn value<T: Display>(mut self, value: T) -> Self {
        if self.open {
            self.refuse("value", "two values run into each other: put `.text(\":\")` between them");
        }
        self.open = true;
        self.value_first |= self.parts.is_empty();
        self.parts.display(&value);
        self
    }

    /// `version`: a number or a text.
    pub fn version<T: Display>(mut self, version: T) -> Self {
        let version = version.to_string();
        self.check("version", &version);
        self.version = Some(version);
        self
    }

    /// The key. One of more than 256 bytes is cut, and ends in a hash of the whole, as those of the attributes do.
    ///
    /// # Errors
    /// [`Error::Config`], naming the part that can't be.
    pub fn build(mut self) -> Result<Key, Error> {
        if self.model.is_some() && self.operation.is_none() {
            let message = "an entry of a model is told from others by its operation: add `operation(\"get\")`";
            self.refuse("model", message);
        }
        let tenant = self.tenant.take().map(|name| TenantPrefix::of(&name)).transpose()?;
        let version = self.version.take();
        let tags = self.model.as_ref().zip(self.operation.as_ref());
        // Those of a function with `model` and `op`. Names of models need no escape.
        let tags = tags.map(|(model, op)| format!("model:{model}\nmodel:{model}:{op}"));
        let mut key = self.head()?;
        if let Some(version) = version {
            key.literal("#");
            key.literal(&version);
        }
        if key.is_empty() {
            return Err(Error::config("key", "it is empty: every entry needs a name"));
        }
        key.seal();
        if let Some(tags) = tags {
            key = key.with_tags(&tags);
        }
        Ok(Key::of(match tenant {
            Some(tenant) => tenant.key(key),
            None => key,
        }))
    }

    /// All keys that begin with what was given, of whatever version: all of a model, all of an operation, all with the
    /// first parameter.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Error, Key};
    /// # fn main() -> Result<(), Error> {
    /// let users = Key::builder().model("user").pattern()?;
    /// assert!(users.matches("user:page:blue,3,"));
    /// assert_eq!(users.to_string(), "user:*");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`], naming the part that can't be.
    pub fn pattern(mut self) -> Result<Pattern, Error> {
        let tenant = self.tenant.take().map(|name| TenantPrefix::of(&name)).transpose()?;
        let pattern = Pattern::prefix(self.head()?.as_str());
        Ok(tenant.map_or(pattern.clone(), |tenant| tenant.pattern(&pattern)))
    }

    /// What stands in front of the version.
    fn head(mut self) -> Result<KeyBuf, Error> {
        match (&self.model, &self.operation, &self.function) {
            (None, Some(_), _) => {
                self.refuse("operation", "it is an operation of a model: add `model(\"user\")`");
            }
            (Some(_), _, Some(_)) => {
                let message = "a key is a model's or a function's: remove `model` or `function`";
                self.refuse("function", message);
            }
            _ => {}
        }
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let mut head = KeyBuf::new();
        head.literal(self.prefix.as_deref().unwrap_or_default());
        for name in [self.model, self.operation, self.function].into_iter().flatten() {
            head.literal(&name);
            head.literal(":");
        }
        if head.is_empty() && self.value_first {
            self.parts.guard_head();
        }
        head.literal(self.parts.as_str());
        Ok(head)
    }

    fn refuse(&mut self, part: &'static str, message: impl Into<String>) {
        self.wrong.get_or_insert_with(|| Error::config(part, message));
    }

    /// Text of a programmer's: what would be taken for a pattern is a mistake.
    fn check(&mut self, part: &'static str, text: &str) {
        if text.is_empty() {
            return self.refuse(part, "it is empty: leave it out, or write a text");
        }
        let reserved = |c: &char| c.is_control() || matches!(c, '*' | '?' | '[' | ']' | '\\');
        if let Some(c) = text.chars().find(reserved) {
            let c = c.escape_debug();
            let message = format!(
                "`{c}` is reserved in keys: use another character such as `:`, or `value` for text from outside"
            );
            self.refuse(part, message);
        }
    }

    fn check_name(&mut self, part: &'static str, name: &str) {
        if name.is_empty() {
            return self.refuse(part, "it is empty: write a name such as `user`");
        }
        if let Some(c) = name.chars().find(|c| !is_plain(*c)) {
            let c = c.escape_debug();
            let message = format!(
                "it is a name, and `{c}` is none of its characters: use letters, digits and `-._~@+`"
            );
            self.refuse(part, message);
        }
    }
}

/// Whether a character stays as it is in an argument's text.
fn is_plain(c: char) -> bool {
    !c.is_ascii() || c.is_ascii_alphanumeric() || "-._~@+".contains(c)
}
