//! The options for the life of a value and for its load. Each corresponds to a setter of
//! `larder::Policy`.

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

/// The texts of `stampede`, and the variants of `larder::Stampede`.
const STAMPEDES: [(&str, &str); 3] = [("fleet", "Fleet"), ("process", "Process"), ("off", "Off")];

/// The texts of `on_error`, and the variants of `larder::OnError`.
const ON_ERROR: [(&str, &str); 2] = [("bypass", "Bypass"), ("fail", "Fail")];

/// A given option.
pub(crate) struct Given<T> {
    /// The option's name, for messages.
    pub(crate) name: Ident,
    /// Its value; `None` if that is invalid (which is already recorded).
    value: Option<T>,
}

/// The time to live.
#[derive(Clone, Copy)]
enum Ttl {
    For(Duration),
    Never,
}

/// The given options of a policy.
#[derive(Default)]
pub(crate) struct Policy {
    /// `policy = PATH`, which the other options override.
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
    /// Takes the options.
    pub(crate) fn take(options: &mut Options, errors: &mut Errors) -> Self {
        let base = read::base(options, errors);
        // Zero removes the setting of the base; without a base there is nothing to remove.
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

    /// Whether the load must be able to go on in the background. Only rustc knows whether a base
    /// requires that, so with a base it is done whenever it is possible.
    pub(crate) fn detaches(&self, function: &Function) -> bool {
        let can = function.is_async()
            && mutable_borrows(function).is_empty()
            && bound(function).is_empty()
            && !borrows(&function.output());
        !self.background().is_empty() || (self.base.is_some() && can)
    }

    /// `on_error`, if it is given.
    pub(crate) fn on_error(&self) -> Option<&Ident> {
        self.on_error.as_ref().map(|given| &given.name)
    }

    /// `on_error = "fail"`.
    pub(crate) fn fails(&self) -> Option<&Ident> {
        self.on_error()
            .filter(|_| self.on_error.as_ref().and_then(|given| given.value) == Some("Fail"))
    }

    /// The options that need a load that can go on in the background.
    fn background(&self) -> Vec<&Ident> {
        let spans = [&self.stale, &self.soft_timeout, &self.hard_timeout];
        spans.into_iter().filter_map(asked).chain(asked(&self.early_refresh)).collect()
    }
}

/// The name of an option that is set. Zero does not count: it only removes the setting of the base.
fn asked<T: Default + PartialEq>(given: &Option<Given<T>>) -> Option<&Ident> {
    let given = given.as_ref().filter(|given| given.value != Some(T::default()))?;
    Some(&given.name)
}
