//! Builds keys by hand, in the encoding of the attributes.

use std::fmt::Display;

use serde::Serialize;

use super::buf::KeyBuf;
use super::named::Key;
use super::tenant::TenantPrefix;
use crate::base::{Error, Pattern};

/// Builds a [`Key`]; see there. Tenant, prefix, and model or function may be given in any order; texts,
/// values and parameters follow in the given order, and the version comes last.
#[derive(Clone, Debug, Default)]
#[must_use = "a builder makes a key by `build`"]
pub struct KeyBuilder {
    tenant: Option<String>,
    prefix: Option<String>,
    model: Option<String>,
    operation: Option<String>,
    function: Option<String>,
    parts: KeyBuf,
    /// Whether the last part is a value without a separator after it.
    open: bool,
    /// Whether the first of the parts is a value.
    value_first: bool,
    version: Option<String>,
    /// The first mistake in the parts.
    wrong: Option<Error>,
}

impl KeyBuilder {
    /// Sets the tenant, as in [`Call::tenant`](crate::call::Call::tenant) and
    /// [`Cache::tenant`](crate::engine::Cache::tenant).
    pub fn tenant(mut self, name: &str) -> Self {
        self.tenant = Some(name.to_owned());
        self
    }

    /// Sets `key_prefix`. A `:` is added unless the text ends in `:` or `/`.
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.check("prefix", prefix);
        let separator = if prefix.ends_with([':', '/']) { "" } else { ":" };
        self.prefix = Some(format!("{prefix}{separator}"));
        self
    }

    /// Sets the model: letters, digits, `-._~@+`.
    pub fn model(mut self, model: &str) -> Self {
        self.check_name("model", model);
        self.model = Some(model.to_owned());
        self
    }

    /// Sets the operation of the model: letters, digits, `-._~@+`.
    pub fn operation(mut self, operation: &str) -> Self {
        self.check_name("operation", operation);
        self.operation = Some(operation.to_owned());
        self
    }

    /// Sets the path of a function with an automatic key, including its crate: `shop::users::get_user`.
    ///
    /// The keys of methods, and of functions inside functions, contain more than the path, which only the
    /// compiler knows: give such a function a `model` and an `op`, or a `key`.
    pub fn function(mut self, path: &str) -> Self {
        self.check("function", path);
        self.function = Some(path.to_owned());
        self
    }

    /// Adds the type whose method a function with `model` or an automatic key is, or over which it is
    /// generic: `<shop::Shop>`. It comes before the parameters. Of two types with the same name (function
    /// bodies may declare them) only one can be in keys.
    pub fn of<T: ?Sized>(mut self) -> Self {
        self.parts.generic::<T>();
        if let Some(error) = self.parts.refused() {
            self.wrong.get_or_insert(Error::clone(error));
        }
        self
    }

    /// Adds one argument of a function with `model` or an automatic key, written by its `Serialize`. Its type
    /// must match the function's argument: `7u8` and `7u64` have the same text, but a string and a number do
    /// not.
    pub fn param<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        if let Err(error) = self.parts.try_arg(value) {
            self.refuse(
                "param",
                format!("serde can't write it: {error}; use a part of it that serde can write"),
            );
        }
        self
    }

    /// Adds text of your own, such as the text of a template between its placeholders. It is not escaped: use
    /// [`value`](Self::value) for text from outside.
    pub fn text(mut self, text: &str) -> Self {
        self.check("text", text);
        // `%` starts the escapes in an argument's text.
        self.open &= !text.chars().any(|c| !is_plain(c) && c != '%');
        self.parts.literal(text);
        self
    }

    /// Adds a placeholder of a template: its `Display` text, escaped. Two placeholders need a separator such
    /// as `:` between them.
    pub fn value<T: Display>(mut self, value: T) -> Self {
        if self.open {
            self.refuse("value", "two values run into each other: put `.text(\":\")` between them");
        }
        self.open = true;
        self.value_first |= self.parts.is_empty();
        self.parts.display(&value);
        self
    }

    /// Sets `version`: a number or a text.
    pub fn version<T: Display>(mut self, version: T) -> Self {
        let version = version.to_string();
        self.check("version", &version);
        self.version = Some(version);
        self
    }

    /// Builds the key. A key of more than 256 bytes is cut, and ends in a hash of the whole, as the
    /// attributes do it.
    ///
    /// # Errors
    /// [`Error::Config`], with the invalid part.
    pub fn build(mut self) -> Result<Key, Error> {
        if self.model.is_some() && self.operation.is_none() {
            let message = "a key of a model needs an operation: add `operation(\"get\")`";
            self.refuse("model", message);
        }
        let tenant = self.tenant.take().map(|name| TenantPrefix::of(&name)).transpose()?;
        let version = self.version.take();
        let tags = self.model.as_ref().zip(self.operation.as_ref());
        // The tags of a function with `model` and `op`. Names of models need no escape.
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

    /// Builds the pattern of all keys that begin with the given parts, of any version: all keys of a model,
    /// of an operation, or with the given first parameters.
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
    /// [`Error::Config`], with the invalid part.
    pub fn pattern(mut self) -> Result<Pattern, Error> {
        let tenant = self.tenant.take().map(|name| TenantPrefix::of(&name)).transpose()?;
        let pattern = Pattern::prefix(self.head()?.as_str());
        Ok(tenant.map_or(pattern.clone(), |tenant| tenant.pattern(&pattern)))
    }

    /// The key without its version.
    fn head(mut self) -> Result<KeyBuf, Error> {
        match (&self.model, &self.operation, &self.function) {
            (None, Some(_), _) => {
                self.refuse("operation", "it is an operation of a model: add `model(\"user\")`");
            }
            (Some(_), _, Some(_)) => {
                let message =
                    "a key has either a model or a function: remove `model` or `function`";
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

    /// Checks text of the programmer: text that looks like a pattern is a mistake.
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

/// Whether a character stays unescaped in an argument's text.
fn is_plain(c: char) -> bool {
    !c.is_ascii() || c.is_ascii_alphanumeric() || "-._~@+".contains(c)
}
