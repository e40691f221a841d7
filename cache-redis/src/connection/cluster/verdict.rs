//! What to do about a node's reply.
//!
//! What a node did not do because it is not, or not alone, in charge is sent to who is. That harms
//! nothing, whatever was asked. What may have been done is sent again only if it may be done twice.

use std::sync::Arc;

use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind};

use super::Cluster;
use super::batch::Item;
use super::topology::redirected;
use crate::connection::pool::is_unknown_script;
use crate::connection::request::{Failure, Node, OnBreak, Reply, Route};
use crate::connection::supervisor::is_demoted;
use crate::errors::{Fault, is_unready};

/// How often one request may be sent on: a slot that wanders, an unknown script and a failover at
/// once take fewer.
const ATTEMPTS: u8 = 6;

/// How often it is waited for a node that is there but not ready.
const WAITS: u8 = 2;

/// What to do about a reply.
pub(super) enum Verdict {
    Done(Reply),
    /// Send it again, now or after a pause.
    Again {
        pause: bool,
    },
    /// Send it again if somebody else is in charge by now.
    Elsewhere(Failure),
    /// Do it in steps, key by key.
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
                // Somebody may have taken over, or be about to.
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
        // It starts over, unless it is sent on.
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
                // Others have moved, too, most likely.
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
