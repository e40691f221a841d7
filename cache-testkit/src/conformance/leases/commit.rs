//! A commit stores with a lease, and never without one.

use std::time::Duration;

use bytes::Bytes;

use super::{LEAD, LONG, LONGER_THAN_SHORT, Leasing, MARKED, ONE, OTHER, SHORT, mark};
use cache_core::{LeaseRequest, SetEntry};

impl Leasing<'_> {
    pub(crate) async fn commits_for_the_holder_only(&self) {
        let key = self.key("committed");
        self.refuses(&key, ONE, "without a lease").await;
        self.lead(&key, ONE).await;
        self.refuses(&key, OTHER, "of another token").await;
        assert!(self.commit(&key, ONE, MARKED).await, "the holder commits");
        let value = Some(Bytes::from_static(MARKED));
        assert_eq!(self.suite.get(&key).await, value, "each byte is stored");
        assert!(!self.holds(&key, ONE).await, "a commit ends the lease");
        self.refuses(&key, ONE, "a second time").await;
        let seen = Some(mark(MARKED));
        let request = LeaseRequest::new(&key, OTHER, LONG).seen(seen);
        assert_eq!(self.ask(request).await, LEAD, "the next caller gets the lease");
    }

    pub(crate) async fn commits_for_a_time(&self) {
        let key = self.key("for-a-time");
        let write = |ttl| SetEntry::new(key.clone(), Bytes::from_static(MARKED)).ttl(ttl);
        let commit = async |ttl| {
            let steal = LeaseRequest::new(&key, ONE, LONG).steal(true);
            assert_eq!(self.ask(steal).await, LEAD);
            let stored = self.leases.commit(ONE, &write(ttl), None).await.expect("commit");
            assert!(stored, "the holder commits");
        };
        commit(Some(SHORT)).await;
        tokio::time::sleep(LONGER_THAN_SHORT).await;
        assert_eq!(self.suite.get(&key).await, None, "a committed value has its time to live");
        commit(Some(SHORT)).await;
        commit(None).await;
        tokio::time::sleep(LONGER_THAN_SHORT).await;
        assert!(self.suite.get(&key).await.is_some(), "a commit replaces the time to live");
        commit(Some(Duration::from_nanos(1))).await;
        commit(Some(Duration::MAX)).await;
        assert!(self.suite.get(&key).await.is_some(), "an immense ttl is no error");
    }

    pub(crate) async fn commits_nothing_without_the_lease(&self) {
        let (mine, other) = (self.key("mine"), self.key("not-mine"));
        self.lead(&mine, ONE).await;
        self.refuses(&other, ONE, "for another key than the lease's").await;
        assert!(self.holds(&mine, ONE).await);
    }

    pub(crate) async fn commit_tells_of_what_was_stored(&self) {
        let Some(ear) = self.suite.try_ear("lease-channel").await else { return };
        let key = self.key("told");
        let write = SetEntry::new(key.clone(), Bytes::from_static(MARKED));
        let commit = async |token, text| {
            let notice = ear.notice(text);
            self.leases.commit(token, &write, Some(&notice)).await.expect("commit")
        };
        assert!(!commit(ONE, "refused").await);
        self.lead(&key, ONE).await;
        assert!(!commit(OTHER, "another's").await);
        assert!(commit(ONE, "stored").await);
        // The backend may take it for the same request again, and return `true`; but it publishes nothing.
        let _ = commit(ONE, "repeated").await;
        self.suite.backend.publish(&ear.notice("last")).await.expect("publish");
        ear.hears(&["stored", "last"], "a commit is published if it has stored").await;
    }
}
