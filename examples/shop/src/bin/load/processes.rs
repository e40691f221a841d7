//! The processes of a run: instances of the shop, and their Redis.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shop::service::Failure;

/// Marks a process as an instance.
pub(crate) const INSTANCE: &str = "SHOP_LOAD_INSTANCE";

/// An instance of the shop.
pub(crate) struct Instance {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// The database of all instances of this run.
fn database() -> PathBuf {
    std::env::temp_dir().join(format!("shop-load-{}.db", std::process::id()))
}

impl Instance {
    /// Starts an instance on a free port, which it prints.
    pub(crate) fn start(redis: Option<&Redis>) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.env(INSTANCE, "1").env("PORT", "0").env("SHOP_DATABASE", database());
        match redis {
            Some(redis) => command.env("REDIS_URL", format!("redis://127.0.0.1:{}", redis.port)),
            None => command.env_remove("REDIS_URL"),
        };
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let address = line.trim().rsplit('/').next().and_then(|address| address.parse().ok());
        match address {
            Some(address) => Ok(Self { child, address }),
            None => {
                end(&mut child);
                Err("an instance of the shop did not start: run `cargo run -p shop` to see why"
                    .into())
            }
        }
    }

    /// Ends it as an orchestrator does, so that it closes its caches.
    pub(crate) fn end(mut self) -> Result<(), Failure> {
        signal(&self.child, "TERM")?;
        let patience = Instant::now() + Duration::from_secs(10);
        while Instant::now() < patience {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("an instance ended with {status}").into()),
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        Err("an instance did not end within ten seconds".into())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        end(&mut self.child);
        for suffix in ["", "-wal", "-shm"] {
            let mut file = database().into_os_string();
            file.push(suffix);
            let _ = std::fs::remove_file(file);
        }
    }
}

/// A `redis-server`, and what happens to it during a run.
pub(crate) struct Redis {
    child: Child,
    port: u16,
    state: &'static str,
}

impl Redis {
    /// Starts it on a free port; `None` if there is no `redis-server` on the PATH.
    pub(crate) fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let child = spawn(port).ok()?;
        let patience = Instant::now() + Duration::from_secs(10);
        while Instant::now() < patience && TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Self { child, port, state: "up" })
    }

    /// What it does now.
    pub(crate) fn state(&self) -> &'static str {
        self.state
    }

    /// Does what is due after a part of the run, in percent.
    pub(crate) fn play(&mut self, percent: u64) -> Result<(), Failure> {
        let state = match percent {
            0..25 => "up",
            25..40 => "hangs", // connections stay open, nothing is answered
            40..60 => "up",
            60..80 => "dead",
            _ => "up",
        };
        if state == self.state {
            return Ok(());
        }
        match (self.state, state) {
            ("up", "hangs") => signal(&self.child, "STOP")?,
            ("hangs", _) => signal(&self.child, "CONT")?,
            (_, "dead") => end(&mut self.child),
            _ => self.child = spawn(self.port)?,
        }
        self.state = state;
        Ok(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn spawn(port: u16) -> std::io::Result<Child> {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

fn signal(child: &Child, name: &str) -> std::io::Result<()> {
    Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().map(drop)
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
