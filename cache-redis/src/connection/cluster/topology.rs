//! The map from slots to nodes.

use std::collections::BTreeSet;

use redis::Value;

use crate::connection::Node;
use crate::keys::SLOTS;

/// The owner of a slot without a node.
const NOBODY: u16 = u16::MAX;

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Topology {
    /// For each slot the index of its master in `nodes`.
    owners: Vec<u16>,
    nodes: Vec<Node>,
    replicas: BTreeSet<Node>,
}

impl Topology {
    /// A topology before the first read.
    pub(super) fn unknown() -> Self {
        Self {
            owners: vec![NOBODY; usize::from(SLOTS)],
            nodes: Vec::new(),
            replicas: BTreeSet::new(),
        }
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(super) fn owner(&self, slot: u16) -> Option<&Node> {
        let place = *self.owners.get(usize::from(slot))?;
        self.nodes.get(usize::from(place))
    }

    /// The masters that have slots, sorted by address.
    pub(super) fn masters(&self) -> Vec<Node> {
        let places: BTreeSet<u16> = self.owners.iter().copied().collect();
        let node = |place: u16| self.nodes.get(usize::from(place)).cloned();
        let mut masters: Vec<Node> = places.into_iter().filter_map(node).collect();
        masters.sort();
        masters
    }

    pub(super) fn replicas(&self) -> impl Iterator<Item = &Node> {
        self.replicas.iter()
    }

    pub(super) fn has(&self, node: &Node) -> bool {
        self.nodes.contains(node) || self.replicas.contains(node)
    }

    pub(super) fn give(&mut self, slot: u16, node: &Node) {
        let place = self.place(node);
        if let Some(owner) = self.owners.get_mut(usize::from(slot)) {
            *owner = place;
        }
    }

    fn place(&mut self, node: &Node) -> u16 {
        let place = self.nodes.iter().position(|known| known == node).unwrap_or_else(|| {
            self.nodes.push(node.clone());
            self.nodes.len() - 1
        });
        u16::try_from(place).unwrap_or(NOBODY)
    }

    /// Parses the reply to `CLUSTER SLOTS`. A node without a name is the one that replied.
    pub(super) fn read(answer: Value, asked: &Node) -> Option<Self> {
        let Value::Array(ranges) = answer else { return None };
        let mut topology = Self::unknown();
        for range in ranges {
            let Value::Array(range) = range else { return None };
            let mut range = range.into_iter();
            let (Value::Int(first), Value::Int(last)) = (range.next()?, range.next()?) else {
                return None;
            };
            let (first, last) = (usize::try_from(first).ok()?, usize::try_from(last).ok()?);
            let Some(master) = range.next().and_then(|master| node(master, &asked.host)) else {
                continue;
            };
            let place = topology.place(&master);
            topology.owners.get_mut(first..=last)?.fill(place);
            topology.replicas.extend(range.filter_map(|replica| node(replica, &asked.host)));
        }
        (!topology.is_unknown()).then_some(topology)
    }
}

fn node(value: Value, asked: &str) -> Option<Node> {
    let Value::Array(parts) = value else { return None };
    let mut parts = parts.into_iter();
    let host = match parts.next()? {
        Value::BulkString(host) => String::from_utf8(host).ok()?,
        Value::Nil => String::new(),
        _ => return None,
    };
    let Value::Int(port) = parts.next()? else { return None };
    named(&host, u16::try_from(port).ok()?, asked)
}

/// An address as nodes report it. Without a host it is the reporting node's.
fn named(host: &str, port: u16, teller: &str) -> Option<Node> {
    // `?`: the node knows that there is a name, but not which one.
    let host = match host {
        "?" => return None,
        "" => teller,
        host => host,
    };
    (port > 0).then(|| Node { host: host.to_owned(), port })
}

/// Parses the `host:port` of a redirection.
pub(super) fn redirected(address: &str, teller: &Node) -> Option<Node> {
    let (host, port) = address.rsplit_once(':')?;
    named(host.trim_matches(['[', ']']), port.parse().ok()?, &teller.host)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn at(host: &str, port: u16) -> Node {
        Node { host: host.to_owned(), port }
    }

    fn range(first: i64, last: i64, nodes: &[(Value, i64)]) -> Value {
        let node = |(host, port): &(Value, i64)| {
            Value::Array(vec![host.clone(), Value::Int(*port), text("id")])
        };
        let bounds = [Value::Int(first), Value::Int(last)];
        Value::Array(bounds.into_iter().chain(nodes.iter().map(node)).collect())
    }

    #[test]
    fn reads_what_cluster_slots_answers() {
        let asked = at("asked", 1);
        let answer = Value::Array(vec![
            range(0, 99, &[(text("a"), 7000), (text("b"), 7001)]),
            range(100, 100, &[(Value::Nil, 7002)]),
            range(101, 16382, &[(text(""), 7002), (text("?"), 7003)]),
        ]);
        let topology = Topology::read(answer, &asked).unwrap();
        assert_eq!(topology.owner(0), Some(&at("a", 7000)));
        assert_eq!(topology.owner(99), Some(&at("a", 7000)));
        assert_eq!(topology.owner(100), Some(&at("asked", 7002)));
        assert_eq!(topology.owner(16382), Some(&at("asked", 7002)));
        assert_eq!(topology.owner(16383), None);
        assert_eq!(topology.masters(), [at("a", 7000), at("asked", 7002)]);
        assert_eq!(topology.replicas().collect::<Vec<_>>(), [&at("b", 7001)]);
    }

    #[test]
    fn nonsense_is_no_topology() {
        let asked = at("asked", 1);
        for answer in [
            Value::Nil,
            Value::Array(Vec::new()),
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![range(0, 16384, &[(text("a"), 7000)])]),
            Value::Array(vec![range(9, 8, &[(text("a"), 0)])]),
            Value::Array(vec![range(-1, 8, &[(text("a"), 1)])]),
        ] {
            assert!(Topology::read(answer, &asked).is_none());
        }
    }

    #[test]
    fn a_slot_can_be_given_to_a_node_that_was_unknown() {
        let mut topology = Topology::unknown();
        topology.give(7, &at("a", 1));
        topology.give(8, &at("a", 1));
        topology.give(7, &at("b", 2));
        assert_eq!(topology.owner(7), Some(&at("b", 2)));
        assert_eq!(topology.masters(), [at("a", 1), at("b", 2)]);
    }

    #[test]
    fn redirections_name_a_node() {
        let teller = at("teller", 1);
        assert_eq!(redirected("127.0.0.1:7000", &teller), Some(at("127.0.0.1", 7000)));
        assert_eq!(redirected(":7000", &teller), Some(at("teller", 7000)));
        assert_eq!(redirected("::1:7000", &teller), Some(at("::1", 7000)));
        assert_eq!(redirected("nonsense", &teller), None);
    }
}
