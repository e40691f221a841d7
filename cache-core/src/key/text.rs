//! The bytes of a key while it is written: in place for a short key, otherwise in a buffer that the thread
//! keeps for its next long key.

use std::mem::take;
use std::ops::{Deref, DerefMut, RangeInclusive};

use smallvec::SmallVec;

use crate::base::{Spares, keep, spare};

/// The number of bytes that fit in place.
const IN_PLACE: usize = 120;

/// The first capacity of a buffer, and the largest that is kept: the memory of one very long argument is
/// freed.
const CAPACITY: RangeInclusive<usize> = 512..=4096;

thread_local!(static BUFFERS: Spares<u8> = const { Spares::new() });

#[derive(Clone, Default)]
pub(crate) struct Text(SmallVec<[u8; IN_PLACE]>);

/// A text that a call holds, with less room in place.
#[derive(Clone)]
pub(super) struct ShortText(SmallVec<[u8; 24]>);

impl From<&Text> for ShortText {
    #[inline]
    fn from(text: &Text) -> Self {
        let mut short = SmallVec::new();
        if text.len() > short.inline_size() {
            short = SmallVec::from_vec(buffer(text.len()));
        }
        short.extend_from_slice(text);
        Self(short)
    }
}

impl Deref for ShortText {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for ShortText {
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
    pub(super) fn new() -> Self {
        Self(SmallVec::new())
    }

    #[inline]
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        if self.0.capacity() - self.0.len() < bytes.len() {
            self.move_out();
        }
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn insert(&mut self, at: usize, bytes: &[u8]) {
        self.extend(bytes);
        self.0[at..].rotate_right(bytes.len());
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    /// Moves the bytes to a heap buffer.
    #[cold]
    fn move_out(&mut self) {
        if !self.0.spilled() {
            let mut buffer = buffer(self.0.len());
            buffer.extend_from_slice(&self.0);
            self.0 = SmallVec::from_vec(buffer);
        }
    }
}

impl Deref for Text {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Text {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Text {
    #[inline]
    fn drop(&mut self) {
        if self.0.spilled() {
            give_back(&mut take(&mut self.0).into_vec());
        }
    }
}
