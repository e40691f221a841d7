//! Notices: published with the operation that they tell of, and heard in order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::Suite;
use crate::BackendErrorKind;
use crate::backend::{Listener, Notice, Subscription, Write};

impl Suite<'_> {
    pub(super) async fn notices(&self) {
        let Some(ear) = self.ear("channel").await else { return };
        self.backend.publish(&ear.notice("1")).await.expect("publish");
        self.backend.remove(&[&self.key("absent")], Some(&ear.notice("2"))).await.expect("remove");
        let write = Write { key: self.key("told"), value: Bytes::new(), ttl: None };
        self.backend.set(&[write], Some(&ear.notice("3"))).await.expect("set");
        self.backend
            .publish(&Notice { channel: self.key("other"), message: Bytes::new() })
            .await
            .expect("publish elsewhere");
        self.backend.publish(&ear.notice("4")).await.expect("publish");
        ear.hears(&["1", "2", "3", "4"], "in order, of this channel only, also for absent keys")
            .await;
    }

    /// Listens to a channel; `None` if the backend has nobody to tell.
    pub(super) async fn ear(&self, channel: &str) -> Option<Ear> {
        let heard = Arc::new(Heard::default());
        let channel = self.key(channel);
        let subscription = match self.backend.subscribe(&channel, Arc::clone(&heard) as _) {
            Ok(subscription) => subscription,
            Err(error) if error.kind() == BackendErrorKind::Unsupported => return None,
            Err(error) => panic!("subscribe: {error}"),
        };
        heard.until("connected", |heard| heard.connected).await;
        Some(Ear { channel, heard, _subscription: subscription })
    }
}

/// A channel and what was heard on it.
pub(super) struct Ear {
    channel: String,
    heard: Arc<Heard>,
    _subscription: Subscription,
}

impl Ear {
    pub(super) fn notice(&self, text: &'static str) -> Notice {
        Notice { channel: self.channel.clone(), message: Bytes::from_static(text.as_bytes()) }
    }

    /// Waits for as many messages, which must be these.
    pub(super) async fn hears(&self, expected: &[&str], why: &str) {
        self.heard.until(why, |heard| heard.messages.len() >= expected.len()).await;
        let expected: Vec<_> = expected.iter().map(|text| text.as_bytes()).collect();
        assert_eq!(self.heard.log().messages, expected, "{why}");
    }
}

#[derive(Default)]
struct Heard(Mutex<Log>);

#[derive(Default)]
struct Log {
    connected: bool,
    messages: Vec<Vec<u8>>,
}

impl Heard {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn until(&self, what: &str, holds: impl Fn(&Log) -> bool) {
        for _ in 0..500 {
            if holds(&self.log()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the listener was not told within five seconds: {what}");
    }
}

impl Listener for Heard {
    fn connected(&self) {
        self.log().connected = true;
    }

    fn disconnected(&self) {
        self.log().connected = false;
    }

    fn message(&self, message: &[u8]) {
        self.log().messages.push(message.to_vec());
    }
}
