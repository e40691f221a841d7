//! Repeats an operation whose connection broke.

use tokio::time::{Instant, sleep_until};

use super::backoff::before_retry;
use super::request::Deadline;
use crate::errors::Fault;

/// The repetitions of one operation.
///
/// Only an operation that lost a connection is repeated. One that finds Redis unreachable fails
/// immediately: an outage must not cost every caller the pauses of all repetitions.
pub(super) struct Retries {
    left: u32,
    made: u32,
    lost: bool,
}

impl Retries {
    pub(super) fn at_most(left: u32) -> Self {
        Self { left, made: 0, lost: false }
    }

    /// Notes that the operation lost its connection.
    pub(super) fn lost(&mut self) {
        self.lost = true;
    }

    /// Waits until the operation may try again. `due` is the moment from which the supervisor
    /// connects; `None` if it does not.
    ///
    /// # Errors
    /// Returns the fault if the operation may not try again, or not before its deadline.
    pub(super) async fn next(
        &mut self,
        fault: Fault,
        due: Option<Instant>,
        deadline: Deadline,
    ) -> Result<(), Fault> {
        let Some(due) = due.filter(|_| self.lost && self.left > 0) else { return Err(fault) };
        self.left -= 1;
        self.made += 1;
        let at = due.max(Instant::now() + before_retry(self.made));
        if at >= deadline.at {
            return Err(fault);
        }
        sleep_until(at).await;
        Ok(())
    }
}
