//! The supervisor of one shared connection: it connects on demand, and replaces a useless
//! connection.
//!
//! The client's own `ConnectionManager` never replaces a connection whose requests only time out,
//! so a half-open one never recovers, and its callers wait for all its retries. A cache needs the
//! opposite: an unreachable Redis must cost nothing. So:
//!
//! - one background task connects for all callers; callers that arrive in the meantime wait for it;
//! - after a failed attempt operations fail immediately, until the next attempt is due;
//! - a broken connection is dropped with the error, a silent one after several consecutive
//!   time-outs, and one to a server that became a replica after its first refusal;
//! - an idle connection is checked, and replaced before an operation needs it (`health`);
//! - replies of a server that the Sentinels named count only while they name it: they are asked
//!   after each silence.

mod health;

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, ServerErrorKind, Value, cmd};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::Takeovers;
use super::backoff::backoff;
use super::demotions::Demotions;
use super::dialer::Wire;
use super::half_open::Silence;
use super::known::Opinion;
use super::request::{Commands, Deadline, Node, OnBreak};
use super::retries::Retries;
use super::source::{Opened, Source};
use super::trust::{SILENCE, Trust};
use crate::config::{Endpoint, Limits};
use crate::errors::{Fault, describe, is_answer};

/// How long an operation waits for an attempt that follows a failed one. A Redis that is back
/// replies well within this time; an unreachable one must not cost every caller its whole time.
const PATIENCE_AFTER_FAILURE: Duration = Duration::from_millis(50);

/// How often the Sentinels are asked whether a connection still leads to the master, in addition to
/// their announcements.
const LOOK_AROUND: Duration = Duration::from_secs(5);

/// The pause before the next attempt to subscribe to a Sentinel.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// The number of consecutive connections to a replica before others must wait: one of an operation
/// and one of its repetition.
const AT_ONCE: u32 = 2;

#[derive(Clone)]
pub(crate) struct Supervisor {
    shared: Arc<Shared>,
}

struct Shared {
    source: Source,
    endpoint: Endpoint,
    limits: Limits,
    phase: watch::Sender<Phase>,
    takeovers: Arc<Takeovers>,
    /// The server that the Sentinels named last.
    chosen: Mutex<Option<Node>>,
    demotions: Demotions,
}

enum Phase {
    Idle,
    /// An attempt is running. `failures` attempts before it failed, the last one with `last`.
    Connecting {
        since: Instant,
        failures: u32,
        last: Option<Fault>,
    },
    Ready(Arc<Link>),
    /// The last attempt failed; the next one is due at `until`.
    Failed {
        until: Instant,
        failures: u32,
        fault: Fault,
    },
    Closed,
}

/// The phase, for the state of the backend.
pub(super) enum Seen {
    Ready,
    Idle,
    Connecting,
    /// The number of consecutive failed attempts, and the last fault.
    Failed(u32, Fault),
}

/// A connection and its record of replies.
struct Link {
    wire: Wire,
    silence: Silence,
    /// The server, if Sentinels named it.
    chosen: Option<Chosen>,
}

struct Chosen {
    node: Node,
    trust: Trust,
}

/// The replies to the commands of one exchange, including refusals.
pub(super) type Answers = Vec<Result<Value, RedisError>>;

impl Supervisor {
    pub(super) fn new(
        source: Source,
        endpoint: Endpoint,
        limits: Limits,
        takeovers: Arc<Takeovers>,
    ) -> Self {
        let (phase, chosen) = (watch::Sender::new(Phase::Idle), Mutex::default());
        let demotions = Demotions::default();
        let shared = Shared { source, endpoint, limits, phase, takeovers, chosen, demotions };
        Self { shared: Arc::new(shared) }
    }

    /// Opens the first connection, and waits for the whole attempt.
    pub(super) async fn connect(&self) -> Result<(), Fault> {
        Shared::link(&self.shared).await.map(|_| ())
    }

    /// Ends the connection, and opens no other one.
    pub(super) fn close(&self) {
        self.shared.phase.send_replace(Phase::Closed);
    }

    /// Whether there is a connection now.
    pub(super) fn is_ready(&self) -> bool {
        matches!(&*self.shared.phase.borrow(), Phase::Ready(_))
    }

    /// The state of the connection, and the server that the Sentinels named last.
    pub(super) fn look(&self) -> (Seen, Option<Node>) {
        let chosen = self.shared.chosen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let seen = match &*self.shared.phase.borrow() {
            Phase::Ready(_) => Seen::Ready,
            Phase::Idle => Seen::Idle,
            Phase::Connecting { last: None, .. } => Seen::Connecting,
            Phase::Connecting { failures, last: Some(fault), .. }
            | Phase::Failed { failures, fault, .. } => Seen::Failed(*failures, fault.clone()),
            Phase::Closed => Seen::Failed(0, Fault::closed()),
        };
        (seen, chosen)
    }

