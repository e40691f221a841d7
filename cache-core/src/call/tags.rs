//! The tags of one call.

use crate::key::KeyBuf;

/// The tags of one call beyond the policy's.
#[derive(Clone, Debug, Default)]
pub struct Tags(KeyBuf);

impl Tags {
    /// None.
    #[inline]
    pub fn new() -> Self {
        Self(KeyBuf::new())
    }

    /// Begins the next tag.
    pub fn begin(&mut self) {
        if !self.0.is_empty() {
            // Control characters are escaped in arguments, and refused in templates.
            self.0.literal("\n");
        }
    }

    /// Where the tag is written.
    pub fn text(&mut self) -> &mut KeyBuf {
        &mut self.0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.as_str().split('\n').filter(|tag| !tag.is_empty())
    }
}
