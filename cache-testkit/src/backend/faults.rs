//! The faults of a backend, controlled by a test.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::chaos::{Chaos, Fate, FaultRates};
use super::gate::{Gate, HoldPoint};
use super::link::Wires;
use super::operation::Operation;
use cache_core::{BackendError, BackendErrorKind};

/// Controls the faults of a [`Faulty`](super::faulty::Faulty) backend. Clones control the same backend.
///
/// There are no faults at first, and each setting stays until it is changed. Each item of an operation on many
/// leases (`acquire_each`) has its own faults, like a single operation. Where an operation can be given,
/// `None` means every operation.
#[derive(Clone, Default)]
pub struct Faults(Arc<Shared>);

#[derive(Default)]
struct Shared {
    set: Mutex<Set>,
    wires: Wires,
}

#[derive(Default)]
struct Set {
    down: bool,
    lost: bool,
    unlinked: bool,
    silent: bool,
    slow: Duration,
    damage: Option<Corruption>,
    kind: Option<BackendErrorKind>,
    next: Vec<(Option<Operation>, u64)>,
    every: Vec<(Option<Operation>, u64)>,
    chaos: Option<Chaos>,
    gates: Vec<Gate>,
    /// The number of calls of each operation.
    calls: BTreeMap<Operation, u64>,
    messages: u64,
}

/// Damage to values that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Corruption {
    /// One bit in the middle is flipped.
    Flipped,
    /// The second half is missing.
    Truncated,
    /// The value is empty.
    Emptied,
}

impl Corruption {
    fn to(self, value: &Bytes) -> Bytes {
        let middle = value.len() / 2;
        match self {
            Self::Truncated => value.slice(..middle),
            Self::Emptied => Bytes::new(),
            Self::Flipped => {
                let mut bytes = value.to_vec();
                if let Some(byte) = bytes.get_mut(middle) {
                    *byte ^= 1;
                }
                bytes.into()
            }
        }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.set();
        f.debug_struct("Faults")
            .field("down", &set.down)
            .field("lost", &set.lost)
            .field("linked", &!set.unlinked)
            .field("calls", &set.calls)
            .finish_non_exhaustive()
    }
}

impl Faults {
    fn set(&self) -> MutexGuard<'_, Set> {
        self.0.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes operations that begin from now on fail without effect. The bus is not affected: see
    /// [`outage`](Self::outage).
    pub fn set_down(&self, down: bool) {
        self.set().down = down;
    }

    /// Loses the answers of operations, including operations in progress: they fail, although they took
    /// effect.
    pub fn lose_answers(&self, lose: bool) {
        self.set().lost = lose;
    }

    /// Sets the bus link: listeners are told that it is lost or restored. Messages that are published while
    /// it is lost do not arrive.
    pub fn set_linked(&self, linked: bool) {
        self.set().unlinked = !linked;
        self.0.wires.tell(linked);
    }

    /// Simulates an unreachable server (operations fail, the bus link is lost), or its return.
    pub fn outage(&self, away: bool) {
        self.set_down(away);
        self.set_linked(!away);
    }

    /// Makes each operation take this much longer, by the backend's clock.
    pub fn slow(&self, by: Duration) {
        self.set().slow = by;
    }

    /// Makes the next `times` operations fail without effect.
    pub fn fail_next(&self, operation: impl Into<Option<Operation>>, times: u64) {
        self.set().next.push((operation.into(), times));
    }

    /// Makes every `nth` operation fail without effect; 1 means each, 0 none.
    pub fn fail_every(&self, operation: impl Into<Option<Operation>>, nth: u64) {
        let operation = operation.into();
        let mut set = self.set();
        set.every.retain(|(every, _)| *every != operation);
        if nth > 0 {
            set.every.push((operation, nth));
        }
    }

    /// Sets the kind of error. Default: [`BackendErrorKind::Unreachable`].
    pub fn fail_as(&self, kind: BackendErrorKind) {
        self.set().kind = Some(kind);
    }

