//! Pending evictions in a small file, so that they outlive the process.
//!
//! The file consists of lines. A line is 16 hexadecimal digits of the SHA-256 of its content, then the
//! content, also in hexadecimal digits, so a damaged line affects no other line. The first line names the
//! namespace. A line is appended when an eviction becomes pending, and the file is truncated to its first
//! line when nothing is pending. Evictions that were carried out in between stay in the file: repeating them
//! costs at most a load. A second file, with `.lock` appended to its name, is locked while the log is used,
//! because the log itself may be replaced by another file.
//!
//! When [`RetryLog::add`] returns, the operating system has the line, so it survives the end of the process.
//! It does not wait for the disk: if the machine stops, the last lines may be missing.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::pending::RemoteEviction;
use crate::base::{Error, Selection};

/// A file above this size is rewritten with the evictions that are still pending.
const MOST: u64 = 4 << 20;

/// How many digits of a line are its checksum.
const SUM: usize = 16;

#[derive(Serialize, Deserialize)]
enum Record {
    Namespace(String),
    Evicted(RemoteEviction),
}

/// The open file. No other process writes to it.
#[derive(Debug)]
pub(crate) struct RetryLog {
    path: PathBuf,
    file: File,
    _lock: File,
    first: String,
    bytes: u64,
    /// Whether the last attempt to write failed.
    fails: bool,
}

impl RetryLog {
    /// Opens or creates the file, and returns the evictions that were pending in it.
    pub(crate) fn open(path: &Path, namespace: &str) -> Result<(Self, Vec<RemoteEviction>), Error> {
        let shown = path.display();
        let failed = |error: std::io::Error| {
            Error::config("retry_log", format!("`{shown}` can't be used: {error}"))
        };
        let lock = locked(path)?;
        let mut file = appending(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut contents = Vec::new();
        // The file is hardly longer than `MOST`. The content after the limit is unknown, so it counts as the
        // whole namespace.
        (&mut file).take(2 * MOST).read_to_end(&mut contents).map_err(failed)?;
        let mut pending = read(&contents, namespace, path)?;
        if length > 2 * MOST {
            pending = vec![Selection::All];
        }
        let first = line(&Record::Namespace(namespace.to_owned()));
        let path = path.to_owned();
        let mut log = Self { path, file, _lock: lock, first, bytes: length, fails: false };
        // Drops damaged lines. A last line without an end would damage the next one.
        log.rewrite(&pending).map_err(failed)?;
        Ok((log, pending))
    }

    /// Records that an eviction is pending.
    pub(super) fn add(&mut self, eviction: &RemoteEviction) {
        let line = line(&record(eviction));
        self.bytes += line.len() as u64;
        let written = self.file.write_all(line.as_bytes());
        self.note(written);
    }

    /// Whether the file must be rewritten.
    pub(super) fn is_long(&self) -> bool {
        self.bytes > MOST
    }

    /// Replaces the content by `pending`. If that is too long for the file, one eviction of the whole
    /// namespace replaces it.
    pub(super) fn replace(&mut self, pending: &[RemoteEviction]) {
        let length: usize = pending.iter().map(|eviction| line(&record(eviction)).len()).sum();
        let written = match length as u64 > MOST / 2 {
            true => self.rewrite(&[Selection::All]),
            false => self.rewrite(pending),
        };
        self.note(written);
    }

    /// Waits until the disk has the file.
    pub(super) fn flush(&mut self) {
        let flushed = self.file.sync_data();
        self.note(flushed);
    }

    /// Records that nothing is pending.
    pub(super) fn clear(&mut self) {
        let first = self.first.len() as u64;
        if self.bytes > first {
            let cut = self.file.set_len(first);
            if cut.is_ok() {
                self.bytes = first;
            }
            self.note(cut);
        }
    }

    /// Atomic: the process may be killed at any moment.
    fn rewrite(&mut self, pending: &[RemoteEviction]) -> std::io::Result<()> {
        let mut text = self.first.clone();
        pending.iter().for_each(|eviction| text += &line(&record(eviction)));
        let new = beside(&self.path, ".new");
        std::fs::write(&new, &text)?;
        std::fs::rename(&new, &self.path)?;
        self.file = appending(&self.path)?;
        self.bytes = text.len() as u64;
        Ok(())
    }

    /// Logs once that the file cannot be written, and once that it can again.
    fn note(&mut self, written: std::io::Result<()>) {
        let failed = std::mem::replace(&mut self.fails, written.is_err());
        let path = self.path.display();
        match written {
            Err(error) if !failed => {
                tracing::warn!(
                    target: "larder::eviction",
                    %path, %error,
                    "larder: pending evictions can't be written to the retry log"
                );
            }
            Ok(()) if failed => {
                tracing::info!(target: "larder::eviction", %path, "larder: the retry log can be written again");
            }
            _ => {}
        }
    }
}

fn appending(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).open(path)
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Takes the lock, which ends when the returned file is dropped.
fn locked(path: &Path) -> Result<File, Error> {
    let lock = beside(path, ".lock");
    let shown = path.display();
    let failed = |error: std::io::Error| {
        Error::config("retry_log", format!("`{shown}` can't be locked: {error}"))
    };
    let file = appending(&lock).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let message = format!("`{shown}` is in use; every cache needs a file of its own");
            Err(Error::config("retry_log", message))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn record(eviction: &RemoteEviction) -> Record {
    Record::Evicted(eviction.clone())
}

fn line(record: &Record) -> String {
    // Encoding into memory does not fail for this type; an empty line counts as damaged.
    let contents = hex(&postcard::to_stdvec(record).unwrap_or_default());
    sum(&contents) + &contents + "\n"
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn sum(contents: &str) -> String {
    hex(&Sha256::digest(contents.as_bytes())[..SUM / 2])
}

/// Parses the pending evictions. Damaged lines are skipped.
fn read(contents: &[u8], namespace: &str, path: &Path) -> Result<Vec<RemoteEviction>, Error> {
    let (mut pending, mut damaged) = (Vec::new(), 0_u64);
    for line in contents.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match parse(line) {
            None => damaged += 1,
            Some(Record::Namespace(other)) if other != namespace => {
                let path = path.display();
                let message = format!("`{path}` belongs to the namespace `{other}`");
                return Err(Error::config("retry_log", message));
            }
            Some(Record::Namespace(_)) => {}
            Some(Record::Evicted(eviction)) => pending.push(eviction),
        }
    }
    if damaged > 0 {
        let path = path.display();
        tracing::warn!(
            target: "larder::eviction",
            %path, lines = damaged,
            "larder: damaged lines of the retry log are skipped"
        );
    }
    Ok(pending)
}

fn parse(line: &[u8]) -> Option<Record> {
    let (stated, contents) = std::str::from_utf8(line).ok()?.split_at_checked(SUM)?;
    if sum(contents) != stated {
        return None;
    }
    let digits = contents.as_bytes().chunks(2);
    let bytes = digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
    postcard::from_bytes(&bytes.collect::<Option<Vec<u8>>>()?).ok()
}
