//! Sentinel: finds the current master for each new connection.
//!
//! The client's own Sentinel support connects twice, and ignores later changes. This module asks
//! all Sentinels concurrently. The newest configuration counts (`known`), and the named server must
//! confirm that it is a master. While the connection lives, one Sentinel is subscribed to, and all
//! are asked from time to time and after each silence (`trust`): a master that was cut off from the
//! Sentinels goes on answering, and loses all writes.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use futures_util::future::select_ok;
use redis::aio::PubSubStream;
use redis::{ConnectionInfo, RedisError, Value, cmd, pipe};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::bounded::Bound;
use super::dialer::{Dialer, Wire};
use super::known::{Known, Opinion};
use super::request::Node;
use super::source::Opened;
use super::trust::SILENCE;
use crate::config::{Endpoint, addressed};
use crate::errors::Fault;

/// How long the slower Sentinels are waited for after the first reply. After a failover one
/// Sentinel knows the new master, and the others learn of it within two seconds.
const GRACE: Duration = Duration::from_millis(150);

/// The maximum time of one Sentinel.
const PATIENCE: Duration = Duration::from_millis(500);

/// The Sentinels of one master.
#[derive(Clone)]
pub(crate) struct Sentinels {
    sentinels: Vec<Dialer>,
    master: String,
    /// The connection settings for the master; the address is replaced.
    node: ConnectionInfo,
    bound: Bound,
    known: Arc<Known>,
}

/// The Sentinel that leads a failover sends the first message when the new master is promoted. It
/// sends the second one, like the other Sentinels, when the other replicas follow the new master:
/// with large data that is minutes later.
const NEWS: [&str; 2] = ["+promoted-slave", "+switch-master"];

impl Sentinels {
    pub(crate) fn new(
        sentinels: &[ConnectionInfo],
        master: &str,
        node: &ConnectionInfo,
        bound: &Bound,
    ) -> Result<Self, RedisError> {
        let dialer = |sentinel: &ConnectionInfo| Dialer::new(sentinel.clone(), bound);
        let sentinels = sentinels.iter().map(dialer).collect::<Result<_, _>>()?;
        let (master, node, bound) = (master.to_owned(), node.clone(), bound.clone());
        Ok(Self { sentinels, master, node, bound, known: Arc::default() })
    }

    pub(super) async fn open(&self, endpoint: &Endpoint) -> Result<Opened, Fault> {
        self.find(endpoint).await.map(|(_, opened)| opened)
    }

    /// Finds the master, and returns a dialer for it.
    pub(super) async fn master(&self, endpoint: &Endpoint) -> Result<Dialer, Fault> {
        self.find(endpoint).await.map(|(client, _)| client)
    }

    /// Whether the newest configuration names another master than `node`.
    pub(super) async fn have_left(&self, node: &Node) -> bool {
        self.named().await.is_some_and(|named| named != *node)
    }

    /// Whether the newest configuration names `node`.
    pub(super) async fn still_name(&self, node: &Node) -> bool {
        self.named().await.as_ref() == Some(node)
    }

    /// Records that, according to a Sentinel, another server has replaced the named one.
    pub(super) fn replaced(&self, named: &Opinion) {
        self.known.replaced(named, Instant::now());
    }

    async fn named(&self) -> Option<Node> {
        let opinions = self.opinions().await.unwrap_or_default();
        opinions.into_iter().next().map(|opinion| opinion.node)
    }

    /// Waits at most for `limit` until a Sentinel announces another master, and returns that.
    /// Returns `None` immediately if the link to the Sentinel is new or could not be established.
    pub(super) async fn news(
        &self,
        link: &mut Option<PubSubStream>,
        limit: Duration,
    ) -> Option<Node> {
        let Some(news) = link else {
            // The Sentinels may have announced a master before this link existed, so the caller
            // asks them.
            *link = self.listen().await;
            return None;
        };
        let until = Instant::now() + limit;
        loop {
            let next = poll_fn(|context| Pin::new(&mut *news).poll_next(context));
            match timeout_at(until, next).await {
                // The link also carries news of other masters.
                Ok(Some(message)) => match named(&self.master, message.get_payload_bytes()) {
                    None => {}
                    named => return named,
                },
                Ok(None) => {
                    *link = None;
                    return None;
                }
                Err(_) => return None,
            }
        }
    }

    /// A link to the first Sentinel that replies.
    async fn listen(&self) -> Option<PubSubStream> {
        let links = self.sentinels.iter().map(|sentinel| {
            Box::pin(async move {
                let mut link = sentinel.pubsub().await?;
                link.subscribe(&NEWS).await?;
                Ok::<_, RedisError>(link.into_on_message())
            })
        });
        let (link, _) = timeout(PATIENCE, select_ok(links)).await.ok()?.ok()?;
        Some(link)
    }

    async fn find(&self, endpoint: &Endpoint) -> Result<(Dialer, Opened), Fault> {
        loop {
            let began = Instant::now();
            let (named, dialer, wire) = self.find_once(endpoint).await?;
            // A server that was suspended before it accepted the connection may have been replaced
            // in the meantime.
            if began.elapsed() < SILENCE || self.still_name(&named.node).await {
                return Ok((dialer, Opened { wire, chosen: Some(named) }));
            }
        }
    }

