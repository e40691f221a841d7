//! Subscriptions: each is a task on the bus thread with its own connection, which reconnects
//! without limit.
//!
//! The client's own re-subscription is not used: it drops errors, and does not notice a link that
//! died silently until a command is sent. This module sends a `PING` each second.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use cache_core::{MessageHandler, Subscription};
use redis::Value;
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use tokio::runtime::Handle;
use tokio::sync::watch::Receiver;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, interval, sleep, timeout};

use super::ear::Ear;
use super::frame::Sender;
use super::gaps::Gaps;
use super::thread::runtime;
use super::tracking::Tracker;
use crate::connection::{Connection, LONGEST, LONGEST_OF_MANY, OnBreak, Request, backoff, jitter};
use crate::errors::Fault;
use crate::keys;

const PING: Duration = Duration::from_secs(1);
const PING_TIMEOUT: Duration = Duration::from_millis(500);

/// How often the receiver checks for missing numbers.
const LOOK: Duration = Duration::from_millis(100);

/// Subscribes on the bus thread. `home`, the runtime of the cache, only sends.
pub(crate) fn spawn(
    home: Handle,
    connection: Connection,
    sender: Arc<Sender>,
    channel: &str,
    listener: Arc<dyn MessageHandler>,
) -> std::io::Result<Subscription> {
    let channel = channel.to_owned();
    let subscriber = Subscriber { home, connection, sender, channel, listener };
    Ok(Subscription::new(AbortOnDrop(runtime()?.spawn(subscriber.run()))))
}

/// A task that is aborted when this handle is dropped.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An established link.
struct Link {
    sink: PubSubSink,
    messages: PubSubStream,
    tracker: Option<Tracker>,
    /// Takeovers since before the link was opened.
    takeovers: Receiver<u64>,
}

struct Subscriber {
    home: Handle,
    connection: Connection,
    sender: Arc<Sender>,
    channel: String,
    listener: Arc<dyn MessageHandler>,
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
        let longest = if self.connection.may_fail_over() { LONGEST_OF_MANY } else { LONGEST };
        let mut failures = 0u32;
        loop {
            let opened = timeout(limit, self.open()).await;
            match opened.unwrap_or_else(|_| Err(Fault::silent(limit, self.connection.endpoint()))) {
                Ok(link) => {
                    failures = 0;
                    self.hear(link).await;
                    // The cache logs the consequences, because its listener is told.
                    let address = &self.connection.endpoint().address;
                    tracing::debug!(target: "larder::redis", %address, channel = %self.channel, "redis: subscription lost");
                }
                Err(fault) => self.log("no subscription", failures, fault.message()),
            }
            failures = failures.saturating_add(1);
            sleep(backoff(failures, longest)).await;
        }
    }

    fn log(&self, what: &'static str, failures: u32, reason: &str) {
        let address = &self.connection.endpoint().address;
        // Only the first failure is logged as a warning.
        if failures == 0 {
            tracing::warn!(target: "larder::redis", %address, channel = %self.channel, reason, "redis: {what}");
        } else {
            tracing::debug!(target: "larder::redis", %address, channel = %self.channel, failures, reason, "redis: {what}");
        }
    }

    async fn open(&self) -> Result<Link, Fault> {
        let takeovers = self.connection.news_of_takeovers();
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
        Ok(Link { sink, messages, tracker, takeovers })
    }

    /// Passes messages on until the link ends.
    async fn hear(&self, link: Link) {
        let heartbeat = self.connection.config().limits.bus_heartbeat;
        let Link { sink, messages, tracker, takeovers } = link;
        let tracked = tracker.as_ref().map(Tracker::connection);
        let mut ended = pin!(ended(sink, tracked, takeovers));
        let numbers = (self.sender.name(), self.sender.last(&self.channel) + 1);
        let gaps = Gaps::new(heartbeat, Instant::now());
        let mut ear = Ear::new(&*self.listener, (messages, tracker), gaps, numbers);
        let mut look = interval(LOOK);
        let mut beat = pin!(self.beat(jitter(heartbeat)));
        poll_fn(|context| {
            if ear.poll_ended(context).is_ready() {
                return Poll::Ready(());
            }
            while let Poll::Ready(sent) = beat.as_mut().poll(context) {
                ear.expect(sent);
                beat.set(self.beat(heartbeat));
            }
            while look.poll_tick(context).is_ready() {
                if !ear.hears_itself(Instant::now()) {
                    return Poll::Ready(());
                }
            }
            ended.as_mut().poll(context)
        })
        .await;
    }

    /// Sends a heartbeat after a delay; returns its number if it was sent.
    async fn beat(&self, after: Duration) -> Option<u64> {
        sleep(after).await;
        let (number, heartbeat) = self.sender.heartbeat(&self.channel);
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(&self.channel).arg(&heartbeat[..]);
        let send = || {
            let (connection, publish) = (self.connection.clone(), publish.clone());
            async move {
                let publish = vec![Request::anywhere(publish)];
                let replies = connection.run("heartbeat", OnBreak::Repeat, publish, true).await;
                matches!(replies.as_deref(), Ok([Ok(_)]))
            }
        };
        // Heartbeats run on the runtime of the cache's operations, because a heartbeat may open a
        // connection for them. While that runtime is blocked, no heartbeat is sent, but messages
        // are still received.
        let limit = self.connection.config().limits.operation_timeout * 2;
        let sent = match timeout(limit, AbortOnDrop(self.home.spawn(send()))).await {
            Ok(Ok(sent)) => sent,
            // The runtime of the cache has ended.
            Ok(Err(_)) => send().await,
            Err(_) => false,
        };
        sent.then_some(number)
    }
}

/// Returns when the server no longer replies, or when another server has taken over: the old one
/// may keep running without receiving any messages.
async fn ended(
    sink: PubSubSink,
    tracked: Option<MultiplexedConnection>,
    mut takeovers: Receiver<u64>,
) {
    tokio::select! {
        () = silence(sink) => {}
        () = silence_of(tracked) => {}
        _ = takeovers.changed() => {}
    }
}

/// Returns when the server no longer replies.
async fn silence(mut sink: PubSubSink) {
    loop {
        sleep(PING).await;
        match timeout(PING_TIMEOUT, sink.ping::<Value>()).await {
            Ok(Ok(_)) => {}
            _ => return,
        }
    }
}

/// The same for another connection, if there is one.
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
