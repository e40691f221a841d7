//! The background refresh of a value that is still served.

use std::sync::Arc;

use super::answer::{Detached, Step};
use super::find::{ReadPurpose, RemoteLookup};
use super::flight::FlightLeader;
use super::lead::Opening;
use super::read_context::ReadContext;
use super::spawn::spawn;
use crate::memory::Ticket;

/// The right to refresh a value. Dropping it lets another caller do it.
pub(crate) struct Refresh {
    pub(super) job: Arc<ReadContext>,
    pub(super) leader: FlightLeader,
    pub(super) ticket: Ticket,
    pub(super) purpose: ReadPurpose,
}

impl Refresh {
    /// Looks for a newer value of another process, and otherwise loads.
    pub(crate) fn start(self: Box<Self>, load: Detached) {
        let Self { job, mut leader, mut ticket, purpose } = *self;
        spawn(async move {
            let found = job.find(&mut leader, &mut ticket, purpose).await;
            let RemoteLookup::Missing(missing) = found else { return };
            let opening = Opening { leader, ticket, missing, purpose };
            go_on(job.permitted(opening), load).await;
        });
    }
}

/// Takes the next step, and loads if that is the step.
pub(crate) async fn go_on(step: impl Future<Output = Step>, load: Detached) {
    if let Step::Load(lead) = step.await {
        lead.run(load).await;
    }
}
