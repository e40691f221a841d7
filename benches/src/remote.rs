//! What the benchmarks of `redis` and `batch` share: a server, and the same values for larder and for the raw client.

use larder::redis::Redis;
use larder::{Cache, cached};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};

use crate::Result;
use crate::support::Server;

/// The number of stored users.
pub(crate) const USERS: u64 = 1_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) id: u64,
    name: String,
    email: String,
}

impl User {
    pub(crate) fn new(id: u64) -> Self {
        Self { id, name: "Ada Lovelace".to_owned(), email: format!("user{id}@example.org") }
    }
}

/// A server, a runtime of one thread, and a raw connection.
pub(crate) struct Site {
    pub(crate) runtime: Runtime,
    pub(crate) raw: MultiplexedConnection,
    url: String,
    _server: Server,
}

impl Site {
    /// Starts a server, and stores [`USERS`] users for the raw client.
    pub(crate) fn start() -> Result<Self> {
        let server = Server::start();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let url = server.url();
        let client = redis::Client::open(url.as_str())?;
        let mut raw = runtime.block_on(client.get_multiplexed_async_connection())?;
        for id in 0..USERS {
            let bytes = postcard::to_stdvec(&User::new(id))?;
            runtime.block_on(raw.set::<_, _, ()>(raw_key(id), bytes))?;
        }
        Ok(Self { runtime, raw, url, _server: server })
    }

    /// Installs a cache of this name over the server; `adapt` changes its builder.
    pub(crate) fn install(
        &self,
        name: &str,
        adapt: impl FnOnce(larder::Builder) -> larder::Builder,
    ) -> Result<()> {
        self.runtime.block_on(async {
            let redis = Redis::connect(&self.url).await?;
            adapt(Cache::builder().name(name).remote(redis)).build()?.install();
            Ok(())
        })
    }
}

pub(crate) fn raw_key(id: u64) -> String {
    format!("raw:{id}")
}

pub(crate) fn decoded(bytes: &[u8]) -> Option<User> {
    postcard::from_bytes(bytes).ok()
}

/// Served from Redis: the cache `remote` has no memory tier.
#[cached(key = "user:{id}", ttl = "1h", cache = "remote")]
pub(crate) async fn user(id: u64) -> Option<User> {
    Some(User::new(id))
}

#[cached(key = "users:{id}", each = "id in ids", ttl = "1h", cache = "remote")]
pub(crate) async fn users(ids: &[u64]) -> Vec<(u64, User)> {
    ids.iter().map(|id| (*id, User::new(*id))).collect()
}
