//! Keys that are put together by hand, in the encoding of the attributes.

use std::fmt::{self, Display};

use serde::Serialize;

use super::{KeyBuf, TenantPrefix};
use crate::{Error, Pattern};

/// The key of an entry, as text: what is below the namespace.
///
/// It is what the attributes' functions store under, so that an entry can be named by hand, evicted, and found in the
/// store:
///
/// | function | key |
/// | --- | --- |
/// | `#[cached(model = "user", op = "page")]` with `(team: &str, page: u32)` | `.model("user").operation("page").param("blue").param(&3)` |
/// | the same as a method of `Shop`, with `skip(self)` | `.model("user").operation("page").of::<Shop>().param("blue").param(&3)` |
/// | `#[cached(key = "user:{id}")]` | `.text("user:").value(7)` |
/// | `#[cached]` on `get_user` in `shop::users` | `.function("shop::users::get_user").param(&7)` |
/// | `key_prefix = "v1"`, `version = 2`, a call for `.tenant("acme")` | `.prefix("v1")`, `.version(2)`, `.tenant("acme")` |
///
/// ```
/// # use cache_core::{Cache, Error, Key};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let key = Key::builder().model("user").operation("page").param("blue").param(&3).build()?;
/// assert_eq!(key.to_string(), "user:page:blue,3,");
/// // What `redis-cli GET` and `redis-cli DEL` take, where the cache's namespace is `shop`.
/// assert_eq!(key.in_namespace("shop"), "shop:user:page:blue,3,");
///
/// let cache = Cache::builder().build()?;
/// cache.insert(&key, vec![7u64, 8]).await?;
/// assert!(cache.remove("user:page:blue,3,").await?);
/// # Ok(())
/// # }
/// ```
///
/// (`redis-cli DEL` takes the value from Redis, and memory tiers keep theirs: `larder` publishes what it evicts. With
/// tracking of what others write, memory follows that, too.)
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// Begins a key.
    pub fn builder() -> KeyBuilder {
        KeyBuilder::default()
    }

    /// One that is written already.
    pub(crate) fn of(key: KeyBuf) -> Self {
        Self(key.as_str().to_owned())
    }

    /// The text, as [`Cache::keys`](crate::Cache::keys) lists it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key in the remote tier of a cache with this namespace.
    pub fn in_namespace(&self, namespace: &str) -> String {
        format!("{namespace}:{self}")
    }

    /// Text from outside, as a part of a key that is written by hand: it can hold no separator, wildcard or brace
    /// then, and two different texts stay different. Letters, digits, `-._~@+` and what is beyond ASCII stay;
    /// everything else becomes `%XX`. It is what templates do to their placeholders.
    ///
    /// ```
    /// # use cache_core::Key;
    /// let user = "ada:admin*";
    /// assert_eq!(format!("user:{}", Key::escape(user)), "user:ada%3Aadmin%2A");
    /// ```
    pub fn escape(text: &str) -> String {
        let mut escaped = KeyBuf::new();
        escaped.escaped(text);
        escaped.as_str().to_owned()
    }
}

impl Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<Key> for KeyBuf {
    fn from(key: Key) -> Self {
        Self::from(key.0)
    }
}

impl From<&Key> for KeyBuf {
    fn from(key: &Key) -> Self {
        Self::from(&key.0)
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

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
    version: Option<String>,
    /// The first mistake.
    wrong: Option<Error>,
}

impl KeyBuilder {
    /// The tenant whose key it is: that of [`Call::tenant`](crate::Call::tenant) and [`Cache::tenant`](crate::Cache::tenant).
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
    pub fn of<T: ?Sized>(mut self) -> Self {
        self.parts.generic::<T>();
        self
    }

    /// One argument of a function with `model` or an automatic key, by its `Serialize`. It must be of the argument's own
    /// type: `7u8` and `7u64` are written alike, but a text is not written like a number.
    pub fn param<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        self.parts.arg(value);
        self
    }

    /// Text of your own, such as that of a template between its placeholders. It is taken as it is: text from outside
    /// is a [`value`](Self::value).
    pub fn text(mut self, text: &str) -> Self {
        self.check("text", text);
        self.open &= !text.chars().any(is_separator);
        self.parts.literal(text);
        self
    }

    /// A placeholder of a template: what `Display` writes, escaped. Between two of them there must be a separator such as `:`.
    pub fn value<T: Display>(mut self, value: T) -> Self {
        if self.open {
            self.refuse("value", "two values run into each other: put `.text(\":\")` between them");
        }
        self.open = true;
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
        let mut key = self.head()?;
        if let Some(version) = version {
            key.literal("#");
            key.literal(&version);
        }
        if key.is_empty() {
            return Err(Error::config("key", "it is empty: every entry needs a name"));
        }
        key.seal();
        let key = tenant.map_or(key.clone(), |tenant| tenant.key(key));
        Ok(Key(key.as_str().to_owned()))
    }

    /// All keys that begin with what was given, of whatever version: all of a model, all of an operation, all with the
    /// first parameter.
    ///
    /// ```
    /// # use cache_core::{Error, Key};
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
        if let Some(c) = name.chars().find(|c| is_separator(*c)) {
            let c = c.escape_debug();
            let message = format!(
                "it is a name, and `{c}` is none of its characters: use letters, digits, `-`, `_` and `.`"
            );
            self.refuse(part, message);
        }
    }
}

/// What was escaped to this text; `None` if nothing was.
pub(crate) fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Whether a character never occurs in an argument's text.
fn is_separator(c: char) -> bool {
    c.is_ascii() && !c.is_ascii_alphanumeric() && !"-._~@+".contains(c)
}
