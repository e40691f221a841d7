//! Records what a type requests from a deserializer: one line for each request.
//!
//! A run of `T::deserialize` takes one way through an enum, so there are runs until every variant was
//! visited. A recursive type gets nothing where it would begin again. If a made-up value is refused, others
//! are tried. If all are refused, the run ends; the next run visits the struct's other fields first
//! (`beyond`).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::{DeserializeOwned, Error};

use super::beyond::{Frame, Refusals};
use super::kind::Kind;
use super::reader::Reader;
use super::shape::Shapes;

/// The maximum number of runs, and of questions in all runs. A type that needs more is known in part.
const RUNS: u32 = 2_000;
const QUESTIONS: u32 = 200_000;

/// How many of the last answers before a refusal are changed.
const SUSPECTS: usize = 16;

/// The result of tracing a type.
pub(crate) struct Traced {
    pub(super) text: String,
    /// Whether nothing was left out.
    pub(super) whole: bool,
    /// Whether the type asks what comes next.
    pub(super) asks: bool,
    /// The shapes that the type reads, for a comparison with its output.
    pub(super) shapes: Shapes,
}

pub(super) fn trace(run: Run, human: bool) -> Traced {
    let mut trace = Trace { human, ..Trace::default() };
    let whole = trace.explore(&run);
    let asks = !trace.anything.is_empty();
    let shapes = Shapes::of(&trace.found, &trace.refusals);
    let mut lines: Vec<String> = trace.lines.into_iter().collect();
    for place in &trace.anything {
        let answer = trace.answers.get(place).copied().unwrap_or_default();
        lines.push(format!("{place}: accepts {answer}"));
    }
    Traced { text: lines.join("\n"), whole: whole && !asks, asks, shapes }
}

/// Why a run ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A made-up value was refused.
    Refused,
    /// A field that no list of fields contained.
    Missing(&'static str),
    /// Another name of a field that was given before.
    Duplicate,
    /// Variants that no enum listed.
    Variants(&'static [&'static str]),
    /// The type's own code panicked.
    Panicked,
    /// The type does not end, or not soon enough.
    Endless,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a made-up value was refused")
    }
}

impl std::error::Error for Stop {}

impl Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Refused
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self::Duplicate
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::Variants(expected)
    }
}

/// One run of a type's `Deserialize`, with the type erased.
#[derive(Clone, Copy)]
pub(super) struct Run(fn(&mut Trace) -> Result<(), Stop>);

impl Run {
    pub(super) const fn of<T: DeserializeOwned>() -> Self {
        Self(|trace| T::deserialize(Reader::root(trace)).map(drop))
    }
}

/// A way from a node: a variant, the content of an `Option`, an element.
#[derive(Clone, Copy, Default)]
struct Way {
    /// Set if everything on this way was visited: how many questions that took.
    done: Option<u32>,
    /// How many visits are in progress.
    active: u32,
}

/// A type with parts: a struct, an enum, a list.
#[derive(Default)]
struct Node {
    ways: Vec<Way>,
    /// A map whose keys are names of fields.
    named: bool,
    /// The variant of a tagged enum that a named map represents, counted from 1.
    variant: usize,
    /// The names found so far, for each variant; the names at 0 belong to all variants.
    learned: BTreeMap<usize, Vec<&'static str>>,
}

/// The requests at each place.
#[derive(Default)]
pub(crate) struct Found {
    /// The request at each place; `None` if the requests differed.
    pub(super) kinds: HashMap<String, Option<Kind>>,
    /// The number of parts that were requested, for values that were read to their end.
    pub(super) parts: HashMap<String, usize>,
}

