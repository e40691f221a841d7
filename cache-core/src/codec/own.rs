//! Formats of the user's own, for types without serde, or whose bytes another program or library determines.

use std::any::{Any, TypeId, type_name};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::hash::Hasher;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use siphasher::sip::SipHasher13;

use super::check::Refused;
use super::coder::{Coder, Encoded, READS_BACK, Way, of_type};
use super::format::{LOST, is_same};
use crate::base::CacheValue;
use crate::entry::{Value, ValueType};

/// The number of all formats of users in the header. Never reuse it for a codec.
pub(super) const OWN: u8 = 255;

/// The error of a [`ValueCodec`]: any error, also a text (`Err("..".into())`).
pub type CodecError = Box<dyn std::error::Error + Send + Sync>;

/// A format for values of type `V` in the remote tier: `#[cached(codec = MyFormat)]`, or
/// [`CacheEntry::codec`](crate::CacheEntry::codec) by hand. The value needs no serde.
///
/// ```
/// # use cache_core::facade as larder;
/// use larder::codec::{CodecError, ValueCodec};
///
/// #[derive(Clone, PartialEq, Debug)]
/// struct Point { x: i32, y: i32 }
///
/// struct Text;
///
/// impl ValueCodec<Point> for Text {
///     const NAME: &'static str = "x,y";
///
///     fn encode(value: &Point) -> Result<Vec<u8>, CodecError> {
///         Ok(format!("{},{}", value.x, value.y).into_bytes())
///     }
///
///     fn decode(bytes: &[u8]) -> Result<Point, CodecError> {
///         let (x, y) = std::str::from_utf8(bytes)?.split_once(',').ok_or("no comma")?;
///         Ok(Point { x: x.parse()?, y: y.parse()? })
///     }
/// }
///
/// let point = Point { x: 1, y: -2 };
/// assert_eq!(Text::decode(&Text::encode(&point).unwrap()).unwrap(), point);
/// ```
///
/// larder still compresses, seals or encrypts the bytes, bounds their length (`max_value_bytes`), and stores them with the
/// value's lifetime and tags. What the formats of larder do in addition is left to this one: it has to notice bytes of
/// a former layout (by a new [`NAME`](Self::NAME)), and to trust no lengths in bytes that somebody else may have written.
///
/// [`Codec`](crate::Codec) is the choice among larder's own formats. As types of this trait they are `Json` (with the
/// feature `json`), [`MessagePack`](super::MessagePack) and [`Postcard`](super::Postcard).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no format for `{V}`",
    label = "the trait `ValueCodec<{V}>` is missing here",
    note = "implement `larder::codec::ValueCodec<{V}>` for it; `larder::codec::Optional<C>` lifts a format `C` of `T` to `Option<T>`; and \
            larder's own formats (`codec = json`) need `serde::Serialize` and `serde::Deserialize`"
)]
pub trait ValueCodec<V: CacheValue>: 'static {
    /// The name of the format. Change it (`"protobuf 2"`) when you change the bytes: values that were stored under another name
    /// are counted misses ([`Stats::foreign`](crate::Stats)).
    const NAME: &'static str;

    /// What distinguishes values of `V` from values of other types in this format. Values with another text are counted misses.
    ///
    /// Default: the paths of the type and of the format. Return a text of your own if programs share entries and the paths differ
    /// in each of them.
    fn schema() -> Cow<'static, str> {
        format!("{} {}", type_name::<V>(), type_name::<Self>()).into()
    }

    /// Encodes a value.
    ///
    /// # Errors
    /// The value has no representation. It is then not stored in the remote tier: `insert` returns
    /// [`Error::Encode`](crate::Error); a cached function returns the value, and counts it in
    /// [`Stats::refused`](crate::Stats).
    fn encode(value: &V) -> Result<Vec<u8>, CodecError>;

    /// Decodes exactly one value.
    ///
    /// # Errors
    /// The bytes are no value. The read is then a counted miss, and so it is after a panic.
    fn decode(bytes: &[u8]) -> Result<V, CodecError>;

    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn coder() -> Coder {
        Coder::by(const { &Way::Own(Own::of::<Self, V>()) })
    }
}

/// A format of `Option<T>`, made of a format of `T`: for functions that also cache that there is no value.
///
/// ```ignore
/// #[cached(key = "user:{id}", codec = Optional<Protobuf>)]
/// async fn find_user(id: u64) -> Result<Option<User>, Error> { .. }
/// ```
pub struct Optional<C>(PhantomData<C>);

