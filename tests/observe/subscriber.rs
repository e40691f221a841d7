//! A subscriber that records the events of one thread.

use std::collections::HashMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::deaf::deafen_others;

/// An event and its spans, outermost first; or a new span.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) level: Level,
    pub(crate) text: String,
    pub(crate) spans: Vec<String>,
}

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lines: Vec<Line>,
    spans: HashMap<u64, (Level, String)>,
    entered: Vec<u64>,
}

impl Log {
    /// Records this thread until the guard is dropped.
    pub(crate) fn listen() -> (Self, DefaultGuard) {
        deafen_others();
        let log = Self::default();
        let guard = tracing::subscriber::set_default(log.clone());
        (log, guard)
    }

    /// Returns the recorded lines, including spans.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let state = self.0.lock().unwrap();
        let spans = state.spans.values();
        let spans = spans.map(|(level, text)| Line {
            level: *level,
            text: text.clone(),
            spans: Vec::new(),
        });
        state.lines.iter().cloned().chain(spans).collect()
    }

    /// Counts how often a text was logged at a level.
    pub(crate) fn said(&self, level: Level, text: &str) -> usize {
        self.lines().iter().filter(|line| line.level == level && line.text.contains(text)).count()
    }
}

struct Text<'a>(&'a mut String);

impl Visit for Text<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut text = attributes.metadata().name().to_owned();
        attributes.record(&mut Text(&mut text));
        let mut state = self.0.lock().unwrap();
        let id = state.spans.len() as u64 + 1;
        state.spans.insert(id, (*attributes.metadata().level(), text));
        Id::from_u64(id)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        let mut state = self.0.lock().unwrap();
        values.record(&mut Text(&mut state.spans.get_mut(&id.into_u64()).unwrap().1));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = String::new();
        event.record(&mut Text(&mut text));
        let mut state = self.0.lock().unwrap();
        let spans = state.entered.iter().map(|id| state.spans[id].1.clone()).collect();
        state.lines.push(Line { level: *event.metadata().level(), text, spans });
    }

    fn enter(&self, id: &Id) {
        self.0.lock().unwrap().entered.push(id.into_u64());
    }

    fn exit(&self, id: &Id) {
        let mut state = self.0.lock().unwrap();
        let at = state.entered.iter().rposition(|entered| *entered == id.into_u64());
        state.entered.remove(at.unwrap());
    }
}
