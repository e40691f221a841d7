//! A lease whose time is over: free to be taken, and its holder's until it is.

use bytes::Bytes;

use super::{LEAD, LONGER_THAN_SHORT, Leasing, MARKED, ONE, OTHER, SHORT, mark, value};
use crate::backend::{LeaseOutcome, LeaseRequest};
use crate::base::Pattern;
use crate::testing::conformance::ALL;

/// Who comes after those two.
const THIRD: u64 = 1;

impl Leasing<'_> {
    /// Asks for a lease, and lets its time pass.
    async fn is_late(&self, key: &str, token: u64) -> LeaseOutcome {
        let answer = self.ask(brief(key, token)).await;
        tokio::time::sleep(LONGER_THAN_SHORT).await;
        answer
    }

    pub(crate) async fn late_lease_is_taken(&self) {
        let key = self.key("taken");
        for (token, takeovers) in [(ONE, 0), (OTHER, 1), (ONE, 2), (THIRD, 3)] {
            assert_eq!(self.is_late(&key, token).await, LeaseOutcome::Lead { takeovers });
        }
        self.takes_over(&key, OTHER, 4).await;
        for late in [ONE, THIRD] {
            self.refuses(&key, late, "once another has taken the lease").await;
            assert!(!self.holds(&key, late).await, "nor is the lease renewed");
            self.leases.abort(&key, late).await.expect("abort");
            let answer = self.acquire(&key, late).await;
            assert!(matches!(answer, LeaseOutcome::Wait(_)), "and who was late waits: {answer:?}");
        }
        assert!(self.holds(&key, OTHER).await, "the lease is the new holder's");
        assert!(self.commit(&key, OTHER, MARKED).await, "who commits");
        self.refuses(&key, ONE, "after the new holder's commit").await;
    }

    pub(crate) async fn late_lease_stays_its_holders_until_it_is_taken(&self) {
        let key = self.key("late");
        self.is_late(&key, ONE).await;
        self.refuses(&key, OTHER, "of a token that did not ask for the lease").await;
        assert!(!self.holds(&key, OTHER).await, "nor does it renew");
        self.leases.abort(&key, OTHER).await.expect("abort");
        assert!(self.holds(&key, ONE).await, "a late holder renews");
        let answer = self.acquire(&key, OTHER).await;
        assert!(matches!(answer, LeaseOutcome::Wait(_)), "and has the lease to itself: {answer:?}");
        assert!(self.leases.renew(&key, ONE, SHORT).await.expect("renew"));
        tokio::time::sleep(LONGER_THAN_SHORT).await;
        assert!(self.commit(&key, ONE, MARKED).await, "a late holder commits");
        assert_eq!(self.suite.get(&key).await, Some(Bytes::from_static(MARKED)));
        self.refuses(&key, ONE, "the second time").await;
        assert!(!self.holds(&key, ONE).await, "a late commit ends the lease");
        let seen = LeaseRequest { seen: Some(mark(MARKED)), ..brief(&key, ONE) };
        assert_eq!(self.ask(seen).await, LEAD, "the value that was seen");
        tokio::time::sleep(LONGER_THAN_SHORT).await;
        let hit = value(Bytes::from_static(MARKED));
        assert_eq!(self.acquire(&key, OTHER).await, hit, "a value is a hit");
        assert!(self.commit(&key, ONE, MARKED).await, "which takes no late holder's lease");
    }

    pub(crate) async fn late_lease_ends_as_one_in_time(&self) {
        let key = |name: &str| self.key(&format!("late-end:{name}"));
        let all = ["aborted", "set", "removed", "revoked"].map(key);
        for key in &all {
            assert_eq!(self.ask(brief(key, ONE)).await, LEAD);
        }
        tokio::time::sleep(LONGER_THAN_SHORT).await;
        let [aborted, set, removed, revoked] = &all;
        self.leases.abort(aborted, ONE).await.expect("abort");
        self.put(set, MARKED).await;
        assert_eq!(self.remove(&[removed], None).await, 0, "a late lease is no value");
        assert_eq!(self.revoke(&Pattern::new(revoked)).await, 1, "a late lease is not gone");
        for key in &all {
            self.refuses(key, ONE, "after a late lease was ended").await;
            assert!(!self.holds(key, ONE).await, "a late lease ends as one in time: {key}");
        }
    }

    pub(crate) async fn counts_takeovers_for_the_holder(&self) {
        let key = self.key("kept-count");
        self.is_late(&key, ONE).await;
        self.takes_over(&key, OTHER, 1).await;
        self.takes_over(&key, OTHER, 1).await;
        let request = brief(&key, OTHER);
        let once = LeaseOutcome::Lead { takeovers: 1 };
        assert_eq!(
            self.ask(LeaseRequest { steal: true, ..request }).await,
            once,
            "stolen from itself"
        );
        assert_eq!(self.ask(LeaseRequest { generation: 9, ..request }).await, once, "with news");
        assert!(self.holds(&key, OTHER).await);
        assert!(self.leases.renew(&key, OTHER, SHORT).await.expect("renew"));
        tokio::time::sleep(LONGER_THAN_SHORT).await;
        assert_eq!(
            self.ask(LeaseRequest { generation: 9, ..request }).await,
            once,
            "its own, and late"
        );
        tokio::time::sleep(LONGER_THAN_SHORT).await;
        self.takes_over(&key, THIRD, 2).await;
    }

    pub(crate) async fn forgets_takeovers(&self) {
        let key = |name: &str| self.key(&format!("forgotten:{name}"));
        let taken = ["commit", "abort", "set", "remove", "revoke", "steal", "generation"].map(key);
        let late = ["late-steal", "late-generation"].map(key);
        for token in [ONE, OTHER] {
            for key in taken.iter().chain(&late) {
                self.ask(brief(key, token)).await;
            }
            tokio::time::sleep(LONGER_THAN_SHORT).await;
        }
        for key in &taken {
            self.takes_over(key, ONE, 2).await;
        }
        let [commit, abort, set, remove, revoke, steal, generation] = &taken;
        assert!(self.commit(commit, ONE, MARKED).await);
        self.leases.abort(abort, ONE).await.expect("abort");
        self.put(set, MARKED).await;
        assert_eq!(self.remove(&[remove], None).await, 0);
        assert_eq!(self.revoke(&Pattern::new(revoke)).await, 1);
        let seen = Some(mark(MARKED));
        let ask = |key| LeaseRequest { seen, ..brief(key, OTHER) };
        for key in [commit, abort, set, remove, revoke] {
            assert_eq!(self.ask(ask(key)).await, LEAD, "a new lease was never taken: {key}");
        }
        let [late_steal, late_generation] = &late;
        // Whether or not its time is over: that is not why it was taken.
        for key in [steal, late_steal] {
            let ask = LeaseRequest { steal: true, ..brief(key, THIRD) };
            assert_eq!(self.ask(ask).await, LEAD, "a lease that was stolen: {key}");
        }
        for key in [generation, late_generation] {
            let ask = LeaseRequest { generation: 1, ..brief(key, THIRD) };
            assert_eq!(self.ask(ask).await, LEAD, "a lease of an older generation: {key}");
        }
        tokio::time::sleep(LONGER_THAN_SHORT).await;
        for key in taken.iter().chain(&late) {
            let once = LeaseOutcome::Lead { takeovers: 1 };
            assert_eq!(
                self.ask(LeaseRequest { token: ONE, ..ask(key) }).await,
                once,
                "anew: {key}"
            );
        }
    }
}

fn brief(key: &str, token: u64) -> LeaseRequest<'_> {
    LeaseRequest { key, token, ttl: SHORT, seen: None, generation: 0, steal: false, most: ALL }
}