/// The knowledge about a type so far.
#[derive(Default)]
pub(crate) struct Trace {
    pub(super) human: bool,
    lines: BTreeSet<String>,
    found: Found,
    pub(super) refusals: Refusals,
    nodes: Vec<Node>,
    ids: HashMap<String, usize>,
    /// The places where the type accepted anything.
    anything: BTreeSet<String>,
    /// Which of the made-up values to give at each place; the first one if a place is missing.
    answers: HashMap<String, usize>,
    /// The variants of each tag that was found.
    tags: HashMap<String, &'static [&'static str]>,
    questions: u32,
    runs: u32,
    // State of one run:
    asked: Vec<(String, usize)>,
    known: HashSet<String>,
    pending: bool,
    /// The parts that are being visited; if the run ended early, the last one is where.
    path: Vec<Frame>,
    /// The place of the last question.
    last: String,
    last_map: Option<usize>,
    last_tag: Option<String>,
}

impl Trace {
    /// Runs until nothing is left to visit. Returns whether nothing was left out.
    fn explore(&mut self, run: &Run) -> bool {
        let mut whole = true;
        let mut before = (usize::MAX, 0);
        loop {
            let ended = self.run(run);
            let now = (self.lines.len(), self.done());
            let news = self.pending && std::mem::replace(&mut before, now) != now;
            let goes_on = match ended {
                Ok(()) if !self.pending => return whole,
                Ok(()) => news,
                Err(stop) => {
                    // Taken before other values are tried, because those runs write their own.
                    let asked = std::mem::take(&mut self.asked);
                    let path = std::mem::take(&mut self.path);
                    let last = std::mem::take(&mut self.last);
                    if !self.refusals.are_known(&last) && self.mend(&stop, &asked, &path, run) {
                        continue;
                    }
                    self.refusals.note(last.clone());
                    whole &= !matches!(stop, Stop::Endless);
                    self.leave_out(&path, &last, news, &mut whole)
                }
            };
            if !goes_on {
                return whole && !self.pending;
            }
        }
    }

    fn run(&mut self, run: &Run) -> Result<(), Stop> {
        self.asked.clear();
        self.known.clear();
        self.pending = false;
        self.path.clear();
        self.last.clear();
        self.last_map = None;
        self.last_tag = None;
        self.runs += 1;
        if self.runs > RUNS {
            return Err(Stop::Endless);
        }
        let before: Vec<Vec<Way>> = self.nodes.iter().map(|node| node.ways.clone()).collect();
        // Each panic is written to standard error, so no other values are tried after one.
        let done = catch_unwind(AssertUnwindSafe(|| run.0(self))).unwrap_or(Err(Stop::Panicked));
        if done.is_err() {
            let keeps = self.refusals.are_known(&self.last);
            for (index, node) in self.nodes.iter_mut().enumerate() {
                match before.get(index) {
                    // The run ended where every run ends: the next one must take other ways.
                    _ if keeps => node.ways.iter_mut().for_each(|way| way.active = 0),
                    // The next run must take this way again.
                    Some(ways) => node.ways.clone_from(ways),
                    None => node.ways.fill(Way::default()),
                }
            }
        }
        done
    }

    fn done(&self) -> usize {
        self.nodes.iter().flat_map(|node| &node.ways).filter(|way| way.done.is_some()).count()
    }

    /// Makes the next run continue after a stop. Returns whether it could.
    fn mend(&mut self, stop: &Stop, asked: &[(String, usize)], path: &[Frame], run: &Run) -> bool {
        match stop {
            Stop::Refused => {
                // Whether an element is refused depends on the answers within it.
                let from = path.last().map_or(0, Frame::asked);
                self.try_others(asked.get(from..).unwrap_or_default(), run)
            }
            Stop::Duplicate => self.refusals.alias(),
            Stop::Endless | Stop::Panicked => false,
            Stop::Missing(_) | Stop::Variants(_) => self.learn(stop),
        }
    }

    /// Records names from an error. Returns whether they are new.
    fn learn(&mut self, stop: &Stop) -> bool {
        match (stop, self.last_map, &self.last_tag) {
            (Stop::Missing(field), Some(map), _) => {
                let Some(node) = self.nodes.get_mut(map).filter(|node| node.named) else {
                    return false;
                };
                let learned = node.learned.entry(node.variant).or_default();
                let news = !learned.contains(field);
                if news {
                    learned.push(field);
                }
                news
            }
            (Stop::Variants(names), _, Some(tag)) if !names.is_empty() => {
                self.tags.insert(tag.clone(), names).is_none()
            }
            _ => false,
        }
    }

