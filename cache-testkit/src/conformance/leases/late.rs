//! Expired leases: any caller may take one, and until then its holder keeps it.

use bytes::Bytes;

use super::{LEAD, LONGER_THAN_SHORT, Leasing, MARKED, ONE, OTHER, SHORT, mark, value};
use cache_core::Pattern;
use cache_core::{LeaseOutcome, LeaseRequest};

/// A third caller.
const THIRD: u64 = 1;

impl Leasing<'_> {
    /// Acquires a lease, and lets it expire.
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
            assert!(!self.holds(&key, late).await, "a late holder does not renew after a takeover");
            self.leases.abort(&key, late).await.expect("abort");
            let answer = self.acquire(&key, late).await;
            assert!(matches!(answer, LeaseOutcome::Wait(_)), "the late holder waits: {answer:?}");
        }
        assert!(self.holds(&key, OTHER).await, "the new holder has the lease");
        assert!(self.commit(&key, OTHER, MARKED).await, "the new holder commits");
        self.refuses(&key, ONE, "after the new holder's commit").await;
    }

    pub(crate) async fn late_lease_stays_its_holders_until_it_is_taken(&self) {
        let key = self.key("late");
        self.is_late(&key, ONE).await;
        self.refuses(&key, OTHER, "of a token that did not ask for the lease").await;
        assert!(!self.holds(&key, OTHER).await, "another caller does not renew");
        self.leases.abort(&key, OTHER).await.expect("abort");
        assert!(self.holds(&key, ONE).await, "a late holder renews");
        let answer = self.acquire(&key, OTHER).await;
        assert!(
            matches!(answer, LeaseOutcome::Wait(_)),
            "the lease is exclusive again: {answer:?}"
        );
        assert!(self.leases.renew(&key, ONE, SHORT).await.expect("renew"));
        tokio::time::sleep(LONGER_THAN_SHORT).await;
        assert!(self.commit(&key, ONE, MARKED).await, "a late holder commits");
        assert_eq!(self.suite.get(&key).await, Some(Bytes::from_static(MARKED)));
        self.refuses(&key, ONE, "the second time").await;
        assert!(!self.holds(&key, ONE).await, "a late commit ends the lease");
        let seen = brief(&key, ONE).seen(mark(MARKED));
        assert_eq!(self.ask(seen).await, LEAD, "the value that was seen");
        tokio::time::sleep(LONGER_THAN_SHORT).await;
        let hit = value(Bytes::from_static(MARKED));
        assert_eq!(self.acquire(&key, OTHER).await, hit, "a value is a hit");
        assert!(self.commit(&key, ONE, MARKED).await, "the hit leaves the late holder its lease");
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
        assert_eq!(self.remove(&[removed], None).await, 0, "an expired lease is not a value");
        assert_eq!(self.revoke(&Pattern::new(revoked)).await, 1, "an expired lease still exists");
        for key in &all {
            self.refuses(key, ONE, "after a late lease was ended").await;
            assert!(!self.holds(key, ONE).await, "an expired lease ends like any other: {key}");
        }
    }

    pub(crate) async fn counts_takeovers_for_the_holder(&self) {
        let key = self.key("kept-count");
        self.is_late(&key, ONE).await;
        self.takes_over(&key, OTHER, 1).await;
        self.takes_over(&key, OTHER, 1).await;
        let request = brief(&key, OTHER);
        let once = LeaseOutcome::Lead { takeovers: 1 };
        assert_eq!(self.ask(request.steal(true)).await, once, "a holder may steal its own lease");
        assert_eq!(
            self.ask(request.generation(9)).await,
            once,
            "a holder may ask with a newer generation"
        );
        assert!(self.holds(&key, OTHER).await);
        assert!(self.leases.renew(&key, OTHER, SHORT).await.expect("renew"));
        tokio::time::sleep(LONGER_THAN_SHORT).await;
        assert_eq!(
            self.ask(request.generation(9)).await,
            once,
            "a holder may ask again after its lease expired"
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
        let ask = |key| brief(key, OTHER).seen(seen);
        for key in [commit, abort, set, remove, revoke] {
            assert_eq!(self.ask(ask(key)).await, LEAD, "a new lease has no takeovers: {key}");
        }
        let [late_steal, late_generation] = &late;
        // Whether or not the lease has expired: that is not why it was taken.
        for key in [steal, late_steal] {
            let ask = brief(key, THIRD).steal(true);
            assert_eq!(self.ask(ask).await, LEAD, "a stolen lease has no takeovers: {key}");
        }
        for key in [generation, late_generation] {
            let ask = brief(key, THIRD).generation(1);
            assert_eq!(
                self.ask(ask).await,
                LEAD,
                "a lease taken from an older generation has no takeovers: {key}"
            );
        }
        tokio::time::sleep(LONGER_THAN_SHORT).await;
        for key in taken.iter().chain(&late) {
            let once = LeaseOutcome::Lead { takeovers: 1 };
            let mut first = ask(key);
            first.token = ONE;
            assert_eq!(self.ask(first).await, once, "a lease that is taken over again: {key}");
        }
    }
}

fn brief(key: &str, token: u64) -> LeaseRequest<'_> {
    LeaseRequest::new(key, token, SHORT)
}
