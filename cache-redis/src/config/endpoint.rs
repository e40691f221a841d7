//! The parts of an address that may be shown: where Redis is, never the credentials.

use redis::{ConnectionAddr, ConnectionInfo};

use crate::connection::Node;

#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) address: String,
    pub(crate) db: i64,
    pub(crate) tls: bool,
    store: String,
    secrets: Vec<String>,
}

impl Endpoint {
    /// `servers` are all servers at the address. No text shows their passwords.
    pub(super) fn of(address: String, store: String, servers: &[&ConnectionInfo]) -> Self {
        let passwords = servers.iter().filter_map(|info| info.redis_settings().password());
        let mut secrets: Vec<String> =
            passwords.filter(|password| !password.is_empty()).map(str::to_owned).collect();
        secrets.sort();
        secrets.dedup();
        let first = servers.first();
        let db = first.map_or(0, |info| info.redis_settings().db());
        let tls = first.is_some_and(|info| matches!(info.addr(), ConnectionAddr::TcpTls { .. }));
        Self { address, db, tls, store, secrets }
    }

    /// Names the database: the same text for every URL of it, without credentials.
    pub(crate) fn store(&self) -> String {
        format!("redis {} (db {})", self.store, self.db)
    }

    /// The endpoint of one of the servers that this one stands for.
    pub(crate) fn at(&self, node: &Node) -> Self {
        Self { address: shown(&node.host, node.port), ..self.clone() }
    }

    /// Removes the passwords from `text`: servers and proxies may echo the arguments of AUTH.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

/// The address of a server.
pub(super) fn address(info: &ConnectionInfo) -> String {
    match node_of(info) {
        Some(Node { host, port }) => shown(&host, port),
        None => info.addr().to_string(),
    }
}

fn shown(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

pub(crate) fn node_of(info: &ConnectionInfo) -> Option<Node> {
    match info.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            Some(Node { host: host.clone(), port: *port })
        }
        _ => None,
    }
}

/// The same connection settings for another address.
pub(crate) fn addressed(template: &ConnectionInfo, node: &Node) -> ConnectionInfo {
    let Node { host, port } = node.clone();
    let address = match template.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => ConnectionAddr::Tcp(host, port),
    };
    template.clone().set_addr(address)
}
