//! The events of a run, in one total order.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

pub(crate) type Node = usize;
/// Keys by number; the workload gives them names.
pub(crate) type Key = u64;

/// Identifies a value: each load and each put produces a new one.
pub(crate) type ValueId = u64;

/// The outcome of a read, an eviction or a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The value with this number, and the key that it says it is for.
    Value(ValueId, Key),
    Nothing,
    Ok,
    Failed,
    /// The future was dropped after it had been polled.
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Key(Key),
    /// All keys.
    Pattern,
    /// All keys with the tag.
    Tag(&'static str),
    Clear,
    /// The value is kept for callers whose load fails.
    Stale(Key),
    /// The same for all keys.
    StalePattern,
    /// The same for all keys with the tag.
    StaleTag(&'static str),
    /// The same for everything.
    StaleAll,
    /// A changed ttl: it makes no value older.
    Life(Key),
    /// A value that is written through.
    Put(Key, ValueId),
}

/// How a read asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Load,
    /// Loads even if there is a value.
    Refresh,
    /// Never loads.
    Peek,
    /// The same, and takes a value that is not fresh.
    PeekStale,
}

/// How an operation of the remote tier ended for the node that sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Ok,
    Failed,
    Dropped,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    ReadStarted {
        read: u64,
        node: Node,
        key: Key,
        how: How,
    },
    ReadEnded {
        read: u64,
        outcome: Outcome,
    },
    LoadBegan {
        load: ValueId,
        read: u64,
        node: Node,
        key: Key,
        version: u64,
    },
    LoadEnded {
        load: ValueId,
        outcome: Outcome,
    },
    EvictStarted {
        evict: u64,
        node: Node,
        what: What,
    },
    EvictEnded {
        evict: u64,
        outcome: Outcome,
    },
    /// A node without a memory tier, which reads the generations with every read.
    Strict {
        node: Node,
    },
    /// An operation of the remote tier left a node.
    Sent {
        operation: u64,
        node: Node,
        name: &'static str,
        /// The value that it is to store.
        value: Option<ValueId>,
    },
    /// The operation took effect, and stored a value.
    Applied {
        operation: u64,
        stored: Option<ValueId>,
    },
    /// The store removed a key: for an eviction, for a write whose outcome is unknown, or for a value that stays in a node's memory.
    Removed {
        key: Key,
    },
    Answered {
        operation: u64,
        answer: Answer,
    },
    /// The bus link of a node is lost. Its messages are lost from now on.
    BusLost {
        node: Node,
    },
    /// The node learns that its link is lost.
    BusLostTold {
        node: Node,
    },
    BusFound {
        node: Node,
    },
    BusFoundTold {
        node: Node,
    },
    Heard {
        node: Node,
        sender: Node,
    },
    Paused {
        node: Node,
    },
    Resumed {
        node: Node,
    },
    Killed {
        node: Node,
    },
    /// The origin's version of a key changed.
    Written {
        key: Key,
        version: u64,
    },
    /// The store lost a key by itself.
    Forgotten {
        place: String,
    },
    /// How many loads a node still has under way at the end.
    Rest {
        node: Node,
        in_flight: u64,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Milliseconds since the beginning.
    pub(crate) at: u64,
    pub(crate) event: Event,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>7} ms  {:?}", self.at, self.event)
    }
}

/// The records so far. Virtual time only has milliseconds, so the order of the records tells which of two events came
/// first.
pub(crate) struct History {
    start: Instant,
    records: Mutex<Vec<Record>>,
}

impl History {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), records: Mutex::default() }
    }

    pub(crate) fn record(&self, event: Event) {
        let at = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.push(Record { at, event });
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
