//! Several connections to one address.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use redis::{ErrorKind, ServerErrorKind, Value};

use super::Takeovers;
use super::request::{Commands, Deadline, Failure, OnBreak, Reply, Request, Route};
use super::source::Source;
use super::supervisor::{Supervisor, is_demoted};
use crate::config::{Endpoint, Limits};
use crate::errors::Fault;

#[derive(Clone)]
pub(crate) struct Pool {
    supervisors: Arc<[Supervisor]>,
    next: Arc<AtomicUsize>,
    source: Source,
}

impl Pool {
    pub(super) fn new(
        source: Source,
        endpoint: &Endpoint,
        limits: &Limits,
        takeovers: &Arc<Takeovers>,
    ) -> Self {
        let one = || {
            let takeovers = Arc::clone(takeovers);
            Supervisor::new(source.clone(), endpoint.clone(), limits.clone(), takeovers)
        };
        let supervisors = (0..limits.connections).map(|_| one()).collect();
        Self { supervisors, next: Arc::default(), source }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    pub(super) async fn connect(&self) -> Result<(), Fault> {
        for supervisor in self.supervisors.iter() {
            supervisor.connect().await?;
        }
        Ok(())
    }

    pub(super) fn close(&self) {
        self.supervisors.iter().for_each(Supervisor::close);
    }

    pub(super) fn is_ready(&self) -> bool {
        self.supervisors.iter().any(Supervisor::is_ready)
    }

    pub(super) fn supervisors(&self) -> &[Supervisor] {
        &self.supervisors
    }

    /// All requests for one key use the same connection, so they cannot overtake each other.
    pub(super) fn of(&self, route: &Route) -> &Supervisor {
        let connections = self.supervisors.len();
        let number = match route {
            Route::Slot(slot) => number(*slot, connections),
            _ => self.next.fetch_add(1, Ordering::Relaxed) % connections,
        };
        &self.supervisors[number]
    }

    /// Sends the requests one after the other. If one gets no reply, the rest are not sent. Reads go
    /// together.
    pub(super) async fn run(
        &self,
        deadline: Deadline,
        on_break: OnBreak,
        requests: Vec<Request>,
    ) -> Vec<Reply> {
        let Some(first) = requests.first() else { return Vec::new() };
        let supervisor = self.of(&first.route);
        if requests.len() > 1 && requests.iter().all(Request::is_read) {
            return together(supervisor, deadline, requests).await;
        }
        let mut replies: Vec<Reply> = Vec::with_capacity(requests.len());
        for request in &requests {
            let reply = one(supervisor, deadline, on_break, request).await;
            let fault = match &reply {
                Err(Failure::Fault(fault)) => Some(fault.clone()),
                _ => None,
            };
            replies.push(reply);
            if let Some(fault) = fault {
                replies.resize(requests.len(), Err(Failure::Fault(fault)));
                break;
            }
        }
        replies
    }
}

/// Which of so many connections the keys of a slot use.
pub(super) fn number(slot: u16, connections: usize) -> usize {
    usize::from(slot) % connections.max(1)
}

/// Sends reads with one write to the connection.
async fn together(
    supervisor: &Supervisor,
    deadline: Deadline,
    requests: Vec<Request>,
) -> Vec<Reply> {
    let commands: Commands = requests.into_iter().map(Request::into_command).collect();
    let mut demoted = false;
    loop {
        match supervisor.exchange(deadline, OnBreak::Repeat, &commands).await {
            // The connection was discarded. The next one may lead to a master.
            Ok(answers)
                if !demoted
                    && answers.iter().any(|answer| answer.as_ref().is_err_and(is_demoted)) =>
            {
                demoted = true;
            }
            Ok(answers) => {
                return answers.into_iter().map(|answer| answer.map_err(Failure::Answer)).collect();
            }
            Err(fault) => return vec![Err(Failure::Fault(fault)); commands.len()],
        }
    }
}

async fn one(
    supervisor: &Supervisor,
    deadline: Deadline,
    on_break: OnBreak,
    request: &Request,
) -> Reply {
    let (mut in_full, mut demoted) = (false, false);
    loop {
        let sent = request.command(in_full).into();
        let mut answers =
            supervisor.exchange(deadline, on_break, &sent).await.map_err(Failure::Fault)?;
        match answers.pop().unwrap_or(Ok(Value::Nil)) {
            Err(error) if is_unknown_script(&error) && !in_full => in_full = true,
            // The connection was discarded, and the command had no effect. The next connection may
            // lead to a master.
            Err(error) if is_demoted(&error) && !demoted => demoted = true,
            answer => return answer.map_err(Failure::Answer),
        }
    }
}

pub(super) fn is_unknown_script(error: &redis::RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}
