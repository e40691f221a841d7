//! Where a supervisor gets its connections from.

use redis::aio::{MultiplexedConnection, PubSub};
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, ProtocolVersion, PushInfo, RedisError,
    ServerErrorKind,
};
use tokio::sync::mpsc::UnboundedSender;

use super::backoff::{LONGEST, LONGEST_OF_MANY};
use super::request::Node;
use super::sentinel::Sentinels;
use crate::config::Endpoint;
use crate::errors::Fault;

/// One server, or whoever is the master now.
#[derive(Clone)]
pub(crate) enum Source {
    Server {
        client: Client,
        /// One of a cluster: if it is gone, another takes over.
        of_many: bool,
    },
    Sentinels(Sentinels),
}

/// A new connection, and to whom.
pub(super) struct Opened {
    pub(super) connection: MultiplexedConnection,
    /// The server, if it was chosen among several.
    pub(super) chosen: Option<Node>,
}

impl Source {
    pub(super) async fn open(&self, endpoint: &Endpoint) -> Result<Opened, Fault> {
        match self {
            Self::Server { client, .. } => {
                let connection =
                    open(client).await.map_err(|error| Fault::connecting(&error, endpoint))?;
                Ok(Opened { connection, chosen: None })
            }
            Self::Sentinels(sentinels) => sentinels.open(endpoint).await,
        }
    }

    pub(crate) async fn pubsub(&self, endpoint: &Endpoint) -> Result<PubSub, Fault> {
        let client = self.client(endpoint).await?;
        client.get_async_pubsub().await.map_err(|error| Fault::connecting(&error, endpoint))
    }

    /// A connection over which the server tells of something by itself.
    pub(super) async fn pushing(
        &self,
        endpoint: &Endpoint,
        pushes: UnboundedSender<PushInfo>,
    ) -> Result<MultiplexedConnection, Fault> {
        let connecting = |error| Fault::connecting(&error, endpoint);
        let info = self.client(endpoint).await?.get_connection_info().clone();
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(settings)).map_err(connecting)?;
        let settings = settings_of_ours().set_push_sender(pushes);
        let connection = client.get_multiplexed_async_connection_with_config(&settings).await;
        connection.map_err(connecting)
    }

    async fn client(&self, endpoint: &Endpoint) -> Result<Client, Fault> {
        match self {
            Self::Server { client, .. } => Ok(client.clone()),
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

/// A connection without limits of its own: the supervisor's cover waiting for the connection, too.
pub(super) async fn connect(client: &Client) -> Result<MultiplexedConnection, RedisError> {
    client.get_multiplexed_async_connection_with_config(&settings_of_ours()).await
}

fn settings_of_ours() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_pipeline_buffer_size(1024)
}

/// A connection to a server that answers.
pub(super) async fn open(client: &Client) -> Result<MultiplexedConnection, RedisError> {
    let mut connection = connect(client).await?;
    // The handshake passes even without the password that the server wants, and while the server
    // still loads its data.
    match connection.send_packed_command(&redis::cmd("PING")).await?.extract_error() {
        Err(error) if error.kind() != ErrorKind::Server(ServerErrorKind::NoPerm) => Err(error),
        _ => Ok(connection),
    }
}
