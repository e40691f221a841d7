//! A custom remote tier: an SQLite file that several processes share (`sqlite.rs` is the backend).
//! Larder's promises over Redis also hold over it: one load in the whole fleet, and evictions that
//! every process follows.
//!
//! ```sh
//! cargo run -p examples --example custom_backend      # starts four more processes, and ends automatically
//! ```

mod sqlite;

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use larder::{Cache, cache_evict, cached};
use sqlite::Sqlite;

type Failure = Box<dyn std::error::Error>;

/// The source of the functions' data: a file. Every read of it is recorded in another file.
#[derive(Clone)]
struct Report {
    dir: PathBuf,
}

impl Report {
    fn write(&self, text: &str) -> std::io::Result<()> {
        std::fs::write(self.dir.join("report"), text)
    }

    /// Slow, like a report over a large table.
    async fn read(&self) -> Result<String, String> {
        use std::io::Write;
        let mut reads = std::fs::File::options().create(true).append(true).open(self.reads_path());
        let noted = reads.as_mut().map(|reads| writeln!(reads, "{}", std::process::id()));
        noted.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        std::fs::read_to_string(self.dir.join("report")).map_err(|error| error.to_string())
    }

    fn reads_path(&self) -> PathBuf {
        self.dir.join("reads")
    }

    fn reads(&self) -> usize {
        std::fs::read_to_string(self.reads_path()).unwrap_or_default().lines().count()
    }
}

#[cached(ttl = "5m", key = "report", skip(report))]
async fn get_report(report: &Report) -> Result<String, String> {
    report.read().await
}

#[cache_evict(get_report(report))]
async fn change_report(report: &Report, text: &str) -> std::io::Result<()> {
    report.write(text)
}

/// Memory and the file. Compared with Redis, only the backend in this line differs.
async fn install(dir: &Path) -> Result<(), Failure> {
    let store = Sqlite::open(dir.join("cache.sqlite"))?;
    let cache = Cache::builder().namespace("reports").remote(store).build()?;
    // The memory tier serves entries without asking the file when the bus is connected.
    if !cache.wait_linked(Duration::from_secs(10)).await {
        eprintln!("the bus of {} is not connected yet", dir.display());
    }
    cache.install();
    Ok(())
}

/// One process of the fleet: it reads until it gets the second report, and prints what it got.
async fn serve(dir: PathBuf) -> Result<(), Failure> {
    install(&dir).await?;
    let report = Report { dir };
    let mut seen = vec![get_report(&report).await?];
    while seen.len() < 2 {
        let next = get_report(&report).await?;
        if seen.last() != Some(&next) {
            seen.push(next);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let stats = larder::default_cache().stats();
    println!(
        "  process {:>7}: saw {seen:?}; {} loads, {} hits of memory, {} of the file",
        std::process::id(),
        stats.loads,
        stats.memory_hits,
        stats.remote_hits
    );
    Ok(())
}

fn start(dir: &Path) -> Result<Child, Failure> {
    Ok(Command::new(std::env::current_exe()?).arg("serve").arg(dir).spawn()?)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut args = std::env::args_os().skip(1);
    if let (Some(_), Some(dir)) = (args.next(), args.next()) {
        return serve(dir.into()).await;
    }
    let dir = std::env::temp_dir().join(format!("larder-custom-backend-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let report = Report { dir: dir.clone() };
    report.write("the first report")?;
    install(&dir).await?;

    println!("-- four processes and this one ask for a report that takes 300 ms");
    let fleet = (0..4).map(|_| start(&dir)).collect::<Result<Vec<_>, _>>()?;
    get_report(&report).await?;
    tokio::time::sleep(Duration::from_millis(700)).await;
    println!("  the report was read {} time(s)", report.reads());

    println!("-- it changes: every process follows");
    change_report(&report, "the second report").await?;
    for mut process in fleet {
        let ended = process.wait()?;
        assert!(ended.success(), "a process failed: {ended}");
    }
    println!("  the report was read {} time(s)", report.reads());
    assert_eq!(report.reads(), 2, "one load for each report, in the whole fleet");
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}
