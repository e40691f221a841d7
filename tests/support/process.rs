//! Real processes: this program, started again, and controlled line by line.

#![allow(dead_code, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const ROLE: &str = "LARDER_TEST_ROLE";

/// The prefix of every answer, because a test harness prints lines too.
const MARK: &str = "> ";

/// Another process; killed when dropped.
pub(crate) struct Process {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// The role of this process; `None` for the main process.
pub(crate) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// Answers line by line until the input ends.
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

    /// Runs this program with `args`; the new process gets its role by [`role`].
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

    /// Sends a command.
    pub(crate) fn tell(&mut self, command: &str) {
        writeln!(self.to, "{command}").unwrap();
    }

    /// The next answer.
    pub(crate) fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.from.read_line(&mut line).unwrap(), 0, "the other process ended");
            if let Some((_, said)) = line.split_once(MARK) {
                return said.trim_end().to_owned();
            }
        }
    }

    /// Sends a command and returns its answer.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.tell(command);
        self.hear()
    }

    /// SIGKILL: the process cannot clean up.
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
