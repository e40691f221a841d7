//! Reading, storing, removing and finding values.

use std::time::Duration;

use bytes::Bytes;

use super::Suite;
use crate::Pattern;
use crate::backend::Write;

impl Suite<'_> {
    pub(super) async fn values(&self) {
        self.reads_what_was_set().await;
        self.replaces_value_and_ttl().await;
        self.expires().await;
        self.removes().await;
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
        let (first, rest) = keys.split_at(300);
        let removed = self.backend.remove(first, None).await.expect("many keys");
        assert_eq!(removed, 300, "each of many keys is removed");
        let removed = self.backend.remove_each(&keys, None).await;
        assert!(removed.failed.is_empty(), "remove_each: {:?}", removed.failed);
        assert_eq!(removed.count, rest.len() as u64, "absent keys are no failures");
        let none = self.backend.remove_each(&[], None).await;
        assert!(none.count == 0 && none.failed.is_empty(), "no keys, nothing removed");
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
