//! One command for every master of a cluster.

use std::sync::Arc;

use cache_core::BackendError;
use redis::{Cmd, Value};

use crate::Redis;
use crate::connection::{Cluster, OnBreak, Request};

impl Redis {
    /// The reply of each master, with its address. All masters are asked at the same time.
    pub(crate) async fn each_master(
        &self,
        operation: &'static str,
        cluster: &Arc<Cluster>,
        command: &Cmd,
    ) -> Result<Vec<(String, Result<Value, BackendError>)>, BackendError> {
        let cluster = Arc::clone(cluster);
        let masters = async move { cluster.masters().await };
        let masters = self.connection().on_runtime(operation, masters).await?;
        let at = |node: &_| Request::at(Clone::clone(node), command.clone());
        let requests = masters.iter().map(at).collect();
        let replies = self.run(operation, OnBreak::Repeat, requests).await?;
        let answers = masters.iter().zip(replies).map(|(node, reply)| {
            let address = self.connection().endpoint().at(node).address;
            (address, self.accept(operation, reply))
        });
        Ok(answers.collect())
    }
}
