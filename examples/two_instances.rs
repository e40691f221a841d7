//! Two instances of one service with one Redis: one load for both, an eviction that the other's
//! memory follows, and a Redis that is killed and comes back.
//!
//! ```sh
//! cargo run -p examples --example two_instances                                   # with its own redis-server
//! REDIS_URL=redis://127.0.0.1/ cargo run -p examples --example two_instances      # with yours, which is not killed
//! ```
//!
//! The service answers lines over TCP: `get ID` and `rename ID NAME`. This program starts itself
//! twice as the two instances, is their client, and ends automatically.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use larder::redis::Redis;
use larder::{Cache, Memory, cache_evict, cached};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Marks this process as an instance: the URL of its Redis, and the folder of its database.
const INSTANCE: &str = "TWO_INSTANCES";

#[tokio::main]
async fn main() -> Outcome<()> {
    match std::env::var(INSTANCE) {
        Ok(role) => {
            let (url, folder) = role.split_once(' ').ok_or("a URL and a folder are expected")?;
            serve(url, Database(folder.into())).await
        }
        Err(_) => play(),
    }
}

// ---- The service ----

/// A file for each user, and a line in `queries` for each query.
#[derive(Clone)]
struct Database(PathBuf);

impl Database {
    async fn user(&self, id: u64) -> Result<String, String> {
        let mut queries = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.0.join("queries"))
            .map_err(|error| error.to_string())?;
        writeln!(queries, "{id}").map_err(|error| error.to_string())?;
        // Long enough for another caller to request the same user.
        tokio::time::sleep(Duration::from_millis(200)).await;
        std::fs::read_to_string(self.0.join(id.to_string())).map_err(|error| error.to_string())
    }

    fn rename(&self, id: u64, name: &str) -> Result<(), String> {
        std::fs::write(self.0.join(id.to_string()), name).map_err(|error| error.to_string())
    }

    fn queries(&self) -> usize {
        std::fs::read_to_string(self.0.join("queries")).unwrap_or_default().lines().count()
    }
}

#[cached(ttl = "1h", key = "user:{id}", skip(db))]
async fn user(db: &Database, id: u64) -> Result<String, String> {
    db.user(id).await
}

#[cache_evict(user(db, id))]
async fn rename(db: &Database, id: u64, name: &str) -> Result<(), String> {
    db.rename(id, name)
}

/// An instance: it prints its address, and serves until it is killed.
async fn serve(url: &str, db: Database) -> Outcome<()> {
    Cache::builder()
        .namespace("two-instances")
        .memory(Memory::max_entries(10_000))
        // It would also start without Redis.
        .remote(Redis::lazy(url)?)
        .build()?
        .install();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (client, _) = listener.accept().await?;
        tokio::spawn(answer(client, db.clone()));
    }
}

async fn answer(client: tokio::net::TcpStream, db: Database) -> std::io::Result<()> {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let (from, mut to) = client.into_split();
    let mut lines = BufReader::new(from).lines();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        let said = match (words[0], words.get(1).and_then(|id| id.parse().ok()), words.get(2)) {
            ("get", Some(id), None) => {
                let read = user(&db, id).traced().await;
                match read.value {
                    Ok(name) => format!("{name} ({:?})", read.source),
                    Err(error) => format!("error: {error}"),
                }
            }
            ("rename", Some(id), Some(name)) => format!("{:?}", rename(&db, id, name).await),
            _ => "write `get ID` or `rename ID NAME`".to_owned(),
        };
        to.write_all(format!("{said}\n").as_bytes()).await?;
    }
    Ok(())
}

// ---- The play ----

