//! The fields that the servers of the remote tier report, for thresholds that a program defines.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The fields of each server. The address is empty if there is one server only.
pub(crate) type Servers = BTreeMap<String, BTreeMap<String, String>>;

/// A threshold that a program defines: the message if a server crosses it.
pub(crate) type Judge = Arc<dyn Fn(&ServerInfo<'_>) -> Option<String> + Send + Sync>;

/// The fields that one server of the remote tier reports, for [`Monitor::when_info`](super::Monitor::when_info).
#[derive(Debug)]
pub struct ServerInfo<'a> {
    address: &'a str,
    now: &'a BTreeMap<String, String>,
    before: Option<&'a BTreeMap<String, String>>,
}

impl ServerInfo<'_> {
    /// The address, if the remote tier has several servers.
    pub fn address(&self) -> Option<&str> {
        Some(self.address).filter(|address| !address.is_empty())
    }

    /// A field; `None` if the server does not report it.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.now.get(field).map(String::as_str)
    }

    /// A field that is a number, with or without a percent sign.
    pub fn number(&self, field: &str) -> Option<f64> {
        number(self.text(field)?)
    }

    /// A field as a part of another: `ratio("used_memory", "maxmemory")`. `None` while the other is zero.
    pub fn ratio(&self, field: &str, of: &str) -> Option<f64> {
        let whole = self.number(of).filter(|whole| *whole > 0.0)?;
        Some(self.number(field)? / whole)
    }

    /// How much a counter has grown since the check before. `None` in the first check, and after a restart of
    /// the server, when the counter is smaller than before.
    pub fn growth(&self, field: &str) -> Option<f64> {
        let growth = self.number(field)? - number(self.before?.get(field)?)?;
        (growth >= 0.0).then_some(growth)
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim_end_matches('%').parse().ok().filter(|number: &f64| number.is_finite())
}

/// Separates the fields of several servers, which have the address and a slash before their names.
pub(crate) fn by_server(fields: BTreeMap<String, String>) -> Servers {
    let mut servers = Servers::new();
    for (name, value) in fields {
        let (address, field) = name.rsplit_once('/').unwrap_or(("", &name));
        servers.entry(address.to_owned()).or_default().insert(field.to_owned(), value);
    }
    servers
}

/// The servers that cross the threshold, each with its message.
pub(crate) fn crossing<'a>(
    judge: &Judge,
    now: &'a Servers,
    before: Option<&Servers>,
) -> Vec<(&'a str, String)> {
    let message = |(address, fields): (&'a String, &'a BTreeMap<String, String>)| {
        let before = before.and_then(|servers| servers.get(address));
        let info = ServerInfo { address, now: fields, before };
        match catch_unwind(AssertUnwindSafe(|| judge(&info))) {
            Ok(message) => message.map(|message| (address.as_str(), message)),
            Err(_) => {
                tracing::error!(target: "larder::monitor", "larder: a monitor's threshold panicked; its checks go on");
                None
            }
        }
    };
    now.iter().filter_map(message).collect()
}
