//! A node's link to the remote tier: requests are delayed, get lost, or are applied without an answer; the link stalls,
//! fails and is cut.
//!
//! The link keeps the rules of [`Backend`](larder::backend::Backend). Requests are applied in the order in which they were sent,
//! or (depending on the weather) concurrent requests overtake each other. A request that timed out was applied before
//! the timeout or is never applied; a request whose future was dropped may still be applied.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use larder::backend::{BackendError, BackendErrorKind};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use super::chance::Chance;
use super::history::{Answer, Event, History, Node, ValueId};
use super::weather::{OPERATION, Weather};

/// What an outage does to requests.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outage {
    /// The link rejects them immediately.
    Refused,
    /// They vanish.
    Swallowed,
    /// They are applied, and the answers vanish.
    Unanswered,
}

#[derive(Default)]
struct State {
    outage: Option<(Outage, Instant)>,
    paused: Option<Instant>,
    cut: bool,
}

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) struct Link {
    pub(crate) node: Node,
    pub(crate) history: Arc<History>,
    chance: Arc<Chance>,
    weather: Weather,
    operations: Arc<AtomicU64>,
    state: Arc<Mutex<State>>,
    wire: mpsc::UnboundedSender<(Instant, Job)>,
}

/// The state that both sides of a request share.
#[derive(Default)]
struct Fate {
    applied: bool,
    given_up: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits while the node is paused, or for ever if it is cut off.
async fn going(state: &Mutex<State>) {
    loop {
        let (paused, cut) = {
            let state = lock(state);
            (state.paused, state.cut)
        };
        match paused {
            _ if cut => std::future::pending().await,
            Some(until) if Instant::now() < until => sleep_until(until).await,
            _ => return,
        }
    }
}

fn failure(kind: BackendErrorKind, name: &'static str) -> BackendError {
    BackendError::new(kind, name, "simulated")
}

/// Records a dropped request.
struct Waiting<'a> {
    link: &'a Link,
    operation: u64,
    answered: bool,
}

impl Waiting<'_> {
    fn answered(&mut self, answer: Answer) {
        self.answered = true;
        self.link.history.record(Event::Answered { operation: self.operation, answer });
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.answered(Answer::Dropped);
        }
    }
}

impl Link {
    pub(crate) fn new(
        node: Node,
        weather: Weather,
        chance: &Arc<Chance>,
        history: &Arc<History>,
        operations: &Arc<AtomicU64>,
    ) -> Self {
        let (wire, mut jobs) = mpsc::unbounded_channel::<(Instant, Job)>();
        let state = Arc::new(Mutex::new(State::default()));
        let stalled = Arc::clone(&state);
        tokio::spawn(async move {
            while let Some((arrives, job)) = jobs.recv().await {
                sleep_until(arrives).await;
                going(&stalled).await;
                job.await;
            }
        });
        let (chance, history, operations) =
            (Arc::clone(chance), Arc::clone(history), Arc::clone(operations));
        Self { node, history, chance, weather, operations, state, wire }
    }

    pub(crate) fn fail(&self, outage: Outage, span: Duration) {
        lock(&self.state).outage = Some((outage, Instant::now() + span));
    }

    pub(crate) fn pause(&self, span: Duration) {
        lock(&self.state).paused = Some(Instant::now() + span);
    }

    pub(crate) fn is_paused(&self) -> bool {
        lock(&self.state).paused.is_some_and(|until| Instant::now() < until)
    }

    pub(crate) fn cut(&self) {
        lock(&self.state).cut = true;
    }

    pub(crate) fn is_cut(&self) -> bool {
        lock(&self.state).cut
    }

    /// Returns a future that does not borrow the link.
    pub(crate) fn going(&self) -> impl Future<Output = ()> + Send + 'static {
        let state = Arc::clone(&self.state);
        async move { going(&state).await }
    }

    fn outage(&self) -> Option<Outage> {
        let outage = lock(&self.state).outage;
        outage.filter(|(_, until)| Instant::now() < *until).map(|(outage, _)| outage)
    }

    /// How long a request or an answer takes: usually not long.
    fn transit(&self) -> Duration {
        match self.chance.among(0..20) {
            0 => self.chance.millis(20..100),
            1..5 => self.chance.millis(5..20),
            _ => self.chance.millis(0..5),
        }
    }

    /// Sends `work` over the link, which is to store `value`. The store applies it in one step and returns the value that it stored.
    pub(crate) async fn send<T: Send + 'static>(
        &self,
        (name, value): (&'static str, Option<ValueId>),
        work: impl Future<Output = (Result<T, BackendError>, Option<ValueId>)> + Send + 'static,
    ) -> Result<T, BackendError> {
        let operation = self.operations.fetch_add(1, Ordering::Relaxed);
        self.history.record(Event::Sent { operation, node: self.node, name, value });
        let mut waiting = Waiting { link: self, operation, answered: false };
        let outage = self.outage();
        if let Some(Outage::Refused) = outage {
            sleep(self.transit()).await;
            going(&self.state).await;
            waiting.answered(Answer::Failed);
            return Err(failure(BackendErrorKind::Unreachable, name));
        }
        let lost = matches!(outage, Some(Outage::Swallowed))
            || self.chance.in_thousand(self.weather.lost_requests);
        let unanswered = matches!(outage, Some(Outage::Unanswered))
            || self.chance.in_thousand(self.weather.lost_answers);
        let (tell, told) = oneshot::channel();
        let fate = Arc::new(Mutex::new(Fate::default()));
        let (arrives, back) = (Instant::now() + self.transit(), self.transit());
        let (state, history, known) =
            (Arc::clone(&self.state), Arc::clone(&self.history), Arc::clone(&fate));
        let job = async move {
            if lost || lock(&known).given_up {
                return;
            }
            lock(&known).applied = true;
            let (result, stored) = work.await;
            history.record(Event::Applied { operation, stored });
            if unanswered {
                return;
            }
            tokio::spawn(async move {
                sleep(back).await;
                going(&state).await;
                let _ = tell.send(result);
            });
        };
        if self.weather.overtaking {
            let state = Arc::clone(&self.state);
            tokio::spawn(async move {
                sleep_until(arrives).await;
                going(&state).await;
                job.await;
            });
        } else {
            // The wire lives as long as the link.
            let _ = self.wire.send((arrives, Box::pin(job)));
        }
        let answer = self.answer(told, &fate).await;
        waiting.answered(match answer {
            Some(Ok(_)) => Answer::Ok,
            _ => Answer::Failed,
        });
        answer.unwrap_or_else(|| Err(failure(BackendErrorKind::TimedOut, name)))
    }

    /// Returns the answer if it arrives in time. A paused node does not time out.
    async fn answer<T>(&self, told: oneshot::Receiver<T>, fate: &Mutex<Fate>) -> Option<T> {
        let late = async {
            sleep(Duration::from_millis(OPERATION)).await;
            going(&self.state).await;
        };
        tokio::select! {
            biased;
            Ok(answer) = told => Some(answer),
            () = late => {
                // The request has not been applied, and never will be.
                lock(fate).given_up = true;
                None
            }
        }
    }
}
