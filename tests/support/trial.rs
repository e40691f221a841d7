//! A cache under load while Redis has a fault: how long calls wait, and what happens to evictions.

#![allow(dead_code, clippy::unwrap_used)]

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use larder::redis::Redis;
use larder::{Cache, cached};

use crate::support::{Proxy, Server, eventually, within};

pub(crate) const ITEMS: u64 = 100;
const READERS: u64 = 12;
const WRITERS: u64 = 2;

/// By then every task that meets the fault has noticed it, and the breaker is open.
const SETTLED: Duration = Duration::from_secs(2);

/// Faults of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Killed, and started again without data.
    Killed,
    /// SIGSTOP: connections stay open, but the server does not answer.
    Stopped,
    /// The network drops everything, including packets of new connections.
    BlackHole,
    /// The network drops the packets of present connections; new connections work.
    HalfOpen,
    /// Every answer takes 200 ms: a tenth of a second each way.
    Slow,
    /// Redis refuses writes.
    OutOfMemory,
    /// Values, leases, generations and scripts are removed, again and again.
    Flushed,
    /// Redis requires another password from new connections.
    LockedOut,
}

impl Fault {
    pub(crate) const ALL: [Self; 8] = [
        Self::Killed,
        Self::Stopped,
        Self::BlackHole,
        Self::HalfOpen,
        Self::Slow,
        Self::OutOfMemory,
        Self::Flushed,
        Self::LockedOut,
    ];

    async fn strike(self, site: &mut Site, lasts: Duration) {
        let Site { server, proxy, .. } = site;
        let until = Instant::now() + lasts;
        match self {
            Self::Killed => server.kill(),
            Self::Stopped => server.stop(),
            Self::BlackHole => proxy.freeze_all(),
            Self::HalfOpen => proxy.freeze(),
            Self::Slow => proxy.delay(Duration::from_millis(100)),
            Self::OutOfMemory => drop(server.cli(&["config", "set", "maxmemory", "1"])),
            Self::Flushed => {
                while Instant::now() < until {
                    server.cli(&["flushall"]);
                    server.cli(&["script", "flush"]);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            Self::LockedOut => {
                server.cli(&["config", "set", "requirepass", "another"]);
                proxy.cut();
            }
        }
        tokio::time::sleep_until(until.into()).await;
    }

    fn end(self, site: &mut Site) {
        let Site { server, proxy, .. } = site;
        match self {
            Self::Killed => server.restart(),
            Self::Stopped => server.cont(),
            Self::BlackHole | Self::HalfOpen => proxy.thaw(),
            Self::Slow => proxy.delay(Duration::ZERO),
            Self::OutOfMemory => drop(server.cli(&["config", "set", "maxmemory", "0"])),
            Self::Flushed => {}
            Self::LockedOut => {
                server.cli(&["-a", "another", "config", "set", "requirepass", ""]);
            }
        }
    }
}

struct Site {
    server: Server,
    proxy: Proxy,
    cache: Cache,
}

/// The version of each item, and the version below which no read may be.
#[derive(Default)]
struct Origin {
    versions: Vec<AtomicU64>,
    floors: Vec<AtomicU64>,
    loads: AtomicU64,
}

#[cached(key = "item:{id}", ttl = "1h", cache = cache, skip(cache, origin))]
async fn item(cache: &Cache, origin: &Origin, id: u64) -> Result<u64, String> {
    origin.loads.fetch_add(1, Ordering::SeqCst);
    Ok(origin.versions[id as usize].load(Ordering::SeqCst))
}

/// One call: its start and its duration. Loads take no time of their own.
type Call = (Instant, Duration);

#[derive(Default)]
struct Book {
    calls: Vec<Call>,
    old: u64,
    /// When each eviction began.
    evictions: Vec<Instant>,
    owed: u64,
}

/// The figures of a cache under a fault.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) calls: usize,
    pub(crate) p50: Duration,
    /// The 99th percentile of the duration of all calls during the fault, and of those after [`SETTLED`].
    pub(crate) p99: Duration,
    pub(crate) settled_p99: Duration,
    pub(crate) longest: Duration,
    /// Evictions during the fault.
    pub(crate) evictions: u64,
    /// Evictions that Redis did not acknowledge and that are carried out later.
    pub(crate) owed: u64,
    /// Calls that began after an eviction had returned, and returned the evicted value.
    pub(crate) old: u64,
    /// From the end of the fault until Redis and the bus are used again.
    pub(crate) back: Duration,
    /// From the end of the fault until Redis contains no evicted value any more.
    pub(crate) cleared: Duration,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        write!(
            f,
            "{:>8} {:>9.2} {:>9.2} {:>9.2} {:>9.0} {:>7} {:>6} {:>4} {:>8.0} {:>8.0}",
            self.calls,
            ms(self.p50),
            ms(self.p99),
            ms(self.settled_p99),
            ms(self.longest),
            self.evictions,
            self.owed,
            self.old,
            ms(self.back),
            ms(self.cleared),
        )
    }
}

