//! Notices: published with the operation that they report, and received in order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::Suite;
use cache_core::BackendErrorKind;
use cache_core::{Message, MessageHandler, SetEntry, Subscription};

/// How long a notice may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl Suite<'_> {
    pub(super) async fn has_no_bus(&self) {
        let has = self.try_ear("any").await.is_some();
        assert!(!has, "the backend has a bus, which must be tested: remove `bus = false`");
    }

    pub(super) async fn takes_notices_without_a_bus(&self) {
        self.has_no_bus().await;
        let notice = Message::new(self.key("nobody"), Bytes::from_static(b"told"));
        let key = self.key("told");
        let write = SetEntry::new(key.clone(), Bytes::from_static(b"value"));
        self.backend.set(&[write], Some(&notice)).await.expect("set with a notice");
        self.backend.remove(&[&key], Some(&notice)).await.expect("remove with a notice");
        match self.backend.publish(&notice).await {
            Ok(()) => {}
            Err(error) if error.kind() == BackendErrorKind::Unsupported => {}
            Err(error) => panic!("publish without a bus is `Ok` or `Unsupported`: {error}"),
        }
    }

    pub(super) async fn notices_arrive_in_order(&self) {
        let ear = self.ear("ordered").await;
        self.backend.publish(&ear.notice("1")).await.expect("publish");
        self.backend.remove(&[&self.key("absent")], Some(&ear.notice("2"))).await.expect("remove");
        let write = SetEntry::new(self.key("told"), Bytes::new());
        self.backend.set(&[write], Some(&ear.notice("3"))).await.expect("set");
        self.backend.publish(&ear.notice("4")).await.expect("publish");
        ear.hears(
            &["1", "2", "3", "4"],
            "all notices arrive in order, no matter which operation sent them",
        )
        .await;
    }

    pub(super) async fn notices_reach_their_channel_only(&self) {
        let (ear, other) = (self.ear("channel").await, self.ear("channel:other").await);
        self.backend.publish(&other.notice("other")).await.expect("publish");
        self.backend.publish(&ear.notice("mine")).await.expect("publish");
        self.backend.publish(&other.notice("another")).await.expect("publish");
        ear.hears(&["mine"], "a listener hears only its channel").await;
        other.hears(&["other", "another"], "a listener hears only its channel").await;
        ear.hears(&["mine"], "nothing of another channel").await;
    }

    pub(super) async fn notices_reach_every_listener(&self) {
        let (one, two) = (self.ear("shared").await, self.ear("shared").await);
        self.backend.publish(&one.notice("for all")).await.expect("publish");
        one.hears(&["for all"], "the first listener of a channel").await;
        two.hears(&["for all"], "the second listener of a channel").await;
    }

    pub(super) async fn sets_tell_after_they_stored(&self) {
        let (ear, key) = (self.ear("stored").await, self.key("told-of"));
        for (text, each) in [("1", false), ("2", true), ("3", false)] {
            let before = ear.count();
            let write = SetEntry::new(key.clone(), Bytes::from_static(text.as_bytes()));
            let (writes, notice) = ([write], ear.notice(text));
            // Without a pause, so that a notice that is published too early is detected.
            let told = async {
                while ear.count() == before {
                    tokio::task::yield_now().await;
                }
                self.get(&key).await
            };
            let told = tokio::time::timeout(PATIENCE, told);
            let set = async {
                match each {
                    false => self.backend.set(&writes, Some(&notice)).await,
                    true => {
                        let each = self.backend.set_each(&writes, Some(&notice)).await;
                        each.into_iter().collect()
                    }
                }
            };
            let (set, found) = tokio::join!(set, told);
            set.expect("set");
            let found = found.expect("the notice of a set arrives within ten seconds");
            assert_eq!(
                found.as_deref(),
                Some(text.as_bytes()),
                "a process that hears of a set reads the value"
            );
        }
    }

    pub(super) async fn removals_tell_also_of_absent_keys(&self) {
        let (ear, key) = (self.ear("removed").await, self.key("removed-with-notice"));
        self.set(&key, "x", None).await;
        for text in ["there", "gone"] {
            self.backend.remove(&[&key], Some(&ear.notice(text))).await.expect("remove");
        }
        self.backend.remove(&[], Some(&ear.notice("no keys"))).await.expect("remove");
        ear.hears(&["there", "gone", "no keys"], "a removal is published, even if no key existed")
            .await;
        assert_eq!(self.get(&key).await, None, "the key is removed");
    }

    pub(super) async fn dropped_subscriptions_hear_nothing(&self) {
        let (gone, stays) = (self.ear("left").await, self.ear("left").await);
        self.backend.publish(&gone.notice("before")).await.expect("publish");
        gone.hears(&["before"], "an active subscription hears messages").await;
        let heard = gone.leave();
        // Messages in transit may still arrive.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let before = heard.log().messages.len();
        self.backend.publish(&stays.notice("after")).await.expect("publish");
        stays.hears(&["before", "after"], "another subscription of the channel stays").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(heard.log().messages.len(), before, "a dropped subscription hears nothing");
    }

    pub(super) async fn ear(&self, channel: &str) -> Ear {
        let ear = self.try_ear(channel).await;
        ear.expect(
            "the backend has no bus: write `bus = false` if no other process can see the store",
        )
    }

    /// Subscribes to a channel; `None` if the backend has no bus.
    pub(super) async fn try_ear(&self, channel: &str) -> Option<Ear> {
        let heard = Arc::new(Heard::default());
        let channel = self.key(channel);
        let subscription = match self.backend.subscribe(&channel, Arc::clone(&heard) as _) {
            Ok(subscription) => subscription,
            Err(error) if error.kind() == BackendErrorKind::Unsupported => return None,
            Err(error) => panic!("subscribe: {error}"),
        };
        heard.until("connected", |heard| heard.connected).await;
        Some(Ear { channel, heard, subscription })
    }
}

/// A channel and the messages that were received on it.
pub(super) struct Ear {
    channel: String,
    heard: Arc<Heard>,
    subscription: Subscription,
}

impl Ear {
    pub(super) fn notice(&self, text: &'static str) -> Message {
        Message::new(self.channel.clone(), Bytes::from_static(text.as_bytes()))
    }

    /// Ends the subscription.
    fn leave(self) -> Arc<Heard> {
        drop(self.subscription);
        self.heard
    }

    fn count(&self) -> usize {
        self.heard.log().messages.len()
    }

    /// Waits for as many messages as expected, and compares them.
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

    async fn until(&self, what: &str, holds: impl Fn(&Log) -> bool + Send) {
        let told = async {
            while !holds(&self.log()) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let told = tokio::time::timeout(PATIENCE, told).await;
        told.unwrap_or_else(|_| panic!("the listener was not told within ten seconds: {what}"));
    }
}

impl MessageHandler for Heard {
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