    async fn find_once(&self, endpoint: &Endpoint) -> Result<(Opinion, Dialer, Wire), Fault> {
        let mut fault = None;
        for named in self.opinions().await.map_err(|why| self.lost(why, endpoint))? {
            let at_node = endpoint.at(&named.node);
            match self.enter(&named.node).await {
                Ok(Some((dialer, wire))) => return Ok((named, dialer, wire)),
                Ok(None) => fault = fault.or(Some(Fault::no_master(&self.master, &at_node))),
                Err(error) => fault = fault.or(Some(Fault::connecting(&error, &at_node))),
            }
        }
        Err(fault.unwrap_or_else(|| Fault::behind(&self.master, endpoint)))
    }

    fn lost(&self, why: Option<RedisError>, endpoint: &Endpoint) -> Fault {
        Fault::no_sentinel(why.as_ref(), &self.master, endpoint)
    }

    /// Connects to a server; `None` if it is not a master.
    async fn enter(&self, node: &Node) -> Result<Option<(Dialer, Wire)>, RedisError> {
        let dialer = Dialer::new(addressed(&self.node, node), &self.bound)?;
        let mut wire = dialer.open().await?;
        let role = wire.send_packed_command(&cmd("ROLE")).await?.extract_error()?;
        Ok(is_master(&role).then_some((dialer, wire)))
    }

    /// The masters of the newest configuration according to the Sentinels. There is more than one
    /// only if an administrator set up the Sentinels so, and none if the Sentinels that replied
    /// have not learned of the last failover.
    async fn opinions(&self) -> Result<Vec<Opinion>, Option<RedisError>> {
        let mut asked = JoinSet::new();
        for sentinel in self.sentinels.clone() {
            let master = self.master.clone();
            asked.spawn(async move { timeout(PATIENCE, opinion(&sentinel, &master)).await });
        }
        let (mut opinions, mut why) = (Vec::<Opinion>::new(), None);
        let mut until = Instant::now() + PATIENCE;
        while let Ok(Some(answer)) = timeout_at(until, asked.join_next()).await {
            match answer {
                Ok(Ok(Ok(Some(opinion)))) => {
                    until = until.min(Instant::now() + GRACE);
                    opinions.push(opinion);
                }
                Ok(Ok(Err(error))) => why = Some(error),
                _ => {}
            }
        }
        if opinions.is_empty() {
            return Err(why);
        }
        self.known.sift(&mut opinions, Instant::now());
        opinions.dedup();
        Ok(opinions)
    }
}

/// Asks one Sentinel for its epoch and its master's address, which come from different commands. In
/// the Sentinel that leads a failover, `SENTINEL MASTER` has the new epoch when the new master is
/// promoted, but returns the old address until the other replicas follow. The epoch is requested
/// first: an address that is newer than the epoch is harmless.
async fn opinion(sentinel: &Dialer, master: &str) -> Result<Option<Opinion>, RedisError> {
    let mut wire = sentinel.connect().await?;
    let mut ask = pipe();
    ask.cmd("SENTINEL").arg("MASTER").arg(master);
    ask.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(master);
    let answers = wire.send_packed_commands(&ask, 0, 2).await?;
    let answers = answers.into_iter().map(Value::extract_error).collect::<Result<Vec<_>, _>>()?;
    let [configuration, address] = &answers[..] else { return Ok(None) };
    Ok(epoch(configuration).zip(node(address)).map(|(epoch, node)| Opinion { epoch, node }))
}

/// Parses the new master from a message. `+switch-master` has its name, the old address and the new
/// address; `+promoted-slave` has the new address as `slave <name> <host> <port> @ <master> <host>
/// <port>`.
fn named(master: &str, message: &[u8]) -> Option<Node> {
    let words: Vec<&str> = std::str::from_utf8(message).ok()?.split(' ').collect();
    let (name, host, port) = match words[..] {
        [name, _, _, host, port] => (name, host, port),
        ["slave", _, host, port, "@", name, _, _] => (name, host, port),
        _ => return None,
    };
    let node = Node { host: host.to_owned(), port: port.parse().ok()? };
    (name == master).then_some(node)
}

/// The epoch among the fields of `SENTINEL MASTER`, which are a list of names and values, or a map.
fn epoch(configuration: &Value) -> Option<u64> {
    let is_it = |name: &Value| text(name) == Some("config-epoch");
    let epoch = match configuration {
        Value::Map(fields) => fields.iter().find(|(name, _)| is_it(name)).map(|(_, value)| value),
        Value::Array(flat) => {
            flat.chunks_exact(2).find(|field| is_it(&field[0])).map(|field| &field[1])
        }
        _ => None,
    };
    text(epoch?)?.parse().ok()
}

/// Parses a list of host and port.
fn node(address: &Value) -> Option<Node> {
    let Value::Array(parts) = address else { return None };
    let [host, port] = &parts[..] else { return None };
    Some(Node { host: text(host)?.to_owned(), port: text(port)?.parse().ok()? })
}

fn is_master(role: &Value) -> bool {
    matches!(role, Value::Array(parts) if parts.first().and_then(text) == Some("master"))
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_of_this_master_names_the_new_one() {
        let message = b"main 127.0.0.1 7000 10.0.0.2 7001";
        let node = Node { host: "10.0.0.2".to_owned(), port: 7001 };
        let promoted = b"slave 10.0.0.2:7001 10.0.0.2 7001 @ main 127.0.0.1 7000";
        for message in [&message[..], promoted] {
            assert_eq!(named("main", message), Some(node.clone()));
            assert_eq!(named("other", message), None);
        }
        for nonsense in [&b"main"[..], b"", b"main a 1 b x", b"\xff", b"slave a b 1 @ main"] {
            assert_eq!(named("main", nonsense), None);
        }
    }
}
