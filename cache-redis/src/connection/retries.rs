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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// Whether the operation tries again; `None` if it waits for longer than half a minute.
    async fn again(retries: &mut Retries, due: Option<Duration>, limit: Duration) -> Option<bool> {
        let due = due.map(|due| Instant::now() + due);
        let next = retries.next(Fault::closed(), due, Deadline::after(limit));
        timeout(LONG / 2, next).await.ok().map(|next| next.is_ok())
    }

    #[tokio::test]
    async fn a_lost_connection_is_repeated_as_often_as_permitted() {
        let (now, mut retries) = (Some(Duration::ZERO), Retries::at_most(2));
        assert_eq!(again(&mut retries, now, LONG).await, Some(false), "nothing was lost");
        retries.lost();
        assert_eq!(again(&mut retries, None, LONG).await, Some(false), "nobody connects");
        assert_eq!(again(&mut retries, now, LONG).await, Some(true));
        assert_eq!(again(&mut retries, now, LONG).await, Some(true));
        assert_eq!(again(&mut retries, now, LONG).await, Some(false), "that was all");
    }

    #[tokio::test]
    async fn it_does_not_wait_beyond_the_deadline() {
        let mut retries = Retries::at_most(5);
        retries.lost();
        assert_eq!(again(&mut retries, Some(LONG), LONG / 2).await, Some(false));
    }
}
