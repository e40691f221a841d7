//! The begin of a schedule: a read of a value that is refreshed while it is in use.

use std::sync::Arc;
use std::time::Duration;

use super::reading::Run;
use super::rules::Deciding;
use crate::base::Cached;
use crate::engine::{Engine, Mode, ReadRules, Request, Scheduled, Step, TransactionScope};

/// What a schedule needs of a read that begins.
pub(crate) struct Schedule {
    engine: Arc<Engine>,
    request: Request,
    rules: ReadRules,
}

impl Schedule {
    /// `None` if the value of the read is not refreshed on schedule.
    pub(super) fn of(
        engine: &Arc<Engine>,
        request: &Request,
        rules: ReadRules,
        body: &dyn Run,
    ) -> Option<Box<Self>> {
        let wanted = request.policy.refresh_every.is_some()
            && request.mode != Mode::Bypass
            // A cell ends with its instance, which a schedule would keep.
            && request.cell.is_none()
            && body.repeats()
            // The load of a transaction may see uncommitted data.
            && TransactionScope::current().is_none();
        if let Some(interval) = request.policy.refresh_every.filter(|_| wanted) {
            engine.tell_about_ttl(request, interval, request.policy.ttl);
        }
        let (engine, request) = wanted.then(|| (Arc::clone(engine), request.clone()))?;
        Some(Box::new(Self { engine, request, rules }))
    }

    /// Begins the schedule, or records the read for the one that there is.
    pub(super) fn begin(self: Box<Self>, step: &Step, body: &dyn Run, deciding: &Deciding) {
        let Self { engine, request, rules } = *self;
        let age = match step {
            // The new arguments take the place of former ones.
            Step::Load(_) | Step::Leave(..) => Duration::ZERO,
            Step::Refresh(Cached { age, .. }, _)
            | Step::Answer(Cached { value: Ok(_), age, .. }) => {
                if engine.uses(request.key.id()) {
                    return;
                }
                *age
            }
            Step::Answer(_) | Step::Bypass => return,
        };
        let Some(again) = body.repeat(deciding) else { return };
        let made = engine.clock().now().before(age);
        if let Some(key) = Scheduled::new(&engine, request, rules, again, made) {
            let due = key.due(made);
            engine.schedule(key, due);
        }
    }
}