    /// Tries other answers instead of the last refused ones, one at a time, and keeps the first that leads
    /// further.
    fn try_others(&mut self, asked: &[(String, usize)], run: &Run) -> bool {
        for (place, candidates) in asked.iter().rev().take(SUSPECTS) {
            let first = self.answers.get(place).copied();
            for candidate in (0..*candidates).filter(|other| Some(*other) != first.or(Some(0))) {
                self.answers.insert(place.clone(), candidate);
                let before = self.lines.len();
                let further = match self.run(run) {
                    Ok(()) => true,
                    Err(stop) => self.lines.len() > before || self.learn(&stop),
                };
                if further {
                    return true;
                }
            }
            match first {
                Some(first) => self.answers.insert(place.clone(), first),
                None => self.answers.remove(place),
            };
        }
        false
    }

    /// Leaves out the parts that refuse all made-up values, from the inside outwards, until there is
    /// something that another run can visit. Returns whether there is something.
    fn leave_out(&mut self, path: &[Frame], last: &str, news: bool, whole: &mut bool) -> bool {
        for frame in path.iter().rev() {
            match frame {
                Frame::Way { node, way, .. } => {
                    let way = self.nodes.get_mut(*node).and_then(|node| node.ways.get_mut(*way));
                    if way.is_some_and(|way| way.done.replace(u32::MAX).is_none()) {
                        return true;
                    }
                }
                Frame::Field { of, index, .. } => {
                    // A leaf is completely known; any other field may have unvisited parts.
                    let is_leaf = last == format!("{of}.{index}");
                    *whole &= !self.refusals.is_nameless(of);
                    if self.refusals.field(of, *index, is_leaf) || news {
                        return true;
                    }
                }
                // The parts after it cannot be reached.
                Frame::Part { last, .. } => *whole &= *last,
            }
        }
        news
    }
}

/// The operations of the reader.
impl Trace {
    pub(super) fn line(&mut self, place: &str, kind: Kind) -> Result<(), Stop> {
        self.questions += 1;
        if self.questions > QUESTIONS {
            return Err(Stop::Endless);
        }
        self.lines.insert(format!("{place}: {kind}"));
        place.clone_into(&mut self.last);
        let found = self.found.kinds.entry(place.to_owned()).or_insert(Some(kind));
        if *found != Some(kind) {
            *found = None;
        }
        Ok(())
    }

    /// Begins a part.
    pub(super) fn begin(&mut self, frame: impl FnOnce(usize) -> Frame) -> usize {
        self.path.push(frame(self.asked.len()));
        self.path.len() - 1
    }

    /// Ends the part that began at `depth`.
    pub(super) fn end(&mut self, depth: usize) {
        self.path.truncate(depth);
    }

    /// Records that the run ends at `place`, a known refusal.
    pub(super) fn stopped(&mut self, place: &str) {
        place.clone_into(&mut self.last);
    }

    /// Records that the value at `place` was read to its end, with `parts` parts requested.
    pub(super) fn has_parts(&mut self, place: &str, parts: usize) {
        self.found.parts.insert(place.to_owned(), parts);
    }

    /// Returns which of the candidates to give.
    pub(super) fn answer(&mut self, place: &str, candidates: usize) -> usize {
        if self.known.insert(place.to_owned()) {
            self.asked.push((place.to_owned(), candidates));
        }
        self.answers.get(place).copied().unwrap_or(0).min(candidates.saturating_sub(1))
    }

    /// The node at `place`; the same type has the same node at every place. (The visitor's name is only
    /// compared within this process.)
    pub(super) fn node(
        &mut self,
        place: &str,
        kind: Kind,
        visitor: &str,
        ways: usize,
    ) -> Result<usize, Stop> {
        // By place: two values that accept anything may have different types.
        let id = match kind {
            Kind::FieldsOfAnything => format!("fields of {place} {visitor}"),
            kind => format!("{kind} {visitor}"),
        };
        let next = self.nodes.len();
        let number = *self.ids.entry(id).or_insert(next);
        if number == next {
            self.nodes.push(Node { ways: vec![Way::default(); ways], ..Node::default() });
        }
        self.line(place, Kind::Node(number))?;
        self.line(&format!("#{number}"), kind)?;
        Ok(number)
    }

