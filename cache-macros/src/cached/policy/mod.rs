//! The options that say how long a value lives and how it is loaded: each is the twin of a setter of `larder::Policy`.

mod check;
mod emit;
mod read;

use std::time::Duration;

use proc_macro2::Ident;
use syn::Expr;

use crate::cached::owning::{borrows, bound};
use crate::errors::Errors;
use crate::options::Options;
use crate::signature::{Function, mutable_borrows};
use read::Zero;

/// The texts that `stampede` takes, and the variants of `larder::Stampede` that they stand for.
const STAMPEDES: [(&str, &str); 3] = [("fleet", "Fleet"), ("process", "Process"), ("off", "Off")];

/// The texts that `on_error` takes, and the variants of `larder::OnError`.
const ON_ERROR: [(&str, &str); 2] = [("bypass", "Bypass"), ("fail", "Fail")];

/// An option that was given.
pub(crate) struct Given<T> {
    /// Where, for messages.
    pub(crate) name: Ident,
    /// Its value, unless that was refused (which is recorded already).
    value: Option<T>,
}

/// Where the time to live comes from.
#[derive(Clone, Copy)]
enum Ttl {
    For(Duration),
    Never,
}

/// What was given of a policy.
#[derive(Default)]
pub(crate) struct Policy {
    /// `policy = PATH`: what the other options override.
    pub(crate) base: Option<Expr>,
    ttl: Option<Given<Ttl>>,
    tti: Option<Given<Duration>>,
    jitter: Option<Given<f64>>,
    stale: Option<Given<Duration>>,
    stale_if_error: Option<Given<Duration>>,
    throttle: Option<Given<Duration>>,
    early_refresh: Option<Given<f64>>,
    soft_timeout: Option<Given<Duration>>,
    pub(crate) hard_timeout: Option<Given<Duration>>,
    pub(crate) none_ttl: Option<Given<Duration>>,
    pub(crate) err_ttl: Option<Given<Duration>>,
    lease: Option<Given<Duration>>,
    /// The variant of `larder::Stampede`.
    stampede: Option<Given<&'static str>>,
    /// The variant of `larder::OnError`.
    on_error: Option<Given<&'static str>>,
}

impl Policy {
    /// Takes all of them from the options.
    pub(crate) fn take(options: &mut Options, errors: &mut Errors) -> Self {
        let base = read::base(options, errors);
        // Zero takes away what the base has; without one there is nothing to take away.
        let window = if base.is_some() { Zero::Allowed } else { Zero::Refused("none") };
        let none = Zero::Refused("none");
        let mut span = |name, zero| read::span(name, zero, options, errors);
        Self {
            tti: span("tti", none),
            stale: span("stale", window),
            stale_if_error: span("stale_if_error", window),
            throttle: span("throttle", Zero::Refused("the usual second")),
            soft_timeout: span("soft_timeout", none),
            hard_timeout: span("hard_timeout", none),
            none_ttl: span("none_ttl", Zero::Allowed),
            err_ttl: span("err_ttl", Zero::Refused("errors that are not cached")),
            lease: span("lease", Zero::Refused("the usual ten seconds")),
            ttl: read::ttl(options, errors),
            jitter: read::jitter(options, errors),
            early_refresh: read::early_refresh(window, options, errors),
            stampede: read::stampede(options, errors),
            on_error: read::on_error(options, errors),
            base,
        }
    }

    /// Whether the load has to be one that can go on in the background. A base may ask for that, which only the compiler
    /// knows: then it is done wherever it can be.
    pub(crate) fn detaches(&self, function: &Function) -> bool {
        let can = function.is_async()
            && mutable_borrows(function).is_empty()
            && bound(function).is_empty()
            && !borrows(&function.output());
        !self.background().is_empty() || (self.base.is_some() && can)
    }

    /// `on_error`, where it is given.
    pub(crate) fn on_error(&self) -> Option<&Ident> {
        self.on_error.as_ref().map(|given| &given.name)
    }

    /// `on_error = "fail"`.
    pub(crate) fn fails(&self) -> Option<&Ident> {
        self.on_error()
            .filter(|_| self.on_error.as_ref().and_then(|given| given.value) == Some("Fail"))
    }

    /// The options that need a load which can go on in the background.
    fn background(&self) -> Vec<&Ident> {
        let spans = [&self.stale, &self.soft_timeout, &self.hard_timeout];
        spans.into_iter().filter_map(asked).chain(asked(&self.early_refresh)).collect()
    }
}

/// The name of an option that asks for something: zero only takes away what the base has.
fn asked<T: Default + PartialEq>(given: &Option<Given<T>>) -> Option<&Ident> {
    let given = given.as_ref().filter(|given| given.value != Some(T::default()))?;
    Some(&given.name)
}
