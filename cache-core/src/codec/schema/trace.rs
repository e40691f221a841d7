//! What a type asks of a deserializer, written down: one line for each thing it asks for.
//!
//! A run of `T::deserialize` takes one way through an enum, so there are runs until every variant was
//! visited. A type that holds itself is given nothing where it would begin again. Where a made-up value is
//! refused, others are tried in its place. Where all are refused, the run ends; so the next run visits the
//! struct's other fields first (`beyond`).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::{DeserializeOwned, Error};

use super::beyond::{Frame, Refusals};
use super::kind::Kind;
use super::reader::Reader;
use super::shape::Shapes;

/// How many runs there are at most, and how many questions in all of them: a type of which this is not
/// enough is known in part.
const RUNS: u32 = 2_000;
const QUESTIONS: u32 = 200_000;

/// How many of the last answers before a refusal are tried anew.
const SUSPECTS: usize = 16;

/// What was found out about a type.
pub(crate) struct Traced {
    pub(super) text: String,
    /// Nothing was left out.
    pub(super) whole: bool,
    /// It asks what comes next.
    pub(super) asks: bool,
    /// What the type reads, for a comparison with what it writes.
    pub(super) shapes: Shapes,
}

pub(crate) fn trace<T: DeserializeOwned>(human: bool) -> Traced {
    let mut trace = Trace { human, ..Trace::default() };
    let whole = trace.explore(&Run::of::<T>());
    let asks = !trace.anything.is_empty();
    let shapes = Shapes::of(&trace.found, &trace.refusals);
    let mut lines: Vec<String> = trace.lines.into_iter().collect();
    for place in &trace.anything {
        let answer = trace.answers.get(place).copied().unwrap_or_default();
        lines.push(format!("{place}: accepts {answer}"));
    }
    Traced { text: lines.join("\n"), whole: whole && !asks, asks, shapes }
}

/// Why a run ended before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A made-up value was refused.
    Refused,
    /// A field that no list of fields had told of.
    Missing(&'static str),
    /// A name of a field that was given by another name before.
    Duplicate,
    /// Variants that no enum had told of.
    Variants(&'static [&'static str]),
    /// The type's own code panicked.
    Panicked,
    /// It does not end, or not soon enough.
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

/// One run of a type's `Deserialize`, the type erased.
struct Run(fn(&mut Trace) -> Result<(), Stop>);

impl Run {
    fn of<T: DeserializeOwned>() -> Self {
        Self(|trace| T::deserialize(Reader::root(trace)).map(drop))
    }
}

/// A way on from a node: a variant, the contents of an `Option`, an element.
#[derive(Clone, Copy, Default)]
struct Way {
    /// All that lies there was visited; how many questions that took.
    done: Option<u32>,
    /// How many visits are under way.
    active: u32,
}

/// Something with parts: a struct, an enum, a list.
#[derive(Default)]
struct Node {
    ways: Vec<Way>,
    /// A map whose keys are names of fields.
    named: bool,
    /// Which variant of a tagged enum a named map stands for, from 1 on.
    variant: usize,
    /// The names that were found out, for each variant; those of the first place are all variants'.
    learned: BTreeMap<usize, Vec<&'static str>>,
}

/// What stands where.
#[derive(Default)]
pub(crate) struct Found {
    /// What was asked for at each place; `None` where that was not always the same.
    pub(super) kinds: HashMap<String, Option<Kind>>,
    /// How many parts those asked for that were read to their end.
    pub(super) parts: HashMap<String, usize>,
}

/// What is known of a type so far.
#[derive(Default)]
pub(crate) struct Trace {
    pub(super) human: bool,
    lines: BTreeSet<String>,
    found: Found,
    pub(super) refusals: Refusals,
    nodes: Vec<Node>,
    ids: HashMap<String, usize>,
    /// Where the type asked for anything.
    anything: BTreeSet<String>,
    /// Which of the made-up values is given where; the first where nothing stands.
    answers: HashMap<String, usize>,
    /// Where the variants of a tag were found out.
    tags: HashMap<String, &'static [&'static str]>,
    questions: u32,
    runs: u32,
    // Of one run:
    asked: Vec<(String, usize)>,
    known: HashSet<String>,
    pending: bool,
    /// What is under way; where a run ended before its end, the last is where.
    path: Vec<Frame>,
    /// The place of the last question.
    last: String,
    last_map: Option<usize>,
    last_tag: Option<String>,
}

