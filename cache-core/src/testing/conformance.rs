//! The conformance suite: the [`Backend`] trait's `# Behaviour` lists as assertions.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::backend::{Backend, Listener, Notice, Write};
use crate::key::random;
use crate::{BackendErrorKind, Pattern};

/// Runs the whole suite over a backend. It writes only below a random prefix, so it may run
/// against a store that holds other things. Needs a tokio runtime with time.
///
/// # Panics
/// With the behaviour that does not hold.
pub async fn conformance(backend: &dyn Backend) {
    let prefix = format!("conformance-{:x}", random());
    let suite = Suite { backend, prefix };
    suite.names().await;
    suite.reads_what_was_set().await;
    suite.replaces_value_and_ttl().await;
    suite.expires().await;
    suite.removes().await;
    suite.mints_generations().await;
    suite.bumps_generations().await;
    suite.scans_literally().await;
    suite.carries_notices().await;
    suite.survives_cancellation().await;
}

struct Suite<'a> {
    backend: &'a dyn Backend,
    prefix: String,
}

impl Suite<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    async fn get(&self, key: &str) -> Option<Bytes> {
        let mut found = self.backend.get_many(&[key]).await.expect("get_many");
        assert_eq!(found.len(), 1, "as many results as keys");
        found.remove(0)
    }

    async fn set(&self, key: &str, value: &'static str, ttl: Option<Duration>) {
        let write = Write { key: key.to_owned(), value: Bytes::from_static(value.as_bytes()), ttl };
        self.backend.set(&[write], None).await.expect("set");
    }

    async fn names(&self) {
        assert!(!self.backend.name().is_empty(), "a backend has a name");
        self.backend.ping().await.expect("ping");
    }

    async fn reads_what_was_set(&self) {
        let (a, b) = (self.key("a"), self.key("b"));
        assert_eq!(self.get(&a).await, None, "an absent key is None");
        self.set(&a, "one", None).await;
        let found = self.backend.get_many(&[&b, &a, &b, &a]).await.expect("get_many");
        let one = Some(Bytes::from_static(b"one"));
        assert_eq!(
            found,
            [None, one.clone(), None, one],
            "in the keys' order, twice if asked twice"
        );
        assert_eq!(self.backend.get_many(&[]).await.expect("no keys"), [], "no keys, no results");
        let odd = self.key("odd \u{1F980} * ? [x] \\ {y} \"z\"");
        self.set(&odd, "odd", None).await;
        assert_eq!(self.get(&odd).await, Some(Bytes::from_static(b"odd")), "keys are opaque");
        let empty = self.key("empty");
        self.set(&empty, "", None).await;
        assert_eq!(self.get(&empty).await, Some(Bytes::new()), "an empty value is a value");
        let many: Vec<Write> = (0..600)
            .map(|n| Write { key: self.key(&format!("m{n}")), value: vec![7; n].into(), ttl: None })
            .collect();
        self.backend.set(&many, None).await.expect("many entries");
        let keys: Vec<&str> = many.iter().map(|write| write.key.as_str()).collect();
        let found = self.backend.get_many(&keys).await.expect("many keys");
        for (write, found) in many.iter().zip(found) {
            assert_eq!(found.as_ref(), Some(&write.value), "each of many entries is stored");
        }
        let removed = self.backend.remove(&keys, None).await.expect("many keys");
        assert_eq!(removed, 600, "each of many keys is removed");
    }

    async fn replaces_value_and_ttl(&self) {
        let key = self.key("replaced");
        self.set(&key, "short", Some(Duration::from_millis(40))).await;
        self.set(&key, "long", None).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
        let long = Some(Bytes::from_static(b"long"));
        assert_eq!(self.get(&key).await, long, "set replaces the time to live");
    }

    async fn expires(&self) {
        let key = self.key("expiring");
        self.set(&key, "brief", Some(Duration::from_millis(30))).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(self.get(&key).await, None, "an entry is absent after its ttl");
        let removed = self.backend.remove(&[&key], None).await.expect("remove");
        assert_eq!(removed, 0, "an expired entry was not there");
        self.set(&key, "briefer", Some(Duration::from_nanos(1))).await;
        self.set(&key, "eternal", Some(Duration::MAX)).await;
        assert!(self.get(&key).await.is_some(), "an immense ttl is no error");
    }

    async fn removes(&self) {
        let (a, b) = (self.key("gone"), self.key("never"));
        self.set(&a, "x", None).await;
        let removed = self.backend.remove(&[&a, &b], None).await.expect("absent keys are no error");
        assert_eq!(removed, 1, "says how many were there");
        assert_eq!(self.get(&a).await, None, "a removed key is absent");
        assert_eq!(self.backend.remove(&[], None).await.expect("no keys"), 0);
    }

    async fn mints_generations(&self) {
        let (a, b) = (self.key("gen-a"), self.key("gen-b"));
        let first = self.backend.generations(&[&a, &b]).await.expect("generations");
        let again = self.backend.generations(&[&a, &b]).await.expect("generations");
        assert_eq!(first, again, "a generation stays until it is bumped");
        self.backend.remove(&[&a], None).await.expect("remove");
        let new = self.backend.generations(&[&a]).await.expect("generations");
        assert_ne!(new[0], first[0], "a lost generation is not minted again");
    }

    async fn bumps_generations(&self) {
        let key = self.key("bumped");
        let old = self.backend.generations(&[&key]).await.expect("generations")[0];
        let new = self.backend.bump(&key).await.expect("bump");
        assert!(new > old, "a bump moves on: {old} to {new}");
        let newer = self.backend.bump(&key).await.expect("bump");
        assert!(newer > new, "each bump moves on: {new} to {newer}");
        let now = self.backend.generations(&[&key]).await.expect("generations");
        assert_eq!(now, [newer], "and the new one is read");
    }

    async fn scan(&self, pattern: &Pattern) -> Vec<String> {
        let (mut cursor, mut keys) = (0, Vec::new());
        loop {
            let page = self.backend.scan(pattern, cursor).await.expect("scan");
            keys.extend(page.keys);
            match page.next {
                Some(next) => cursor = next,
                None => break,
            }
        }
        keys.sort();
        keys.dedup();
        keys
    }

    async fn scans_literally(&self) {
        let prefix = self.key("scan");
        for name in ["a*b", "a-b", "a?b", "a[b]", "c\\d"] {
            self.set(&format!("{prefix}:{name}"), "x", None).await;
        }
        let all = self.scan(&Pattern::prefix(&format!("{prefix}:"))).await;
        assert_eq!(all.len(), 5, "a prefix finds all below it: {all:?}");
        let starred = self.scan(&Pattern::prefix(&format!("{prefix}:a*"))).await;
        assert_eq!(starred, [format!("{prefix}:a*b")], "a literal `*` is no wildcard");
        let bracket = self.scan(&Pattern::new(&format!("{prefix}:a[*"))).await;
        assert_eq!(bracket, [format!("{prefix}:a[b]")], "a literal `[` is no class");
        let backslash = self.scan(&Pattern::new(&format!("{prefix}:*\\d"))).await;
        assert_eq!(backslash, [format!("{prefix}:c\\d")], "a literal `\\` escapes nothing");
    }

    async fn carries_notices(&self) {
        let heard = Arc::new(Heard::default());
        let channel = self.key("channel");
        let subscription = match self.backend.subscribe(&channel, Arc::clone(&heard) as _) {
            Ok(subscription) => subscription,
            Err(error) if error.kind() == BackendErrorKind::Unsupported => return,
            Err(error) => panic!("subscribe: {error}"),
        };
        heard.until("connected", |heard| heard.connected).await;
        let notice = |text: &'static str| Notice {
            channel: channel.clone(),
            message: Bytes::from_static(text.as_bytes()),
        };
        self.backend.publish(&notice("1")).await.expect("publish");
        self.backend.remove(&[&self.key("absent")], Some(&notice("2"))).await.expect("remove");
        let write = Write { key: self.key("told"), value: Bytes::new(), ttl: None };
        self.backend.set(&[write], Some(&notice("3"))).await.expect("set");
        self.backend
            .publish(&Notice { channel: self.key("other"), message: Bytes::new() })
            .await
            .expect("publish elsewhere");
        self.backend.publish(&notice("4")).await.expect("publish");
        heard.until("four messages", |heard| heard.messages.len() >= 4).await;
        assert_eq!(
            heard.0.lock().unwrap_or_else(PoisonError::into_inner).messages,
            [b"1", b"2", b"3", b"4"],
            "in order, of this channel only, also for absent keys"
        );
        drop(subscription);
    }

    async fn survives_cancellation(&self) {
        let key = self.key("cancelled");
        for _ in 0..20 {
            let get = self.backend.get_many(std::slice::from_ref(&"x"));
            let _ = tokio::time::timeout(Duration::from_micros(1), get).await;
        }
        self.set(&key, "after", None).await;
        let after = Some(Bytes::from_static(b"after"));
        assert_eq!(self.get(&key).await, after, "a dropped future leaves the backend usable");
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
    fn log(&self) -> std::sync::MutexGuard<'_, Log> {
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
