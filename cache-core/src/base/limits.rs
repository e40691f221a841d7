//! Lengths of texts that users choose.

/// Keys above this are cut and closed with a hash of the whole.
pub(crate) const READABLE: usize = 256;

/// How much of a long key stays readable.
pub(crate) const SEALED_HEAD: usize = 180;