fn play() -> Outcome<()> {
    let folder = std::env::temp_dir().join(format!("two-instances-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let given = std::env::var("REDIS_URL").ok();
    let own = if given.is_none() { OwnRedis::start(&folder)? } else { None };
    let Some(url) = given.or_else(|| own.as_ref().map(OwnRedis::url)) else {
        println!(
            "There is no `redis-server` on the PATH, and no REDIS_URL. Get one with `apt install \
             redis-server` (or `brew install redis`, `dnf install redis`), or run ./scripts/test.sh, \
             which does."
        );
        return Ok(());
    };
    let mut play = Play {
        db: Database(folder.clone()),
        a: Instance::start("A", &url, &folder)?,
        b: Instance::start("B", &url, &folder)?,
        // An id that no earlier run has left in Redis.
        user: u64::from(std::process::id()),
    };
    play.one_load()?;
    play.one_evicts()?;
    if let Some(redis) = own {
        play.an_outage(redis)?;
    }
    println!("\n{} queries in all.", play.db.queries());
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

struct Play {
    db: Database,
    a: Instance,
    b: Instance,
    user: u64,
}

impl Play {
    fn get(&self) -> String {
        format!("get {}", self.user)
    }

    fn rename(&self, name: &str) -> String {
        format!("rename {} {name}", self.user)
    }

    fn one_load(&mut self) -> Outcome<()> {
        println!("\nBoth are asked for one user at once: one query for the fleet.");
        self.db.rename(self.user, "Ada")?;
        let get = self.get();
        self.a.tell(&get)?;
        self.b.tell(&get)?;
        self.a.hear()?;
        self.b.hear()?;
        println!("   {} query", self.db.queries());
        expect(self.db.queries() == 1, "one load for both instances")?;
        self.b.until(&get, "Ada (Memory)")
    }

    fn one_evicts(&mut self) -> Outcome<()> {
        println!("\nA renames the user: B's memory follows.");
        self.a.ask(&self.rename("Grace"))?;
        self.b.until(&self.get(), "Grace")
    }

    fn an_outage(&mut self, mut redis: OwnRedis) -> Outcome<()> {
        println!("\nRedis is killed: both go on, from memory and from the database.");
        redis.kill();
        let get = self.get();
        expect(self.a.ask(&get)?.starts_with("Grace"), "A answers")?;
        expect(self.b.ask(&get)?.starts_with("Grace"), "B answers")?;
        self.a.ask(&self.rename("Barbara"))?;
        expect(self.a.ask(&get)?.starts_with("Barbara"), "who renamed sees it at once")?;

        println!("\nRedis is back: what was evicted meanwhile is evicted everywhere.");
        redis.start_again()?;
        self.b.until(&get, "Barbara")?;
        self.a.until(&get, "Barbara (Memory)")?;
        self.b.until(&get, "Barbara (Memory)")
    }
}

fn expect(holds: bool, what: &str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(format!("not so: {what}").into()) }
}

/// One of the two instances, and the connection to it.
struct Instance {
    name: &'static str,
    process: Child,
    line: BufReader<TcpStream>,
}

impl Instance {
    fn start(name: &'static str, url: &str, folder: &Path) -> Outcome<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .env(INSTANCE, format!("{url} {}", folder.display()))
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut address)?;
        let line = BufReader::new(TcpStream::connect(address.trim())?);
        println!("{name} listens on {}", address.trim());
        Ok(Self { name, process, line })
    }

    fn tell(&mut self, command: &str) -> Outcome<()> {
        Ok(writeln!(self.line.get_mut(), "{command}")?)
    }

    fn hear(&mut self) -> Outcome<String> {
        let mut said = String::new();
        self.line.read_line(&mut said)?;
        println!("   {}: {}", self.name, said.trim_end());
        Ok(said.trim_end().to_owned())
    }

    fn ask(&mut self, command: &str) -> Outcome<String> {
        self.tell(command)?;
        self.hear()
    }

    /// Repeats the request until the answer has the expected beginning.
    fn until(&mut self, command: &str, expected: &str) -> Outcome<()> {
        let began = Instant::now();
        while !self.ask(command)?.starts_with(expected) {
            expect(began.elapsed() < Duration::from_secs(20), expected)?;
            std::thread::sleep(Duration::from_millis(200));
        }
        println!("   after {:.1?}", began.elapsed());
        Ok(())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A redis-server on a free port, which stores nothing on disk.
struct OwnRedis {
    port: u16,
    folder: PathBuf,
    process: Child,
}

impl OwnRedis {
    /// `None` if there is no such program.
    fn start(folder: &Path) -> Outcome<Option<Self>> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = match spawn(port, folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            process => process?,
        };
        let redis = Self { port, folder: folder.to_owned(), process };
        redis.wait_until_up()?;
        println!("redis-server listens on 127.0.0.1:{port}");
        Ok(Some(redis))
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    fn start_again(&mut self) -> Outcome<()> {
        self.process = spawn(self.port, &self.folder)?;
        self.wait_until_up()
    }

    fn wait_until_up(&self) -> Outcome<()> {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            expect(began.elapsed() < Duration::from_secs(10), "redis-server starts")?;
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(port: u16, folder: &Path) -> std::io::Result<Child> {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
        .arg(folder)
        .stdout(Stdio::null())
        .spawn()
}
