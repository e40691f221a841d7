//! A Redis server per test, several of them, and a proxy that breaks connections. The tests of `cache-redis` use it
//! too.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A `redis-server` for one test; killed when dropped.
pub struct Server {
    port: u16,
    args: Vec<String>,
    dir: PathBuf,
    child: Child,
}

impl Server {
    /// Starts one on a free port and waits until it answers.
    pub fn start() -> Self {
        Self::with_args(&[])
    }

    /// The same with more arguments, such as `&["--requirepass", "secret"]`.
    pub fn with_args(args: &[&str]) -> Self {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        // Another process may take the port before the server does.
        for _ in 0..10 {
            let port = free_port();
            let dir = std::env::temp_dir().join(format!("larder-{}-{port}", std::process::id()));
            std::fs::create_dir_all(&dir).unwrap();
            let child = spawn(port, &args, &dir);
            let mut server = Self { port, args: args.clone(), dir, child };
            if server.wait_until_up() {
                return server;
            }
        }
        panic!("redis-server did not start on ten different ports");
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// SIGSTOP: the system still accepts connections, but the server does not answer.
    pub fn stop(&self) {
        self.signal("STOP");
    }

    /// SIGCONT.
    pub fn cont(&self) {
        self.signal("CONT");
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again on the same port, empty.
    pub fn restart(&mut self) {
        self.kill();
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            self.child = spawn(self.port, &self.args, &self.dir);
            if self.wait_until_up() {
                return;
            }
        }
        panic!("redis-server did not come back on port {}", self.port);
    }

    /// The output of `redis-cli` for a command, without the line end.
    pub fn cli(&self, args: &[&str]) -> String {
        let password = self.args.iter().skip_while(|arg| *arg != "--requirepass").nth(1);
        cli_with(self.port, password, args)
    }

    /// The raw bytes under a key.
    pub fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        let answer = self.raw(&[b"GET", key.as_bytes()]);
        let end = answer.windows(2).position(|two| two == b"\r\n")?;
        let length: i64 = std::str::from_utf8(&answer[1..end]).ok()?.parse().ok()?;
        let length = usize::try_from(length).ok()?;
        Some(answer[end + 2..end + 2 + length].to_vec())
    }

    /// Stores bytes under a key, without any cache.
    pub fn set_bytes(&self, key: &str, bytes: &[u8]) {
        assert_eq!(self.raw(&[b"SET", key.as_bytes(), bytes]), b"+OK\r\n");
    }

    /// Sends bytes to a channel, without any cache.
    pub fn publish_bytes(&self, channel: &str, bytes: &[u8]) {
        self.raw(&[b"PUBLISH", channel.as_bytes(), bytes]);
    }

