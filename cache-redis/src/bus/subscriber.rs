//! Subscriptions: a task and a connection each, which come back without limit.
//!
//! The client's own re-subscription is not used: it drops errors and does not notice a link that
//! died silently until a command is issued. Here a `PING` each second does.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use cache_core::{Listener, Subscription};
use futures_core::Stream;
use redis::Value;
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep, timeout};

use super::frame::{Frame, Heard, Sender, read};
use super::gaps::Gaps;
use super::tracking::{Change, Tracker};
use crate::connection::{Connection, LONGEST, OnBreak, Request, backoff, jitter};
use crate::errors::Fault;
use crate::keys;

const PING: Duration = Duration::from_secs(1);
const PING_TIMEOUT: Duration = Duration::from_millis(500);

/// How often missing numbers are looked for.
const LOOK: Duration = Duration::from_millis(100);

/// How long what we send ourselves may take to come back.
const ECHO: Duration = Duration::from_secs(1);

pub(crate) fn spawn(
    runtime: &Handle,
    connection: Connection,
    sender: Arc<Sender>,
    channel: &str,
    listener: Arc<dyn Listener>,
) -> Subscription {
    let subscriber = Subscriber { connection, sender, channel: channel.to_owned(), listener };
    Subscription::new(AbortOnDrop(runtime.spawn(subscriber.run())))
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

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

/// What is heard over.
struct Link {
    sink: PubSubSink,
    messages: PubSubStream,
    tracker: Option<Tracker>,
}

struct Subscriber {
    connection: Connection,
    sender: Arc<Sender>,
    channel: String,
    listener: Arc<dyn Listener>,
}

/// What was heard over one link.
struct Ear<'a> {
    standing: Standing<'a>,
    gaps: Gaps,
    /// The last of our own numbers.
    echo: u64,
    /// Messages that came before an earlier one of the same sender.
    held: BTreeMap<(u64, u64), Vec<u8>>,
}

impl Subscriber {
    async fn run(self) {
        tokio::select! {
            () = self.keep_listening() => {}
            () = self.connection.closed() => {}
        }
    }

    async fn keep_listening(&self) {
        let limit = self.connection.config().limits.connect_timeout;
        let mut failures = 0u32;
        loop {
            match timeout(limit, self.open()).await {
                Ok(Ok(link)) => {
                    failures = 0;
                    self.hear(link).await;
                    self.log("subscription lost", failures);
                }
                _ => self.log("no subscription", failures),
            }
            failures = failures.saturating_add(1);
            sleep(backoff(failures, LONGEST)).await;
        }
    }

    fn log(&self, what: &'static str, failures: u32) {
        let address = &self.connection.endpoint().address;
        // The first failure is news, the others are not.
        if failures == 0 {
            tracing::warn!(%address, channel = %self.channel, "redis: {what}");
        } else {
            tracing::debug!(%address, channel = %self.channel, failures, "redis: {what}");
        }
    }

    async fn open(&self) -> Result<Link, Fault> {
        let tracker = match keys::values_of(&self.channel) {
            Some(prefix) if self.connection.config().limits.tracking => {
                Some(Tracker::open(&self.connection, &prefix).await?)
            }
            _ => None,
        };
        let mut link = self.connection.pubsub().await?;
        let subscribed = link.subscribe(&self.channel).await;
        subscribed.map_err(|error| Fault::operating(&error, self.connection.endpoint()))?;
        let (sink, messages) = link.split();
        Ok(Link { sink, messages, tracker })
    }