    /// Sends the commands together, and returns the reply to each.
    pub(super) async fn exchange(
        &self,
        deadline: Deadline,
        on_break: OnBreak,
        commands: &Commands,
    ) -> Result<Answers, Fault> {
        let shared = &self.shared;
        let mut retries = Retries::at_most(shared.limits.retry_attempts);
        loop {
            let link = match shared.ready() {
                Some(link) => link,
                // In a box, as every rare step, so that the future of each operation is small.
                None => match Box::pin(shared.connected(deadline)).await {
                    Ok(link) => link,
                    Err(fault) => {
                        Box::pin(retries.next(fault, shared.due(), deadline)).await?;
                        continue;
                    }
                },
            };
            if deadline.after_replays && !shared.takeovers.are_settled() {
                Box::pin(shared.takeovers.settled(deadline, &shared.endpoint)).await?;
                continue;
            }
            if on_break == OnBreak::Fail && link.silence.is_quiet() {
                let ping = cmd("PING").into();
                match Box::pin(shared.send(&link, deadline, &ping)).await {
                    Err(fault) if fault.is_silence() => return Err(fault),
                    // The connection was discarded, so the next one is new.
                    Err(_) => {
                        retries.lost();
                        continue;
                    }
                    Ok(_) => {}
                }
            }
            match shared.send(&link, deadline, commands).await {
                Ok(answers) => return Ok(answers),
                // The server may have carried out the request.
                Err(fault) if fault.is_silence() || on_break == OnBreak::Fail => return Err(fault),
                Err(fault) => {
                    retries.lost();
                    Box::pin(retries.next(fault, shared.due(), deadline)).await?;
                }
            }
        }
    }
}

impl Shared {
    async fn send(
        self: &Arc<Self>,
        link: &Arc<Link>,
        deadline: Deadline,
        commands: &Commands,
    ) -> Result<Answers, Fault> {
        let mut pending = Pending::new(self, link);
        let Ok(answers) = timeout_at(deadline.at, send(link, commands)).await else {
            return Err(Fault::timed_out(deadline.limit, &self.endpoint));
        };
        pending.answered = true;
        drop(pending);
        let answers = answers.map_err(|error| {
            self.discard(link, &describe(&error, &self.endpoint));
            Fault::operating(&error, &self.endpoint)
        })?;
        if let Some(chosen) = &link.chosen {
            Box::pin(self.believe(link, chosen, deadline)).await?;
        }
        let errors = || answers.iter().filter_map(|answer| answer.as_ref().err());
        if errors().any(is_demoted) {
            self.demote(link);
        } else if let Some(error) = errors().find(|error| !is_answer(error)) {
            self.discard(link, &describe(error, &self.endpoint));
        }
        Ok(answers)
    }

    /// Checks whether a reply that has just arrived can be trusted.
    async fn believe(
        &self,
        link: &Arc<Link>,
        Chosen { node, trust }: &Chosen,
        deadline: Deadline,
    ) -> Result<(), Fault> {
        let doubts = || trust.doubts(self.takeovers.count());
        if !trust.is_settled(doubts()) {
            let asking = async {
                let _alone = trust.ask().await;
                // Read before the question: a doubt that arises in the meantime leads to another
                // question.
                let doubts = doubts();
                if trust.is_over() || trust.is_settled(doubts) {
                    return;
                }
                if self.source.still_names(node).await {
                    trust.settle(doubts);
                } else {
                    self.discard(link, "the Sentinels do not name the server after a silence");
                }
            };
            if timeout_at(deadline.at, asking).await.is_err() {
                return Err(Fault::timed_out(deadline.limit, &self.endpoint));
            }
        }
        // The connection was given up while the reply was under way, because another server took
        // over or may have.
        if trust.is_over() { Err(Fault::replaced(&self.endpoint)) } else { Ok(()) }
    }

    /// The connection, if there is one.
    fn ready(&self) -> Option<Arc<Link>> {
        match &*self.phase.borrow() {
            Phase::Ready(link) => Some(Arc::clone(link)),
            _ => None,
        }
    }

    /// When the next connection attempt may begin. `None` if none does, or if Redis refused the
    /// last one, because the next one would not end better.
    fn due(&self) -> Option<Instant> {
        match &*self.phase.borrow() {
            Phase::Failed { until, fault, .. } => fault.is_transient().then_some(*until),
            Phase::Closed => None,
            Phase::Idle | Phase::Connecting { .. } | Phase::Ready(_) => Some(Instant::now()),
        }
    }

