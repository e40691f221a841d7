//! What is heard over one link, put in order, and what it lets us know about the link.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use cache_core::Listener;
use futures_core::Stream;
use redis::aio::PubSubStream;
use tokio::time::Instant;

use super::frame::{Frame, Heard, read};
use super::gaps::Gaps;
use super::tracking::{Change, Tracker};

/// How long what we send ourselves may take to come back.
const ECHO: Duration = Duration::from_secs(1);

/// A subscription that stands. However it ends, the listener hears of it: also if the task's
/// runtime ends.
struct Standing<'a>(&'a dyn Listener);

impl<'a> Standing<'a> {
    fn begin(listener: &'a dyn Listener) -> Self {
        listener.connected();
        Self(listener)
    }

    /// A message was missed: as if the link had been away.
    fn missed(&self) {
        self.0.disconnected();
        self.0.connected();
    }
}

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        self.0.disconnected();
    }
}

/// What is heard over one link.
pub(super) struct Ear<'a> {
    standing: Standing<'a>,
    messages: PubSubStream,
    tracker: Option<Tracker>,
    own: u64,
    gaps: Gaps,
    /// The last of our own numbers that came back.
    echo: u64,
    /// The one that has to be back by then.
    expected: Option<(u64, Instant)>,
    /// Messages that came before an earlier one of the same sender.
    held: BTreeMap<(u64, u64), Vec<u8>>,
}

impl<'a> Ear<'a> {
    /// Hears for `listener`. `own` are our name and the number that we use next.
    pub(super) fn new(
        listener: &'a dyn Listener,
        (messages, tracker): (PubSubStream, Option<Tracker>),
        mut gaps: Gaps,
        (own, next): (u64, u64),
    ) -> Self {
        gaps.expect(own, next, Instant::now());
        let standing = Standing::begin(listener);
        let (echo, expected, held) = (0, None, BTreeMap::new());
        Self { standing, messages, tracker, own, gaps, echo, expected, held }
    }

    /// Passes on what there is; ready once there will be nothing more.
    pub(super) fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // The receiver takes part in Tokio's budget: a flood does not keep us here.
        while let Poll::Ready(next) = Pin::new(&mut self.messages).poll_next(context) {
            match next {
                Some(message) => self.take(message.get_payload_bytes()),
                None => return Poll::Ready(()),
            }
        }
        let Some(tracker) = &mut self.tracker else { return Poll::Pending };
        while let Poll::Ready(change) = tracker.poll_change(context) {
            match change {
                Change::Keys(keys) => keys.iter().for_each(|key| self.standing.0.changed(key)),
                Change::All => self.standing.missed(),
                Change::Ended => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    fn take(&mut self, payload: &[u8]) {
        match read(payload) {
            Heard::Frame(frame) => self.take_frame(frame, Instant::now()),
            Heard::Bare(message) => self.standing.0.message(message),
            // Whatever it says: something has changed.
            Heard::Unknown => self.standing.missed(),
        }
    }

    fn take_frame(&mut self, frame: Frame<'_>, now: Instant) {
        let Frame { sender, number, message } = frame;
        if sender == self.own {
            self.echo = self.echo.max(number);
        }
        if self.gaps.heard(sender, number, now) {
            self.standing.missed();
        }
        match message {
            Some(message) if self.gaps.awaits_earlier(sender, number, now) => {
                self.held.insert((sender, number), message.to_vec());
            }
            Some(message) => self.standing.0.message(message),
            None => {}
        }
        if !self.held.is_empty() {
            self.release(now);
        }
    }

    /// Passes on what was held back and need not be any longer.
    fn release(&mut self, now: Instant) {
        let (gaps, listener) = (&self.gaps, self.standing.0);
        self.held.retain(|(sender, number), message| {
            let stays = gaps.awaits_earlier(*sender, *number, now);
            if !stays {
                listener.message(message);
            }
            stays
        });
    }

    /// A heartbeat was sent: it has to come back.
    pub(super) fn expect(&mut self, sent: Option<u64>) {
        let until = Instant::now() + ECHO;
        self.expected = self.expected.or(sent.map(|number| (number, until)));
    }

    /// Looks for what is missing. `false`: what we send does not come back; wherever this link leads, it is
    /// not where messages go.
    pub(super) fn hears_itself(&mut self, now: Instant) -> bool {
        self.release(now);
        if self.gaps.found(now) {
            self.standing.missed();
        }
        self.expected = self.expected.filter(|(number, _)| *number > self.echo);
        self.expected.is_none_or(|(_, until)| now < until)
    }
}