    /// Damages the values that are read from now on; `None` ends the damage. Stored values stay intact.
    pub fn damage(&self, damage: impl Into<Option<Corruption>>) {
        self.set().damage = damage.into();
    }

    /// Loses messages of the bus without a notification.
    pub fn drop_messages(&self, lose: bool) {
        self.set().silent = lose;
    }

    /// Blocks an operation from now on, until the gate is opened.
    pub fn hold(&self, at: HoldPoint) -> Gate {
        let gate = Gate::new(at);
        self.set().gates.push(gate.clone());
        gate
    }

    /// Starts random faults. The same seed gives the same faults: those of an operation depend on the seed
    /// and on the number of earlier operations of its kind since the start.
    pub fn chaos(&self, seed: u64, weather: FaultRates) {
        let mut set = self.set();
        set.chaos = Some(Chaos::new(seed, weather));
        set.calls.clear();
        set.messages = 0;
    }

    /// Ends all faults and opens all closed gates.
    pub fn heal(&self) {
        let before = {
            let mut set = self.set();
            let calls = std::mem::take(&mut set.calls);
            let healed = Set { calls, kind: set.kind, ..Set::default() };
            std::mem::replace(&mut *set, healed)
        };
        before.gates.iter().for_each(Gate::open);
        if before.unlinked {
            self.0.wires.tell(true);
        }
    }

    /// Returns how often an operation was begun, since the backend was created or the random faults started.
    /// Each item of an operation on many leases counts.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.set().calls.get(&operation).copied().unwrap_or_default()
    }
}

/// For the code between the controls and the store.
impl Faults {
    pub(super) fn wires(&self) -> &Wires {
        &self.0.wires
    }

    pub(super) fn is_linked(&self) -> bool {
        !self.set().unlinked
    }

    /// Whether a message of the bus arrives.
    pub(super) fn delivers(&self) -> bool {
        let mut set = self.set();
        set.messages += 1;
        let unheard = set.chaos.is_some_and(|chaos| chaos.is_unheard(set.messages));
        !(set.unlinked || set.silent || unheard)
    }

    /// Counts an operation that begins, and returns its faults.
    pub(super) fn begin(&self, operation: Operation) -> Fate {
        let mut set = self.set();
        let turn = set.calls.entry(operation).or_default();
        *turn += 1;
        let turn = *turn;
        let mut fate = set.chaos.map_or_else(Fate::default, |chaos| chaos.fate(operation, turn));
        let is_meant = |meant: Option<Operation>| meant.is_none_or(|meant| meant == operation);
        let next = set.next.iter_mut().find(|(meant, left)| is_meant(*meant) && *left > 0);
        fate.down |= next.map(|(_, left)| *left -= 1).is_some();
        let mut every = set.every.iter();
        fate.down |= every.any(|(meant, nth)| is_meant(*meant) && turn.is_multiple_of(*nth));
        fate.down |= set.down;
        fate.delay += set.slow;
        fate
    }

    pub(super) async fn pass(&self, at: HoldPoint) {
        let held: Vec<Gate> =
            self.set().gates.iter().filter(|gate| gate.is_at(at)).cloned().collect();
        for gate in held {
            gate.pass().await;
        }
    }

    /// Whether an answer that arrives now is lost.
    pub(super) fn loses(&self) -> bool {
        self.set().lost
    }

    /// The damage to a value that was read.
    pub(super) fn damaged(&self, fate: Fate) -> Option<impl Fn(&Bytes) -> Bytes> {
        let damage = self.set().damage.or(fate.damaged.then_some(Corruption::Flipped))?;
        Some(move |value: &Bytes| damage.to(value))
    }

    pub(super) fn error(&self, operation: Operation, message: &'static str) -> BackendError {
        let kind = self.set().kind.unwrap_or(BackendErrorKind::Unreachable);
        BackendError::new(kind, operation.name(), message)
    }
}