    /// Like [`link`](Self::link), for an operation.
    async fn connected(self: &Arc<Self>, deadline: Deadline) -> Result<Arc<Link>, Fault> {
        match timeout_at(deadline.at, self.link()).await {
            Ok(link) => link,
            Err(_) => Err(Fault::still_connecting(&self.endpoint)),
        }
    }

    /// The connection; opens one if there is none and an attempt is due.
    async fn link(self: &Arc<Self>) -> Result<Arc<Link>, Fault> {
        if let Some(link) = self.ready() {
            return Ok(link);
        }
        let mut changes = self.phase.subscribe();
        loop {
            self.begin_if_due();
            let patience = match &*changes.borrow_and_update() {
                Phase::Ready(link) => return Ok(Arc::clone(link)),
                Phase::Failed { fault, .. } => return Err(fault.clone()),
                Phase::Closed => return Err(Fault::closed()),
                // Another caller discarded the connection since the check above.
                Phase::Idle => continue,
                Phase::Connecting { last: None, .. } => None,
                Phase::Connecting { since, last: Some(last), .. } => {
                    Some((*since + PATIENCE_AFTER_FAILURE, last.clone()))
                }
            };
            // `self` owns the sender, so `changed` cannot fail.
            match patience {
                None => _ = changes.changed().await,
                Some((until, last)) => {
                    if timeout_at(until, changes.changed()).await.is_err() {
                        return Err(last);
                    }
                }
            }
        }
    }

    /// Starts an attempt if none is running and the pause after the last failure is over.
    fn begin_if_due(self: &Arc<Self>) {
        let now = Instant::now();
        let begun = self.phase.send_if_modified(|phase| {
            let (failures, last) = match phase {
                Phase::Idle => (0, None),
                Phase::Failed { until, failures, fault } if now >= *until => {
                    (*failures, Some(fault.clone()))
                }
                _ => return false,
            };
            *phase = Phase::Connecting { since: now, failures, last };
            true
        });
        if begun {
            // A separate task, because an attempt may take longer than a caller waits, and must not
            // end with its caller.
            let attempt = Attempt { shared: Arc::clone(self), done: false };
            tokio::spawn(attempt.run());
        }
    }

    /// Leaves a server that became a replica. The same address may now lead to a new master, so the
    /// next operation connects immediately, and so does its repetition. If these also reach a
    /// replica, further operations wait as after a failed attempt: a replica accepts every
    /// connection, so each operation would otherwise connect again.
    fn demote(&self, link: &Arc<Link>) {
        let now = Instant::now();
        let mut count = 0;
        self.phase.send_if_modified(|phase| {
            let current = matches!(phase, Phase::Ready(current) if Arc::ptr_eq(current, link));
            if current {
                count = self.demotions.count(now);
                *phase = match count {
                    ..=AT_ONCE => Phase::Idle,
                    count => {
                        let pause = backoff(count - AT_ONCE, self.source.longest_backoff());
                        let fault = Fault::replica(&self.endpoint);
                        Phase::Failed { until: now + pause, failures: count, fault }
                    }
                };
            }
            current
        });
        let address = &self.endpoint.address;
        match count {
            0 => {}
            1 => {
                tracing::warn!(target: "larder::redis", %address, "redis is a replica, and takes no writes")
            }
            count => {
                tracing::debug!(target: "larder::redis", %address, count, "redis is still a replica")
            }
        }
    }

    fn discard(&self, link: &Arc<Link>, why: &str) {
        // Before another caller gets a new connection.
        if let Some(Chosen { trust, .. }) = &link.chosen {
            trust.end();
        }
        let discarded = self.phase.send_if_modified(|phase| {
            let current = matches!(phase, Phase::Ready(current) if Arc::ptr_eq(current, link));
            if current {
                *phase = Phase::Idle;
            }
            current
        });
        if discarded {
            tracing::warn!(target: "larder::redis", address = %self.endpoint.address, why, "redis connection lost");
        }
    }
}

/// Sends the commands; an error if the connection broke before all replies arrived.
async fn send(link: &Link, commands: &Commands) -> Result<Answers, RedisError> {
    let mut connection = MultiplexedConnection::clone(&link.wire);
    let answers = match commands {
        Commands::One(command) => {
            let answer = connection.send_packed_command(command).await;
            return match answer.and_then(Value::extract_error) {
                Err(error) if !is_answer(&error) => Err(error),
                answer => Ok(vec![answer]),
            };
        }
        Commands::Together(together) => {
            connection.send_packed_commands(together, 0, together.len()).await?
        }
    };
    if answers.len() != commands.len() {
        return Err((ErrorKind::Parse, "as many answers as commands were expected").into());
    }
    Ok(answers.into_iter().map(Value::extract_error).collect())
}

