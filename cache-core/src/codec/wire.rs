//! A value's whole way to the remote tier and back: encoded, compressed, sealed.

use std::any::Any;
use std::borrow::Cow;

use super::compression::{Compression, unpack};
use super::envelope::{Envelope, Form};
use super::format::Codec;
use super::seal::{Place, Seal};
use super::{Coder, EntryHeader};
use crate::base::Error;
use crate::entry::Stored;

/// So many bytes a stored value may have beside the encoded one: for its header, which holds the tags.
const BESIDE: usize = 64 << 10;

/// How one cache writes values.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) codec: Codec,
    pub(crate) compression: Compression,
    pub(crate) seal: Seal,
    /// The most bytes that an encoded value may have.
    pub(crate) limit: usize,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            codec: Codec::default(),
            compression: Compression::none(),
            seal: Seal::default(),
            limit: 64 << 20,
        }
    }
}

impl Wire {
    pub(crate) fn check_limit(&self) -> Result<(), Error> {
        if self.limit == 0 {
            let message = "found zero; wanted 1 byte at least; use `#[cached(local)]` for values that stay in this process";
            return Err(Error::config("max_value_bytes", message));
        }
        Ok(())
    }
}

/// Why bytes of the remote tier are no value of the type asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// They are whole, and of another schema.
    Schema,
    /// Anything else: broken, misplaced, not readable here.
    Damaged,
}

/// A stored value that is whole, and of the type asked for. It is not decoded yet.
pub(crate) struct Opened<'a> {
    pub(crate) envelope: Envelope,
    contents: Cow<'a, [u8]>,
    /// Where in the contents the payload begins.
    payload: usize,
    form: Form,
    pub(super) codec: Codec,
    coder: Coder,
}

impl Wire {
    /// The bytes to store.
    pub(crate) fn write(
        &self,
        coder: Coder,
        (namespace, key): (&str, &str),
        envelope: &Envelope,
        value: &dyn Any,
    ) -> Result<Vec<u8>, String> {
        let (codec, payload) = (coder.0.encode)(value, self.codec)?;
        let length = payload.len();
        if length > self.limit {
            let limit = self.limit;
            return Err(format!("it has {length} bytes, and `max_value_bytes` is {limit}"));
        }
        let (compression, payload) = self.compression.pack(payload);
        let form = Form {
            codec: codec.id(),
            fingerprint: (coder.0.fingerprint)(codec),
            compression,
            length: length as u64,
        };
        let head = postcard::to_stdvec(&(form, envelope)).map_err(|error| error.to_string())?;
        let sealed = self.seal.close(Place { namespace, key }, &[head, payload].concat())?;
        match sealed.len() > self.most() {
            true => Err(format!("its tags take more than {BESIDE} bytes")),
            false => Ok(sealed),
        }
    }

    /// The most bytes that a stored value may have: readers take no more.
    pub(crate) fn most(&self) -> usize {
        self.limit.saturating_add(BESIDE)
    }

    /// What stands in front of a value, of whatever type that is; `None` if it is damaged or lies at the wrong
    /// place.
    pub(crate) fn envelope(
        &self,
        (namespace, key): (&str, &str),
        bytes: &[u8],
    ) -> Option<Envelope> {
        let contents = self.seal.open(Place { namespace, key }, bytes)?;
        head(&contents).map(|((_, envelope), _)| envelope)
    }

    /// The same value with another envelope; `None` where [`envelope`](Self::envelope) is.
    pub(crate) fn with_envelope(
        &self,
        (namespace, key): (&str, &str),
        bytes: &[u8],
        envelope: &Envelope,
    ) -> Option<Vec<u8>> {
        let place = Place { namespace, key };
        let contents = self.seal.open(place, bytes)?;
        let ((form, _), payload) = head(&contents)?;
        let head = postcard::to_stdvec(&(form, envelope)).ok()?;
        self.seal.close(place, &[&head, contents.get(payload..)?].concat()).ok()
    }

    /// What is stored in `bytes`; an error if it is damaged, lies at the wrong place, is another type's, was
    /// written in a way that is not compiled in, or is too long.
    pub(crate) fn open<'a>(
        &self,
        coder: Coder,
        (namespace, key): (&str, &str),
        bytes: &'a [u8],
    ) -> Result<Opened<'a>, Foreign> {
        let contents = self.seal.open(Place { namespace, key }, bytes).ok_or(Foreign::Damaged)?;
        let ((form, envelope), payload) = head(&contents).ok_or(Foreign::Damaged)?;
        let codec = Codec::of_id(form.codec).ok_or(Foreign::Damaged)?;
        if form.fingerprint != (coder.0.fingerprint)(codec) {
            return Err(Foreign::Schema);
        }
        if !usize::try_from(form.length).is_ok_and(|length| length <= self.limit) {
            return Err(Foreign::Damaged);
        }
        Ok(Opened { envelope, contents, payload, form, codec, coder })
    }
}

/// What stands in front of a payload, and where that begins.
fn head(contents: &[u8]) -> Option<((Form, Envelope), usize)> {
    let (head, rest) = postcard::take_from_bytes::<(Form, Envelope)>(contents).ok()?;
    Some((head, contents.len() - rest.len()))
}

impl Opened<'_> {
    /// The entry; `None` if the payload is not what its header says.
    pub(crate) fn decode(self, frame: EntryHeader) -> Option<Stored> {
        (self.coder.0.decode)(&self.payload()?, self.codec, frame)
    }

    pub(super) fn payload(&self) -> Option<Cow<'_, [u8]>> {
        let packed = self.contents.get(self.payload..)?;
        unpack(self.form.compression, packed, usize::try_from(self.form.length).ok()?)
    }
}
