//! P7: pending evictions outlive the process if the cache has a retry log.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Cache, Error, Policy, time::Clock};

use crate::gated::Gated;
use crate::origin::{pass, soon};

const TAGGED: Policy = Policy::new().tags(&["rows"]);

/// A temporary folder for one test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("larder-retry-log-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn log(&self) -> PathBuf {
        self.0.join("retry.log")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn build(store: &Gated, clock: &Clock, log: &Path) -> Result<Cache, Error> {
    let builder = Cache::builder().remote(store.backend.clone()).clock(clock.clone());
    builder.retry_log(log).build()
}

/// Runs a process whose evictions fail, and which then ends.
async fn process(store: &Gated, clock: &Clock, log: &Path, act: impl AsyncFn(&Cache)) {
    let store = store.another();
    let cache = build(&store, clock, log).unwrap();
    store.set_down(true);
    act(&cache).await;
}

#[tokio::test]
async fn evictions_of_every_kind_outlive_the_process() {
    for kind in ["remove", "pattern", "tag", "clear"] {
        let (clock, folder) = (Clock::manual(), Folder::new());
        let store = Gated::leased(&clock);
        let other = store.cache_without_memory(&clock);
        for key in ["row:1", "row:2"] {
            other.entry(key).policy(TAGGED).insert(1u64).await.unwrap();
        }
        process(&store, &clock, &folder.log(), async |cache| pending(cache, kind).await).await;
        assert_eq!(
            other.get::<u64>("row:1").await.unwrap(),
            Some(1),
            "{kind}: it has received no notice"
        );

        // The next process does not read the evicted value, and sends the notices even if it reads nothing.
        let next = store.another();
        let cache = build(&next, &clock, &folder.log()).unwrap();
        assert_eq!(cache.health().remote.unwrap().pending_evictions, 1, "{kind}");
        assert_eq!(cache.get::<u64>("row:1").await.unwrap(), None, "{kind}");
        assert_eq!(other.get::<u64>("row:1").await.unwrap(), None, "{kind}");
        let kept = if kind == "remove" { Some(1) } else { None };
        assert_eq!(other.get::<u64>("row:2").await.unwrap(), kept, "{kind}");
        drop(cache);

        // Evictions that were carried out are not repeated.
        let cache = build(&next, &clock, &folder.log()).unwrap();
        assert_eq!(cache.health().remote.unwrap().pending_evictions, 0, "{kind}");
    }
}

async fn pending(cache: &Cache, kind: &str) {
    match kind {
        "remove" => drop(cache.remove("row:1").await.unwrap_err()),
        "pattern" => drop(cache.evict_pattern("row:*").await.unwrap_err()),
        "tag" => drop(cache.evict_tag("rows").await.unwrap_err()),
        _ => drop(cache.clear().await.unwrap_err()),
    }
}

/// The next process only starts.
#[tokio::test]
async fn they_are_carried_out_without_a_read() {
    let (clock, folder) = (Clock::manual(), Folder::new());
    let store = Gated::leased(&clock);
    let other = store.cache_without_memory(&clock);
    for key in 0..18 {
        other.insert(&*format!("row:{key}"), 1u64).await.unwrap();
    }
    process(&store, &clock, &folder.log(), async |cache| {
        for key in 0..18 {
            cache.remove(&format!("row:{key}")).await.unwrap_err();
        }
    })
    .await;
    let _next = build(&store.another(), &clock, &folder.log()).unwrap();
    pass(&clock, Duration::from_secs(2)).await;
    for key in 0..18 {
        assert_eq!(other.get::<u64>(format!("row:{key}")).await.unwrap(), None, "row:{key}");
    }
}

#[tokio::test]
async fn two_caches_cannot_share_one_file() {
    let (clock, folder) = (Clock::manual(), Folder::new());
    let store = Gated::leased(&clock);
    let cache = build(&store, &clock, &folder.log()).unwrap();
    let error = build(&store, &clock, &folder.log()).unwrap_err().to_string();
    assert!(error.starts_with("retry_log: ") && error.contains("in use"), "{error}");
    drop(cache);
    let cache = build(&store, &clock, &folder.log()).unwrap();
    drop(cache);
    let builder = Cache::builder().namespace("another").remote(store.backend.clone());
    let error = builder.retry_log(folder.log()).build().unwrap_err().to_string();
    assert!(error.contains("namespace `larder`"), "{error}");
    let error = build(&store, &clock, &folder.0).unwrap_err().to_string();
    assert!(error.starts_with("retry_log: "), "a folder is no file: {error}");
}

/// A damaged line does not affect other lines.
#[tokio::test]
async fn damaged_lines_are_skipped() {
    let (clock, folder) = (Clock::manual(), Folder::new());
    let store = Gated::leased(&clock);
    process(&store, &clock, &folder.log(), async |cache| {
        for key in ["a", "b", "c"] {
            cache.remove(key).await.unwrap_err();
        }
    })
    .await;
    let whole = std::fs::read(folder.log()).unwrap();
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 4, "the namespace and three evictions");
    let flip = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let second = lines[0].len() + lines[1].len();
    let mut with_noise = whole.clone();
    with_noise.extend_from_slice(b"\xff\xfe\n\n0123456789abcdefzz\n");
    for (what, bytes, pending) in [
        ("a flipped bit", flip(second + 20), 2),
        ("a flipped bit in a sum", flip(second + 3), 2),
        ("no end", whole[..whole.len() - 5].to_vec(), 2),
        ("a missing end of line", whole[..whole.len() - 1].to_vec(), 3),
        ("noise", with_noise, 3),
        ("nothing", Vec::new(), 0),
        ("zeros", vec![0; 4096], 0),
    ] {
        std::fs::write(folder.log(), bytes).unwrap();
        let another = store.another();
        another.set_down(true);
        let cache = build(&another, &clock, &folder.log()).unwrap();
        assert_eq!(cache.health().remote.unwrap().pending_evictions, pending, "{what}");
        // The process reads the lines after it again.
        cache.remove("d").await.unwrap_err();
        drop(cache);
        let cache = build(&another, &clock, &folder.log()).unwrap();
        assert_eq!(cache.health().remote.unwrap().pending_evictions, pending + 1, "{what}");
    }
}

/// More evictions than are kept one by one, and keys that are too long for the file.
#[tokio::test]
async fn the_file_is_bounded() {
    for (keys, length) in [(10_001, 10), (9_500, 300)] {
        let (clock, folder) = (Clock::manual(), Folder::new());
        let store = Gated::leased(&clock);
        let other = store.cache_without_memory(&clock);
        other.insert("row:1", 1u64).await.unwrap();
        process(&store, &clock, &folder.log(), async |cache| {
            for key in 0..keys {
                let key = format!("{key:0length$}");
                cache.remove(&key).await.unwrap_err();
            }
        })
        .await;
        let bytes = std::fs::metadata(folder.log()).unwrap().len();
        assert!(bytes < 4 << 20, "{bytes} bytes of {keys} keys");
        let next = build(&store.another(), &clock, &folder.log()).unwrap();
        assert_eq!(soon(next.get::<u64>("row:1")).await.unwrap(), None, "{keys} keys");
        assert_eq!(other.get::<u64>("row:1").await.unwrap(), None);
    }
}
