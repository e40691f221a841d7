//! Sentinel: who is the master now, asked anew for each connection.
//!
//! The client's own Sentinel support connects twice, and knows nothing of what comes after. Here all
//! Sentinels are asked at once; the newest configuration counts, and who it names must say itself that
//! it is a master. While the connection stands they are asked again from time to time: a master that
//! was cut off from them would go on answering, and lose all it is told.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;
use redis::aio::PubSubStream;
use redis::{ConnectionInfo, RedisError, Value, cmd};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::bounded::Bound;
use super::dialer::{Dialer, Wire};
use super::request::Node;
use super::source::Opened;
use crate::config::{Endpoint, addressed};
use crate::errors::Fault;

/// How long the slower Sentinels are waited for once one has answered: after a failover one of them knows, and the
/// others hear of it within two seconds.
const GRACE: Duration = Duration::from_millis(150);

/// How long one Sentinel may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// The Sentinels of one master.
#[derive(Clone)]
pub(crate) struct Sentinels {
    sentinels: Vec<Dialer>,
    master: String,
    /// How to get in at the master, but for its address.
    node: ConnectionInfo,
    bound: Bound,
}

/// Who a Sentinel takes for the master.
struct Opinion {
    /// Grows with each failover.
    epoch: u64,
    node: Node,
}

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
        Ok(Self { sentinels, master, node, bound })
    }

    pub(super) async fn open(&self, endpoint: &Endpoint) -> Result<Opened, Fault> {
        self.find(endpoint).await.map(|(_, opened)| opened)
    }

    /// The way to the master.
    pub(super) async fn master(&self, endpoint: &Endpoint) -> Result<Dialer, Fault> {
        self.find(endpoint).await.map(|(client, _)| client)
    }

    /// Whether the newest configuration names another master.
    pub(super) async fn have_left(&self, node: &Node) -> bool {
        let opinions = self.opinions().await.unwrap_or_default();
        opinions.first().is_some_and(|opinion| opinion.node != *node)
    }

    /// Waits until a Sentinel says that there is another master, but no longer than `limit`; whom it names. `None` at once
    /// when the link to it is new.
    pub(super) async fn news(
        &self,
        link: &mut Option<PubSubStream>,
        limit: Duration,
    ) -> Option<Node> {
        let until = Instant::now() + limit;
        if link.is_none() {
            *link = timeout(PATIENCE, self.listen()).await.ok().flatten();
            if link.is_some() {
                // What they said before, while whoever asks was being connected, nobody heard.
                return None;
            }
        }
        let Some(news) = link else {
            sleep_until(until).await;
            return None;
        };
        let next = poll_fn(|context| Pin::new(&mut *news).poll_next(context));
        match timeout_at(until, next).await {
            Ok(Some(message)) => switched(&self.master, message.get_payload_bytes()),
            Ok(None) => {
                *link = None;
                None
            }
            Err(_) => None,
        }
    }

    /// A link to the first Sentinel that is there.
    async fn listen(&self) -> Option<PubSubStream> {
        for sentinel in &self.sentinels {
            if let Ok(mut link) = sentinel.pubsub().await
                && link.subscribe("+switch-master").await.is_ok()
            {
                return Some(link.into_on_message());
            }
        }
        None
    }

    async fn find(&self, endpoint: &Endpoint) -> Result<(Dialer, Opened), Fault> {
        let mut fault = None;
        for Opinion { node, .. } in self.opinions().await.map_err(|why| self.lost(why, endpoint))? {
            let at_node = endpoint.at(&node);
            match self.enter(&node).await {
                Ok(Some((dialer, wire))) => {
                    return Ok((dialer, Opened { wire, chosen: Some(node) }));
                }
                Ok(None) => fault = fault.or(Some(Fault::no_master(&self.master, &at_node))),
                Err(error) => fault = fault.or(Some(Fault::connecting(&error, &at_node))),
            }
        }
        Err(fault.unwrap_or_else(|| self.lost(None, endpoint)))
    }

    fn lost(&self, why: Option<RedisError>, endpoint: &Endpoint) -> Fault {
        Fault::no_sentinel(why.as_ref(), &self.master, endpoint)
    }

    /// Connects to a server; `None` if it is no master.
    async fn enter(&self, node: &Node) -> Result<Option<(Dialer, Wire)>, RedisError> {
        let dialer = Dialer::new(addressed(&self.node, node), &self.bound)?;
        let mut wire = dialer.open().await?;
        let role = wire.send_packed_command(&cmd("ROLE")).await?.extract_error()?;
        Ok(is_master(&role).then_some((dialer, wire)))
    }

    /// What the Sentinels say, the newest configuration first.
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
        opinions.sort_by_key(|opinion| std::cmp::Reverse(opinion.epoch));
        opinions.dedup_by(|one, other| one.node == other.node);
        if opinions.is_empty() { Err(why) } else { Ok(opinions) }
    }
}

async fn opinion(sentinel: &Dialer, master: &str) -> Result<Option<Opinion>, RedisError> {
    let mut wire = sentinel.connect().await?;
    let mut ask = cmd("SENTINEL");
    ask.arg("MASTER").arg(master);
    let answer = wire.send_packed_command(&ask).await?.extract_error()?;
    Ok(read(answer))
}

/// Who is the master now, as `+switch-master` says it: the name, the old address and the new one.
fn switched(master: &str, message: &[u8]) -> Option<Node> {
    let words: Vec<&str> = std::str::from_utf8(message).ok()?.split(' ').collect();
    let [name, _, _, host, port] = words[..] else { return None };
    let node = Node { host: host.to_owned(), port: port.parse().ok()? };
    (name == master).then_some(node)
}

/// The fields of the answer come as a list of names and values, or as a map.
fn read(answer: Value) -> Option<Opinion> {
    let fields: Vec<(Value, Value)> = match answer {
        Value::Map(fields) => fields,
        Value::Array(flat) => {
            let mut flat = flat.into_iter();
            std::iter::from_fn(|| Some((flat.next()?, flat.next()?))).collect()
        }
        _ => return None,
    };
    let field = |name: &str| {
        let (_, value) = fields.iter().find(|(key, _)| text(key) == Some(name))?;
        text(value)
    };
    let node = Node { host: field("ip")?.to_owned(), port: field("port")?.parse().ok()? };
    Some(Opinion { epoch: field("config-epoch")?.parse().ok()?, node })
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
        assert_eq!(switched("main", message), Some(node));
        assert_eq!(switched("other", message), None);
        for nonsense in [&b"main"[..], b"", b"main a 1 b x", b"\xff"] {
            assert_eq!(switched("main", nonsense), None);
        }
    }
}
