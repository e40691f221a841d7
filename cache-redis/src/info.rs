//! What Redis tells of itself: `INFO`, of every master.

use std::collections::BTreeMap;
use std::sync::Arc;

use cache_core::BackendError;
use redis::{Value, cmd};

use crate::Redis;
use crate::connection::{OnBreak, Request};

type Fields = BTreeMap<String, String>;

impl Redis {
    /// The fields of `INFO`; on a cluster those of each master behind its address.
    pub(crate) async fn info_now(&self) -> Result<Fields, BackendError> {
        let Some(cluster) = self.connection().cluster() else {
            let reply = self.ask("info", OnBreak::Repeat, vec![Request::anywhere(cmd("INFO"))]);
            let reply = reply.await?.pop();
            let text = reply.and_then(text).ok_or_else(|| self.unexpected("info"))?;
            return Ok(fields(&text, ""));
        };
        let cluster = Arc::clone(cluster);
        let masters = async move { cluster.masters().await };
        let masters = self.connection().on_runtime("info", masters).await?;
        let ask = |node: &_| Request::at(Clone::clone(node), cmd("INFO"));
        let requests = masters.iter().map(ask).collect();
        let replies = self.connection().run("info", OnBreak::Repeat, requests).await?;
        let (mut found, mut error) = (Fields::new(), None);
        for (node, reply) in masters.iter().zip(replies) {
            let address = self.connection().endpoint().at(node).address;
            match self.accept("info", reply).map(text) {
                Ok(Some(text)) => found.extend(fields(&text, &format!("{address}/"))),
                Ok(None) => error = Some(self.unexpected("info")),
                Err(failed) => error = Some(failed),
            }
        }
        match error {
            Some(error) if found.is_empty() => Err(error),
            _ => Ok(found),
        }
    }
}

/// The lines `name:value`; others are headings.
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
