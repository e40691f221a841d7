//! The whole way of a value to the remote tier and back: encoding, compression, seal.

use std::any::Any;
use std::borrow::Cow;

use super::Coder;
use super::coder::Encoded;
use super::compression::{self, Compression, unpack};
use super::envelope::{Envelope, Form, WrittenAs};
use super::format::{self, Codec};
use super::seal::{Place, Seal};
use crate::base::Error;
use crate::entry::{EntryHeader, Stored};

/// How many bytes a stored value may have in addition to the encoded value: for its header, which contains
/// the tags.
const BESIDE: usize = 64 << 10;

/// How one cache writes values.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) codec: Codec,
    pub(crate) compression: Compression,
    pub(crate) seal: Seal,
    /// The maximum size of an encoded value, in bytes.
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

/// Why bytes of the remote tier are not a value of the requested type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// They are intact, but of another schema.
    Schema,
    /// Any other reason: damaged, misplaced, or not readable here.
    Damaged,
}

/// An intact stored value of the requested type, not yet decoded.
pub(crate) struct Opened<'a> {
    pub(crate) envelope: Envelope,
    contents: Cow<'a, [u8]>,
    /// Where in the contents the payload begins.
    payload: usize,
    pub(super) form: Form,
    coder: Coder,
}

impl Wire {
    /// Makes the bytes to store.
    pub(crate) fn write(
        &self,
        coder: Coder,
        (namespace, key): (&str, &str),
        envelope: &Envelope,
        value: &dyn Any,
    ) -> Result<Vec<u8>, String> {
        let Encoded { codec, fingerprint, bytes: payload } = coder.encode(value, self.codec)?;
        let length = payload.len();
        if length > self.limit {
            let limit = self.limit;
            return Err(format!("it has {length} bytes, and `max_value_bytes` is {limit}"));
        }
        let (compression, payload) = self.compression.pack(payload);
        let form = Form { codec, fingerprint, compression, length: length as u64 };
        let head = postcard::to_stdvec(&(form, envelope)).map_err(|error| error.to_string())?;
        let sealed = self.seal.close(Place { namespace, key }, [&head, &payload])?;
        match sealed.len() > self.most() {
            true => Err(format!("its tags take more than {BESIDE} bytes")),
            false => Ok(sealed),
        }
    }

    /// The maximum size of a stored value, in bytes: readers accept no more.
    pub(crate) fn most(&self) -> usize {
        self.limit.saturating_add(BESIDE)
    }

    /// The header of a value of any type; `None` if the value is damaged or at the wrong place.
    pub(crate) fn envelope(&self, place: (&str, &str), bytes: &[u8]) -> Option<Envelope> {
        self.header(place, bytes).map(|(_, envelope)| envelope)
    }

    /// The same, with the way in which the value is written.
    pub(crate) fn describe(
        &self,
        place: (&str, &str),
        bytes: &[u8],
    ) -> Option<(WrittenAs, Envelope)> {
        let (form, envelope) = self.header(place, bytes)?;
        let written = WrittenAs {
            codec: format::name(form.codec),
            compression: compression::name(form.compression),
            value_bytes: form.length,
            fingerprint: form.fingerprint,
        };
        Some((written, envelope))
    }

    fn header(&self, (namespace, key): (&str, &str), bytes: &[u8]) -> Option<(Form, Envelope)> {
        let contents = self.seal.open(Place { namespace, key }, bytes)?;
        head(&contents).map(|(header, _)| header)
    }

    /// The same value with another header; `None` if [`envelope`](Self::envelope) returns `None`.
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
        self.seal.close(place, [&head, contents.get(payload..)?]).ok()
    }

    /// Opens a stored value. An error if it is damaged, at the wrong place, of another type, written in a way
    /// that is not compiled in, or too long.
    pub(crate) fn open<'a>(
        &self,
        coder: Coder,
        (namespace, key): (&str, &str),
        bytes: &'a [u8],
    ) -> Result<Opened<'a>, Foreign> {
        let contents = self.seal.open(Place { namespace, key }, bytes).ok_or(Foreign::Damaged)?;
        let ((form, envelope), payload) = head(&contents).ok_or(Foreign::Damaged)?;
        coder.accepts(form.codec, form.fingerprint)?;
        if !usize::try_from(form.length).is_ok_and(|length| length <= self.limit) {
            return Err(Foreign::Damaged);
        }
        Ok(Opened { envelope, contents, payload, form, coder })
    }
}

/// The header of a payload, and the position at which the payload begins.
fn head(contents: &[u8]) -> Option<((Form, Envelope), usize)> {
    let (head, rest) = postcard::take_from_bytes::<(Form, Envelope)>(contents).ok()?;
    Some((head, contents.len() - rest.len()))
}

impl Opened<'_> {
    /// Decodes the entry; `None` if the payload does not match its header.
    pub(crate) fn decode(self, frame: EntryHeader) -> Option<Stored> {
        self.coder.decode(&self.payload()?, self.form.codec, frame)
    }

    pub(super) fn payload(&self) -> Option<Cow<'_, [u8]>> {
        let packed = self.contents.get(self.payload..)?;
        unpack(self.form.compression, packed, usize::try_from(self.form.length).ok()?)
    }
}
