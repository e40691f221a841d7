//! Opens connections to one address. Each has bounded replies and a task that ends with it.
//!
//! The client's own connect functions do not accept a stream that wraps its socket. They are used
//! over TLS all the same, because the client does not expose its certificates; a server with a
//! valid certificate is more trustworthy.

use std::ops::{Deref, DerefMut};

use redis::aio::{MultiplexedConnection, PubSub};
use redis::io::tcp::{TcpSettings, socket2::SockRef};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, ProtocolVersion,
    PushInfo, RedisError, ServerErrorKind,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use super::bounded::{Bound, Bounded};

#[derive(Clone)]
pub(crate) struct Dialer {
    client: Client,
    bound: Bound,
}

/// A connection and the task that drives it.
pub(crate) struct Wire {
    connection: MultiplexedConnection,
    _driver: Option<Driver>,
}

struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Deref for Wire {
    type Target = MultiplexedConnection;
    fn deref(&self) -> &MultiplexedConnection {
        &self.connection
    }
}

impl DerefMut for Wire {
    fn deref_mut(&mut self) -> &mut MultiplexedConnection {
        &mut self.connection
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Dialer {
    pub(super) fn new(info: ConnectionInfo, bound: &Bound) -> Result<Self, RedisError> {
        Ok(Self { client: Client::open(info)?, bound: bound.clone() })
    }

    /// Opens a connection without time limits: the supervisor's limits also cover the time until
    /// there is a connection.
    pub(super) async fn connect(&self) -> Result<Wire, RedisError> {
        self.connect_with(&self.client, settings()).await
    }

    /// Opens a connection, and checks that the server replies.
    pub(super) async fn open(&self) -> Result<Wire, RedisError> {
        let mut wire = self.connect().await?;
        // The handshake succeeds even without a required password, and while the server loads its
        // data.
        match wire.send_packed_command(&redis::cmd("PING")).await?.extract_error() {
            Err(error) if error.kind() != ErrorKind::Server(ServerErrorKind::NoPerm) => Err(error),
            _ => Ok(wire),
        }
    }

    /// Opens a connection that receives the server's pushes.
    pub(super) async fn pushing(
        &self,
        pushes: UnboundedSender<PushInfo>,
    ) -> Result<Wire, RedisError> {
        let info = self.client.get_connection_info().clone();
        let protocol = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(protocol))?;
        self.connect_with(&client, settings().set_push_sender(pushes)).await
    }

    /// Opens a connection for subscriptions. Messages are not requested, so only the bound that
    /// every reply has applies.
    pub(super) async fn pubsub(&self) -> Result<PubSub, RedisError> {
        match self.stream().await? {
            Some(stream) => {
                let stream = Bounded::new(stream, Bound::default());
                PubSub::new(self.client.get_connection_info().redis_settings(), stream).await
            }
            None => self.client.get_async_pubsub().await,
        }
    }

    async fn connect_with(
        &self,
        client: &Client,
        settings: AsyncConnectionConfig,
    ) -> Result<Wire, RedisError> {
        let Some(stream) = self.stream().await? else {
            let connecting = client.get_multiplexed_async_connection_with_config(&settings);
            return Ok(Wire { connection: connecting.await?, _driver: None });
        };
        let stream = Bounded::new(stream, self.bound.clone());
        let login = client.get_connection_info().redis_settings();
        let (connection, driver) =
            MultiplexedConnection::new_with_config(login, stream, settings).await?;
        Ok(Wire { connection, _driver: Some(Driver(tokio::spawn(driver))) })
    }

    /// Opens the socket; `None` if the client must connect itself.
    async fn stream(&self) -> Result<Option<Box<dyn Stream>>, RedisError> {
        let info = self.client.get_connection_info();
        Ok(match info.addr() {
            ConnectionAddr::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                apply(info.tcp_settings(), &stream)?;
                Some(Box::new(stream))
            }
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => {
                Some(Box::new(tokio::net::UnixStream::connect(path).await?))
            }
            _ => None,
        })
    }
}

fn apply(settings: &TcpSettings, stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(settings.nodelay())?;
    let socket = SockRef::from(stream);
    if let Some(keepalive) = settings.keepalive() {
        socket.set_tcp_keepalive(keepalive)?;
    }
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    socket.set_tcp_user_timeout(settings.user_timeout())?;
    Ok(())
}

fn settings() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_pipeline_buffer_size(1024)
}
