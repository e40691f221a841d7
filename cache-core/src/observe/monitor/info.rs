//! Thresholds on what a store tells of itself, server by server.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::threshold::Finding;

/// A store's fields; of several servers each behind its address and a slash.
pub(super) type Fields = BTreeMap<String, String>;

pub(super) type Name = Cow<'static, str>;

/// What a field is held against.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Above(f64),
    Below(f64),
    /// As a part of another field.
    RatioAbove(Name, f64),
    /// Since the check before.
    GrowthAbove(f64),
    Differs(Name),
}

/// What a server has.
struct Found<'a> {
    server: &'a str,
    value: f64,
}

impl Test {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Above(_) => "info_above",
            Self::Below(_) => "info_below",
            Self::RatioAbove(..) => "info_ratio_above",
            Self::GrowthAbove(_) => "info_growth_above",
            Self::Differs(_) => "info_differs",
        }
    }

    /// Why it can't be.
    pub(super) fn fault(&self) -> Option<String> {
        match self {
            Self::Above(limit) | Self::GrowthAbove(limit)
                if !(limit.is_finite() && *limit >= 0.0) =>
            {
                Some(format!("{limit} can't be a limit; zero or more is needed"))
            }
            Self::Below(limit) | Self::RatioAbove(_, limit)
                if !(limit.is_finite() && *limit > 0.0) =>
            {
                Some(format!("{limit} can't be a limit; more than zero is needed"))
            }
            Self::RatioAbove(of, _) if of.trim().is_empty() => {
                Some("names no field to compare with, such as `maxmemory`".to_owned())
            }
            _ => None,
        }
    }

    /// What the fields say, and those of the check before; nothing if they are not enough.
    pub(super) fn judge(
        &self,
        field: &str,
        now: &Fields,
        before: Option<&Fields>,
    ) -> Option<Finding> {
        let limit = match self {
            Self::Above(limit)
            | Self::Below(limit)
            | Self::RatioAbove(_, limit)
            | Self::GrowthAbove(limit) => *limit,
            Self::Differs(wanted) => return differs(field, wanted, now),
        };
        let value = |(server, text)| {
            let value = self.value(server, number(text)?, field, now, before)?;
            Some(Found { server, value })
        };
        let order = |one: &Found<'_>, other: &Found<'_>| one.value.total_cmp(&other.value);
        let found = each(now, field).filter_map(value);
        // Of several servers the worst.
        let worst = match self {
            Self::Below(_) => found.min_by(order),
            _ => found.max_by(order),
        }?;
        let crossed = match self {
            Self::Below(_) => worst.value < limit,
            _ => worst.value > limit,
        };
        let what = match self {
            Self::RatioAbove(of, _) => format!("{field}/{of}"),
            Self::GrowthAbove(_) => format!("the growth of {field}"),
            _ => field.to_owned(),
        };
        let message = format!("{what} is {} (limit {limit})", shown(worst.value));
        Some(Finding::new(crossed, message).at(worst.server))
    }

    /// What is compared with the limit.
    fn value(
        &self,
        server: &str,
        value: f64,
        field: &str,
        now: &Fields,
        before: Option<&Fields>,
    ) -> Option<f64> {
        match self {
            Self::RatioAbove(of, _) => {
                let whole = number(of_server(now, server, of)?)?;
                (whole > 0.0).then(|| value / whole)
            }
            Self::GrowthAbove(_) => {
                let growth = value - number(of_server(before?, server, field)?)?;
                // Less than before: the server was started again.
                (growth >= 0.0).then_some(growth)
            }
            _ => Some(value),
        }
    }
}

fn differs(field: &str, wanted: &str, now: &Fields) -> Option<Finding> {
    let other = each(now, field).find(|(_, value)| *value != wanted);
    let (server, value) = other.or_else(|| each(now, field).next())?;
    let message = format!("{field} is `{value}` (expected `{wanted}`)");
    Some(Finding::new(other.is_some(), message).at(server))
}

/// A field's text on each server that has it; the server is empty where there is one only.
fn each<'a>(fields: &'a Fields, field: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    fields.iter().filter_map(move |(name, value)| {
        let server = name.strip_suffix(field)?;
        let server = if server.is_empty() { server } else { server.strip_suffix('/')? };
        Some((server, value.as_str()))
    })
}

fn of_server<'a>(fields: &'a Fields, server: &str, field: &str) -> Option<&'a str> {
    each(fields, field).find(|(found, _)| *found == server).map(|(_, value)| value)
}

fn number(text: &str) -> Option<f64> {
    text.trim_end_matches('%').parse().ok().filter(|number: &f64| number.is_finite())
}

/// Whole numbers whole, others with three digits.
fn shown(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.3}") }
}
