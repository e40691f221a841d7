//! Leases: one at a time, and nothing is stored without one.

mod acquire;
mod commit;
mod each;
mod end;
mod hold;
mod late;

use std::time::Duration;

use bytes::Bytes;

use super::Suite;
use cache_core::Pattern;
use cache_core::{LeaseOutcome, LeaseRequest, Leases, Message, SetEntry, StoredValue, VERSION_LEN};

/// Two tokens that are equal as floating-point numbers.
const ONE: u64 = u64::MAX;
const OTHER: u64 = u64::MAX - 1;

/// Long enough that no lease expires, however slow the machine is.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(30);
const LONGER_THAN_SHORT: Duration = Duration::from_millis(60);

/// The lease is given, and was not taken over from an expired holder.
const LEAD: LeaseOutcome = LeaseOutcome::Lead { takeovers: 0 };

/// A value whose mark has bytes that break text functions.
const MARKED: &[u8] = b"value\0with\xff\0\r\n%*[]\\\x80\xfe\0";

fn value(value: Bytes) -> LeaseOutcome {
    LeaseOutcome::Value(StoredValue::new(value, None))
}

fn mark(value: &[u8]) -> [u8; VERSION_LEN] {
    *value.last_chunk().expect("a value with a mark")
}

impl Suite<'_> {
    pub(super) fn leasing(&self) -> Leasing<'_> {
        let Some(leases) = self.backend.leases() else {
            panic!("the backend has no leases: write `leases = false` if that is intended");
        };
        Leasing { suite: self, leases }
    }

    pub(super) async fn has_no_leases(&self) {
        let has = self.backend.leases().is_some();
        assert!(!has, "the backend has leases, which must be tested: remove `leases = false`");
    }
}

pub(super) struct Leasing<'a> {
    suite: &'a Suite<'a>,
    leases: &'a dyn Leases,
}

impl Leasing<'_> {
    fn key(&self, name: &str) -> String {
        self.suite.key(&format!("lease:{name}"))
    }

    async fn ask(&self, request: LeaseRequest<'_>) -> LeaseOutcome {
        self.leases.acquire(request).await.expect("acquire")
    }

    async fn acquire(&self, key: &str, token: u64) -> LeaseOutcome {
        self.ask(LeaseRequest::new(key, token, LONG)).await
    }

    async fn lead(&self, key: &str, token: u64) {
        assert_eq!(self.acquire(key, token).await, LEAD, "a free lease is granted");
    }

    /// Takes over another caller's expired lease.
    async fn takes_over(&self, key: &str, token: u64, takeovers: u32) {
        let taken = LeaseOutcome::Lead { takeovers };
        assert_eq!(
            self.acquire(key, token).await,
            taken,
            "an expired lease is granted to another caller"
        );
    }

    async fn holds(&self, key: &str, token: u64) -> bool {
        self.leases.renew(key, token, LONG).await.expect("renew")
    }

    async fn commit(&self, key: &str, token: u64, value: &'static [u8]) -> bool {
        let write = SetEntry::new(key, Bytes::from_static(value));
        self.leases.commit(token, &write, None).await.expect("commit")
    }

    async fn put(&self, key: &str, value: &'static [u8]) {
        let write = SetEntry::new(key, Bytes::from_static(value));
        self.suite.backend.set(&[write], None).await.expect("set");
    }

    /// A commit by a holder that has lost its lease must have no effect.
    async fn refuses(&self, key: &str, token: u64, why: &str) {
        let before = self.suite.get(key).await;
        assert!(!self.commit(key, token, b"too late").await, "a commit is refused {why}");
        assert_eq!(self.suite.get(key).await, before, "a refused commit stores nothing: {why}");
    }

    async fn remove(&self, keys: &[&str], notice: Option<&Message>) -> u64 {
        self.suite.backend.remove(keys, notice).await.expect("remove")
    }

    async fn revoke(&self, pattern: &Pattern) -> u64 {
        let (mut count, mut next) = (0, Some(0));
        while let Some(cursor) = next {
            let revoked = self.leases.revoke(pattern, cursor).await.expect("revoke");
            (count, next) = (count + revoked.count, revoked.next);
        }
        count
    }
}
