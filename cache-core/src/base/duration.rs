//! Parses durations such as `5m` or `1h 30m`.

use std::time::Duration;

use super::error::Error;

/// Parses `"250ms"`, `"90s"`, `"5m"`, `"1h 30m"`, `"2d"`.
///
/// # Errors
/// [`Error::Config`] with the accepted forms.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, Error> {
    let wrong = || {
        let message = format!(
            "`{text}` is not a duration; write for example `250ms`, `90s`, `5m`, `1h 30m` or `2d`"
        );
        Error::config("ttl", message)
    };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let seconds = |per: u64| number.checked_mul(per).map(Duration::from_secs);
        let part = match unit {
            "ms" => Some(Duration::from_millis(number)),
            "s" => seconds(1),
            "m" => seconds(60),
            "h" => seconds(3_600),
            "d" => seconds(86_400),
            _ => None,
        };
        total = part.and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        rest = after.trim_start();
    }
    Ok(total)
}

/// Refuses a waiting time below a millisecond. A loop with a shorter pause would only wake up.
///
/// # Errors
/// [`Error::Config`] with the field, the value, and the `fix`.
pub(crate) fn check_pause(field: &'static str, time: Duration, fix: &str) -> Result<(), Error> {
    if time >= Duration::from_millis(1) {
        return Ok(());
    }
    let found = if time.is_zero() { "zero".to_owned() } else { format!("`{time:?}`") };
    Err(Error::config(field, format!("found {found}; wanted 1 ms at least; {fix}")))
}
