//! Tags: what an entry carries and a reader declares.
//!
//! | file | idea |
//! | --- | --- |
//! | `generation` | a number for each tag and for the whole cache; an entry is valid as long as they are the ones it was loaded under |
//! | `trust` | for how long a generation that was read from the remote tier counts |
//! | `declared` | the tags of one call |
//! | `subject` | the tags of models and events |
//! | `length` | how long a tag may be |
//! | `order` | the order of evictions in this process |

mod declared;
mod generation;
mod length;
mod order;
pub(crate) mod subject;
mod trust;

pub(crate) use declared::Declared;
pub use declared::Tags;
pub(crate) use generation::{Generations, TagSnapshot, Validity};
pub(crate) use length::bounded;
pub(crate) use order::{Evicted, tick};
pub use subject::event_tag;
pub(crate) use subject::tag;