impl<C> std::fmt::Debug for Optional<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Optional")
    }
}

impl<T: CacheValue, C: ValueCodec<T>> ValueCodec<Option<T>> for Optional<C> {
    const NAME: &'static str = C::NAME;

    fn schema() -> Cow<'static, str> {
        format!("Option<{}>", C::schema()).into()
    }

    /// 0, or 1 and the bytes of the value.
    fn encode(value: &Option<T>) -> Result<Vec<u8>, CodecError> {
        let Some(value) = value else {
            return Ok(vec![0]);
        };
        let mut bytes = C::encode(value)?;
        bytes.insert(0, 1);
        Ok(bytes)
    }

    fn decode(bytes: &[u8]) -> Result<Option<T>, CodecError> {
        match bytes {
            [0] => Ok(None),
            [1, value @ ..] => Ok(Some(C::decode(value)?)),
            _ => Err("neither `None` nor `Some`".into()),
        }
    }
}

/// A format with its type, erased.
pub(super) struct Own {
    kind: fn() -> ValueType,
    name: &'static str,
    schema: fn() -> Cow<'static, str>,
    write: fn(&dyn Any) -> Result<Vec<u8>, Refused>,
    read: fn(&[u8]) -> Option<Box<dyn Value>>,
}

impl Own {
    pub(super) const fn of<C: ValueCodec<V> + ?Sized, V: CacheValue>() -> Self {
        Self {
            kind: ValueType::of::<V>,
            name: C::NAME,
            schema: C::schema,
            write: |value| C::encode(of_type::<V>(value)?).map_err(Refused::theirs),
            read: |bytes| {
                let value = C::decode(bytes).ok()?;
                Some(Box::new(value))
            },
        }
    }

    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(0x6c61_7264_6572, 2);
        for part in [self.name, &(self.schema)()] {
            hasher.write_u64(part.len() as u64);
            hasher.write(part.as_bytes());
        }
        hasher.finish()
    }

    pub(super) fn read(&self, bytes: &[u8]) -> Option<Box<dyn Value>> {
        (self.read)(bytes)
    }

    pub(super) fn encode(&self, value: &dyn Any) -> Result<Encoded, String> {
        match self.write(value) {
            Ok(bytes) => Ok(Encoded { codec: OWN, fingerprint: self.fingerprint(), bytes }),
            Err(refused) => {
                self.refused(&refused);
                Err(format!("its format \"{}\": {refused}", self.name))
            }
        }
    }

    pub(super) fn panicked(&self) -> String {
        format!("its format \"{}\" panicked", self.name)
    }

    fn write(&self, value: &dyn Any) -> Result<Vec<u8>, Refused> {
        let bytes = (self.write)(value)?;
        match !READS_BACK || self.reads_back(&bytes) {
            true => Ok(bytes),
            false => Err(Refused::new(LOST)),
        }
    }

    /// Whether the value that is read from `bytes` is written as the same bytes.
    fn reads_back(&self, bytes: &[u8]) -> bool {
        let read = || (self.write)(&*self.read(bytes)?).ok();
        let again = catch_unwind(AssertUnwindSafe(read)).ok().flatten();
        again.is_some_and(|again| is_same(again, bytes))
    }

    /// Reports an intact entry that could not be read. Once per type, because it may be every entry.
    pub(super) fn misread(&self) {
        if self.is_news("misread") {
            let (value, name) = ((self.kind)().name, self.name);
            tracing::warn!(
                target: "larder::codec",
                "larder: an entry of `{value}` could not be read back by its format \"{name}\"; if the format has changed, \
                 change its `NAME`"
            );
        }
    }

    fn refused(&self, why: &Refused) {
        if self.is_news("refused") {
            let (value, name, why) = ((self.kind)().name, self.name, why.discreet());
            tracing::warn!(
                target: "larder::codec",
                "larder: a value of `{value}` can't be stored in the remote tier by its format \"{name}\" ({why})"
            );
        }
    }

    /// Whether the message is the first one of its kind about the type in this format.
    fn is_news(&self, message: &'static str) -> bool {
        static SAID: Mutex<BTreeSet<(TypeId, &str, &str)>> = Mutex::new(BTreeSet::new());
        let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
        said.insert(((self.kind)().id, self.name, message))
    }
}
