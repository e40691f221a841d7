//! The background refresh of a value that is still served.

use std::sync::Arc;
use std::time::Duration;

use super::answer::{Detached, Step};
use super::find::{ReadPurpose, RemoteLookup};
use super::flight::FlightLeader;
use super::lead::{Lead, Opening};
use super::read_context::ReadContext;
use super::spawn::spawn;
use crate::base::Cached;
use crate::memory::Ticket;

/// The right to refresh a value. Dropping it lets another caller do it.
pub(crate) struct Refresh {
    pub(super) job: Arc<ReadContext>,
    pub(super) leader: FlightLeader,
    pub(super) ticket: Ticket,
    pub(super) purpose: ReadPurpose,
}

impl Refresh {
    /// Refreshes in the background.
    pub(crate) fn start(self: Box<Self>, load: Detached) {
        spawn(async move {
            self.run(|_| load).await;
        });
    }

    /// Looks for a newer value of another process, and otherwise loads.
    pub(super) async fn run(
        self: Box<Self>,
        load: impl FnOnce(&Lead) -> Detached + Send,
    ) -> Outcome {
        let Self { job, mut leader, mut ticket, purpose } = *self;
        let missing = match job.find(&mut leader, &mut ticket, purpose).await {
            RemoteLookup::Missing(missing) => missing,
            RemoteLookup::Hit(hit) | RemoteLookup::Stale(hit) => return Outcome::Found(hit.age),
        };
        if job.revives(&missing) {
            return Outcome::Gone;
        }
        if job.is_in_vain(&missing) {
            return Outcome::Failed;
        }
        let opening = Opening { leader, ticket, missing, purpose };
        match job.permitted(opening).await {
            Step::Load(lead) => {
                let load = load(&lead);
                lead.run(load).await;
                Outcome::Loaded
            }
            Step::Answer(Cached { value: Ok(_), age, .. }) => Outcome::Found(age),
            _ => Outcome::Failed,
        }
    }
}

/// How a refresh ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Another caller or process has a value of this age.
    Found(Duration),
    /// There is no value to refresh any more.
    Gone,
    /// The load has ended.
    Loaded,
    /// There is no value: the policy forbids the load, or the load failed.
    Failed,
}

/// Takes the next step, and loads if that is the step.
pub(crate) async fn go_on(step: impl Future<Output = Step>, load: Detached) {
    if let Step::Load(lead) = step.await {
        lead.run(load).await;
    }
}