/// The heading of a table of [`Figures`]; times in milliseconds.
pub(crate) const HEAD: &str =
    "   calls       p50       p99   settled   longest evicted   owed  old     back  cleared";

/// Runs a fault for a while under load.
pub(crate) async fn trial(fault: Fault, timeout: Duration, lasts: Duration) -> Figures {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let redis = Redis::builder(proxy.url()).operation_timeout(timeout).connect().await.unwrap();
    let cache = Cache::builder().namespace("trial").remote(redis).build().unwrap();
    eventually("the bus is connected", async || cache.is_linked()).await;
    let mut site = Site { server, proxy, cache };
    let numbers = || (0..ITEMS).map(|_| AtomicU64::new(1)).collect::<Vec<_>>();
    let origin =
        Arc::new(Origin { versions: numbers(), floors: numbers(), loads: AtomicU64::new(0) });
    let (book, stop) = (Arc::new(Mutex::new(Book::default())), Arc::new(AtomicBool::new(false)));
    let mut tasks = Vec::new();
    for place in 0..READERS + WRITERS {
        let (cache, origin) = (site.cache.clone(), Arc::clone(&origin));
        let (book, stop) = (Arc::clone(&book), Arc::clone(&stop));
        tasks.push(tokio::spawn(async move {
            match place {
                READERS.. => write(place, &cache, &origin, &book, &stop).await,
                _ => read(place, &cache, &origin, &book, &stop).await,
            }
        }));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    fault.strike(&mut site, lasts).await;
    let ended = Instant::now();
    fault.end(&mut site);
    let healed = Instant::now();
    within(Duration::from_secs(30), "it is used again", async || {
        site.cache.ping().await.is_ok() && site.cache.is_linked()
    })
    .await;
    let back = healed.elapsed();
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.expect("no call fails");
    }
    // Another process, which only reads Redis: evicted values are gone or replaced.
    let redis = Redis::connect(site.server.url()).await.unwrap();
    let other = Cache::builder().namespace("trial").no_memory().remote(redis).build().unwrap();
    for id in 0..ITEMS {
        let current = origin.versions[id as usize].load(Ordering::SeqCst);
        within(Duration::from_secs(15), "an eviction was not lost", async || {
            let here = item(&site.cache, &origin, id).await;
            assert_eq!(here, Ok(current), "the evicting cache reads the new value");
            let there = other.get::<u64>(&format!("item:{id}")).await.unwrap();
            there.is_none_or(|version| version == current)
        })
        .await;
    }
    let cleared = healed.elapsed();
    let book = std::mem::take(&mut *book.lock().unwrap());
    book.figures((began, ended), (back, cleared))
}

async fn read(place: u64, cache: &Cache, origin: &Origin, book: &Mutex<Book>, stop: &AtomicBool) {
    let mut id = place * 7;
    while !stop.load(Ordering::SeqCst) {
        id = (id + 11) % ITEMS;
        let floor = origin.floors[id as usize].load(Ordering::SeqCst);
        let began = Instant::now();
        let version = item(cache, origin, id).await.unwrap();
        let took = began.elapsed();
        book.lock().unwrap().called((began, took), version < floor);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn write(place: u64, cache: &Cache, origin: &Origin, book: &Mutex<Book>, stop: &AtomicBool) {
    let mut id = place;
    while !stop.load(Ordering::SeqCst) {
        id = (id + 17) % ITEMS;
        let version = origin.versions[id as usize].fetch_add(1, Ordering::SeqCst) + 1;
        // This cache never returns the old value again, even if Redis has not acknowledged the eviction.
        let began = Instant::now();
        let evicted = cache.remove(&format!("item:{id}")).await;
        origin.floors[id as usize].fetch_max(version, Ordering::SeqCst);
        book.lock().unwrap().evicted(began, evicted.is_ok());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl Book {
    fn called(&mut self, call: Call, old: bool) {
        self.calls.push(call);
        self.old += u64::from(old);
    }

    fn evicted(&mut self, began: Instant, acknowledged: bool) {
        self.evictions.push(began);
        self.owed += u64::from(!acknowledged);
    }

    fn figures(
        self,
        (began, ended): (Instant, Instant),
        (back, cleared): (Duration, Duration),
    ) -> Figures {
        let waits = |from: Instant| {
            let within = self.calls.iter().filter(|(at, _)| (from..ended).contains(at));
            let mut waits: Vec<Duration> = within.map(|(_, took)| *took).collect();
            waits.sort_unstable();
            waits
        };
        let quantile = |waits: &[Duration], share: f64| {
            let at = (waits.len() as f64 * share) as usize;
            waits.get(at).copied().unwrap_or_default()
        };
        let (all, settled) = (waits(began), waits(began + SETTLED));
        Figures {
            calls: all.len(),
            p50: quantile(&all, 0.5),
            p99: quantile(&all, 0.99),
            settled_p99: quantile(&settled, 0.99),
            longest: all.last().copied().unwrap_or_default(),
            evictions: self.evictions.iter().filter(|at| (began..ended).contains(at)).count()
                as u64,
            owed: self.owed,
            old: self.old,
            back,
            cleared,
        }
    }
}
