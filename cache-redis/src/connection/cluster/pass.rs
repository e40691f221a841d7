//! Scans all keys of a cluster, master by master.
//!
//! A scan would miss a key that moves from a master not yet scanned to one already scanned. So if
//! slots have moved or are being moved at the end of a pass, another pass follows: a key moves in
//! one direction only, and the second pass finds it at its destination.

use std::sync::Arc;

use redis::{Value, cmd};

use super::Cluster;
use crate::connection::{Deadline, Failure, Node, OnBreak, Request};
use crate::errors::Fault;

/// The maximum number of passes. More would not help against slots that move all the time.
const PASSES: u8 = 4;

/// The server's own cursor has the lower bits.
const CURSOR: u32 = 45;
const NODE: u32 = 10;
const VERSION: u32 = 6;

/// The progress of a scan, encoded in a cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pass {
    /// The number of passes before this one.
    before: u8,
    /// The lower bits of the topology's version at the start of the pass.
    version: u8,
    /// The index of the current master.
    node: u16,
    /// The master's own cursor.
    pub(crate) cursor: u64,
}

impl Pass {
    pub(crate) fn read(cursor: u64) -> Self {
        let bits = |from: u32, count: u32| (cursor >> from & ((1 << count) - 1)) as u16;
        Self {
            before: bits(CURSOR + NODE + VERSION, 3) as u8,
            version: bits(CURSOR + NODE, VERSION) as u8,
            node: bits(CURSOR, NODE),
            cursor: cursor & ((1 << CURSOR) - 1),
        }
    }

    pub(crate) fn cursor(self) -> u64 {
        u64::from(self.before) << (CURSOR + NODE + VERSION)
            | u64::from(self.version) << (CURSOR + NODE)
            | u64::from(self.node) << CURSOR
            | self.cursor
    }
}

/// The bits of a version that fit into a cursor.
fn short(version: u64) -> u8 {
    (version % (1 << VERSION)) as u8
}

impl Cluster {
    /// The master of the next page, and the pass; the pass starts again if slots have moved.
    pub(crate) async fn look_at(self: &Arc<Self>, mut pass: Pass) -> Result<(Node, Pass), Fault> {
        let deadline = Deadline::after(self.limits.operation_timeout);
        let view = self.view(deadline).await?;
        let version = short(view.version);
        let begins = pass == Pass::default();
        if begins {
            pass.version = version;
        } else if pass.version != version && pass.before + 1 < PASSES {
            pass = Pass { before: pass.before + 1, version, node: 0, cursor: 0 };
        }
        let masters = view.topology.masters();
        let node = masters.get(usize::from(pass.node)).or(masters.first());
        let node = node.cloned().ok_or_else(|| self.nobody())?;
        Ok((node, pass))
    }

    /// The position after a page; `None` if all keys were scanned.
    pub(crate) async fn after(
        self: &Arc<Self>,
        mut pass: Pass,
        next: u64,
    ) -> Result<Option<Pass>, Fault> {
        if next >> CURSOR != 0 {
            return Err(self.nobody());
        }
        pass.cursor = next;
        if next != 0 {
            return Ok(Some(pass));
        }
        pass.node += 1;
        if usize::from(pass.node) < self.current().topology.masters().len() {
            return Ok(Some(pass));
        }
        self.refresh_now().await?;
        let version = short(self.current().version);
        let moved = version != pass.version;
        let again = (moved && pass.before + 1 < PASSES)
            || (pass.before == 0 && self.is_moving_slots().await?);
        let before = pass.before + 1;
        Ok(again.then_some(Pass { before, version, node: 0, cursor: 0 }))
    }

    /// Whether any master is handing over or receiving a slot.
    async fn is_moving_slots(self: &Arc<Self>) -> Result<bool, Fault> {
        let deadline = Deadline::after(self.limits.operation_timeout);
        let ask = |node| {
            let mut nodes = cmd("CLUSTER");
            nodes.arg("NODES");
            Request::at(node, nodes)
        };
        let masters = self.current().topology.masters();
        let requests: Vec<Request> = masters.into_iter().map(ask).collect();
        for reply in self.run(deadline, OnBreak::Repeat, &requests).await {
            // A node reports only its own slots: `[93-<-id]`, `[77->-id]`.
            let lines = reply.map_err(|failure| match failure {
                Failure::Fault(fault) => fault,
                Failure::Answer(error) => Fault::operating(&error, &self.endpoint),
            })?;
            let Value::BulkString(lines) = lines else { continue };
            let lines = String::from_utf8_lossy(&lines).into_owned();
            if lines.contains("-<-") || lines.contains("->-") {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn nobody(&self) -> Fault {
        Fault::no_cluster(&self.endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_fits_a_cursor() {
        let passes = [
            Pass::default(),
            Pass { before: 3, version: 63, node: 1023, cursor: (1 << CURSOR) - 1 },
            Pass { before: 0, version: 1, node: 0, cursor: 0 },
            Pass { before: 1, version: 0, node: 0, cursor: 17 },
        ];
        for pass in passes {
            assert_eq!(Pass::read(pass.cursor()), pass);
        }
    }
}