    /// Passes messages on until the link is lost.
    async fn hear(&self, Link { sink, mut messages, mut tracker }: Link) {
        let heartbeat = self.connection.config().limits.bus_heartbeat;
        let now = Instant::now();
        let mut gaps = Gaps::new(heartbeat, now);
        gaps.expect(self.sender.name(), self.sender.last(&self.channel) + 1, now);
        let standing = Standing::begin(&*self.listener);
        let mut ear = Ear { standing, gaps, echo: 0, held: BTreeMap::new() };
        let tracked = tracker.as_ref().map(Tracker::connection);
        let mut ended = pin!(self.ended(sink, tracked));
        let mut look = interval(LOOK);
        let mut beat = pin!(self.beat(jitter(heartbeat)));
        let mut expected: Option<(u64, Instant)> = None;
        poll_fn(|context| {
            // The receiver takes part in Tokio's budget: a flood does not keep us here.
            while let Poll::Ready(next) = Pin::new(&mut messages).poll_next(context) {
                match next {
                    Some(message) => ear.take(message.get_payload_bytes(), self.sender.name()),
                    None => return Poll::Ready(()),
                }
            }
            while let Some(Poll::Ready(change)) =
                tracker.as_mut().map(|tracker| tracker.poll_change(context))
            {
                match change {
                    Change::Keys(keys) => keys.iter().for_each(|key| self.listener.changed(key)),
                    Change::All => ear.standing.missed(),
                    Change::Ended => return Poll::Ready(()),
                }
            }
            if let Poll::Ready(sent) = beat.as_mut().poll(context) {
                expected = expected.or(sent.map(|number| (number, Instant::now() + ECHO)));
                beat.set(self.beat(heartbeat));
                // It has to be polled once to be woken up.
                context.waker().wake_by_ref();
            }
            while look.poll_tick(context).is_ready() {
                ear.release(Instant::now());
                if ear.gaps.found(Instant::now()) {
                    ear.standing.missed();
                }
                expected = expected.filter(|(number, _)| *number > ear.echo);
                if expected.is_some_and(|(_, until)| Instant::now() >= until) {
                    // Wherever this link leads, it is not where messages go.
                    return Poll::Ready(());
                }
            }
            ended.as_mut().poll(context)
        })
        .await;
    }

    /// Returns once the server does not answer any more, or somebody else has taken over: the old one
    /// may go on for a while, and not hear of anything.
    async fn ended(&self, sink: PubSubSink, tracked: Option<MultiplexedConnection>) {
        let mut takeovers = self.connection.takeovers();
        tokio::select! {
            () = silence(sink) => {}
            () = silence_of(tracked) => {}
            _ = takeovers.changed() => {}
        }
    }

    /// Sends a heartbeat after a while; its number, if it was sent.
    async fn beat(&self, after: Duration) -> Option<u64> {
        sleep(after).await;
        let (number, heartbeat) = self.sender.heartbeat(&self.channel);
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(&self.channel).arg(&heartbeat[..]);
        let publish = vec![Request::anywhere(publish)];
        let replies = self.connection.run("heartbeat", OnBreak::Repeat, publish).await;
        matches!(replies.as_deref(), Ok([Ok(_)])).then_some(number)
    }
}

impl Ear<'_> {
    fn take(&mut self, payload: &[u8], own: u64) {
        let listener = self.standing.0;
        match read(payload) {
            Heard::Frame(Frame { sender, number, message }) => {
                if sender == own {
                    self.echo = self.echo.max(number);
                }
                let now = Instant::now();
                if self.gaps.heard(sender, number, now) {
                    self.standing.missed();
                }
                match message {
                    Some(message) if self.gaps.awaits_earlier(sender, number, now) => {
                        self.held.insert((sender, number), message.to_vec());
                    }
                    Some(message) => listener.message(message),
                    None => {}
                }
                if !self.held.is_empty() {
                    self.release(now);
                }
            }
            Heard::Bare(message) => listener.message(message),
            // Whatever it says: something has changed.
            Heard::Unknown => self.standing.missed(),
        }
    }
}

impl Ear<'_> {
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
}

/// Returns once the server does not answer any more.
async fn silence(mut sink: PubSubSink) {
    loop {
        sleep(PING).await;
        match timeout(PING_TIMEOUT, sink.ping::<Value>()).await {
            Ok(Ok(_)) => {}
            _ => return,
        }
    }
}

/// The same, of another connection, if there is one.
async fn silence_of(connection: Option<MultiplexedConnection>) {
    let Some(mut connection) = connection else { return std::future::pending().await };
    let ping = redis::cmd("PING");
    loop {
        sleep(PING).await;
        match timeout(PING_TIMEOUT, connection.send_packed_command(&ping)).await {
            Ok(Ok(_)) => {}
            _ => return,
        }
    }
}