    pub(super) fn asks_for_anything(&mut self, place: &str) {
        self.anything.insert(place.to_owned());
    }

    /// Whether a node's only way has nothing new, or is already being visited.
    pub(super) fn is_visited(&self, node: usize) -> bool {
        let way = self.nodes.get(node).and_then(|node| node.ways.first());
        way.is_none_or(|way| way.done.is_some() || way.active > 0)
    }

    pub(super) fn is_active(&self, node: usize) -> bool {
        let way = self.nodes.get(node).and_then(|node| node.ways.first());
        way.is_none_or(|way| way.active > 0)
    }

    /// Chooses a way: an unvisited one, or else the shortest.
    pub(super) fn choose(&self, node: usize) -> Result<usize, Stop> {
        let ways = self.nodes.get(node).map(|node| node.ways.as_slice()).unwrap_or_default();
        let new = ways.iter().position(|way| way.done.is_none() && way.active == 0);
        let known = ways.iter().enumerate().filter_map(|(index, way)| Some((way.done?, index)));
        new.or_else(|| known.min().map(|(_, index)| index)).ok_or(Stop::Endless)
    }

    /// Takes a way. It is done when nothing on it is left for another run.
    pub(super) fn go<R>(
        &mut self,
        node: usize,
        way: usize,
        visit: impl FnOnce(&mut Self) -> Result<R, Stop>,
    ) -> Result<R, Stop> {
        let outside = std::mem::replace(&mut self.pending, false);
        let from = self.questions;
        let depth = self.begin(|asked| Frame::Way { node, way, asked });
        self.nodes[node].ways[way].active += 1;
        let result = visit(self);
        let took = self.questions - from;
        let ways = &mut self.nodes[node].ways;
        ways[way].active -= 1;
        if result.is_ok() {
            self.path.truncate(depth);
            if !self.pending {
                ways[way].done.get_or_insert(took);
            }
        }
        let open = ways.iter().any(|way| way.done.is_none() && way.active == 0);
        self.pending |= outside || open;
        result
    }

    /// Begins a map.
    pub(super) fn begin_map(&mut self, node: usize) {
        self.nodes[node].variant = 0;
    }

    /// Ends a map: a missing field is missing there.
    pub(super) fn end_map(&mut self, node: usize) {
        self.last_map = Some(node);
    }

    /// Whether the map's keys are names.
    pub(super) fn is_named(&self, node: usize) -> bool {
        self.nodes[node].named
    }

    pub(super) fn name_keys(&mut self, node: usize) {
        self.nodes[node].named = true;
    }

    /// The name at `index` of those found so far, and the place of its value.
    pub(super) fn learned(&self, node: usize, index: usize) -> Option<(&'static str, String)> {
        let Node { variant, learned, .. } = &self.nodes[node];
        let of = |variant: usize| learned.get(&variant).map(Vec::as_slice).unwrap_or_default();
        if let Some(name) = of(0).get(index) {
            return Some((name, format!("#{node}.{name}")));
        }
        let own = if *variant == 0 { &[] } else { of(*variant) };
        let name = own.get(index.checked_sub(of(0).len())?)?;
        Some((name, format!("#{node}.{variant}.{name}")))
    }

    /// The variants of the tag at `place`, if they were found.
    pub(super) fn tag(&mut self, place: &str) -> Option<&'static [&'static str]> {
        self.last_tag = Some(place.to_owned());
        self.tags.get(place).copied()
    }

    /// From here on, the map that contains the tag belongs to the variant.
    pub(super) fn tagged(&mut self, map: usize, variant: usize) {
        self.nodes[map].variant = variant + 1;
    }
}
