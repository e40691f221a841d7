//! Replacing a known value. A backend that returns `Unsupported` passes.

use std::time::Duration;

use bytes::Bytes;

use super::Suite;
use cache_core::BackendErrorKind;
use cache_core::{Message, SetEntry, VERSION_LEN};

const SEEN: [u8; VERSION_LEN] = *b"0123456789abcdef";
const OTHER: [u8; VERSION_LEN] = *b"fedcba9876543210";
const FIRST: &str = "first   0123456789abcdef";
const SECOND: &str = "second  fedcba9876543210";

impl Suite<'_> {
    /// Whether it stored; `None` if the backend does not support the operation.
    pub(super) async fn replace(
        &self,
        seen: [u8; VERSION_LEN],
        write: &SetEntry,
        notice: Option<&Message>,
    ) -> Option<bool> {
        match self.backend.replace(seen, write, notice).await {
            Err(error) if error.kind() == BackendErrorKind::Unsupported => None,
            replaced => Some(replaced.expect("replace")),
        }
    }

    async fn replaces(&self, seen: [u8; VERSION_LEN], write: &SetEntry) -> bool {
        self.replace(seen, write, None).await == Some(true)
    }

    pub(super) async fn replaces_what_was_seen(&self) {
        let key = self.key("replaceable");
        let second = write(&key, SECOND, None);
        let Some(absent) = self.replace(SEEN, &second, None).await else { return };
        assert!(!absent, "an absent value is not replaced");
        assert_eq!(self.get(&key).await, None, "nothing is stored for an absent value");
        self.set(&key, FIRST, None).await;
        assert!(
            !self.replaces(OTHER, &second).await,
            "a value other than the seen one is not replaced"
        );
        assert_eq!(
            self.get(&key).await,
            Some(Bytes::from_static(FIRST.as_bytes())),
            "the value stays"
        );
        assert!(self.replaces(SEEN, &second).await, "the seen value is replaced");
        assert_eq!(self.get(&key).await, Some(second.value.clone()), "the new value is read");
        assert!(!self.replaces(SEEN, &second).await, "the seen value is replaced once");
        self.set(&key, "short", None).await;
        assert!(!self.replaces(SEEN, &second).await, "a short value has no mark");
    }

    pub(super) async fn replaces_with_ttl(&self) {
        let key = self.key("replaced-for-a-time");
        self.set(&key, FIRST, None).await;
        let brief = write(&key, FIRST, Some(Duration::from_millis(30)));
        let Some(replaced) = self.replace(SEEN, &brief, None).await else { return };
        assert!(replaced);
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(self.get(&key).await, None, "the new value has its own time to live");
        assert!(!self.replaces(SEEN, &brief).await, "an expired value is absent");
    }

    pub(super) async fn replacements_tell_if_they_stored(&self) {
        let (ear, key) = (self.ear("replaced").await, self.key("told-of-replacement"));
        let second = write(&key, SECOND, None);
        self.set(&key, FIRST, None).await;
        let refused = self.replace(OTHER, &second, Some(&ear.notice("1"))).await;
        let Some(refused) = refused else { return };
        assert!(!refused);
        assert_eq!(self.replace(SEEN, &second, Some(&ear.notice("2"))).await, Some(true));
        self.backend.publish(&ear.notice("3")).await.expect("publish");
        ear.hears(&["2", "3"], "a replacement that did not happen is not published").await;
    }
}

fn write(key: &str, value: &'static str, ttl: Option<Duration>) -> SetEntry {
    SetEntry::new(key, Bytes::from_static(value.as_bytes())).ttl(ttl)
}