/// An operation that waits for its reply.
///
/// Time-outs are counted when this is dropped. So callers that drop the future before the operation
/// timeout also reveal a half-open connection.
struct Pending<'a> {
    shared: &'a Shared,
    link: &'a Arc<Link>,
    began: Instant,
    answered: bool,
}

impl<'a> Pending<'a> {
    fn new(shared: &'a Shared, link: &'a Arc<Link>) -> Self {
        Self { shared, link, began: Instant::now(), answered: false }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some(Chosen { trust, .. }) = &self.link.chosen
            && self.began.elapsed() >= SILENCE
        {
            trust.doubt();
        }
        if self.answered {
            self.link.silence.answered();
            return;
        }
        // An operation that was dropped sooner does not distinguish silence from an ordinary wait.
        let limits = &self.shared.limits;
        let waited = self.began.elapsed() >= limits.operation_timeout / 5;
        if waited && self.link.silence.unanswered(self.began) >= limits.half_open_after {
            self.shared.discard(self.link, "no answer to several operations in a row");
        }
    }
}

/// A connection attempt. However it ends, no caller is left waiting: if its runtime ends first, the
/// runtime drops it.
struct Attempt {
    shared: Arc<Shared>,
    done: bool,
}

impl Attempt {
    async fn run(mut self) {
        let Shared { source, endpoint, limits, .. } = &*self.shared;
        let limit = limits.connect_timeout;
        let outcome = match timeout(limit, source.open(endpoint)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Fault::silent(limit, endpoint)),
        };
        self.done = true;
        self.finish(outcome);
    }

    fn finish(&self, outcome: Result<Opened, Fault>) {
        let address = &self.shared.endpoint.address;
        self.shared.phase.send_modify(|phase| {
            let failed = match phase {
                Phase::Connecting { failures, .. } => *failures,
                // The supervisor was closed in the meantime.
                _ => return,
            };
            *phase = match outcome {
                Ok(opened) => {
                    tracing::debug!(target: "larder::redis", %address, "connected to redis");
                    Phase::Ready(self.take_on(opened))
                }
                Err(fault) => {
                    let failures = failed.saturating_add(1);
                    let pause = backoff(failures, self.shared.source.longest_backoff());
                    if failures == 1 {
                        tracing::warn!(target: "larder::redis", %address, fault = fault.message(), "redis is away");
                    } else {
                        tracing::debug!(target: "larder::redis", %address, failures, "redis is still away");
                    }
                    Phase::Failed { until: Instant::now() + pause, failures, fault }
                }
            };
        });
    }

    fn take_on(&self, Opened { wire, chosen: named }: Opened) -> Arc<Link> {
        if let Some(Opinion { node, .. }) = &named {
            let mut last = self.shared.chosen.lock().unwrap_or_else(PoisonError::into_inner);
            if last.replace(node.clone()).is_some_and(|last| last != *node) {
                // Counted before the connection can be used.
                self.shared.takeovers.add();
            }
        }
        let takeovers = self.shared.takeovers.count();
        let chosen = named
            .as_ref()
            .map(|named| Chosen { node: named.node.clone(), trust: Trust::new(takeovers) });
        let link = Arc::new(Link { wire, silence: Silence::new(), chosen });
        if !self.shared.limits.health_check_interval.is_zero() {
            let (shared, link) = (Arc::downgrade(&self.shared), Arc::downgrade(&link));
            tokio::spawn(health::keep_alive(shared, link));
        }
        if let Some(named) = named {
            tokio::spawn(look_around(Arc::downgrade(&self.shared), Arc::downgrade(&link), named));
        }
        link
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.done {
            self.finish(Err(Fault::runtime_ended()));
        }
    }
}

/// Gives up the connection when the Sentinels name another master.
async fn look_around(shared: Weak<Shared>, link: Weak<Link>, named: Opinion) {
    let Some(sentinels) = shared.upgrade().and_then(|shared| match &shared.source {
        Source::Sentinels(sentinels) => Some(sentinels.clone()),
        Source::Server { .. } => None,
    }) else {
        return;
    };
    let mut news = None;
    while link.strong_count() > 0 {
        // The Sentinel that announces a failover may be the first to know of it. So the others are
        // not asked then.
        let left = match sentinels.news(&mut news, LOOK_AROUND).await {
            Some(node) => node != named.node,
            None => sentinels.have_left(&named.node).await,
        };
        if left && let (Some(shared), Some(link)) = (shared.upgrade(), link.upgrade()) {
            // Recorded before another caller searches for the master.
            sentinels.replaced(&named);
            shared.discard(&link, "the Sentinels name another master");
        } else if news.is_none() {
            sleep(LISTEN_AGAIN).await;
        }
    }
}

/// Whether the server refused a command because it is no longer a master. The command had no
/// effect.
pub(super) fn is_demoted(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}
