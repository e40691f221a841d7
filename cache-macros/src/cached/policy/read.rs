//! Parses each option. A mistake is recorded at the value.

use std::time::Duration;

use syn::{Expr, ExprLit, ExprUnary, Lit, UnOp};

use super::{ACCESS, Given, ON_ERROR, STAMPEDES, TIERS, Time};
use crate::duration;
use crate::errors::{Errors, did_you_mean, nearest};
use crate::options::Options;
use crate::signature::mentions_self_type;

/// Whether a value may be zero.
#[derive(Clone, Copy)]
pub(super) enum Zero {
    Allowed,
    /// No; the text describes the effect of omitting the option.
    Refused(&'static str),
}

/// Takes `policy = PATH`.
pub(super) fn base(options: &mut Options, errors: &mut Errors) -> Option<Expr> {
    let (_, base) = options.assigned("policy", errors)?;
    if mentions_self_type(quote::ToTokens::to_token_stream(&base)) {
        let message = "`policy` is evaluated once for all types, so that it cannot name `Self`: write the type's own name, or use a \
                       constant beside it";
        errors.on(&base, message);
    }
    Some(base)
}

/// Takes the duration `name`.
pub(super) fn span(
    name: &str,
    zero: Zero,
    options: &mut Options,
    errors: &mut Errors,
) -> Option<Given<Time>> {
    take(name, options, errors, |value, errors| {
        if let Some(constant) = constant(value) {
            return Some(constant);
        }
        if let (Expr::Closure(_), Some((of_error, what))) = (value, of_error(name)) {
            errors
                .on(value, format!("`{name}` is a duration. {what} is `{of_error} = |error| ...`"));
            return None;
        }
        let read = duration::read(name, value, errors)?;
        if let (Duration::ZERO, Zero::Refused(otherwise)) = (read, zero) {
            let fix = format!("leave it out for {otherwise}");
            errors.on(value, format!("`{name}` must be longer than zero; {fix}"));
            return None;
        }
        Some(Time::For(read))
    })
}

/// The option that is a function of the error beside the duration `name`, and what it is.
fn of_error(name: &str) -> Option<(&'static str, &'static str)> {
    match name {
        "stale_if_error" => Some(("stale_if", "A condition on the error")),
        "err_ttl" => Some(("err_ttl_with", "A function of the error")),
        _ => None,
    }
}

/// An expression, which rustc evaluates.
fn constant(value: &Expr) -> Option<Time> {
    let literal = match value {
        Expr::Lit(_) | Expr::Closure(_) | Expr::Array(_) => true,
        Expr::Unary(unary) => matches!(unary.op, UnOp::Neg(_)),
        value => duration::is_number(value),
    };
    (!literal).then(|| Time::Constant(value.clone()))
}

/// The words that stand for a `ttl`.
pub(super) const WORDS: [&str; 2] = ["default", "never"];

/// Takes `ttl`: a duration, "never", or "default".
pub(super) fn ttl(options: &mut Options, errors: &mut Errors) -> Option<Given<Time>> {
    take("ttl", options, errors, |value, errors| {
        match text(value).as_deref() {
            Some("never") => return Some(Time::Never),
            Some("default") => return Some(Time::Default),
            _ => {}
        }
        if let Expr::Closure(_) = value {
            let message = "`ttl` is an expression over the arguments, written with their names: `ttl = self.ttl`. A function of the value \
                           is `ttl_with = |value| ...`";
            errors.on(value, message);
            return None;
        }
        if let Some(constant) = constant(value) {
            return Some(constant);
        }
        if let Some(word) = text(value).and_then(|text| nearest(&text, &WORDS)) {
            let message = format!("`ttl`: this is no duration; did you mean `ttl = \"{word}\"`?");
            errors.on(value, message);
            return None;
        }
        let read = duration::read("ttl", value, errors)?;
        if read.is_zero() {
            let message = "`ttl` must be longer than zero; leave it out for the cache's own, or write `\"never\"` for entries that \
                           do not expire";
            errors.on(value, message);
            return None;
        }
        Some(Time::For(read))
    })
}

/// Takes `jitter`: `0.1` or `"10%"`.
pub(super) fn jitter(options: &mut Options, errors: &mut Errors) -> Option<Given<f64>> {
    take("jitter", options, errors, |value, errors| {
        let read = number(value).or_else(|| percent(value));
        let read = read.filter(|fraction| (0.0..=1.0).contains(fraction));
        let message = "`jitter` is a fraction of the `ttl`, from 0 to 1: for a tenth write `0.1` or `\"10%\"`";
        or_refuse(read, value, message, errors)
    })
}

/// Takes `early_refresh`, alone or with its beta.
pub(super) fn early_refresh(
    zero: Zero,
    options: &mut Options,
    errors: &mut Errors,
) -> Option<Given<f64>> {
    let (name, value) = options.flag_or_assigned("early_refresh", errors)?;
    let Some(value) = value else {
        return Some(Given { name, value: Some(1.0) });
    };
    let good = |beta: &f64| *beta > 0.0 || (*beta == 0.0 && matches!(zero, Zero::Allowed));
    let read = number(&value).filter(good).filter(|beta| beta.is_finite());
    let message = "`early_refresh` takes a number above 0: write just `early_refresh` for the usual 1, more for earlier refreshes";
    let value = or_refuse(read, &value, message, errors);
    Some(Given { name, value })
}

/// Takes `stampede`.
pub(super) fn stampede(options: &mut Options, errors: &mut Errors) -> Option<Given<&'static str>> {
    let message =
        "`stampede` is `\"fleet\"`, `\"process\"` or `\"off\"`: how far one load per key reaches";
    choice("stampede", STAMPEDES, message, options, errors)
}

