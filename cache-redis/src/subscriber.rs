//! Subscriptions: a task and a connection each, which come back without limit.
//!
//! The client's own re-subscription is not used: it drops errors and does not notice a link that
//! died silently until a command is issued. Here a `PING` each second does.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use cache_core::{Listener, Subscription};
use futures_core::Stream;
use redis::aio::{PubSub, PubSubSink, PubSubStream};
use redis::{Client, RedisError, Value};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::config::Config;
use crate::connection::backoff;

const HEARTBEAT: Duration = Duration::from_secs(1);
const HEARTBEAT_TIMEOUT: Duration = Duration::from_millis(500);

pub(crate) fn spawn(
    runtime: &Handle,
    client: Client,
    config: Config,
    channel: &str,
    listener: Arc<dyn Listener>,
) -> Subscription {
    let subscriber = Subscriber { client, config, channel: channel.to_owned(), listener };
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
}

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        self.0.disconnected();
    }
}

struct Subscriber {
    client: Client,
    config: Config,
    channel: String,
    listener: Arc<dyn Listener>,
}

impl Subscriber {
    async fn run(self) {
        let mut failures = 0u32;
        loop {
            match timeout(self.config.connect_timeout, self.open()).await {
                Ok(Ok(link)) => {
                    failures = 0;
                    self.hear(link).await;
                    self.log("subscription lost", failures);
                }
                _ => self.log("no subscription", failures),
            }
            failures = failures.saturating_add(1);
            sleep(backoff(failures)).await;
        }
    }

    fn log(&self, what: &'static str, failures: u32) {
        let address = &self.config.endpoint.address;
        // The first failure is news, the others are not.
        if failures == 0 {
            tracing::warn!(%address, channel = %self.channel, "redis: {what}");
        } else {
            tracing::debug!(%address, channel = %self.channel, failures, "redis: {what}");
        }
    }

    async fn open(&self) -> Result<(PubSubSink, PubSubStream), RedisError> {
        let mut link: PubSub = self.client.get_async_pubsub().await?;
        link.subscribe(&self.channel).await?;
        Ok(link.split())
    }

    /// Passes messages on until the link is lost.
    async fn hear(&self, (sink, mut messages): (PubSubSink, PubSubStream)) {
        let _standing = Standing::begin(&*self.listener);
        let mut silence = pin!(silence(sink));
        poll_fn(|context| {
            // The receiver takes part in Tokio's budget: a flood does not keep us here.
            while let Poll::Ready(next) = Pin::new(&mut messages).poll_next(context) {
                match next {
                    Some(message) => self.listener.message(message.get_payload_bytes()),
                    None => return Poll::Ready(()),
                }
            }
            silence.as_mut().poll(context)
        })
        .await;
    }
}

/// Returns once the server does not answer any more.
async fn silence(mut sink: PubSubSink) {
    loop {
        sleep(HEARTBEAT).await;
        match timeout(HEARTBEAT_TIMEOUT, sink.ping::<Value>()).await {
            Ok(Ok(_)) => {}
            _ => return,
        }
    }
}
