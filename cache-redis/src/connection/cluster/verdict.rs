//! Decides what to do about a node's reply.
//!
//! A request that a node refused because it does not serve the slot, or not alone, is sent to the
//! responsible node. This is always harmless. A request that may have been executed is sent again
//! only if it may run twice.

use std::sync::Arc;

use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind};

use super::Cluster;
use super::batch::Item;
use super::topology::redirected;
use crate::connection::pool::is_unknown_script;
use crate::connection::request::{Failure, Node, OnBreak, Reply, Route};
use crate::connection::supervisor::is_demoted;
use crate::errors::{Fault, is_unready};

/// The maximum number of attempts for one request. A moved slot, an unknown script and a failover
/// together take fewer.
const ATTEMPTS: u8 = 6;

/// How often a request waits for a reachable node that is not ready.
const WAITS: u8 = 2;

/// What to do about a reply.
pub(super) enum Verdict {
    Done(Reply),
    /// Send the request again, immediately or after a pause.
    Again {
        pause: bool,
    },
    /// Send the request again if another node serves the slot by now.
    Elsewhere(Failure),
    /// Run the request in steps, key by key.
    InSteps(Vec<Cmd>),
}

impl Cluster {
    pub(super) fn judge(
        self: &Arc<Self>,
        item: &mut Item<'_>,
        node: &Node,
        reply: Reply,
        on_break: OnBreak,
    ) -> Verdict {
        match reply {
            Ok(_) => Verdict::Done(reply),
            Err(Failure::Fault(fault)) => {
                // Another node may have taken over, or be about to.
                self.refresh_behind();
                let harmless = fault.is_unsent() || on_break == OnBreak::Repeat;
                let again = harmless && !fault.is_silence() && item.attempts < ATTEMPTS;
                let failure = Failure::Fault(fault);
                if again { Verdict::Elsewhere(failure) } else { Verdict::Done(Err(failure)) }
            }
            Err(Failure::Answer(error)) if item.attempts < ATTEMPTS => {
                self.judge_refusal(item, node, error)
            }
            Err(_) => Verdict::Done(reply),
        }
    }

    fn judge_refusal(
        self: &Arc<Self>,
        item: &mut Item<'_>,
        node: &Node,
        error: RedisError,
    ) -> Verdict {
        if is_unknown_script(&error) && !item.in_full {
            item.in_full = true;
            return Verdict::Again { pause: false };
        }
        // The request starts again at its own slot, unless the node redirects it.
        item.route = item.request.route.clone();
        item.asking = false;
        if is_demoted(&error) {
            return Verdict::Elsewhere(Failure::Answer(error));
        }
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::Moved) => self.follow_moved(&error, node),
            ErrorKind::Server(ServerErrorKind::Ask) => match other(&error, node) {
                Some(other) => {
                    item.route = Route::Node(other);
                    item.asking = true;
                    Verdict::Again { pause: false }
                }
                None => Verdict::Done(Err(Failure::Answer(error))),
            },
            ErrorKind::Server(ServerErrorKind::TryAgain) => match item.request.in_steps() {
                Some(steps) => Verdict::InSteps(steps),
                None => self.wait_for(item, node, &error),
            },
            _ if is_unready(&error) => {
                self.refresh_behind();
                self.wait_for(item, node, &error)
            }
            _ => Verdict::Done(Err(Failure::Answer(error))),
        }
    }

    fn wait_for(&self, item: &Item<'_>, node: &Node, error: &RedisError) -> Verdict {
        if item.attempts <= WAITS {
            return Verdict::Again { pause: true };
        }
        let fault = Fault::operating(error, &self.endpoint.at(node));
        Verdict::Done(Err(Failure::Fault(fault)))
    }

    fn follow_moved(self: &Arc<Self>, error: &RedisError, node: &Node) -> Verdict {
        let slot = error.redirect_node().map(|(_, slot)| slot);
        match (slot, other(error, node)) {
            (Some(slot), Some(other)) => {
                self.moved(slot, &other);
                // Other slots have probably moved, too.
                self.refresh_behind();
                Verdict::Again { pause: false }
            }
            _ => Verdict::Again { pause: true },
        }
    }
}

fn other(error: &RedisError, teller: &Node) -> Option<Node> {
    redirected(error.redirect_node()?.0, teller)
}
