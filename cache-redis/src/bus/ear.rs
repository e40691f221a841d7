//! The receiver of one link: restores the order of messages and detects a broken link.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use cache_core::MessageHandler;
use futures_core::Stream;
use redis::aio::PubSubStream;
use tokio::time::Instant;

use super::frame::{Frame, Heard, read};
use super::gaps::Gaps;
use super::tracking::{Change, Tracker};

/// How long a heartbeat may take to come back to its sender.
const ECHO: Duration = Duration::from_secs(1);

/// An established subscription. When it is dropped, for whatever reason (including the end of the
/// task's runtime), the listener is told that it disconnected.
struct Standing<'a>(&'a dyn MessageHandler);

impl<'a> Standing<'a> {
    fn begin(listener: &'a dyn MessageHandler) -> Self {
        listener.connected();
        Self(listener)
    }

    /// Reports a missed message as a disconnect and a reconnect.
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

/// The receiver of one link.
pub(super) struct Ear<'a> {
    standing: Standing<'a>,
    messages: PubSubStream,
    tracker: Option<Tracker>,
    own: u64,
    gaps: Gaps,
    /// The highest of our own numbers that came back.
    echo: u64,
    /// The number of our heartbeat that must come back, and the deadline.
    expected: Option<(u64, Instant)>,
    /// Messages that arrived before an earlier message of the same sender.
    held: BTreeMap<(u64, u64), Vec<u8>>,
}

impl<'a> Ear<'a> {
    /// Passes messages to `listener`. `own` is our name, `next` the number that we send next.
    pub(super) fn new(
        listener: &'a dyn MessageHandler,
        (messages, tracker): (PubSubStream, Option<Tracker>),
        mut gaps: Gaps,
        (own, next): (u64, u64),
    ) -> Self {
        gaps.expect(own, next, Instant::now());
        let standing = Standing::begin(listener);
        let (echo, expected, held) = (0, None, BTreeMap::new());
        Self { standing, messages, tracker, own, gaps, echo, expected, held }
    }

    /// Passes on all available messages. Ready when the link has ended.
    pub(super) fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // The receiver takes part in Tokio's budget, so a flood of messages does not block this
        // task.
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
            // The message cannot be read, but some value changed.
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

    /// Passes on the held messages that need not wait any longer.
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

    /// Notes that a heartbeat was sent, which must come back.
    pub(super) fn expect(&mut self, sent: Option<u64>) {
        let until = Instant::now() + ECHO;
        self.expected = self.expected.or(sent.map(|number| (number, until)));
    }

    /// Checks for missing messages. Returns `false` if our own heartbeat did not come back: this
    /// link does not lead to the server that distributes the messages.
    pub(super) fn hears_itself(&mut self, now: Instant) -> bool {
        self.release(now);
        if self.gaps.found(now) {
            self.standing.missed();
        }
        self.expected = self.expected.filter(|(number, _)| *number > self.echo);
        self.expected.is_none_or(|(_, until)| now < until)
    }
}
