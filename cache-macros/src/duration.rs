//! Parses durations in options (`"5m"`, `"1h 30m"`, `300`), and emits them.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, ExprBinary, ExprLit, Lit};

use crate::errors::Errors;

const FORM: &str =
    "a duration is a string such as \"5m\", \"1h 30m\", \"250ms\", or a whole number of seconds";
const UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Parses the value of the option `name`. A mistake is recorded at the value.
pub(crate) fn read(name: &str, value: &Expr, errors: &mut Errors) -> Option<Duration> {
    let read = match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => parse(&text.value()),
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => seconds(number),
        value if is_number(value) => {
            Err("a number of seconds is written without a calculation: 300, or \"5m\"".to_owned())
        }
        _ => Err(FORM.to_owned()),
    };
    read.inspect_err(|message| errors.on(value, format!("`{name}`: {message}"))).ok()
}

/// Whether `value` is a number, or a calculation with numbers such as `5 * 60`.
pub(crate) fn is_number(value: &Expr) -> bool {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Int(_), .. }) => true,
        Expr::Binary(ExprBinary { left, right, .. }) => is_number(left) && is_number(right),
        Expr::Paren(paren) => is_number(&paren.expr),
        _ => false,
    }
}

fn seconds(number: &syn::LitInt) -> Result<Duration, String> {
    match number.suffix() {
        "" => number
            .base10_parse()
            .map(Duration::from_secs)
            .map_err(|_| "this is too long".to_owned()),
        suffix => Err(format!("`{suffix}` is not understood here: {FORM}")),
    }
}

/// Parses `1h 30m`: numbers with units, from left to right, with optional whitespace between them.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    let mut nanos: u64 = 0;
    if rest.is_empty() {
        return Err(format!("this is empty: {FORM}"));
    }
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit());
        if after.starts_with('.') {
            return Err("a duration is of whole numbers: for half an hour write \"30m\"".to_owned());
        }
        let (unit, after) = split(after.trim_start(), char::is_alphabetic);
        nanos = nanos.checked_add(part(number, unit)?).ok_or("this is too long")?;
        rest = after.trim_start();
    }
    Ok(Duration::from_nanos(nanos))
}

fn split(text: &str, of: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !of(c)).unwrap_or(text.len()))
}

fn part(number: &str, unit: &str) -> Result<u64, String> {
    if number.is_empty() {
        return Err(FORM.to_owned());
    }
    let number: u64 = number.parse().map_err(|_| "this is too long".to_owned())?;
    let nanos = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, nanos)| nanos);
    match (nanos, unit) {
        (Some(nanos), _) => number.checked_mul(*nanos).ok_or_else(|| "this is too long".to_owned()),
        (None, "") => Err(format!("`{number}` has no unit: write \"{number}s\" or \"{number}m\"")),
        (None, unit) => Err(format!("`{unit}` is not a unit: use ms, s, m, h or d")),
    }
}

/// A constant expression for `duration`.
pub(crate) fn emit(duration: Duration) -> TokenStream {
    let nanos = duration.as_nanos();
    let whole = nanos.is_multiple_of(1_000_000);
    let count = u64::try_from(if whole { nanos / 1_000_000 } else { nanos }).unwrap_or(u64::MAX);
    // Clippy's pedantic lints require groups of digits in a literal that looks like the user's.
    let literal: TokenStream = grouped(count).parse().unwrap_or_else(|_| quote!(#count));
    match whole {
        true => quote!(::core::time::Duration::from_millis(#literal)),
        false => quote!(::core::time::Duration::from_nanos(#literal)),
    }
}

fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('_');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        assert_eq!(parse("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(parse(" 1h 30m "), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("2 d"), Ok(Duration::from_secs(172_800)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn mistakes_are_named() {
        let message = |text| parse(text).err().unwrap_or_default();
        assert!(message("").contains("empty"));
        assert!(message("5").contains("no unit"));
        assert!(message("5 weeks").contains("`weeks` is not a unit"));
        assert!(message("m").contains("a duration is"));
        assert!(message("1.5s").contains("whole numbers"));
        assert!(message("999999999999d").contains("too long"));
    }

    #[test]
    fn durations_are_emitted() {
        assert_eq!(grouped(1), "1");
        assert_eq!(grouped(300_000), "300_000");
        assert!(emit(Duration::from_nanos(1_500)).to_string().contains("from_nanos (1_500)"));
    }
}