/// Takes `on_error`.
pub(super) fn on_error(options: &mut Options, errors: &mut Errors) -> Option<Given<&'static str>> {
    let message = "`on_error` is `\"bypass\"` (a failing cache means a load, the default) or `\"fail\"` (it is the caller's error)";
    choice("on_error", ON_ERROR, message, options, errors)
}

/// Takes `tiers`.
pub(super) fn tiers(options: &mut Options, errors: &mut Errors) -> Option<Given<&'static str>> {
    let message = "`tiers` is `\"all\"` (the default), `\"memory\"` or `\"remote\"`: the tiers that are read and filled";
    choice("tiers", TIERS, message, options, errors)
}

/// Takes `access`.
pub(super) fn access(options: &mut Options, errors: &mut Errors) -> Option<Given<&'static str>> {
    let message = "`access` is `\"read_write\"` (the default), `\"read_only\"` (store nothing) or `\"write_only\"` (load at each call, \
                   and store)";
    choice("access", ACCESS, message, options, errors)
}

/// Takes an option that is one of several texts, and returns the text's variant.
fn choice<const N: usize>(
    name: &str,
    choices: [(&'static str, &'static str); N],
    message: &str,
    options: &mut Options,
    errors: &mut Errors,
) -> Option<Given<&'static str>> {
    take(name, options, errors, |value, errors| {
        let text = text(value).unwrap_or_default();
        let read = choices.iter().find(|(known, _)| *known == text).map(|(_, variant)| *variant);
        let hint = did_you_mean(&text, &choices.map(|(known, _)| known));
        or_refuse(read, value, &format!("{message}{hint}"), errors)
    })
}

/// Takes `name = value`. An option with an invalid value still counts as given, so that options
/// that need it cause no further errors.
fn take<T>(
    name: &str,
    options: &mut Options,
    errors: &mut Errors,
    read: impl FnOnce(&Expr, &mut Errors) -> Option<T>,
) -> Option<Given<T>> {
    let (name, value) = options.given(name, errors)?;
    Some(Given { name, value: value.and_then(|value| read(&value, errors)) })
}

fn or_refuse<T>(read: Option<T>, value: &Expr, message: &str, errors: &mut Errors) -> Option<T> {
    if read.is_none() {
        errors.on(value, message);
    }
    read
}

fn text(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

fn number(value: &Expr) -> Option<f64> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Float(number), .. }) => number.base10_parse().ok(),
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_parse().ok(),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => number(expr).map(|number| -number),
        _ => None,
    }
}

fn percent(value: &Expr) -> Option<f64> {
    let text = text(value)?;
    let number: f64 = text.trim().strip_suffix('%')?.trim_end().parse().ok()?;
    Some(number / 100.0)
}
