//! Where a supervisor gets its connections.

use redis::PushInfo;
use redis::aio::PubSub;
use tokio::sync::mpsc::UnboundedSender;

use super::backoff::{LONGEST, LONGEST_OF_MANY};
use super::dialer::{Dialer, Wire};
use super::known::Opinion;
use super::request::Node;
use super::sentinel::Sentinels;
use crate::config::Endpoint;
use crate::errors::Fault;

/// One server, or the current master.
#[derive(Clone)]
pub(crate) enum Source {
    Server {
        dialer: Dialer,
        /// Whether the server is a node of a cluster: if it fails, another one takes over.
        of_many: bool,
    },
    Sentinels(Sentinels),
}

/// A new connection and its server.
pub(super) struct Opened {
    pub(super) wire: Wire,
    /// The server, if Sentinels named it.
    pub(super) chosen: Option<Opinion>,
}

impl Source {
    pub(super) async fn open(&self, endpoint: &Endpoint) -> Result<Opened, Fault> {
        match self {
            Self::Server { dialer, .. } => {
                let wire = dialer.open().await;
                let wire = wire.map_err(|error| Fault::connecting(&error, endpoint))?;
                Ok(Opened { wire, chosen: None })
            }
            Self::Sentinels(sentinels) => sentinels.open(endpoint).await,
        }
    }

    /// Whether the Sentinels still name a server that they named before.
    pub(super) async fn still_names(&self, node: &Node) -> bool {
        match self {
            Self::Server { .. } => true,
            Self::Sentinels(sentinels) => sentinels.still_name(node).await,
        }
    }

    pub(crate) async fn pubsub(&self, endpoint: &Endpoint) -> Result<PubSub, Fault> {
        let pubsub = self.dialer(endpoint).await?.pubsub().await;
        pubsub.map_err(|error| Fault::connecting(&error, endpoint))
    }

    /// A connection that receives the server's pushes.
    pub(super) async fn pushing(
        &self,
        endpoint: &Endpoint,
        pushes: UnboundedSender<PushInfo>,
    ) -> Result<Wire, Fault> {
        let wire = self.dialer(endpoint).await?.pushing(pushes).await;
        wire.map_err(|error| Fault::connecting(&error, endpoint))
    }

    async fn dialer(&self, endpoint: &Endpoint) -> Result<Dialer, Fault> {
        match self {
            Self::Server { dialer, .. } => Ok(dialer.clone()),
            Self::Sentinels(sentinels) => sentinels.master(endpoint).await,
        }
    }

    pub(super) fn longest_backoff(&self) -> std::time::Duration {
        match self {
            Self::Server { of_many: false, .. } => LONGEST,
            _ => LONGEST_OF_MANY,
        }
    }
}
