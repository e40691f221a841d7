//! The options for the life of a value and for its load. Each corresponds to a setter of
//! `larder::Policy`.

mod check;
mod emit;
mod read;

pub(crate) use check::no_remote_tier;

use std::time::Duration;

use proc_macro2::Ident;
use quote::ToTokens as _;
use syn::Expr;
use syn::visit::{self, Visit};

use crate::cached::owning::{borrows, bound};
use crate::errors::Errors;
use crate::options::Options;
use crate::signature::{Function, mentions_self_type, mutable_borrows, occurs};
use crate::target::mentions;
use read::Zero;

/// The texts of `stampede`, and the variants of `larder::Stampede`.
const STAMPEDES: [(&str, &str); 3] = [("fleet", "Fleet"), ("process", "Process"), ("off", "Off")];

/// The texts of `on_error`, and the variants of `larder::OnError`.
const ON_ERROR: [(&str, &str); 2] = [("bypass", "Bypass"), ("fail", "Fail")];

/// The texts of `tiers`, and the variants of `larder::Tiers`.
const TIERS: [(&str, &str); 3] = [("all", "All"), ("memory", "Memory"), ("remote", "Remote")];

/// The texts of `access`, and the variants of `larder::Access`.
const ACCESS: [(&str, &str); 3] =
    [("read_write", "ReadWrite"), ("read_only", "ReadOnly"), ("write_only", "WriteOnly")];

/// A given option.
pub(crate) struct Given<T> {
    /// The option's name, for messages.
    pub(crate) name: Ident,
    /// Its value; `None` if that is invalid (which is already recorded).
    value: Option<T>,
}

/// A time that an option gives.
pub(crate) enum Time {
    For(Duration),
    /// For `ttl`.
    Never,
    /// For `ttl`: that of the cache.
    Default,
    /// An expression that is the same for all calls, for rustc to evaluate.
    Constant(Expr),
    /// For `ttl`: an expression that is evaluated when the function is called.
    OfCall(Expr),
}

impl Time {
    /// The time, if the attribute knows it.
    fn known(&self) -> Option<Duration> {
        match self {
            Self::For(time) => Some(*time),
            _ => None,
        }
    }

    fn constant(&self) -> Option<&Expr> {
        match self {
            Self::Constant(expr) => Some(expr),
            _ => None,
        }
    }
}

