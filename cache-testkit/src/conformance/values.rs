//! Reading, storing, removing and finding values.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;

use super::{ALL, Suite, bytes};
use cache_core::Pattern;
use cache_core::{BackendResult, ReadRequest, SetEntry, StoredValue};

impl Suite<'_> {
    pub(super) async fn has_a_name(&self) {
        assert!(!self.backend.name().is_empty(), "a backend has a name");
    }

    pub(super) async fn answers_a_ping(&self) {
        self.backend.ping().await.expect("ping");
    }

    pub(super) async fn reads_what_was_set(&self) {
        let key = self.key("a");
        assert_eq!(self.get(&key).await, None, "an absent key is None");
        self.set(&key, "one", None).await;
        assert_eq!(
            self.get(&key).await,
            Some(Bytes::from_static(b"one")),
            "a value that was set is read"
        );
        self.set(&key, "two", None).await;
        assert_eq!(self.get(&key).await, Some(Bytes::from_static(b"two")), "a set replaces");
    }

    pub(super) async fn answers_as_many_as_were_asked(&self) {
        let (a, b) = (self.key("a"), self.key("b"));
        self.set(&a, "one", None).await;
        let found = self.backend.get_many(&[&b, &a, &b, &a], ALL).await.expect("get_many");
        let found: Vec<_> = found.into_iter().map(bytes).collect();
        let one = Some(Bytes::from_static(b"one"));
        let expected = [None, one.clone(), None, one];
        assert_eq!(found, expected, "values come in the keys' order, one for each given key");
        assert_eq!(
            self.backend.get_many(&[], ALL).await.expect("no keys"),
            [],
            "no keys, no results"
        );
    }

    pub(super) async fn answers_each_key_by_itself(&self) {
        let (a, b) = (self.key("a"), self.key("b"));
        self.set(&a, "one", None).await;
        let found = self.backend.get_many(&[&b, &a, &b, &a], ALL).await.expect("get_many");
        let each = self.backend.get_each(&[&b, &a, &b, &a], ALL).await;
        let each: Result<Vec<_>, _> = each.into_iter().collect();
        assert_eq!(each.expect("get_each"), found, "`get_each` returns the same values");
        assert!(self.backend.get_each(&[], ALL).await.is_empty(), "no keys, no results");
    }

    pub(super) async fn reads_values_with_generations(&self) {
        let (a, absent, tag) = (self.key("a"), self.key("absent"), self.key("tag"));
        self.set(&a, "one", None).await;
        let keep = Duration::from_secs(60);
        let bumped = self.backend.bump(&tag).await.expect("bump");
        let other = self.key("other-tag");
        for keys in [&[a.as_str()][..], &[&absent], &[&absent, &a], &[]] {
            let generations = &[other.as_str(), &tag];
            let read = ReadRequest::new(keys, ALL).generations(generations, keep);
            let (known, values) = self.backend.read(read).await.expect("read");
            assert_eq!(known[1], bumped, "`read` returns the generations in the keys' order");
            let other = self.backend.generations(&[&other], keep).await.expect("generations");
            assert_eq!(known[0], other[0], "`read` creates absent generations");
            let found = self.backend.get_many(keys, ALL).await.expect("get_many");
            assert_eq!(values, found, "`read` returns the same values as `get_many`");
        }
        let keys = [a.as_str()];
        let read = ReadRequest::new(&keys, ALL);
        let (known, values) = self.backend.read(read).await.expect("read");
        assert!(known.is_empty() && values.len() == 1, "no generations, no results");
    }

    pub(super) async fn stores_each_entry_by_itself(&self) {
        let write = |name: &str, value: &'static str| {
            SetEntry::new(self.key(name), Bytes::from_static(value.as_bytes()))
        };
        self.set(&self.key("b"), "old", None).await;
        let writes = [write("a", "one"), write("b", "two"), write("c", "three")];
        let stored = self.backend.set_each(&writes, None).await;
        assert_eq!(stored.len(), 3, "as many results as entries");
        for (SetEntry { key, value, .. }, stored) in writes.iter().zip(stored) {
            stored.expect("set_each");
            assert_eq!(self.get(key).await.as_ref(), Some(value), "each entry is stored");
        }
        assert!(self.backend.set_each(&[], None).await.is_empty(), "no entries, no results");
    }

    pub(super) async fn takes_opaque_keys(&self) {
        let odd = ["odd \u{1F980} * ? [x] \\ {y} \"z\"", "'; --", "%_", "\n\0\t", "A", "a"];
        for name in odd {
            let key = self.key(name);
            let write = SetEntry::new(key.clone(), Bytes::from(name));
            self.backend.set(&[write], None).await.expect("set");
        }
        for name in odd {
            let found = self.get(&self.key(name)).await;
            assert_eq!(found, Some(Bytes::from(name)), "keys are opaque: {name:?}");
        }
        let long = self.key(&"long".repeat(100));
        self.set(&long, "long", None).await;
        assert!(self.get(&long).await.is_some(), "keys may have some hundred bytes");
    }

    pub(super) async fn takes_any_value(&self) {
        let every: Vec<u8> = (0..=255).collect();
        for (name, value) in [("empty", vec![]), ("bytes", every), ("large", vec![7; 1 << 20])] {
            let (key, value) = (self.key(name), Bytes::from(value));
            let write = SetEntry::new(key.clone(), value.clone());
            self.backend.set(&[write], None).await.expect("set");
            assert!(self.get(&key).await == Some(value), "each byte is stored: {name}");
        }
    }

    pub(super) async fn takes_many_entries_at_once(&self) {
        let many: Vec<SetEntry> =
            (0..600).map(|n| SetEntry::new(self.key(&format!("m{n}")), vec![7; n])).collect();
        self.backend.set(&many, None).await.expect("many entries");
        self.backend.set(&[], None).await.expect("no entries");
        let keys: Vec<&str> = many.iter().map(|write| write.key.as_str()).collect();
        let found = self.backend.get_many(&keys, ALL).await.expect("many keys");
        assert_eq!(found.len(), 600, "as many results as keys");
        for (write, found) in many.iter().zip(found) {
            assert_eq!(bytes(found).as_ref(), Some(&write.value), "each of many entries is stored");
        }
        let (first, rest) = keys.split_at(300);
        let removed = self.backend.remove(first, None).await.expect("many keys");
        assert_eq!(removed, 300, "each of many keys is removed");
        let removed = self.backend.remove_each(&keys, None).await;
        assert!(removed.failed.is_empty(), "remove_each: {:?}", removed.failed);
        assert_eq!(removed.count, rest.len() as u64, "absent keys are not failures");
        let none = self.backend.remove_each(&[], None).await;
        assert!(none.count == 0 && none.failed.is_empty(), "no keys, nothing removed");
    }

    pub(super) async fn reads_the_last_set(&self) {
        let key = self.key("last");
        for n in 0..100u64 {
            let value = Bytes::from(n.to_string());
            let write = SetEntry::new(key.clone(), value.clone());
            self.backend.set(&[write], None).await.expect("set");
            let found = self.get(&key).await;
            assert_eq!(found, Some(value), "never an older value than the last set that returned");
        }
    }

    pub(super) async fn set_replaces_value_and_ttl(&self) {
        let (longer, shorter) = (self.key("longer"), self.key("shorter"));
        let brief = Some(Duration::from_millis(40));
        self.set(&longer, "short", brief).await;
        self.set(&longer, "long", None).await;
        self.set(&shorter, "long", None).await;
        self.set(&shorter, "short", brief).await;
        tokio::time::sleep(Duration::from_millis(80)).await;
        let long = Some(Bytes::from_static(b"long"));
        assert_eq!(self.get(&longer).await, long, "`set` replaces the time to live");
        assert_eq!(self.get(&shorter).await, None, "`set` sets the time to live");
    }

    pub(super) async fn entries_expire(&self) {
        let key = self.key("expiring");
        self.set(&key, "brief", Some(Duration::from_millis(30))).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(self.get(&key).await, None, "an entry is absent after its ttl");
        let removed = self.backend.remove(&[&key], None).await.expect("remove");
        assert_eq!(removed, 0, "an expired entry does not count as removed");
    }

    pub(super) async fn reads_tell_the_time_left(&self) {
        let (brief, endless) = (self.key("brief"), self.key("endless"));
        let ttl = Duration::from_secs(60);
        self.set(&brief, "brief", Some(ttl)).await;
        self.set(&endless, "endless", None).await;
        let read =
            |found: Vec<Option<StoredValue>>| found.into_iter().map(|read| read.expect("stored"));
        let found = self.backend.get_many(&[&brief, &endless], ALL).await.expect("get_many");
        let left: Vec<_> = read(found).map(|read| read.left).collect();
        let first = left[0].expect("a value with a time to live has some time left");
        let slow = Duration::from_secs(50);
        assert!(
            first <= ttl && first >= ttl - slow,
            "the remaining time is that of the ttl: {first:?}"
        );
        assert_eq!(left[1], None, "a value without a time to live has no end");
        tokio::time::sleep(Duration::from_millis(30)).await;
        let found = self.backend.get_many(&[&brief], ALL).await.expect("get_many");
        let second = read(found).next().and_then(|read| read.left).expect("some time is left");
        assert!(second < first, "the remaining time decreases: {first:?}, then {second:?}");
        self.set(&brief, "longer", Some(ttl * 2)).await;
        let found = self.backend.get_many(&[&brief], ALL).await.expect("get_many");
        let longer = read(found).next().and_then(|read| read.left).expect("some time is left");
        assert!(longer > ttl, "the remaining time belongs to the value: {longer:?}");
    }

    pub(super) async fn long_values_are_told_from_whole_ones(&self) {
        let (fits, long) = (self.key("fits"), self.key("long"));
        self.set(&fits, "0123456789", None).await;
        self.set(&long, "0123456789a", None).await;
        let found = self.backend.get_many(&[&fits, &long], 10).await.expect("get_many");
        let lengths: Vec<_> =
            found.iter().map(|read| read.as_ref().map_or(0, |read| read.value.len())).collect();
        assert_eq!(lengths[0], 10, "a value within the limit is complete");
        assert_eq!(lengths[1], 11, "a longer value has more bytes than the limit");
        let each = self.backend.get_each(&[&fits, &long], 10).await;
        let each: Result<Vec<_>, _> = each.into_iter().collect();
        assert_eq!(each.expect("get_each"), found, "`get_each` returns the same values");
    }

    pub(super) async fn takes_any_ttl(&self) {
        let (briefest, immense) = (self.key("briefest"), self.key("immense"));
        self.set(&briefest, "briefest", Some(Duration::from_nanos(1))).await;
        self.set(&immense, "eternal", Some(Duration::MAX)).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(self.get(&briefest).await, None, "below a millisecond counts as one");
        assert!(self.get(&immense).await.is_some(), "an immense ttl is no error");
    }

    pub(super) async fn removes_and_counts(&self) {
        let (a, b) = (self.key("gone"), self.key("never"));
        self.set(&a, "x", None).await;
        let removed = self.backend.remove(&[&a, &b], None).await.expect("absent keys are no error");
        assert_eq!(removed, 1, "`remove` returns how many keys existed");
        assert_eq!(self.get(&a).await, None, "a removed key is absent");
        let removed = self.backend.remove(&[&a], None).await.expect("twice is no error");
        assert_eq!(removed, 0, "a removed key does not count again");
        assert_eq!(self.backend.remove(&[], None).await.expect("no keys"), 0);
    }

    pub(super) async fn operations_take_effect_in_order(&self) {
        let key = self.key("ordered");
        for n in 0..50 {
            self.set(&key, "there", None).await;
            let removed = self.backend.remove(&[&key], None).await.expect("remove");
            assert_eq!(removed, 1, "operations of one task take effect in order: {n}");
            assert_eq!(
                self.get(&key).await,
                None,
                "a removal has taken effect when it returns: {n}"
            );
        }
    }

    pub(super) async fn survives_cancellation(&self) {
        let (key, backend) = (self.key("cancelled"), self.backend);
        for polls in 0..5 {
            let write = SetEntry::new(self.key("any"), Bytes::from_static(b"x"));
            dropped_after(polls, backend.get_many(&[&key], ALL)).await;
            dropped_after(polls, backend.set(&[write], None)).await;
            dropped_after(polls, backend.remove(&[&key], None)).await;
            dropped_after(polls, backend.generations(&[&self.key("gen")], Duration::from_secs(60)))
                .await;
            dropped_after(polls, backend.bump(&self.key("gen"))).await;
        }
        // A dropped operation may still take effect, even after a later operation.
        let (after, mut found) = (Some(Bytes::from_static(b"after")), None);
        for _ in 0..200 {
            self.set(&key, "after", None).await;
            found = self.get(&key).await;
            if found == after {
                break;
            }
        }
        assert_eq!(found, after, "a dropped future leaves the backend usable");
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

    pub(super) async fn scans_every_key(&self) {
        let prefix = self.key("scanned");
        let write = |key: String| SetEntry::new(key, Bytes::from_static(b"x"));
        let stays: Vec<String> = (0..1500).map(|n| format!("{prefix}:stays-{n:04}")).collect();
        let goes: Vec<String> = (0..500).map(|n| format!("{prefix}:goes-{n}")).collect();
        let all: Vec<SetEntry> = stays.iter().chain(&goes).cloned().map(write).collect();
        self.backend.set(&all, None).await.expect("set");
        let (pattern, mut cursor, mut found) = (Pattern::prefix(&format!("{prefix}:")), 0, vec![]);
        for page in 0.. {
            let next = self.backend.scan(&pattern, cursor).await.expect("scan");
            found.extend(next.keys);
            let Some(next) = next.next else { break };
            cursor = next;
            // Other keys come and go meanwhile.
            let going: Vec<&str> =
                goes.iter().skip(page * 50).take(50).map(String::as_str).collect();
            self.backend.remove(&going, None).await.expect("remove");
            let coming = write(format!("{prefix}:comes-{page}"));
            self.backend.set(&[coming], None).await.expect("set");
            assert!(page < 100_000, "a scan ends");
        }
        found.retain(|key| key.starts_with(&format!("{prefix}:stays-")));
        found.sort();
        found.dedup();
        assert_eq!(
            found.len(),
            stays.len(),
            "every key that exists during the whole scan is found"
        );
    }

    pub(super) async fn scans_patterns_literally(&self) {
        let prefix = self.key("scan");
        for name in ["a*b", "a-b", "a?b", "a[b]", "c\\d"] {
            self.set(&format!("{prefix}:{name}"), "x", None).await;
        }
        let all = self.scan(&Pattern::prefix(&format!("{prefix}:"))).await;
        assert_eq!(all.len(), 5, "a prefix finds all its keys: {all:?}");
        let starred = self.scan(&Pattern::prefix(&format!("{prefix}:a*"))).await;
        assert_eq!(starred, [format!("{prefix}:a*b")], "a literal `*` is not a wildcard");
        let bracket = self.scan(&Pattern::new(&format!("{prefix}:a[*"))).await;
        assert_eq!(
            bracket,
            [format!("{prefix}:a[b]")],
            "a literal `[` does not begin a character class"
        );
        let backslash = self.scan(&Pattern::new(&format!("{prefix}:*\\d"))).await;
        assert_eq!(backslash, [format!("{prefix}:c\\d")], "a literal `\\` escapes nothing");
    }
}

/// Polls an operation up to `polls` times, and drops it. An answer before that is ignored.
async fn dropped_after<T>(polls: u32, mut operation: BackendResult<'_, T>) {
    for _ in 0..polls {
        let polled = poll_fn(|cx| Poll::Ready(operation.as_mut().poll(cx))).await;
        if polled.is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}
