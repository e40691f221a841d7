//! A fleet: real processes that share one Redis and one origin, and are controlled one by one.

#![allow(dead_code, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larder::redis::Redis;
use larder::{Cache, Source, cached};
use tokio::runtime::Handle;

use crate::process::{Process, serve};
use crate::support::eventually;

/// The pause between two reads of a memory tier.
const LOOK: Duration = Duration::from_micros(50);

static LOADS: AtomicU64 = AtomicU64::new(0);

/// The origin of all processes: one file for each item, with its version.
pub(crate) struct Origin(PathBuf);

impl Origin {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name =
            format!("larder-fleet-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    /// Writes an item's new version.
    pub(crate) fn change(&self, id: u64, version: u64) {
        // Replaces the file in one step, so that no process reads half a number.
        let new = self.0.join(format!("{id}.new"));
        std::fs::write(&new, version.to_string()).unwrap();
        std::fs::rename(new, self.0.join(id.to_string())).unwrap();
    }

    /// The role of a member.
    pub(crate) fn role(&self, url: &str) -> String {
        format!("{url} {}", self.0.display())
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cached(key = "item:{id}", ttl = "1h", cache = "fleet", skip(origin, takes))]
async fn item(origin: &Path, takes: Duration, id: u64) -> u64 {
    LOADS.fetch_add(1, Ordering::SeqCst);
    let version = std::fs::read_to_string(origin.join(id.to_string())).unwrap_or_default();
    tokio::time::sleep(takes).await;
    version.parse().unwrap_or(0)
}

/// The same with a lease shorter than the three seconds after which a lease without renewal is free.
#[cached(key = "brief:{id}", ttl = "1h", lease = "1s", cache = "fleet", skip(origin, takes))]
async fn brief(origin: &Path, takes: Duration, id: u64) -> u64 {
    LOADS.fetch_add(1, Ordering::SeqCst);
    let version = std::fs::read_to_string(origin.join(id.to_string())).unwrap_or_default();
    tokio::time::sleep(takes).await;
    version.parse().unwrap_or(0)
}

fn micros() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()
}

/// The loop of a member; [`Origin::role`] makes its role.
pub(crate) async fn live(role: &str) {
    let (url, origin) = role.split_once(' ').unwrap();
    let origin = PathBuf::from(origin);
    let redis = Redis::connect(url).await.unwrap();
    let cache = Cache::builder().name("fleet").remote(redis).build().unwrap();
    cache.install();
    eventually("the bus is connected", async || cache.is_linked()).await;
    let get = async |id: u64| item(&origin, Duration::from_millis(1), id).traced().await;
    serve(async |words| {
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        match words[0] {
            "get" => {
                let read = get(number(1)).await;
                format!("{} {:?}", read.value, read.source)
            }
            "brief" => {
                let read = brief(&origin, Duration::from_millis(1), number(1)).traced().await;
                format!("{} {:?}", read.value, read.source)
            }
            "evict" => {
                let began = micros();
                let evicted = cache.remove(&format!("item:{}", number(1))).await;
                format!("{} {began} {}", evicted.is_ok(), micros())
            }
            "watch" => watch(&origin, number(1)).await.to_string(),
            "hang" => hang(&origin, number(1), false).await,
            "hang-brief" => hang(&origin, number(1), true).await,
            "storm" => storm(&origin, number(1), number(2)).await,
            "loads" => LOADS.load(Ordering::SeqCst).to_string(),
            _ => panic!("not understood: {words:?}"),
        }
    })
    .await;
}

/// Reads memory until it no longer serves an item, and returns the time.
async fn watch(origin: &Path, id: u64) -> u128 {
    let (origin, runtime) = (origin.to_owned(), Handle::current());
    let watching = tokio::task::spawn_blocking(move || {
        loop {
            // The item is gone by now if it is not there: the next read loads.
            let looked = micros();
            let read = item(&origin, Duration::ZERO, id).traced();
            if runtime.block_on(read).source != Source::Memory {
                return looked;
            }
            std::thread::sleep(LOOK);
        }
    });
    watching.await.unwrap()
}

/// Begins a load that does not end.
async fn hang(origin: &Path, id: u64, short: bool) -> String {
    let before = LOADS.load(Ordering::SeqCst);
    let (origin, takes) = (origin.to_owned(), Duration::from_secs(3600));
    tokio::spawn(async move {
        match short {
            true => brief(&origin, takes, id).await,
            false => item(&origin, takes, id).await,
        }
    });
    eventually("it loads", async || LOADS.load(Ordering::SeqCst) > before).await;
    "loading".to_owned()
}

/// Runs `tasks` concurrent tasks, each of which reads the items from 0 to `items`.
async fn storm(origin: &Path, tasks: u64, items: u64) -> String {
    let before = LOADS.load(Ordering::SeqCst);
    let ask = |task: u64| {
        let (origin, id) = (origin.to_owned(), task % items);
        tokio::spawn(async move { (id, item(&origin, Duration::from_millis(100), id).await) })
    };
    let asked: Vec<_> = (0..tasks).map(ask).collect();
    let mut right = 0;
    for one in asked {
        let (id, version) = one.await.unwrap();
        right += u64::from(version == id + 1);
    }
    format!("{right} {}", LOADS.load(Ordering::SeqCst) - before)
}

/// How far the memory tiers of some members lag behind the evictions of another one.
pub(crate) struct Behind {
    /// From the start of the eviction, for each member that followed; sorted.
    pub(crate) followed: Vec<Duration>,
    /// The durations of the evictions; sorted.
    pub(crate) evictions: Vec<Duration>,
}

/// The first member evicts `rounds` times, and the others follow.
pub(crate) async fn behind(members: &mut [Process], rounds: u64) -> Behind {
    let (evicts, follow) = members.split_first_mut().unwrap();
    let (mut followed, mut evictions) = (Vec::new(), Vec::new());
    for id in 0..rounds {
        for member in follow.iter_mut() {
            eventually("it is in memory", async || {
                member.ask(&format!("get {id}")).ends_with("Memory")
            })
            .await;
            member.tell(&format!("watch {id}"));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        let evicted = evicts.ask(&format!("evict {id}"));
        let words: Vec<&str> = evicted.split(' ').collect();
        assert_eq!(words[0], "true", "an eviction failed");
        let (began, ended): (u128, u128) = (words[1].parse().unwrap(), words[2].parse().unwrap());
        evictions.push(Duration::from_micros((ended - began) as u64));
        for member in follow.iter_mut() {
            let gone: u128 = member.hear().parse().unwrap();
            followed.push(Duration::from_micros(gone.saturating_sub(began) as u64));
        }
    }
    followed.sort_unstable();
    evictions.sort_unstable();
    Behind { followed, evictions }
}

/// The value below which this share of a sorted list is.
pub(crate) fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}
