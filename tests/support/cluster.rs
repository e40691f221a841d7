//! A cluster of six nodes: three masters with a replica each.

use std::collections::{BTreeSet, HashMap};
use std::process::{Command, Stdio};

use crate::sentinel::until;
use crate::support::Server;

pub(crate) struct Cluster {
    pub(crate) servers: Vec<Server>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        // The nodes also use a bus port, which must not be above 65535.
        let servers: Vec<Server> = std::iter::repeat_with(|| {
            Server::with_args(&[
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                "1000",
                "--cluster-require-full-coverage",
                "no",
                "--repl-diskless-sync-delay",
                "0",
                "--cluster-config-file",
                "nodes.conf",
            ])
        })
        .take(6)
        .collect();
        let nodes: Vec<String> =
            servers.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
        let status = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(&nodes)
            .args(["--cluster-replicas", "1", "--cluster-yes"])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "redis-cli --cluster create");
        let cluster = Self { servers };
        cluster.settles();
        cluster
    }

    /// Waits until every node knows three masters with slots and reports no failure, and every replica follows its
    /// master.
    pub(crate) fn settles(&self) {
        for server in &self.servers {
            until("the cluster settles", || {
                server.cli(&["cluster", "info"]).contains("cluster_state:ok")
                    && server.cli(&["cluster", "nodes"]).matches("slave").count() == 3
                    && !server.cli(&["info", "replication"]).contains("master_link_status:down")
            });
        }
    }

    pub(crate) fn url(&self) -> String {
        // Includes a replica, because any node knows the others.
        let nodes = [&self.servers[0], &self.servers[1], &self.servers[5]];
        let nodes = nodes.map(|server| format!("127.0.0.1:{}", server.port()));
        format!("redis-cluster://{}", nodes.join(","))
    }

    /// The index of the master of a key's slot, according to a node that is alive.
    pub(crate) fn master_of(&self, key: &str) -> usize {
        let slot: u16 = self.ask(&["cluster", "keyslot", key]).parse().unwrap();
        self.owners()[&slot]
    }

    /// Returns which server has which slot.
    pub(crate) fn owners(&self) -> HashMap<u16, usize> {
        let mut owners = HashMap::new();
        for line in self.ask(&["cluster", "nodes"]).lines() {
            let words: Vec<&str> = line.split(' ').collect();
            if !words[2].contains("master") || words[2].contains("fail") {
                continue;
            }
            let Some(place) = self.place(words[1]) else { continue };
            for range in words[8..].iter().filter(|range| !range.starts_with('[')) {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                let (first, last): (u16, u16) = (first.parse().unwrap(), last.parse().unwrap());
                owners.extend((first..=last).map(|slot| (slot, place)));
            }
        }
        owners
    }

    /// The index of a replica of a master.
    pub(crate) fn replica_of(&self, master: usize) -> usize {
        let id = self.id(master);
        let nodes = self.ask(&["cluster", "nodes"]);
        let line = nodes.lines().find(|line| line.contains(&format!("slave {id}"))).unwrap();
        self.place(line.split(' ').nth(1).unwrap()).unwrap()
    }

    /// Whether the node at this index had the key's slot at the start.
    pub(crate) fn slot_was_of(&self, key: &str, place: usize) -> bool {
        let slot: usize = self.ask(&["cluster", "keyslot", key]).parse().unwrap();
        (place * 5461..(place + 1) * 5461).contains(&slot)
    }

    /// Begins to move a slot.
    pub(crate) fn open(&self, slot: &str, from: usize, to: usize) {
        let importing = ["cluster", "setslot", slot, "importing", &self.id(from)];
        assert_eq!(self.servers[to].cli(&importing), "OK");
        let migrating = ["cluster", "setslot", slot, "migrating", &self.id(to)];
        assert_eq!(self.servers[from].cli(&migrating), "OK");
    }

    /// Moves a key in a slot that is being moved.
    pub(crate) fn carry(&self, key: &str, from: usize, to: usize) {
        let port = self.servers[to].port().to_string();
        self.servers[from].cli(&["migrate", "127.0.0.1", &port, key, "0", "1000"]);
    }

    /// Ends the move of a slot.
    pub(crate) fn close(&self, slot: &str, to: usize) {
        let id = self.id(to);
        let masters = self.servers.iter().filter(|one| one.cli(&["role"]).starts_with("master"));
        // The new owner first: its message has a newer epoch than those of the others.
        for server in std::iter::once(&self.servers[to]).chain(masters) {
            server.cli(&["cluster", "setslot", slot, "node", &id]);
        }
    }

    /// Moves the slots of these keys that one master has to another, with all keys in them, and returns their number.
    pub(crate) fn move_slots(
        &self,
        keys: impl Iterator<Item = String>,
        from: usize,
        to: usize,
    ) -> usize {
        let owners = self.owners();
        let slots = keys.map(|key| self.ask(&["cluster", "keyslot", &key]));
        let slots: BTreeSet<String> =
            slots.filter(|slot| owners.get(&slot.parse().unwrap()) == Some(&from)).collect();
        for slot in &slots {
            self.open(slot, from, to);
            loop {
                let keys = self.servers[from].cli(&["cluster", "getkeysinslot", slot, "100"]);
                if keys.is_empty() {
                    break;
                }
                keys.lines().for_each(|key| self.carry(key, from, to));
            }
            self.close(slot, to);
        }
        slots.len()
    }

    pub(crate) fn id(&self, place: usize) -> String {
        self.servers[place].cli(&["cluster", "myid"])
    }

    /// `127.0.0.1:7000@17000`
    fn place(&self, address: &str) -> Option<usize> {
        let port: u16 = address.split(['@', ':']).nth(1)?.parse().ok()?;
        self.servers.iter().position(|server| server.port() == port)
    }

    /// The reply of the first node that answers.
    fn ask(&self, args: &[&str]) -> String {
        let answers = self.servers.iter().map(|server| server.cli(args));
        answers
            .into_iter()
            .find(|answer| !answer.is_empty() && !answer.contains("refused"))
            .unwrap()
    }
}
