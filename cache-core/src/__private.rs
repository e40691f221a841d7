//! All that expansions of the attributes call. Not covered by any promise of stability.

pub use crate::call::{Captures, Fetch, Load, Rules, Tags, wait};
pub use crate::codec::{local, remote};
pub use crate::invalidation::{EvictTarget, Evictions, WriteThrough};
pub use crate::key::{Field, KeyBuf, PushDisplay, PushExact};
pub use crate::site::Site;
pub use crate::value::{
    AbsentNever, AbsentOption, Holds, KeepsErrors, Optional, Probe, Shape, ShapePlain, ShapeResult,
    ShapeShared, SharedFailure, TimeoutError, TimeoutNever, TimesOut, absent, keeps_errors,
    times_out, value_probe,
};

/// Gives an async block its output type: `if false { return typed::<T>(); }`. Never runs.
#[cold]
pub fn typed<T>() -> T {
    unreachable!("only named for its type")
}
