//! Values as an attacker makes them who knows the format and computes checksums: for tests and fuzzing.

use std::borrow::Cow;

use super::coder::{Serde, decoded};
use super::envelope::{Envelope, Form};
use super::format::Codec;
use super::seal::Place;
use super::wire::Wire;
use super::{RemoteValue, coder};

/// The header and payload of a forged value.
#[derive(Clone, Copy, Debug)]
pub struct Forged<'a> {
    /// The codec in the header.
    pub codec: Codec,
    /// 0: none, 1: LZ4, 2: Zstandard.
    pub compression: u8,
    /// The claimed length of the uncompressed payload.
    pub length: u64,
    /// The payload.
    pub payload: &'a [u8],
}

impl Wire {
    pub(crate) fn forge<T: RemoteValue>(
        &self,
        (namespace, key): (&str, &str),
        forged: &Forged<'_>,
    ) -> Result<Vec<u8>, String> {
        let Forged { codec, compression, length, payload } = *forged;
        let fingerprint = Serde::of::<T>(None).fingerprint(codec);
        let form = Form { codec: codec.id(), fingerprint, compression, length };
        let head = postcard::to_stdvec(&(form, forever())).map_err(|error| error.to_string())?;
        self.seal.close(Place { namespace, key }, [&head, payload])
    }

    pub(crate) fn resum(
        &self,
        (namespace, key): (&str, &str),
        contents: &[u8],
    ) -> Result<Vec<u8>, String> {
        self.seal.close(Place { namespace, key }, [contents, &[]])
    }

    pub(crate) fn read<T: RemoteValue>(&self, place: (&str, &str), bytes: &[u8]) -> Option<T> {
        let coder = coder::<T>();
        let opened = self.open(coder, place, bytes).ok()?;
        let payload: Cow<'_, [u8]> = opened.payload()?;
        decoded(Codec::of_id(opened.form.codec)?, &payload)
    }
}

fn forever() -> Envelope {
    let never = u64::MAX;
    Envelope {
        clock: 0,
        written: 0,
        age: 0,
        fresh_for: never,
        stale_for: never,
        keep_for: never,
        stored_for: never,
        idle: 0,
        cost: 0,
        space: 0,
        tags: Vec::new(),
    }
}
