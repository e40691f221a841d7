//! Implicit tags of models, of their operations, and of events.

use std::any::type_name;

use crate::key::KeyBuf;

/// `model:user` or `model:user:list`. The names are escaped, so no part runs into the next one.
pub(crate) fn tag(model: &str, op: Option<&str>) -> String {
    let mut tag = KeyBuf::from("model:");
    tag.escaped(model);
    if let Some(op) = op {
        tag.literal(":");
        tag.escaped(op);
    }
    tag.as_str().to_owned()
}

/// `event:` and the name of the type, which is the same in all processes of one program.
pub fn event_tag<E: ?Sized>() -> String {
    let mut tag = KeyBuf::from("event:");
    tag.escaped(type_name::<E>());
    tag.as_str().to_owned()
}
