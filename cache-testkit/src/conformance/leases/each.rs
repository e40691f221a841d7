//! Operations on many leases: each item as if it came alone.

use std::time::Duration;

use bytes::Bytes;

use super::{LEAD, LONG, Leasing, MARKED, ONE, OTHER, mark, value};
use crate::conformance::ALL;
use cache_core::BackendError;
use cache_core::{LeaseCommit, LeaseOutcome, LeaseRequest, Message, SetEntry};

/// More than a store may handle in one step, and as many as larder passes at most.
const MANY: usize = 1_000;

fn all<T>(results: Vec<Result<T, BackendError>>, wanted: usize) -> Vec<T> {
    assert_eq!(results.len(), wanted, "as many results as items");
    results.into_iter().map(|result| result.expect("an item succeeds")).collect()
}

fn request(key: &str, token: u64) -> LeaseRequest<'_> {
    LeaseRequest::new(key, token, LONG)
}

impl Leasing<'_> {
    async fn acquire_each(&self, requests: &[LeaseRequest<'_>]) -> Vec<LeaseOutcome> {
        all(self.leases.acquire_each(requests).await, requests.len())
    }

    /// Commits the same value under each of these keys and tokens; `told` is published for each.
    async fn commit_each(&self, items: &[(&str, u64)], told: Option<&[Message]>) -> Vec<bool> {
        let entry =
            |(key, _): &(&str, u64)| SetEntry::new(*key, Bytes::from_static(MARKED)).ttl(LONG);
        let entries: Vec<SetEntry> = items.iter().map(entry).collect();
        let commit = |(place, entry): (usize, _)| {
            LeaseCommit::new(items[place].1, entry).notice(told.map(|told| &told[place]))
        };
        let commits: Vec<_> = entries.iter().enumerate().map(commit).collect();
        all(self.leases.commit_each(&commits).await, items.len())
    }

    pub(crate) async fn acquires_each_by_itself(&self) {
        let names = ["free", "held", "valued", "seen", "stolen", "newer"];
        let keys = names.map(|name| self.key(&format!("each:{name}")));
        let [free, held, valued, seen, stolen, newer] = &keys;
        for key in [held, stolen, newer] {
            self.lead(key, OTHER).await;
        }
        for key in [valued, seen] {
            self.put(key, MARKED).await;
        }
        let requests = [
            request(held, ONE),
            request(valued, ONE),
            request(free, ONE),
            request(seen, ONE).seen(mark(MARKED)),
            request(stolen, ONE).steal(true),
            request(newer, ONE).generation(1),
        ];
        let answers = self.acquire_each(&requests).await;
        assert!(matches!(answers[0], LeaseOutcome::Wait(left) if left <= LONG), "{:?}", answers[0]);
        assert_eq!(answers[1], value(Bytes::from_static(MARKED)), "each key has its own answer");
        assert_eq!(
            answers[2..],
            [LEAD, LEAD, LEAD, LEAD],
            "one that is held keeps none from leading"
        );
        for (key, holder) in [(held, OTHER), (free, ONE), (seen, ONE), (stolen, ONE), (newer, ONE)]
        {
            assert!(self.holds(key, holder).await, "{key} is {holder}'s");
        }
        assert!(!self.holds(valued, ONE).await, "a hit gives no lease");
        assert!(self.acquire_each(&[]).await.is_empty(), "nothing is asked for");
    }

    pub(crate) async fn acquires_the_first_of_duplicates(&self) {
        let (twice, raced) = (self.key("each:twice"), self.key("each:raced"));
        let requests = [
            request(&raced, ONE),
            request(&twice, ONE),
            request(&raced, OTHER),
            request(&twice, ONE),
        ];
        let answers = self.acquire_each(&requests).await;
        assert_eq!((&answers[1], &answers[3]), (&LEAD, &LEAD), "safe to repeat");
        assert_eq!(answers[0], LEAD, "the first of two tokens leads");
        assert!(matches!(answers[2], LeaseOutcome::Wait(_)), "the second waits: {:?}", answers[2]);
        assert!(self.holds(&twice, ONE).await && self.holds(&raced, ONE).await);
    }

    pub(crate) async fn commits_each_for_its_holder_only(&self) {
        let names = ["mine", "others", "nobodys", "ended", "also-mine"];
        let keys = names.map(|name| self.key(&format!("each-commit:{name}")));
        let [mine, others, nobodys, ended, also] = &keys;
        for (key, token) in [(mine, ONE), (others, OTHER), (ended, ONE), (also, OTHER)] {
            self.lead(key, token).await;
        }
        self.remove(&[ended], None).await;
        let items: [(&str, u64); 6] =
            [(others, ONE), (mine, ONE), (nobodys, ONE), (ended, ONE), (also, OTHER), (mine, ONE)];
        let stored = self.commit_each(&items, None).await;
        // The last one is the second one again, and may be taken for its repetition.
        assert_eq!(stored[..5], [false, true, false, false, true], "each by its own lease");
        for key in [mine, also] {
            let found = self.suite.backend.get_many(&[key], ALL).await.expect("get_many");
            let read = found.into_iter().flatten().next().expect("a value that was stored");
            assert_eq!(read.value, MARKED, "each byte is stored");
            assert!(read.left.is_some_and(|left| left <= LONG), "for its time: {:?}", read.left);
        }
        for key in [others, nobodys, ended] {
            assert_eq!(self.suite.get(key).await, None, "a refused commit stores nothing: {key}");
        }
        assert!(self.holds(others, OTHER).await, "a refused commit ends no lease");
        assert!(!self.holds(mine, ONE).await, "a commit ends its lease");
    }

    pub(crate) async fn commits_tell_of_each_that_was_stored(&self) {
        let Some(ear) = self.suite.try_ear("lease-each").await else { return };
        let keys = ["a", "b", "c"].map(|name| self.key(&format!("each-told:{name}")));
        let [a, b, c] = &keys;
        self.lead(a, ONE).await;
        self.lead(c, ONE).await;
        let told = ["a", "b", "c"].map(|text| ear.notice(text));
        let stored = self.commit_each(&[(a, ONE), (b, ONE), (c, ONE)], Some(&told)).await;
        assert_eq!(stored, [true, false, true]);
        self.suite.backend.publish(&ear.notice("last")).await.expect("publish");
        ear.hears(&["a", "c", "last"], "each commit is told of if it has stored").await;
    }

    pub(crate) async fn renews_and_aborts_each_by_itself(&self) {
        let keys = ["a", "b", "c"].map(|name| self.key(&format!("each-end:{name}")));
        let [a, b, c] = &keys;
        for (key, token) in [(a, ONE), (b, OTHER), (c, ONE)] {
            self.lead(key, token).await;
        }
        let renewals: [(&str, u64, Duration); 3] = [(b, ONE, LONG), (a, ONE, LONG), (c, ONE, LONG)];
        let renewed = all(self.leases.renew_each(&renewals).await, 3);
        assert_eq!(renewed, [false, true, true], "each for its holder only");
        let aborts: [(&str, u64); 3] = [(a, ONE), (b, ONE), (c, OTHER)];
        all(self.leases.abort_each(&aborts).await, 3);
        assert!(!self.holds(a, ONE).await, "ended");
        assert!(self.holds(b, OTHER).await && self.holds(c, ONE).await, "those of others are not");
    }

    pub(crate) async fn takes_many_leases_at_once(&self) {
        let keys: Vec<String> = (0..MANY).map(|n| self.key(&format!("many:{n}"))).collect();
        let requests: Vec<_> = keys.iter().map(|key| request(key, ONE)).collect();
        assert!(self.acquire_each(&requests).await.iter().all(|answer| *answer == LEAD));
        let renewals: Vec<_> = keys.iter().map(|key| (key.as_str(), ONE, LONG)).collect();
        assert!(all(self.leases.renew_each(&renewals).await, MANY).iter().all(|held| *held));
        let items: Vec<_> = keys.iter().map(|key| (key.as_str(), ONE)).collect();
        assert!(self.commit_each(&items, None).await.iter().all(|stored| *stored));
        let answers = self.acquire_each(&requests).await;
        let hit = |answer: &LeaseOutcome| matches!(answer, LeaseOutcome::Value(read) if read.value == MARKED);
        assert!(answers.iter().all(hit), "all were stored");
        all(self.leases.abort_each(&items).await, MANY);
    }
}
