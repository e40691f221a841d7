//! Reading, storing, removing and finding values.

use std::time::Duration;

use bytes::Bytes;

use super::Suite;
use crate::backend::{Acquire, Acquired, MARK, Write};
use crate::{BackendErrorKind, Pattern};

impl Suite<'_> {
    pub(super) async fn values(&self) {
        self.reads_what_was_set().await;
        self.replaces_value_and_ttl().await;
        self.expires().await;
        self.removes().await;
        self.replaces_what_was_seen().await;
        self.scans_literally().await;
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
        let each = self.backend.get_each(&[&b, &a, &b, &a]).await;
        let each: Result<Vec<_>, _> = each.into_iter().collect();
        assert_eq!(each.expect("get_each"), found, "each key by itself is answered the same");
        assert!(self.backend.get_each(&[]).await.is_empty(), "no keys, no results");
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

    async fn replaces_what_was_seen(&self) {
        let key = self.key("seen");
        let write = |value: &'static [u8], ttl| Write {
            key: key.clone(),
            value: Bytes::from_static(value),
            ttl,
        };
        let second = write(b"second  0123456789abcdee", None);
        let replace = |seen: &[u8; MARK], write: &Write| {
            let (seen, write) = (*seen, write.clone());
            async move { self.backend.replace(seen, &write, None).await }
        };
        let absent = match replace(b"0123456789abcdef", &second).await {
            Err(error) if error.kind() == BackendErrorKind::Unsupported => return,
            absent => absent.expect("replace"),
        };
        assert!(!absent, "what is absent is not replaced");
        assert_eq!(self.get(&key).await, None, "nor stored");
        self.set(&key, "first   0123456789abcdef", None).await;
        assert!(!replace(b"another one     ", &second).await.expect("replace"), "another value");
        let first = Some(Bytes::from_static(b"first   0123456789abcdef"));
        assert_eq!(self.get(&key).await, first, "another value stays");
        assert!(replace(b"0123456789abcdef", &second).await.expect("replace"), "the one seen");
        assert_eq!(self.get(&key).await, Some(second.value.clone()), "and it is stored");
        let again = replace(b"0123456789abcdef", &second).await.expect("replace");
        assert!(!again, "once: it is another one now");
        let brief = write(b"brief   0123456789abcdef", Some(Duration::from_millis(30)));
        assert!(replace(b"0123456789abcdee", &brief).await.expect("replace"));
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(self.get(&key).await, None, "with its time to live");
        assert!(
            !replace(b"0123456789abcdef", &second).await.expect("replace"),
            "expired is absent"
        );
        self.set(&key, "short", None).await;
        assert!(
            !replace(b"0123456789abcdef", &second).await.expect("replace"),
            "nor is a short one"
        );
        // What is stored conditionally ends the lease of its key, as what is stored without a condition.
        let Some(leases) = self.backend.leases() else { return };
        self.set(&key, "first   0123456789abcdef", None).await;
        let request = Acquire {
            key: &key,
            token: 7,
            ttl: Duration::from_secs(5),
            seen: Some(*b"0123456789abcdef"),
            generation: 0,
            steal: false,
        };
        let lead = Acquired::Lead { takeovers: 0 };
        assert_eq!(leases.acquire(request).await.expect("acquire"), lead);
        assert!(!replace(b"another one     ", &second).await.expect("replace"));
        let kept = leases.renew(&key, 7, Duration::from_secs(5)).await.expect("renew");
        assert!(kept, "what is not replaced keeps its lease");
        assert!(replace(b"0123456789abcdef", &second).await.expect("replace"));
        let kept = leases.commit(7, &brief, None).await.expect("commit");
        assert!(!kept, "what is replaced loses its lease");
    }

    async fn removes(&self) {
        let (a, b) = (self.key("gone"), self.key("never"));
        self.set(&a, "x", None).await;
        let removed = self.backend.remove(&[&a, &b], None).await.expect("absent keys are no error");
        assert_eq!(removed, 1, "says how many were there");
        assert_eq!(self.get(&a).await, None, "a removed key is absent");
        assert_eq!(self.backend.remove(&[], None).await.expect("no keys"), 0);
    }

    pub(super) async fn scan(&self, pattern: &Pattern) -> Vec<String> {
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
}
