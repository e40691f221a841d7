//! Keys as text.

use std::cmp::Ordering;
use std::fmt;
use std::fmt::Display;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::buf::KeyBuf;
use super::builder::KeyBuilder;

/// The key of an entry, as text, without the namespace.
///
/// It equals the key that an attribute's function uses, so you can name that entry, evict it, and find it in
/// the store:
///
/// | function | key |
/// | --- | --- |
/// | `#[cached(model = "user", op = "page")]` with `(team: &str, page: u32)` | `.model("user").operation("page").param("blue").param(&3)` |
/// | the same as a method of `Shop`, with `skip(self)` | `.model("user").operation("page").of::<Shop>().param("blue").param(&3)` |
/// | `#[cached(key = "user:{id}")]` | `.text("user:").value(7)` |
/// | the same in `impl<T> Repo<T>`, or with an argument that is `impl Trait` | `.text("user:").value(7).of::<Repo<User>>()`, `.of::<u64>()` |
/// | `#[cached]` on `get_user` in `shop::users` | `.function("shop::users::get_user").param(&7)` |
/// | `key_prefix = "v1"`, `version = 2`, a call for `.tenant("acme")` | `.prefix("v1")`, `.version(2)`, `.tenant("acme")` |
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error, Key};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let key = Key::builder().model("user").operation("page").param("blue").param(&3).build()?;
/// assert_eq!(key.to_string(), "user:page:blue,3,");
/// // The argument of `redis-cli GET` and `redis-cli DEL` if the cache's namespace is `shop`.
/// assert_eq!(key.in_namespace("shop"), "shop:user:page:blue,3,");
///
/// let cache = Cache::builder().build()?;
/// cache.insert(&key, vec![7u64, 8]).await?;
/// assert!(cache.remove("user:page:blue,3,").await?);
/// # Ok(())
/// # }
/// ```
///
/// (`redis-cli DEL` removes the value from Redis but not from memory tiers: only `larder` publishes its
/// evictions. If larder tracks changes by other writers, memory tiers follow such a removal, too.)
///
/// A key with a `model` or a `tenant` has the tags that functions give such entries: an entry that you insert
/// under the key carries them, and a read under the key requires them. The text alone
/// ([`as_str`](Self::as_str)) has no tags.
///
/// A text is read back by `parse`, and [`parts`](Self::parts) names its parts: `"user:page:blue,3,".parse::<Key>()?`. A
/// call of a cached function has a key, too: [`Call::cache_key`](crate::call::Call::cache_key).
#[derive(Clone)]
pub struct Key {
    text: String,
    /// The tags, separated by line breaks.
    tags: Option<Arc<str>>,
}

// The text identifies the entry; the tags follow from it, or from the function whose key it is.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.text).finish()
    }
}

impl Key {
    /// Begins a key.
    pub fn builder() -> KeyBuilder {
        KeyBuilder::default()
    }

    /// Makes a key whose entries carry these tags, separated by line breaks.
    pub(crate) fn tagged(text: &str, tags: &str) -> Self {
        let tags = (!tags.is_empty()).then(|| tags.into());
        Self { text: text.to_owned(), tags }
    }

    /// Makes a key from a written buffer.
    pub(crate) fn of(mut key: KeyBuf) -> Self {
        Self { text: key.as_str().to_owned(), tags: key.take_tags() }
    }

    /// The tags of its entries, separated by line breaks.
    pub(super) fn tags(&self) -> Option<&Arc<str>> {
        self.tags.as_ref()
    }

    /// The text, as [`Cache::keys`](crate::engine::Cache::keys) lists it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The full key in the remote tier of a cache with this namespace.
    pub fn in_namespace(&self, namespace: &str) -> String {
        format!("{namespace}:{self}")
    }

    /// Escapes text from outside, for a part of a key that you write by hand: the result contains no
    /// separator, wildcard or brace, and two different texts stay different. Letters, digits, `-._~@+` and
    /// characters beyond ASCII stay; every other character becomes `%XX`. Templates escape their placeholders
    /// the same way.
    ///
    /// A key that begins with `@` belongs to a tenant. This function keeps `@`, so put your own text before
    /// it. Templates and [`Key::builder`] escape an `@` at the start.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::Key;
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
        f.write_str(&self.text)
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.text
    }
}

/// Reverts the escape; `None` if `text` is not escaped text.
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