impl Trace {
    /// Runs until nothing is left to visit. Says whether nothing had to be left out.
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
                    // Taken before others are tried: each of these runs writes its own.
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
        // Each panic is written to the standard error: no others are tried then.
        let done = catch_unwind(AssertUnwindSafe(|| run.0(self))).unwrap_or(Err(Stop::Panicked));
        if done.is_err() {
            let keeps = self.refusals.are_known(&self.last);
            for (index, node) in self.nodes.iter_mut().enumerate() {
                match before.get(index) {
                    // It ended where every run ends: the next one is to go other ways.
                    _ if keeps => node.ways.iter_mut().for_each(|way| way.active = 0),
                    // The next run is to come this way again.
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

    /// Gets beyond a stop. Says whether it could.
    fn mend(&mut self, stop: &Stop, asked: &[(String, usize)], path: &[Frame], run: &Run) -> bool {
        match stop {
            Stop::Refused => {
                // What is read in one element decides whether that is refused.
                let from = path.last().map_or(0, Frame::asked);
                self.try_others(asked.get(from..).unwrap_or_default(), run)
            }
            Stop::Duplicate => self.refusals.alias(),
            Stop::Endless | Stop::Panicked => false,
            Stop::Missing(_) | Stop::Variants(_) => self.learn(stop),
        }
    }

    /// Notes names that an error told of. Says whether they are news.
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

    /// Gives other answers where the last ones were refused, one at a time: the first that leads further is
    /// kept.
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

    /// Leaves out what all that is made up was refused for; from within outwards, until something is left
    /// that another run can visit. Says whether there is something.
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
                    // Of a leaf all is known; anything else may have parts yet to be visited.
                    let is_leaf = last == format!("{of}.{index}");
                    *whole &= !self.refusals.is_nameless(of);
                    if self.refusals.field(of, *index, is_leaf) || news {
                        return true;
                    }
                }
                // What stands behind it can't be reached.
                Frame::Part { last, .. } => *whole &= *last,
            }
        }
        news
    }
}

/// What the reader does with it.
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

    /// An element of what is under way begins.
    pub(super) fn begin(&mut self, frame: impl FnOnce(usize) -> Frame) -> usize {
        self.path.push(frame(self.asked.len()));
        self.path.len() - 1
    }

    /// The element that began at `depth` was read.
    pub(super) fn end(&mut self, depth: usize) {
        self.path.truncate(depth);
    }

    /// The run ends at `place`, where others ended.
    pub(super) fn stopped(&mut self, place: &str) {
        place.clone_into(&mut self.last);
    }

    /// What stands at `place` was read to its end, and so many parts were asked for.
    pub(super) fn has_parts(&mut self, place: &str, parts: usize) {
        self.found.parts.insert(place.to_owned(), parts);
    }

    /// Which of so many candidates is to be given.
    pub(super) fn answer(&mut self, place: &str, candidates: usize) -> usize {
        if self.known.insert(place.to_owned()) {
            self.asked.push((place.to_owned(), candidates));
        }
        self.answers.get(place).copied().unwrap_or(0).min(candidates.saturating_sub(1))
    }

    /// The node that stands at `place`; the same node wherever the same type stands. (The visitor's name is
    /// only compared within this process.)
    pub(super) fn node(
        &mut self,
        place: &str,
        kind: Kind,
        visitor: &str,
        ways: usize,
    ) -> Result<usize, Stop> {
        // By place: two that ask for anything may be of different types.
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

    /// Whether there is nothing new on a node's only way, or it is being gone already.
    pub(super) fn is_visited(&self, node: usize) -> bool {
        let way = self.nodes.get(node).and_then(|node| node.ways.first());
        way.is_none_or(|way| way.done.is_some() || way.active > 0)
    }

    pub(super) fn is_active(&self, node: usize) -> bool {
        let way = self.nodes.get(node).and_then(|node| node.ways.first());
        way.is_none_or(|way| way.active > 0)
    }

    /// The way to take: one that is new, else the shortest.
    pub(super) fn choose(&self, node: usize) -> Result<usize, Stop> {
        let ways = self.nodes.get(node).map(|node| node.ways.as_slice()).unwrap_or_default();
        let new = ways.iter().position(|way| way.done.is_none() && way.active == 0);
        let known = ways.iter().enumerate().filter_map(|(index, way)| Some((way.done?, index)));
        new.or_else(|| known.min().map(|(_, index)| index)).ok_or(Stop::Endless)
    }

    /// Goes a way. It is done when nothing behind it is left for another run.
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

    /// A map begins.
    pub(super) fn begin_map(&mut self, node: usize) {
        self.nodes[node].variant = 0;
    }

    /// A map was read to its end: what is missing is missing there.
    pub(super) fn end_map(&mut self, node: usize) {
        self.last_map = Some(node);
    }

    /// The map's keys are names.
    pub(super) fn is_named(&self, node: usize) -> bool {
        self.nodes[node].named
    }

    pub(super) fn name_keys(&mut self, node: usize) {
        self.nodes[node].named = true;
    }

    /// The name at `index` of those that were found out, and the place of its value.
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

    /// The variants of the tag at `place`, if they were found out.
    pub(super) fn tag(&mut self, place: &str) -> Option<&'static [&'static str]> {
        self.last_tag = Some(place.to_owned());
        self.tags.get(place).copied()
    }

    /// The map that the tag stands in is the variant's from here on.
    pub(super) fn tagged(&mut self, map: usize, variant: usize) {
        self.nodes[map].variant = variant + 1;
    }
}
