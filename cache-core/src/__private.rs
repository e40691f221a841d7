//! The functions and types that expansions of the attributes use. No promise of stability.

pub use crate::api::{Evictions, WriteThrough, encoded_by, put_value, tenant_of};
pub use crate::api::{Leads, leads};
pub use crate::base::{
    AbsentNever, AbsentOption, Detach, Fails, HasError, Holds, KeepsErrors, OfCache, Optional,
    Probe, RefusalError, RefusalNever, Shape, ShapePlain, ShapeResult, ShapeShared, SharedFailure,
    Tells, TimeoutError, TimeoutNever, TimesOut, absent, detached, error_of, keeps_errors, lent,
    output_probe, refuses, times_out, value_probe,
};
pub use crate::call::{
    Background, Directed, Fetch, Known, Load, awaited, ttl, wait, wait_blocking,
};
pub use crate::call::{
    Described, Lead, LeadDisplay, LeadExact, LeadSerialize, LeadSkipped, LeadUnwritten, Parameters,
    Returned, lead_texts,
};
pub use crate::call::{
    Each, FetchEach, Ids, KeyOf, LoadEach, Pairs, Repeat, again, asked, found, repeats,
};
pub use crate::call::{EvictTarget, PutProbe, PutTarget, Puts, PutsSame, PutsSome, put_same};
pub use crate::call::{Previous, Rules};
#[cfg(feature = "json")]
pub use crate::codec::Json;
pub use crate::codec::{MessagePack, Postcard, local, remote};
pub use crate::engine::{HasCell, cell_of};
pub use crate::engine::{Judge, Terms};
pub use crate::engine::{LeadTexts, Site};
pub use crate::key::{Field, KeyBuf, KeyPart, Part, Place, PushDisplay, PushExact};
pub use crate::tags::Tags;
pub use crate::tags::event_tag;

pub mod options;

/// Not used by expansions: compiler messages name these, and need a path through `larder`, or they would name
/// another crate.
mod named {
    pub use crate::base::{AnyResult, ErasedResult, Plain, SharedResult};
    pub use crate::call::{Asked, Found, NeverCopied, NoSuchParameter, PutSame, PutSome};
    pub use crate::key::{KeyDisplay, KeyText, TenantText};
}
pub use named::*;

use crate::base::{IntoTtl, Policy, PolicyError};

/// Gives an async block its output type: `if false { return typed::<T>(); }`. Never runs.
#[cold]
pub fn typed<T>() -> T {
    unreachable!("only named for its type")
}

/// Checks a constant tag.
///
/// # Panics
/// If it is empty or has a control character; at compile time only.
#[must_use]
#[track_caller]
pub const fn tag(text: &'static str) -> &'static str {
    let bytes = text.as_bytes();
    assert!(!bytes.is_empty(), "a tag is empty: write a text such as \"users\"");
    let mut at = 0;
    while at < bytes.len() {
        assert!(
            !bytes[at].is_ascii_control(),
            "a tag has a control character: write a text such as \"users\""
        );
        at += 1;
    }
    text
}

/// Calls a closure in `key_with` with the arguments.
pub fn text_of<A, T>(args: A, make: impl FnOnce(A) -> T) -> T {
    make(args)
}

/// Applies a function of the value, whose type rustc infers from the value.
pub fn applied<'a, V, T>(value: &'a V, function: impl FnOnce(&'a V) -> T) -> T {
    function(value)
}

/// The bound on an argument, or on a field of one, that a function of the value uses.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has to be `Clone`: a function of the value uses a copy of it, because the body may have consumed it by then",
    label = "used by `cache_if`, `unless` or `ttl_with`",
    note = "derive `Clone`, or use only a field of it, of which a copy is then made"
)]
pub trait Copied: Clone {}
impl<T: Clone> Copied for T {}

/// Copies an argument, or a field of one, for a function of the value.
pub fn copied<T: Copied>(argument: &T) -> T {
    argument.clone()
}

/// The time to live that a function of the value has computed.
pub fn ttl_of(terms: &mut Terms, ttl: impl IntoTtl) {
    terms.ttl(ttl);
}

/// The value of the option `policy`, which is evaluated when the function is called.
pub fn policy_of(policy: &Policy) -> Policy {
    *policy
}

/// The bound on an argument that is used after a body that may consume it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has to be `Clone`: this argument is used after the body, which may have consumed it",
    label = "used by `when`, or by a target that also uses `result`",
    note = "derive `Clone`, take the argument by reference, or name what is needed of it in a template (`key = \"user:{{arg.id}}:{{result.id}}\"`)"
)]
pub trait Keep: Clone {}
impl<T: Clone> Keep for T {}

/// Clones an argument for use after the body.
pub fn kept<T: Keep>(argument: &T) -> T {
    argument.clone()
}

/// Returns `policy` if it is valid. In a `static` the compiler evaluates this.
///
/// # Panics
/// With the field and the message of [`Policy::check`], at compile time only.
#[must_use]
#[track_caller]
pub const fn possible(policy: Policy) -> Policy {
    if let Err(PolicyError { field, message }) = policy.check() {
        // A constant panic takes one text.
        let (mut text, mut at) = ([0; 256], 0);
        at = append(&mut text, at, field);
        at = append(&mut text, at, ": ");
        at = append(&mut text, at, message);
        match std::str::from_utf8(text.split_at(at).0) {
            Ok(text) => panic!("{}", text),
            Err(_) => panic!("{}", field),
        }
    }
    policy
}

/// Returns `policy` if its loads need not be repeated.
///
/// # Panics
/// If it has `refresh_every`; at compile time only.
#[must_use]
#[track_caller]
pub const fn loads_once(policy: Policy) -> Policy {
    assert!(
        policy.refresh_every.is_none(),
        "refresh_every: the attribute has to have it, too, because each load needs copies of the arguments: write \
         `refresh_every = \"..\"` beside `policy`, or `refresh_every = 0` for a function that is not refreshed"
    );
    policy
}

/// The bound on an argument of a load that is repeated.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has to be `Clone`: `refresh_every` loads again and again, each time with a copy of the arguments",
    label = "used by each load",
    note = "derive `Clone`, put the value in an `Arc`, or remove `refresh_every`"
)]
pub trait Repeated: Clone {}
impl<T: Clone> Repeated for T {}

/// Copies an argument for a load that is repeated.
pub fn repeated<T: Repeated>(argument: &T) -> T {
    argument.clone()
}

/// Appends as much of `more` at `at` as fits; returns the end.
const fn append(text: &mut [u8], at: usize, more: &str) -> usize {
    let mut written = 0;
    while written < more.len() && at + written < text.len() {
        text[at + written] = more.as_bytes()[written];
        written += 1;
    }
    at + written
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    #[should_panic(
        expected = "stale: is a window after the ttl; give a `ttl` too, or `default_ttl()`"
    )]
    fn an_invalid_policy_is_reported_by_field_and_message() {
        let _ = possible(Policy::new().stale(Duration::from_secs(1)));
    }

    #[test]
    fn a_valid_policy_is_unchanged() {
        assert_eq!(possible(Policy::new()), Policy::new());
    }

    #[test]
    fn text_that_does_not_fit_is_cut_off() {
        let mut text = [0; 4];
        let at = append(&mut text, 0, "abc");
        assert_eq!((append(&mut text, at, "def"), &text), (4, b"abcd"));
    }
}
