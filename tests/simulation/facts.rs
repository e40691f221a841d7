//! A history, indexed for the checks of the promises.

use std::collections::{BTreeMap, BTreeSet};

use super::history::{Answer, Event, How, Key, Node, Outcome, Record, ValueId, What};

/// A position in the history: its order, and the time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    pub(crate) order: usize,
    pub(crate) at: u64,
}

/// The operations that count as a use of the tier. (Requests of evictions do not count: the eviction may be half done.)
pub(crate) const USES: [&str; 8] =
    ["get", "generations", "acquire", "commit", "renew", "abort", "set", "replace"];

pub(crate) const NEVER: Moment = Moment { order: usize::MAX, at: u64::MAX };

pub(crate) struct Read {
    pub(crate) id: u64,
    pub(crate) node: Node,
    pub(crate) key: Key,
    pub(crate) how: How,
    pub(crate) started: Moment,
    pub(crate) ended: Option<(Moment, Outcome)>,
}

pub(crate) struct Load {
    pub(crate) id: ValueId,
    pub(crate) read: u64,
    pub(crate) node: Node,
    pub(crate) key: Key,
    pub(crate) began: Moment,
    pub(crate) ended: Moment,
    pub(crate) outcome: Outcome,
}

pub(crate) struct Evict {
    pub(crate) id: u64,
    pub(crate) node: Node,
    pub(crate) what: What,
    pub(crate) started: Moment,
    pub(crate) ended: Option<(Moment, Outcome)>,
}

pub(crate) struct Operation {
    pub(crate) node: Node,
    pub(crate) name: &'static str,
    pub(crate) sent: Moment,
    pub(crate) applied: Option<Moment>,
    pub(crate) answered: Option<Moment>,
    /// The value that it is to store, and the one that it has stored.
    pub(crate) value: Option<ValueId>,
    pub(crate) stored: Option<ValueId>,
}

/// The time from one moment to another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Span {
    pub(crate) fn touches(&self, from: u64, to: u64) -> bool {
        self.from <= to && from <= self.to
    }
}

#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) reads: BTreeMap<u64, Read>,
    pub(crate) loads: BTreeMap<ValueId, Load>,
    pub(crate) evicts: BTreeMap<u64, Evict>,
    pub(crate) operations: BTreeMap<u64, Operation>,
    /// When the bus link of a node was not known to be up, and when the node was told.
    pub(crate) unlinked: BTreeMap<Node, Vec<Span>>,
    pub(crate) told: BTreeMap<Node, Vec<Span>>,
    /// The nodes whose link is down at this point.
    lost: BTreeSet<Node>,
    pub(crate) paused: BTreeMap<Node, Vec<Span>>,
    /// When a use of the tier was answered (true), and when a request failed (false).
    pub(crate) answers: BTreeMap<Node, Vec<(Moment, bool)>>,
    pub(crate) killed: BTreeSet<Node>,
    /// The nodes whose reads ask the store for everything.
    pub(crate) strict: BTreeSet<Node>,
    pub(crate) rest: Vec<(Node, u64)>,
    /// When the store removed a key.
    pub(crate) removed: Vec<(Moment, Key)>,
}

impl Facts {
    pub(crate) fn of(records: &[Record]) -> Self {
        let mut facts = Self::default();
        for (order, record) in records.iter().enumerate() {
            facts.take(Moment { order, at: record.at }, &record.event);
        }
        facts
    }

    fn spans(spans: &mut BTreeMap<Node, Vec<Span>>, node: Node) -> &mut Vec<Span> {
        // A link counts as down before the first report.
        spans.entry(node).or_default()
    }

    fn close(spans: &mut BTreeMap<Node, Vec<Span>>, node: Node, at: u64) {
        let spans = Self::spans(spans, node);
        match spans.last_mut() {
            Some(open) if open.to == u64::MAX => open.to = at,
            Some(_) => {}
            None => spans.push(Span { from: 0, to: at }),
        }
    }

    fn open(spans: &mut BTreeMap<Node, Vec<Span>>, node: Node, from: u64) {
        Self::spans(spans, node).push(Span { from, to: u64::MAX });
    }

    fn take(&mut self, now: Moment, event: &Event) {
        match *event {
            Event::ReadStarted { read, node, key, how } => {
                let fact = Read { id: read, node, key, how, started: now, ended: None };
                self.reads.insert(read, fact);
            }
            Event::ReadEnded { read, outcome } => {
                if let Some(read) = self.reads.get_mut(&read) {
                    read.ended = Some((now, outcome));
                }
            }
            Event::LoadBegan { load, read, node, key, .. } => {
                let fact = Load {
                    id: load,
                    read,
                    node,
                    key,
                    began: now,
                    ended: NEVER,
                    outcome: Outcome::Cancelled,
                };
                self.loads.insert(load, fact);
            }
            Event::LoadEnded { load, outcome } => {
                if let Some(load) = self.loads.get_mut(&load) {
                    (load.ended, load.outcome) = (now, outcome);
                }
            }
            Event::EvictStarted { evict, node, what } => {
                let fact = Evict { id: evict, node, what, started: now, ended: None };
                self.evicts.insert(evict, fact);
            }
            Event::EvictEnded { evict, outcome } => {
                if let Some(evict) = self.evicts.get_mut(&evict) {
                    evict.ended = Some((now, outcome));
                }
            }
            Event::Sent { operation, node, name, value } => {
                let fact = Operation {
                    node,
                    name,
                    value,
                    sent: now,
                    applied: None,
                    answered: None,
                    stored: None,
                };
                self.operations.insert(operation, fact);
            }
            Event::Applied { operation, stored } => {
                if let Some(operation) = self.operations.get_mut(&operation) {
                    (operation.applied, operation.stored) = (Some(now), stored);
                }
            }
            Event::Answered { operation, answer: answer @ (Answer::Ok | Answer::Failed) } => {
                if let Some(operation) = self.operations.get_mut(&operation) {
                    operation.answered = Some(now);
                    let answers = self.answers.entry(operation.node).or_default();
                    let ok = answer == Answer::Ok;
                    if !ok || USES.contains(&operation.name) {
                        answers.push((now, ok));
                    }
                }
            }
            Event::BusLost { node } => {
                self.lost.insert(node);
                Self::open(&mut self.unlinked, node, now.at);
            }
            Event::BusFound { node } => {
                self.lost.remove(&node);
            }
            Event::BusLostTold { node } => Self::open(&mut self.told, node, now.at),
            Event::BusFoundTold { node } => {
                // The node may learn that its link is up only when the link is lost again.
                if !self.lost.contains(&node) {
                    Self::close(&mut self.unlinked, node, now.at);
                }
                Self::close(&mut self.told, node, now.at);
            }
            Event::Paused { node } => Self::open(&mut self.paused, node, now.at),
            Event::Resumed { node } => Self::close(&mut self.paused, node, now.at),
            Event::Killed { node } => {
                self.killed.insert(node);
            }
            Event::Strict { node } => {
                self.strict.insert(node);
            }
            Event::Rest { node, in_flight } => self.rest.push((node, in_flight)),
            Event::Removed { key } => self.removed.push((now, key)),
            Event::Answered { answer: Answer::Dropped, .. }
            | Event::Heard { .. }
            | Event::Written { .. }
            | Event::Forgotten { .. } => {}
        }
    }

    /// Whether one of the node's spans touches the time in between.
    pub(crate) fn any(spans: &BTreeMap<Node, Vec<Span>>, node: Node, from: u64, to: u64) -> bool {
        spans.get(&node).is_some_and(|spans| spans.iter().any(|span| span.touches(from, to)))
    }
}
