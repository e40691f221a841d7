//! The supervisor: one shared connection, made on demand and replaced when it is of no use.
//!
//! The client's own `ConnectionManager` never replaces a connection that only times out, so a
//! half-open one stays dead for good, and its callers wait through its retries. A cache wants the
//! opposite: a dead Redis must cost nothing. So:
//!
//! - connecting is one background task, whoever asked for it; who comes meanwhile waits for it;
//! - after a failed attempt operations fail at once, until the next attempt is due;
//! - a broken connection is dropped with the error, a silent one after some time-outs in a row, one
//!   to a server that has become a replica at its first refusal;
//! - what a server answers that the Sentinels chose counts only while they name it: they are asked after each silence.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, ServerErrorKind, Value, cmd};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::Takeovers;
use super::backoff::backoff;
use super::demotions::Demotions;
use super::dialer::Wire;
use super::half_open::Silence;
use super::known::Opinion;
use super::request::{Deadline, Node, OnBreak};
use super::source::{Opened, Source};
use super::trust::{SILENCE, Trust};
use crate::config::{Endpoint, Limits};
use crate::errors::{Fault, describe, is_answer};

/// How long an operation waits for an attempt that follows a failed one. A Redis that is back
/// answers well within it; one that is still away must not cost every caller its whole time.
const PATIENCE_AFTER_FAILURE: Duration = Duration::from_millis(50);

/// How often the Sentinels are asked whether a connection still leads to the master, if they do not say so
/// themselves.
const LOOK_AROUND: Duration = Duration::from_secs(5);

/// How long after no Sentinel could be listened to it is tried again.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// So many connections in a row may come out at a replica before others have to wait: an operation's and its repetition's.
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
    /// The last server that was chosen among several.
    chosen: Mutex<Option<Node>>,
    demotions: Demotions,
}

enum Phase {
    Idle,
    /// `failures` attempts before this one failed, the last of them with `last`.
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

/// A phase as others may see it.
pub(super) enum Seen {
    Ready,
    Idle,
    Connecting,
    /// So many attempts in a row failed, the last of them with this.
    Failed(u32, Fault),
}

/// A connection and the record of its silence.
struct Link {
    wire: Wire,
    silence: Silence,
    /// Where the server was chosen among several.
    chosen: Option<Chosen>,
}

struct Chosen {
    node: Node,
    trust: Trust,
}

/// The answers to the commands of one exchange, refusals among them.
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

    /// The first connection, for those who want to know; waits for the whole attempt.
    pub(super) async fn connect(&self) -> Result<(), Fault> {
        Shared::link(&self.shared).await.map(|_| ())
    }

    /// Ends the connection; there will be no other.
    pub(super) fn close(&self) {
        self.shared.phase.send_replace(Phase::Closed);
    }

    /// Whether there is a connection now.
    pub(super) fn is_ready(&self) -> bool {
        matches!(&*self.shared.phase.borrow(), Phase::Ready(_))
    }

    /// What is known of the connection, and who was last chosen among several servers.
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

    /// Sends the commands together, and returns the answer to each.
    pub(super) async fn exchange(
        &self,
        deadline: Deadline,
        on_break: OnBreak,
        commands: &[Cmd],
    ) -> Result<Answers, Fault> {
        let mut may_repeat = on_break == OnBreak::Repeat;
        loop {
            let shared = &self.shared;
            let link = match timeout_at(deadline.at, Shared::link(shared)).await {
                Ok(link) => link?,
                Err(_) => return Err(Fault::still_connecting(&shared.endpoint)),
            };
            if deadline.after_replays && !shared.takeovers.are_settled() {
                shared.takeovers.settled(deadline, &shared.endpoint).await?;
                continue;
            }
            if on_break == OnBreak::Fail && link.silence.is_quiet() {
                match shared.send(&link, deadline, &[cmd("PING")]).await {
                    Err(fault) if fault.is_silence() => return Err(fault),
                    // The connection is discarded: the next one is new.
                    Err(_) => continue,
                    Ok(_) => {}
                }
            }
            match shared.send(&link, deadline, commands).await {
                Err(fault) if fault.is_silence() || !std::mem::take(&mut may_repeat) => {
                    return Err(fault);
                }
                Err(_) => {}
                Ok(answers) => return Ok(answers),
            }
        }
    }
}

