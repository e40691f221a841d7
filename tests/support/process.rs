//! Real processes: this very program, run once more, and spoken with line by line.

#![allow(dead_code, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const ROLE: &str = "LARDER_TEST_ROLE";

/// Stands before what is said: a test harness has words of its own.
const MARK: &str = "> ";

/// Another process; killed when dropped.
pub(crate) struct Process {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// What this process is to be; `None`: nobody else's.
pub(crate) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// Answers line by line, until nobody asks any more.
pub(crate) async fn serve(mut answer: impl AsyncFnMut(&[&str]) -> String) {
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        println!("{MARK}{}", answer(&words).await);
    }
}

impl Process {
    /// Runs one test of this binary.
    pub(crate) fn test(name: &str, role: &str) -> Self {
        Self::start(&["--exact", name, "--nocapture"], role)
    }

    /// Runs this program with `args`; it finds out by [`role`] what it is.
    pub(crate) fn start(args: &[&str], role: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(args)
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, to, from: BufReader::new(from) }
    }

    /// Has it do something.
    pub(crate) fn tell(&mut self, command: &str) {
        writeln!(self.to, "{command}").unwrap();
    }

    /// What it says next.
    pub(crate) fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.from.read_line(&mut line).unwrap(), 0, "the other process ended");
            if let Some((_, said)) = line.split_once(MARK) {
                return said.trim_end().to_owned();
            }
        }
    }

    /// Has it do something, and returns what it says to it.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.tell(command);
        self.hear()
    }

    /// SIGKILL: it has no time for anything any more.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
