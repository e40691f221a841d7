//! Operations that end the leases of other callers: a set, a removal, `revoke`.

use bytes::Bytes;

use super::{LEAD, LONG, Leasing, MARKED, ONE, OTHER, mark};
use cache_core::Pattern;
use cache_core::{LeaseRequest, Message, SetEntry};

impl Leasing<'_> {
    pub(crate) async fn lease_ends_with_a_set(&self) {
        let keys: Vec<_> = (0..600).map(|n| self.key(&format!("set-{n}"))).collect();
        let some = [&keys[0], &keys[300], &keys[599]];
        for key in some {
            self.lead(key, ONE).await;
        }
        let write = |key: &String| SetEntry::new(key.clone(), "set");
        let writes: Vec<_> = keys.iter().map(write).collect();
        let (together, each) = writes.split_at(300);
        self.suite.backend.set(together, None).await.expect("set");
        let each = self.suite.backend.set_each(each, None).await;
        each.into_iter().collect::<Result<(), _>>().expect("set_each");
        for key in some {
            self.refuses(key, ONE, "after a set").await;
            assert_eq!(self.suite.get(key).await, Some("set".into()));
        }
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        assert_eq!(self.remove(&keys, None).await, 600);
    }

    pub(crate) async fn lease_ends_with_a_replacement(&self) {
        let key = self.key("replaced");
        self.put(&key, MARKED).await;
        let (ttl, seen) = (LONG, Some(mark(MARKED)));
        let request = LeaseRequest::new(&key, ONE, ttl).seen(seen);
        assert_eq!(self.ask(request).await, LEAD);
        let write = SetEntry::new(key.clone(), "another one, and longer");
        let other = b"of yet another..";
        let Some(replaced) = self.suite.replace(*other, &write, None).await else { return };
        assert!(!replaced);
        assert!(self.holds(&key, ONE).await, "the lease of a value that is not replaced continues");
        assert_eq!(self.suite.replace(mark(MARKED), &write, None).await, Some(true));
        self.refuses(&key, ONE, "after a replacement").await;
    }

    pub(crate) async fn lease_ends_with_a_removal(&self) {
        let notice = Message::new(self.key("nobody"), Bytes::new());
        for notice in [None, Some(&notice)] {
            let (there, absent) = (self.key("removed"), self.key("never-there"));
            self.put(&there, MARKED).await;
            let steal = LeaseRequest::new(&there, ONE, LONG).steal(true);
            assert_eq!(self.ask(steal).await, LEAD);
            self.lead(&absent, ONE).await;
            let removed = self.remove(&[&there, &absent], notice).await;
            assert_eq!(removed, 1, "leases are not counted as values");
            self.refuses(&there, ONE, "after a removal").await;
            self.refuses(&absent, ONE, "after a removal of what was not there").await;
            self.lead(&absent, OTHER).await;
            assert_eq!(self.remove(&[&absent], notice).await, 0);
            self.refuses(&absent, OTHER, "after a removal of what was not there").await;
        }
    }

    pub(crate) async fn revokes_what_matches(&self) {
        let below = |name: &str| self.key(&format!("revoked:{name}"));
        let (valued, other) = (below("valued"), self.key("not-revoked"));
        let odd = ["a*b", "a-b", "a?b", "a[b]", "c\\d", "{e}", "f}", "g{", "{}", "h:\u{1F980}"];
        let keys: Vec<_> = odd.iter().map(|name| below(name)).collect();
        for key in keys.iter().chain([&other]) {
            self.lead(key, ONE).await;
        }
        self.put(&valued, MARKED).await;
        let steal = LeaseRequest::new(&valued, ONE, LONG).steal(true);
        assert_eq!(self.ask(steal).await, LEAD);
        let gone = below("gone");
        self.lead(&gone, ONE).await;
        self.leases.abort(&gone, ONE).await.expect("abort");

        let starred = Pattern::prefix(&below("a*"));
        assert_eq!(self.revoke(&starred).await, 1, "a literal `*` is not a wildcard");
        self.refuses(&keys[0], ONE, "after it was revoked").await;
        assert!(self.holds(&keys[1], ONE).await, "what does not match stays");
        assert_eq!(self.revoke(&Pattern::new(&keys[7])).await, 1, "a pattern without wildcard");
        let all = Pattern::prefix(&below(""));
        let count = odd.len() as u64 - 2 + 1;
        assert_eq!(self.revoke(&all).await, count, "leases of keys with and without a value");
        assert_eq!(self.revoke(&all).await, 0, "safe to repeat");
        for key in keys.iter().chain([&valued]) {
            self.refuses(key, ONE, "after it was revoked").await;
        }
        let value = Some(Bytes::from_static(MARKED));
        assert_eq!(self.suite.get(&valued).await, value, "values are not revoked");
        assert!(self.holds(&other, ONE).await, "what does not match stays");
        let inner = Pattern::new(&format!("{}*not-revoke*", &self.suite.prefix));
        assert_eq!(self.revoke(&inner).await, 1, "wildcards may be anywhere");
        let many: Vec<_> = (0..600).map(|n| below(&n.to_string())).collect();
        for key in &many {
            self.lead(key, ONE).await;
        }
        assert_eq!(self.revoke(&all).await, 600, "every matching lease is revoked");
    }
}