impl Shared {
    async fn send(
        self: &Arc<Self>,
        link: &Arc<Link>,
        deadline: Deadline,
        commands: &[Cmd],
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
            self.believe(link, chosen, deadline).await?;
        }
        let errors = || answers.iter().filter_map(|answer| answer.as_ref().err());
        if errors().any(is_demoted) {
            self.demote(link);
        } else if let Some(error) = errors().find(|error| !is_answer(error)) {
            self.discard(link, &describe(error, &self.endpoint));
        }
        Ok(answers)
    }

    /// Whether an answer that has just come counts.
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
                // Before the question: who doubts meanwhile asks once more.
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
        // Given up while the answer was on its way, because another has taken over or may have.
        if trust.is_over() { Err(Fault::replaced(&self.endpoint)) } else { Ok(()) }
    }

    /// The connection; makes one if there is none and none is forbidden.
    async fn link(self: &Arc<Self>) -> Result<Arc<Link>, Fault> {
        if let Phase::Ready(link) = &*self.phase.borrow() {
            return Ok(Arc::clone(link));
        }
        let mut changes = self.phase.subscribe();
        loop {
            self.begin_if_due();
            let patience = match &*changes.borrow_and_update() {
                Phase::Ready(link) => return Ok(Arc::clone(link)),
                Phase::Failed { fault, .. } => return Err(fault.clone()),
                Phase::Closed => return Err(Fault::closed()),
                // Discarded since we looked.
                Phase::Idle => continue,
                Phase::Connecting { last: None, .. } => None,
                Phase::Connecting { since, last: Some(last), .. } => {
                    Some((*since + PATIENCE_AFTER_FAILURE, last.clone()))
                }
            };
            // The sender lives as long as `self`: `changed` can't fail.
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

    /// Starts an attempt if nobody else did and the last failure is long enough ago.
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
            // A task of its own: the callers' time is shorter than an attempt may take, and a
            // caller that goes away must not end it.
            let attempt = Attempt { shared: Arc::clone(self), done: false };
            tokio::spawn(attempt.run());
        }
    }

    /// Leaves a server that has become a replica: behind the same name there may be a new master, so the next operation
    /// connects at once, and so does its repetition. If these come out at a replica, too, others wait as after a failed
    /// attempt: a replica lets everybody in, and each operation would connect again.
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
        // Before anybody gets another one.
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

/// The answers; an error if the connection broke before there were all.
async fn send(link: &Link, commands: &[Cmd]) -> Result<Answers, RedisError> {
    let mut connection = MultiplexedConnection::clone(&link.wire);
    if let [command] = commands {
        let answer = connection.send_packed_command(command).await;
        return match answer.and_then(Value::extract_error) {
            Err(error) if !is_answer(&error) => Err(error),
            answer => Ok(vec![answer]),
        };
    }
    let mut together = Pipeline::with_capacity(commands.len());
    for command in commands {
        together.add_command(command.clone());
    }
    let answers = connection.send_packed_commands(&together, 0, commands.len()).await?;
    if answers.len() != commands.len() {
        return Err((ErrorKind::Parse, "as many answers as commands were expected").into());
    }
    Ok(answers.into_iter().map(Value::extract_error).collect())
}

/// An operation that waits for its answer.
///
/// Time-outs are counted when this is dropped, so that callers with less patience than the
/// operation timeout, who drop the future, also find out that a connection is half-open.
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
        // Who gave up sooner can't tell silence from an ordinary wait.
        let limits = &self.shared.limits;
        let waited = self.began.elapsed() >= limits.operation_timeout / 5;
        if waited && self.link.silence.unanswered(self.began) >= limits.half_open_after {
            self.shared.discard(self.link, "no answer to several operations in a row");
        }
    }
}

/// An attempt to connect. However it ends, nobody is left waiting for it: also not if its runtime
/// ends first, which drops it.
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
                // Closed meanwhile.
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
                // Before the connection can be used.
                self.shared.takeovers.add();
            }
        }
        let takeovers = self.shared.takeovers.count();
        let chosen = named
            .as_ref()
            .map(|named| Chosen { node: named.node.clone(), trust: Trust::new(takeovers) });
        let link = Arc::new(Link { wire, silence: Silence::new(), chosen });
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

/// Gives the connection up once the Sentinels name another master.
async fn look_around(shared: Weak<Shared>, link: Weak<Link>, named: Opinion) {
    let Some(sentinels) = shared.upgrade().and_then(|shared| match &shared.source {
        Source::Sentinels(sentinels) => Some(sentinels.clone()),
        Source::Server { .. } => None,
    }) else {
        return;
    };
    let mut news = None;
    while link.strong_count() > 0 {
        // The Sentinel that tells of it may be the first to know: the others are not asked then.
        let left = match sentinels.news(&mut news, LOOK_AROUND).await {
            Some(node) => node != named.node,
            None => sentinels.have_left(&named.node).await,
        };
        if left && let (Some(shared), Some(link)) = (shared.upgrade(), link.upgrade()) {
            // Before anybody looks for the master again.
            sentinels.replaced(&named);
            shared.discard(&link, "the Sentinels name another master");
        } else if news.is_none() {
            sleep(LISTEN_AGAIN).await;
        }
    }
}

/// Whether a server refused because it is no master any more: nothing was done.
pub(super) fn is_demoted(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}
