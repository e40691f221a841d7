//! `PING` and `INFO`, of every master.

use std::collections::BTreeMap;

use cache_core::BackendError;
use redis::{Value, cmd};

use crate::Redis;
use crate::connection::{OnBreak, Request};

type Fields = BTreeMap<String, String>;

impl Redis {
    /// Checks whether Redis replies; for a cluster, whether at least one master does. It asks all
    /// masters, so that a lost connection to a master is re-established even if no operation needs
    /// its keys.
    pub(crate) async fn ping_now(&self) -> Result<(), BackendError> {
        let Some(cluster) = self.connection().cluster() else {
            let ping = vec![Request::anywhere(cmd("PING"))];
            return self.ask("ping", OnBreak::Repeat, ping).await.map(|_| ());
        };
        let mut result = Err(self.unexpected("ping"));
        for (_, answer) in self.each_master("ping", cluster, &cmd("PING")).await? {
            result = if result.is_ok() { result } else { answer.map(|_| ()) };
        }
        result
    }

    /// The fields of `INFO`. On a cluster each field name is prefixed with the address of its
    /// master.
    pub(crate) async fn info_now(&self) -> Result<Fields, BackendError> {
        let Some(cluster) = self.connection().cluster() else {
            let reply = self.ask("info", OnBreak::Repeat, vec![Request::anywhere(cmd("INFO"))]);
            let text = reply.await?.pop().and_then(text).ok_or_else(|| self.unexpected("info"))?;
            return Ok(fields(&text, ""));
        };
        let (mut found, mut error) = (Fields::new(), self.unexpected("info"));
        for (address, answer) in self.each_master("info", cluster, &cmd("INFO")).await? {
            match answer.map(text) {
                Ok(Some(text)) => found.extend(fields(&text, &format!("{address}/"))),
                Ok(None) => {}
                Err(failed) => error = failed,
            }
        }
        if found.is_empty() { Err(error) } else { Ok(found) }
    }
}

/// Parses the lines `name:value`; other lines are headings.
fn fields(text: &str, prefix: &str) -> Fields {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let field = |(name, value): (&str, &str)| (format!("{prefix}{name}"), value.trim().to_owned());
    lines.filter_map(|line| line.split_once(':')).map(field).collect()
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::VerbatimString { text, .. } => Some(text),
        value => crate::values::text(value),
    }
}