/// The given options of a policy.
#[derive(Default)]
pub(crate) struct Policy {
    /// `policy = PATH`, which the other options override.
    pub(crate) base: Option<Expr>,
    /// Whether `policy` is evaluated when the function is called, because it depends on the arguments.
    of_call: bool,
    /// Whether `ttl_with` computes the time to live from the value.
    pub(crate) of_value: bool,
    ttl: Option<Given<Time>>,
    tti: Option<Given<Time>>,
    memory_ttl: Option<Given<Time>>,
    jitter: Option<Given<f64>>,
    stale: Option<Given<Time>>,
    stale_if_error: Option<Given<Time>>,
    throttle: Option<Given<Time>>,
    early_refresh: Option<Given<f64>>,
    pub(crate) refresh_every: Option<Given<Time>>,
    soft_timeout: Option<Given<Time>>,
    pub(crate) hard_timeout: Option<Given<Time>>,
    pub(crate) none_ttl: Option<Given<Time>>,
    pub(crate) err_ttl: Option<Given<Time>>,
    lease: Option<Given<Time>>,
    /// The variant of `larder::Stampede`.
    stampede: Option<Given<&'static str>>,
    /// The variant of `larder::OnError`.
    on_error: Option<Given<&'static str>>,
    /// The variant of `larder::Tiers`.
    tiers: Option<Given<&'static str>>,
    /// The variant of `larder::Access`.
    access: Option<Given<&'static str>>,
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
            memory_ttl: span("memory_ttl", none),
            stale: span("stale", window),
            stale_if_error: span("stale_if_error", window),
            throttle: span("throttle", Zero::Refused("the usual second")),
            refresh_every: span("refresh_every", window),
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
            tiers: read::tiers(options, errors),
            access: read::access(options, errors),
            of_call: false,
            of_value: false,
            base,
        }
    }

    /// Whether the load must be able to go on in the background. Only rustc knows whether a base
    /// requires that, so with a base it is done whenever it is possible. A policy that is evaluated for each
    /// call loads in the foreground.
    pub(crate) fn detaches(&self, function: &Function) -> bool {
        let can = function.is_async()
            && mutable_borrows(function).is_empty()
            && bound(function).is_empty()
            && !borrows(&function.output());
        !self.background().is_empty() || (self.base.is_some() && !self.of_call && can)
    }

    /// Whether only rustc knows if the load of a call may go on in the background, because a constant
    /// says so.
    pub(crate) fn asks_base(&self, function: &Function) -> bool {
        self.background().is_empty() && self.detaches(function)
    }

    /// Tells expressions that depend on the arguments from constants.
    pub(crate) fn sort(&mut self, function: &Function, of_value: bool) {
        self.of_value = of_value;
        let names = function.names();
        let uses = |name: &Ident, expr: &Expr| mentions(&name.to_string(), expr.to_token_stream());
        let of_call = |expr: &Expr| names.all.iter().any(|name| uses(name, expr));
        // An item in the function cannot name these.
        let of_type = |expr: &Expr| {
            mentions_self_type(expr.to_token_stream())
                || names.generics().any(|name| occurs(name, expr.to_token_stream()))
        };
        self.of_call = self.base.as_ref().is_some_and(of_call);
        if let Some(Given { value: Some(value), .. }) = &mut self.ttl
            && let Time::Constant(expr) = value
            && (of_call(expr) || of_type(expr) || calls(expr))
        {
            *value = Time::OfCall(expr.clone());
        }
    }

    /// The expression of a `ttl` that is evaluated when the function is called.
    pub(crate) fn ttl_of_call(&self) -> Option<&Expr> {
        match self.ttl.as_ref()?.value.as_ref()? {
            Time::OfCall(expr) => Some(expr),
            _ => None,
        }
    }

    /// Whether `policy` is evaluated when the function is called.
    pub(crate) fn is_of_call(&self) -> bool {
        self.of_call
    }

    /// The times, except `ttl`.
    fn times(&self) -> [(&'static str, &Option<Given<Time>>); 11] {
        [
            ("tti", &self.tti),
            ("memory_ttl", &self.memory_ttl),
            ("stale", &self.stale),
            ("stale_if_error", &self.stale_if_error),
            ("throttle", &self.throttle),
            ("refresh_every", &self.refresh_every),
            ("soft_timeout", &self.soft_timeout),
            ("hard_timeout", &self.hard_timeout),
            ("none_ttl", &self.none_ttl),
            ("err_ttl", &self.err_ttl),
            ("lease", &self.lease),
        ]
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

    /// `refresh_every`, if the load is repeated.
    pub(crate) fn repeats(&self) -> Option<&Ident> {
        asked(&self.refresh_every)
    }

    /// The options that need a load that can go on in the background.
    fn background(&self) -> Vec<&Ident> {
        let spans = [&self.stale, &self.refresh_every, &self.soft_timeout, &self.hard_timeout];
        spans.into_iter().filter_map(asked).chain(asked(&self.early_refresh)).collect()
    }
}

/// Whether `expr` calls a function that is probably not a constant one.
fn calls(expr: &Expr) -> bool {
    struct Calls(bool);
    impl<'ast> Visit<'ast> for Calls {
        fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
            let path = call.func.to_token_stream().to_string().replace(' ', "");
            let known = ["Duration::from_", "Duration::new"];
            self.0 |= !known.iter().any(|known| path.contains(known));
            visit::visit_expr_call(self, call);
        }
        fn visit_expr_method_call(&mut self, _: &'ast syn::ExprMethodCall) {
            self.0 = true;
        }
        fn visit_macro(&mut self, _: &'ast syn::Macro) {
            self.0 = true;
        }
    }
    let mut calls = Calls(false);
    calls.visit_expr(expr);
    calls.0
}

/// The name of an option that is set. Zero does not count: it only removes the setting of the base.
fn asked<T: IsZero>(given: &Option<Given<T>>) -> Option<&Ident> {
    let given = given.as_ref().filter(|given| !given.value.as_ref().is_some_and(T::is_zero))?;
    Some(&given.name)
}

trait IsZero {
    fn is_zero(&self) -> bool;
}

impl IsZero for Time {
    fn is_zero(&self) -> bool {
        self.known() == Some(Duration::ZERO)
    }
}

impl IsZero for f64 {
    fn is_zero(&self) -> bool {
        *self == 0.0
    }
}
