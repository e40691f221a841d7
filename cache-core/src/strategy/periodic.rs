//! Work that is done again and again, until its handle is dropped.

use std::time::Duration;

use tokio::sync::oneshot;

use super::spawn;
use crate::clock::Clock;

/// The handle. Dropped, it stops.
#[derive(Debug)]
pub(crate) struct Periodic(oneshot::Sender<Forever>);

/// Said by [`Periodic::keep`]; an end without it means stop.
#[derive(Debug)]
struct Forever;

impl Periodic {
    /// A turn every `interval`, the first when one has passed, until a turn gives nothing back.
    pub(crate) fn start<S, F>(
        clock: &Clock,
        interval: Duration,
        mut state: S,
        turn: impl Fn(S) -> F + Send + 'static,
    ) -> Self
    where
        S: Send + 'static,
        F: Future<Output = Option<S>> + Send,
    {
        let (stop, stopped) = oneshot::channel();
        let clock = clock.clone();
        // The first sleep begins here, and not when the task is first polled.
        let mut sleeping = clock.sleep(interval);
        let turns = async move {
            loop {
                sleeping.await;
                // The next sleep begins before the turn, or intervals would grow by its time.
                sleeping = clock.sleep(interval);
                match turn(state).await {
                    Some(next) => state = next,
                    None => return,
                }
            }
        };
        spawn(until_stopped(stopped, turns));
        Self(stop)
    }

    /// From now on only its turns end it.
    pub(crate) fn keep(self) {
        // Nobody listens any more only if it has ended.
        drop(self.0.send(Forever));
    }
}

async fn until_stopped(stopped: oneshot::Receiver<Forever>, turns: impl Future<Output = ()>) {
    let stop = async {
        if stopped.await.is_ok() {
            std::future::pending::<()>().await;
        }
    };
    // In order: what was stopped takes no turn any more, even if its time has come.
    tokio::select! {
        biased;
        () = stop => {}
        () = turns => {}
    }
}
