//! Scans all keys, page by page; on a cluster master by master.

use cache_core::{BackendError, ScanPage};
use redis::{Value, cmd};

use crate::Redis;
use crate::connection::{OnBreak, Pass, Request};
use crate::values::{number, text};

/// The number of keys that Redis examines for one page: measured as at most 5 ms for each call.
const COUNT: usize = 1000;

impl Redis {
    /// One page of the keys that match a glob.
    pub(crate) async fn page(
        &self,
        operation: &'static str,
        glob: &str,
        cursor: u64,
    ) -> Result<ScanPage, BackendError> {
        let scan = |cursor: u64| {
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(glob).arg("COUNT").arg(COUNT);
            scan
        };
        let Some(cluster) = self.connection().cluster() else {
            let (keys, next) = self.read(operation, Request::anywhere(scan(cursor))).await?;
            return Ok(ScanPage::new(keys, (next != 0).then_some(next)));
        };
        let this = std::sync::Arc::clone(cluster);
        let looking = async move { this.look_at(Pass::read(cursor)).await };
        let (node, pass) = self.connection().on_runtime(operation, looking).await?;
        let (keys, next) = self.read(operation, Request::at(node, scan(pass.cursor))).await?;
        let this = std::sync::Arc::clone(cluster);
        let going_on = async move { this.after(pass, next).await };
        let next = self.connection().on_runtime(operation, going_on).await?;
        Ok(ScanPage::new(keys, next.map(Pass::cursor)))
    }

    async fn read(
        &self,
        operation: &'static str,
        request: Request,
    ) -> Result<(Vec<String>, u64), BackendError> {
        let reply = self.ask(operation, OnBreak::Repeat, vec![request]).await?.pop();
        page(reply).ok_or_else(|| self.unexpected(operation))
    }
}

/// Decodes a page of `SCAN` and the server's next cursor. Skips keys that are not text, because
/// they are foreign.
fn page(reply: Option<Value>) -> Option<(Vec<String>, u64)> {
    let Some(Value::Array(parts)) = reply else { return None };
    let mut parts = parts.into_iter();
    let next = number(parts.next()?)?;
    let Value::Array(keys) = parts.next()? else { return None };
    Some((keys.into_iter().filter_map(text).collect(), next))
}
