//! The tags that an entry carries or a reader declares.
//!
//! | file | content |
//! | --- | --- |
//! | `generation` | a number for each tag and for the whole cache; an entry is valid while the numbers of its load are current |
//! | `snapshot` | the numbers that an entry saw |
//! | `trust` | how long a generation from the remote tier counts as current |
//! | `declared` | the tags of one call |
//! | `subject` | the tags of models and events |
//! | `length` | the maximum length of a tag |
//! | `order` | the order of evictions in this process |

mod declared;
mod generation;
mod length;
mod order;
mod snapshot;
pub(crate) mod subject;
mod trust;

pub use declared::Tags;
pub(crate) use declared::{Declared, RequestTags};
pub(crate) use generation::{Generations, Relation, Strength, Validity, relation};
pub(crate) use length::bounded;
pub(crate) use order::{Evicted, tick};
pub(crate) use snapshot::TagSnapshot;
pub use subject::event_tag;
pub(crate) use subject::tag;
