//! Storing in the place of a certain value only.

use std::time::Duration;

use bytes::Bytes;

use super::Suite;
use crate::BackendErrorKind;
use crate::backend::{Acquire, Acquired, MARK, Notice, Write};

const SEEN: [u8; MARK] = *b"0123456789abcdef";
const OTHER: [u8; MARK] = *b"fedcba9876543210";
const FIRST: &str = "first   0123456789abcdef";
const SECOND: &str = "second  fedcba9876543210";

impl Suite<'_> {
    /// A backend that answers `Unsupported` has nothing to prove.
    pub(super) async fn replaces(&self) {
        let key = self.key("replaceable");
        match self.backend.replace(SEEN, &write(&key, SECOND, None), None).await {
            Err(error) if error.kind() == BackendErrorKind::Unsupported => return,
            absent => assert!(!absent.expect("replace"), "what is absent is not replaced"),
        }
        assert_eq!(self.get(&key).await, None, "nor stored");
        self.replaces_what_was_seen(&key).await;
        self.replaces_with_ttl(&key).await;
        self.tells_what_was_replaced(&key).await;
        self.ends_leases_of_what_was_replaced(&key).await;
    }

    async fn replace(&self, seen: [u8; MARK], write: &Write, notice: Option<&Notice>) -> bool {
        self.backend.replace(seen, write, notice).await.expect("replace")
    }

    async fn replaces_what_was_seen(&self, key: &str) {
        let second = write(key, SECOND, None);
        self.set(key, FIRST, None).await;
        assert!(!self.replace(OTHER, &second, None).await, "another value was seen");
        assert_eq!(self.get(key).await, Some(Bytes::from_static(FIRST.as_bytes())), "it stays");
        assert!(self.replace(SEEN, &second, None).await, "this one was seen");
        assert_eq!(self.get(key).await, Some(second.value.clone()), "it is replaced");
        assert!(!self.replace(SEEN, &second, None).await, "once: it is another one now");
        self.set(key, "short", None).await;
        assert!(!self.replace(SEEN, &second, None).await, "a short value has no mark");
    }

    async fn replaces_with_ttl(&self, key: &str) {
        self.set(key, FIRST, None).await;
        let brief = write(key, FIRST, Some(Duration::from_millis(30)));
        assert!(self.replace(SEEN, &brief, None).await);
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(self.get(key).await, None, "it has the time to live that came with it");
        assert!(!self.replace(SEEN, &brief, None).await, "what is expired is absent");
    }

    async fn tells_what_was_replaced(&self, key: &str) {
        let Some(ear) = self.ear("replaced").await else { return };
        let second = write(key, SECOND, None);
        self.set(key, FIRST, None).await;
        assert!(!self.replace(OTHER, &second, Some(&ear.notice("1"))).await);
        assert!(self.replace(SEEN, &second, Some(&ear.notice("2"))).await);
        self.backend.publish(&ear.notice("3")).await.expect("publish");
        ear.hears(&["2", "3"], "what is not replaced is not told").await;
    }

    async fn ends_leases_of_what_was_replaced(&self, key: &str) {
        let Some(leases) = self.backend.leases() else { return };
        self.set(key, FIRST, None).await;
        let (ttl, token) = (Duration::from_secs(5), 7);
        let request = Acquire { key, token, ttl, seen: Some(SEEN), generation: 0, steal: false };
        let lead = Acquired::Lead { takeovers: 0 };
        assert_eq!(leases.acquire(request).await.expect("acquire"), lead);
        let second = write(key, SECOND, None);
        assert!(!self.replace(OTHER, &second, None).await);
        let held = leases.renew(key, token, ttl).await.expect("renew");
        assert!(held, "the lease of what is not replaced goes on");
        assert!(self.replace(SEEN, &second, None).await);
        let held = leases.commit(token, &write(key, FIRST, None), None).await.expect("commit");
        assert!(!held, "the lease of what is replaced ends");
    }
}

fn write(key: &str, value: &'static str, ttl: Option<Duration>) -> Write {
    Write { key: key.to_owned(), value: Bytes::from_static(value.as_bytes()), ttl }
}
