//! Runs many requests concurrently: grouped by node, one pipeline for each node, and one reply for
//! each request.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use redis::{Cmd, Value, cmd};
use tokio::time::sleep;

use super::verdict::Verdict;
use super::{Cluster, View};
use crate::changes::{CHUNK, CHUNK_BYTES};
use crate::connection::request::{Deadline, Failure, Node, OnBreak, Reply, Request, Route};
use crate::errors::Fault;

/// The pause for a node that is not ready, such as one that is about to take over.
const PAUSE: Duration = Duration::from_millis(25);

/// A running request.
pub(super) struct Item<'a> {
    pub(super) index: usize,
    pub(super) request: &'a Request,
    pub(super) route: Route,
    pub(super) slot: Option<u16>,
    pub(super) in_full: bool,
    /// Whether another node, which is handing over the slot, redirected to this one. The node then
    /// needs an `ASKING`.
    pub(super) asking: bool,
    pub(super) attempts: u8,
}

impl Cluster {
    /// Runs the requests, and returns one reply for each, in their order.
    pub(in crate::connection) fn run<'a>(
        self: &'a Arc<Self>,
        deadline: Deadline,
        on_break: OnBreak,
        requests: &'a [Request],
    ) -> BoxFuture<'a, Vec<Reply>> {
        Box::pin(async move {
            let mut replies: Vec<Option<Reply>> = vec![None; requests.len()];
            let items = requests.iter().enumerate();
            let mut pending: Vec<Item<'a>> =
                items.map(|(index, request)| Item::new(index, request)).collect();
            let mut under_way = FuturesUnordered::new();
            loop {
                match self.view(deadline).await {
                    Ok(view) => under_way.extend(
                        self.grouped(&view, pending)
                            .into_iter()
                            .map(|(node, items)| self.send_group(node, deadline, on_break, items)),
                    ),
                    Err(fault) => fill(&mut replies, pending, &fault),
                }
                // The replies of one node do not wait for another node.
                let Some((node, items, outcome)) = under_way.next().await else { break };
                let outcome = items.into_iter().zip(outcome);
                pending = self.sort_out(&node, deadline, on_break, outcome, &mut replies).await;
                if deadline.has_passed() {
                    let late = Fault::timed_out(deadline.limit, &self.endpoint);
                    fill(&mut replies, std::mem::take(&mut pending), &late);
                }
            }
            let mut replies: Vec<Reply> = replies.into_iter().flatten().collect();
            self.tell_parts(&mut replies);
            replies
        })
    }

    /// Marks faults as partial if other nodes can reply.
    fn tell_parts(&self, replies: &mut [Reply]) {
        let mut faults = replies.iter_mut().filter_map(|reply| match reply {
            Err(Failure::Fault(fault)) => Some(fault),
            _ => None,
        });
        let Some(first) = faults.next() else { return };
        if self.is_partly_there() {
            first.of_a_part();
            faults.for_each(Fault::of_a_part);
        }
    }

    /// Records the replies of a node, and returns the requests that must be sent again.
    async fn sort_out<'a>(
        self: &Arc<Self>,
        node: &Node,
        deadline: Deadline,
        on_break: OnBreak,
        outcome: impl Iterator<Item = (Item<'a>, Reply)>,
        replies: &mut [Option<Reply>],
    ) -> Vec<Item<'a>> {
        let (mut again, mut elsewhere, mut pause) = (Vec::new(), Vec::new(), false);
        for (mut item, reply) in outcome {
            item.attempts += 1;
            match self.judge(&mut item, node, reply, on_break) {
                Verdict::Done(reply) => replies[item.index] = Some(reply),
                Verdict::Again { pause: wait } => {
                    pause |= wait;
                    again.push(item);
                }
                Verdict::Elsewhere(failure) => elsewhere.push((item, failure)),
                Verdict::InSteps(steps) => {
                    let reply = self.in_steps(&item, deadline, on_break, steps).await;
                    replies[item.index] = Some(reply);
                }
            }
        }
        if !elsewhere.is_empty() {
            // If the refresh also fails, no other node is known to serve the slot.
            let _ = self.refreshed(deadline).await;
            let now = self.current();
            for (mut item, failure) in elsewhere {
                item.route = item.request.route.clone();
                let other = match item.slot {
                    Some(slot) => now.topology.owner(slot).is_some_and(|owner| owner != node),
                    None => item.route == Route::Any,
                };
                if other {
                    again.push(item);
                } else {
                    replies[item.index] = Some(Err(failure));
                }
            }
        }
        if pause {
            sleep(PAUSE).await;
        }
        again
    }

    fn grouped<'a>(&self, view: &View, pending: Vec<Item<'a>>) -> HashMap<Node, Vec<Item<'a>>> {
        let mut groups: HashMap<Node, Vec<Item<'a>>> = HashMap::new();
        let anybody = self.anybody(view);
        for item in pending {
            let node = match &item.route {
                Route::Node(node) => node,
                // The slot may have no node; then any node's reply says so.
                Route::Slot(slot) => view.topology.owner(*slot).unwrap_or(&anybody),
                Route::Any => &anybody,
            };
            groups.entry(node.clone()).or_default().push(item);
        }
        groups
    }

    /// One of the masters in rotation, preferably a connected one.
    fn anybody(&self, view: &View) -> Node {
        let masters = view.topology.masters();
        let turn = self.turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let ready = |node: &&Node| self.pool(node).is_ok_and(|pool| pool.is_ready());
        let connected: Vec<&Node> = masters.iter().filter(ready).collect();
        match (&connected[..], &masters[..]) {
            ([], []) => self.seeds[turn % self.seeds.len()].clone(),
            ([], masters) => masters[turn % masters.len()].clone(),
            (connected, _) => connected[turn % connected.len()].clone(),
        }
    }

    async fn send_group<'a>(
        &self,
        node: Node,
        deadline: Deadline,
        on_break: OnBreak,
        items: Vec<Item<'a>>,
    ) -> (Node, Vec<Item<'a>>, Vec<Reply>) {
        let replies = self.send(&node, deadline, on_break, &items).await;
        (node, items, replies)
    }

    /// Sends the requests of one node in chunks, and returns one reply for each.
    async fn send(
        &self,
        node: &Node,
        deadline: Deadline,
        on_break: OnBreak,
        items: &[Item<'_>],
    ) -> Vec<Reply> {
        let pool = match self.pool(node) {
            Ok(pool) => pool,
            Err(fault) => return vec![Err(Failure::Fault(fault)); items.len()],
        };
        let Some(first) = items.first() else { return Vec::new() };
        let way = pool.of(&first.request.route);
        let mut replies = Vec::with_capacity(items.len());
        let commands: Vec<Vec<Cmd>> = items.iter().map(|item| item.commands()).collect();
        let mut commands = commands.into_iter().peekable();
        while commands.peek().is_some() {
            let (mut chunk, mut spans, mut bytes) = (Vec::<Cmd>::new(), Vec::new(), 0);
            while let Some(next) = commands.next_if(|next| {
                bytes += next.iter().map(size).sum::<usize>();
                chunk.is_empty() || (chunk.len() < CHUNK && bytes <= CHUNK_BYTES)
            }) {
                spans.push(next.len());
                chunk.extend(next);
            }
            match way.exchange(deadline, on_break, &chunk.into_iter().collect()).await {
                Ok(answers) => {
                    let mut answers = answers.into_iter();
                    // `ASKING` has a reply, too; the last reply of a span belongs to the request.
                    let last = |span| answers.by_ref().take(span).last();
                    let found = spans.into_iter().filter_map(last);
                    replies.extend(found.map(|answer| answer.map_err(Failure::Answer)));
                }
                Err(fault) => {
                    let left = items.len() - replies.len();
                    replies.extend(std::iter::repeat_n(Err(Failure::Fault(fault)), left));
                    return replies;
                }
            }
        }
        replies
    }

    /// Runs the steps in order, one key at a time, because the slot is being moved between two
    /// nodes.
    async fn in_steps(
        self: &Arc<Self>,
        item: &Item<'_>,
        deadline: Deadline,
        on_break: OnBreak,
        steps: Vec<Cmd>,
    ) -> Reply {
        let mut replies = Vec::with_capacity(steps.len());
        for step in steps {
            let step = [Request::routed(item.request.route.clone(), step)];
            replies
                .push(self.run(deadline, on_break, &step).await.pop().unwrap_or(Ok(Value::Nil))?);
        }
        // The first step ends the lease, the second one is the request itself.
        Ok(replies.into_iter().nth(1).unwrap_or(Value::Nil))
    }
}

impl<'a> Item<'a> {
    fn new(index: usize, request: &'a Request) -> Self {
        let route = request.route.clone();
        let slot = match route {
            Route::Slot(slot) => Some(slot),
            _ => None,
        };
        Self { index, request, route, slot, in_full: false, asking: false, attempts: 0 }
    }

    fn commands(&self) -> Vec<Cmd> {
        let command = self.request.command(self.in_full);
        if self.asking { vec![cmd("ASKING"), command] } else { vec![command] }
    }
}

/// Gives all items the same fault.
fn fill(replies: &mut [Option<Reply>], items: Vec<Item<'_>>, fault: &Fault) {
    for item in items {
        replies[item.index] = Some(Err(Failure::Fault(fault.clone())));
    }
}

/// The approximate size of a command in bytes.
fn size(command: &Cmd) -> usize {
    let size = |arg: redis::Arg<&[u8]>| match arg {
        redis::Arg::Simple(bytes) => bytes.len() + 8,
        _ => 8,
    };
    command.args_iter().map(size).sum()
}