    /// The raw answer to one command.
    fn raw(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let mut request = format!("*{}\r\n", parts.len()).into_bytes();
        for part in parts {
            request.extend(format!("${}\r\n", part.len()).into_bytes());
            request.extend_from_slice(part);
            request.extend_from_slice(b"\r\n");
        }
        // The server closes the connection after QUIT, so everything before is the whole answer.
        request.extend_from_slice(b"QUIT\r\n");
        stream.write_all(&request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer.truncate(answer.len() - b"+OK\r\n".len());
        answer
    }

    /// Kills it without waiting for its end, for threads that do not own it.
    pub fn shoot(&self) {
        self.signal("KILL");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap();
        assert!(status.success(), "kill -{signal} {pid}");
    }

    fn wait_until_up(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return false;
            }
            if answers(self.port) {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

const NEEDED: &str = "redis-server and redis-cli are needed: run ./scripts/test.sh, or \
                      `apt install redis-server` (with redis-tools)";

/// `TEST_REDIS_SERVER` names another program that speaks Redis's protocol, such as `valkey-server`. (A variable that begins with
/// `LARDER_` would be a mistake in the configuration that some tests read.)
pub fn redis_server() -> String {
    std::env::var("TEST_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned())
}

fn spawn(port: u16, args: &[String], dir: &PathBuf) -> Child {
    Command::new(redis_server())
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(dir)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{NEEDED}: {error}"))
}

/// The output of `redis-cli` for a command on a port, without the line end.
pub fn cli(port: u16, args: &[&str]) -> String {
    cli_with(port, None, args)
}

fn cli_with(port: u16, password: Option<&String>, args: &[&str]) -> String {
    let mut command = Command::new("redis-cli");
    command.args(["-p", &port.to_string()]);
    if let Some(password) = password {
        command.env("REDISCLI_AUTH", password);
    }
    let output = command.args(args).output().expect(NEEDED);
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Any answer counts, including `-NOAUTH`.
fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let mut answer = [0; 5];
    stream.write_all(b"PING\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && (&answer == b"+PONG" || &answer == b"-NOAU")
}

/// A free port, each time another one: two tests must not start their servers on one port, nor one of them a server
/// where the other expects none. Cluster nodes also use the port that is 10,000 higher.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        if port < 55_536
            && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok()
            && GIVEN.lock().unwrap().insert(port)
        {
            return port;
        }
    }
}

/// The duration of a fault: realistic if `LARDER_LONG` is set, otherwise just long enough to observe it.
pub fn lasting(short: Duration, long: Duration) -> Duration {
    if std::env::var_os("LARDER_LONG").is_some() { long } else { short }
}

/// Waits until `condition` holds; panics after ten seconds.
pub async fn eventually(what: &str, condition: impl AsyncFnMut() -> bool) {
    within(Duration::from_secs(30), what, condition).await;
}

/// Waits until `condition` holds; panics after `limit`.
pub async fn within(limit: Duration, what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition().await {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A TCP proxy in front of a server, with faults.
pub struct Proxy {
    port: u16,
    shared: Arc<ProxyShared>,
}

struct ProxyShared {
    target: AtomicU16,
    accepted: AtomicUsize,
    delay: AtomicU64,
    freeze_new: AtomicBool,
    down: AtomicBool,
    ended: AtomicBool,
    /// What the requests contain whose replies break, and how many more.
    breaks: Mutex<(Vec<u8>, usize)>,
    links: Mutex<Vec<Arc<ProxyLink>>>,
}

struct ProxyLink {
    frozen: AtomicBool,
    cut: AtomicBool,
    /// Whether the next reply breaks.
    breaks: AtomicBool,
    ends: [TcpStream; 2],
}

impl Proxy {
    pub fn start(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(ProxyShared {
            target: AtomicU16::new(target),
            accepted: AtomicUsize::new(0),
            delay: AtomicU64::new(0),
            freeze_new: AtomicBool::new(false),
            down: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            breaks: Mutex::default(),
            links: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.ended.load(Ordering::SeqCst) {
                    return;
                }
                accepting.accept(client);
            }
        });
        Self { port, shared }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections were made through it so far.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// New connections lead to another server.
    pub fn lead_to(&self, target: u16) {
        self.shared.target.store(target, Ordering::SeqCst);
    }

    /// Makes the present connections half-open: they stay open, but pass no data.
    pub fn freeze(&self) {
        self.each(|link| link.frozen.store(true, Ordering::SeqCst));
    }

    /// Freezes new connections too.
    pub fn freeze_all(&self) {
        self.shared.freeze_new.store(true, Ordering::SeqCst);
        self.freeze();
    }

    /// Lets all data pass again.
    pub fn thaw(&self) {
        self.shared.freeze_new.store(false, Ordering::SeqCst);
        self.each(|link| link.frozen.store(false, Ordering::SeqCst));
    }

    /// Closes the present connections.
    pub fn cut(&self) {
        self.each(ProxyLink::cut);
        self.shared.links.lock().unwrap().clear();
    }

    /// Closes the present connections, and every new one.
    pub fn down(&self) {
        self.shared.down.store(true, Ordering::SeqCst);
        self.cut();
    }

    /// Closes every new connection; the present ones stay.
    pub fn refuse(&self) {
        self.shared.down.store(true, Ordering::SeqCst);
    }

    /// The next `times` requests that contain `text` reach the server, but their connections are
    /// closed in the middle of the reply.
    pub fn break_replies(&self, text: &str, times: usize) {
        *self.shared.breaks.lock().unwrap() = (text.as_bytes().to_vec(), times);
    }

    /// How many such replies did not break yet.
    pub fn unbroken(&self) -> usize {
        self.shared.breaks.lock().unwrap().1
    }

    /// Ends [`down`](Self::down) and [`refuse`](Self::refuse).
    pub fn up(&self) {
        self.shared.down.store(false, Ordering::SeqCst);
    }

    /// Delays all data in both directions.
    pub fn delay(&self, delay: Duration) {
        self.shared.delay.store(delay.as_millis() as u64, Ordering::SeqCst);
    }

    fn each(&self, act: impl Fn(&ProxyLink)) {
        self.shared.links.lock().unwrap().iter().for_each(|link| act(link));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        self.cut();
    }
}

impl ProxyShared {
    /// Whether the reply to these requests breaks.
    fn breaks(&self, requests: &[u8]) -> bool {
        let mut breaks = self.breaks.lock().unwrap();
        let (text, left) = &mut *breaks;
        let breaks = *left > 0 && requests.windows(text.len()).any(|part| part == *text);
        *left -= usize::from(breaks);
        breaks
    }

    fn accept(self: &Arc<Self>, client: TcpStream) {
        if self.down.load(Ordering::SeqCst) {
            return;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", self.target.load(Ordering::SeqCst)))
        else {
            return;
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let link = Arc::new(ProxyLink {
            frozen: AtomicBool::new(self.freeze_new.load(Ordering::SeqCst)),
            cut: AtomicBool::new(false),
            breaks: AtomicBool::new(false),
            ends: [client, server],
        });
        self.links.lock().unwrap().push(Arc::clone(&link));
        if self.down.load(Ordering::SeqCst) {
            link.cut();
        }
        self.accepted.fetch_add(1, Ordering::SeqCst);
        let ways = [(true, from.try_clone().unwrap(), to.try_clone().unwrap()), (false, to, from)];
        for (requests, from, to) in ways {
            let (shared, link) = (Arc::clone(self), Arc::clone(&link));
            thread::spawn(move || {
                link.pass(&shared, requests, from, to);
                link.cut();
            });
        }
    }
}

impl ProxyLink {
    fn pass(&self, shared: &ProxyShared, requests: bool, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            thread::sleep(Duration::from_millis(shared.delay.load(Ordering::SeqCst)));
            while self.frozen.load(Ordering::SeqCst) && !self.cut.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
            let passed = match requests {
                true => {
                    if shared.breaks(&buffer[..read]) {
                        self.breaks.store(true, Ordering::SeqCst);
                    }
                    read
                }
                false if self.breaks.load(Ordering::SeqCst) => read / 2,
                false => read,
            };
            if to.write_all(&buffer[..passed]).is_err() || passed < read {
                return;
            }
        }
        // A frozen link does not pass the end of a connection either.
        while self.frozen.load(Ordering::SeqCst) && !self.cut.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        for end in &self.ends {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}
