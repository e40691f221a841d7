//! Maximum lengths of user-chosen text.

/// Maximum length of a key, in bytes. Longer keys are cut and end in a hash of the whole.
pub(crate) const READABLE: usize = 256;

/// How many bytes of a long key stay readable.
pub(crate) const SEALED_HEAD: usize = 180;
