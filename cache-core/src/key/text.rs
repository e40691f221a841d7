//! The bytes of a key while it is written: in place for a short key, otherwise in a buffer that the thread
//! keeps for its next long key.

use std::fmt;
use std::mem::take;
use std::ops::{Deref, DerefMut, RangeInclusive};

use smallvec::SmallVec;

use crate::base::{Spares, keep, spare};

/// The number of bytes that fit in place.
const IN_PLACE: usize = 120;

/// The first capacity of a buffer, and the largest that is kept: the memory of one very long argument is
/// freed.
const CAPACITY: RangeInclusive<usize> = 512..=4096;

/// The length in place of a text that is elsewhere: past the end of the place.
const ELSEWHERE: usize = IN_PLACE + 1;

thread_local!(static BUFFERS: Spares<u8> = const { Spares::new() });

/// The bytes of a key, in one of two places.
///
/// This is no `SmallVec`, whose checks cost more than the few bytes that most calls of [`extend`](Self::extend) write.
#[derive(Clone)]
pub(crate) struct Text {
    in_place: [u8; IN_PLACE],
    /// The number of bytes in place; [`ELSEWHERE`] if they are not.
    length: usize,
    elsewhere: Vec<u8>,
}

impl Default for Text {
    fn default() -> Self {
        Self::new()
    }
}

/// A text that a call or a request holds, with less room in place.
#[derive(Default)]
pub(crate) struct ShortText<const N: usize>(SmallVec<[u8; N]>);

impl<const N: usize> ShortText<N> {
    #[inline]
    pub(super) fn of_bytes(text: &[u8]) -> Self {
        let mut short = SmallVec::new();
        if text.len() > N {
            short = SmallVec::from_vec(buffer(text.len()));
        }
        short.extend_from_slice(text);
        Self(short)
    }

    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        // Most requests have no tags, and then nothing is validated.
        if self.0.is_empty() { "" } else { std::str::from_utf8(&self.0).unwrap_or_default() }
    }
}

impl<const N: usize> Clone for ShortText<N> {
    fn clone(&self) -> Self {
        Self::of_bytes(self)
    }
}

impl<const N: usize> From<&str> for ShortText<N> {
    #[inline]
    fn from(text: &str) -> Self {
        Self::of_bytes(text.as_bytes())
    }
}

impl<const N: usize> fmt::Debug for ShortText<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl<const N: usize> Deref for ShortText<N> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> Drop for ShortText<N> {
    #[inline]
    fn drop(&mut self) {
        if self.0.spilled() {
            give_back(&mut take(&mut self.0).into_vec());
        }
    }
}

/// A buffer with room for `length` bytes.
fn buffer(length: usize) -> Vec<u8> {
    let mut buffer = spare(&BUFFERS);
    buffer.reserve(length.max(*CAPACITY.start()));
    buffer
}

/// Keeps a buffer for the thread's next long text.
fn give_back(buffer: &mut Vec<u8>) {
    if CAPACITY.contains(&buffer.capacity()) {
        keep(&BUFFERS, buffer);
    }
}

impl Text {
    #[inline]
    pub(super) const fn new() -> Self {
        Self { in_place: [0; IN_PLACE], length: 0, elsewhere: Vec::new() }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0 || self.is_elsewhere() && self.elsewhere.is_empty()
    }

    #[inline]
    fn is_elsewhere(&self) -> bool {
        self.length == ELSEWHERE
    }

    #[inline]
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        // Past the end of the place, if the text is elsewhere.
        match self.in_place.get_mut(self.length..end) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.length = end;
            }
            None => self.extend_elsewhere(bytes),
        }
    }

    #[cold]
    fn extend_elsewhere(&mut self, bytes: &[u8]) {
        if !self.is_elsewhere() {
            self.elsewhere = buffer(self.length + bytes.len());
            self.elsewhere.extend_from_slice(&self.in_place[..self.length]);
            self.length = ELSEWHERE;
        }
        self.elsewhere.extend_from_slice(bytes);
    }

    pub(super) fn insert(&mut self, at: usize, bytes: &[u8]) {
        self.extend(bytes);
        self[at..].rotate_right(bytes.len());
    }

    pub(super) fn truncate(&mut self, length: usize) {
        match self.is_elsewhere() {
            true => self.elsewhere.truncate(length),
            false => self.length = self.length.min(length),
        }
    }
}

impl Deref for Text {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        self.in_place.get(..self.length).unwrap_or(&self.elsewhere)
    }
}

impl DerefMut for Text {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.in_place.get_mut(..self.length).unwrap_or(&mut self.elsewhere)
    }
}

impl Drop for Text {
    #[inline]
    fn drop(&mut self) {
        if self.is_elsewhere() {
            give_back(&mut self.elsewhere);
        }
    }
}
