//! A master, its replicas and the Sentinels that watch them.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Server, free_port, redis_server};

pub(crate) const MASTER: &str = "main";

pub(crate) struct Watched {
    /// The first one is the master at the start.
    pub(crate) servers: Vec<Server>,
    pub(crate) sentinels: Vec<Sentinel>,
}

pub(crate) struct Sentinel {
    pub(crate) port: u16,
    child: Child,
    dir: PathBuf,
}

impl Watched {
    /// One master, `replicas` replicas and three Sentinels, which declare a silent master dead after half a second.
    pub(crate) fn start(replicas: usize) -> Self {
        let master = Server::with_args(&["--repl-diskless-sync-delay", "0"]);
        let port = master.port().to_string();
        let mut servers = vec![master];
        for _ in 0..replicas {
            let replica = Server::with_args(&["--replicaof", "127.0.0.1", &port]);
            servers.push(replica);
        }
        for replica in &servers[1..] {
            until("the replica follows", || {
                replica.cli(&["info", "replication"]).contains("master_link_status:up")
            });
        }
        let sentinels: Vec<_> = (0..3).map(|_| Sentinel::start(&port, "")).collect();
        let watched = Self { servers, sentinels };
        for sentinel in &watched.sentinels {
            until("the Sentinels know each other and the replicas", || {
                let seen = sentinel.cli(&["sentinel", "master", MASTER]);
                let field = |name: &str| {
                    let mut lines = seen.lines().skip_while(|line| *line != name);
                    lines.nth(1).unwrap_or_default().to_owned()
                };
                field("num-other-sentinels") == "2" && field("num-slaves") == replicas.to_string()
            });
        }
        watched
    }

    pub(crate) fn url(&self) -> String {
        let hosts: Vec<_> =
            self.sentinels.iter().map(|one| format!("127.0.0.1:{}", one.port)).collect();
        format!("redis-sentinel://{}/{MASTER}", hosts.join(","))
    }

    /// Makes the Sentinels name another master, which does not replicate the previous one.
    pub(crate) fn name(&self, new: &Server) {
        let port = new.port().to_string();
        for sentinel in &self.sentinels {
            assert_eq!(sentinel.cli(&["sentinel", "remove", MASTER]), "OK");
            let monitor = ["sentinel", "monitor", MASTER, "127.0.0.1", &port, "2"];
            assert_eq!(sentinel.cli(&monitor), "OK");
        }
    }

    /// The server that the Sentinels name as the master.
    pub(crate) fn master(&self) -> Option<&Server> {
        let answer = self.sentinels[0].cli(&["sentinel", "get-master-addr-by-name", MASTER]);
        let port: u16 = answer.lines().nth(1)?.parse().ok()?;
        self.servers.iter().find(|server| server.port() == port)
    }
}

impl Sentinel {
    /// Starts a Sentinel that watches a master, with additional lines of configuration.
    pub(crate) fn start(master: &str, more: &str) -> Self {
        for _ in 0..10 {
            let port = free_port();
            let dir = std::env::temp_dir().join(format!("larder-{}-{port}", std::process::id()));
            std::fs::create_dir_all(&dir).unwrap();
            let file = dir.join("sentinel.conf");
            let config = format!(
                "port {port}\nbind 127.0.0.1\ndir {}\n\
                 sentinel monitor {MASTER} 127.0.0.1 {master} 2\n\
                 sentinel down-after-milliseconds {MASTER} 500\n\
                 sentinel failover-timeout {MASTER} 3000\n{more}\n",
                dir.display()
            );
            std::fs::write(&file, config).unwrap();
            let child = Command::new(redis_server())
                .arg(&file)
                .arg("--sentinel")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut sentinel = Self { port, child, dir };
            let deadline = Instant::now() + Duration::from_secs(10);
            while Instant::now() < deadline && matches!(sentinel.child.try_wait(), Ok(None)) {
                if ["PONG", "NOAUTH"].iter().any(|up| sentinel.cli(&["ping"]).starts_with(up)) {
                    return sentinel;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        panic!("no Sentinel started on ten different ports");
    }

    pub(crate) fn cli(&self, args: &[&str]) -> String {
        crate::support::cli(self.port, args)
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
