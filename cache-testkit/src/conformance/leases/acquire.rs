//! Which caller gets a lease, and which gets a value instead.

use std::time::Duration;

use bytes::Bytes;

use super::{LEAD, LONG, LONGER_THAN_SHORT, Leasing, MARKED, ONE, OTHER, mark, value};
use crate::conformance::together;
use cache_core::Pattern;
use cache_core::{GENERATION_TTL, LeaseOutcome, LeaseRequest, VERSION_LEN};

impl Leasing<'_> {
    pub(crate) async fn lease_has_one_holder(&self) {
        let (key, second) = (self.key("one"), self.key("second"));
        self.lead(&key, ONE).await;
        let LeaseOutcome::Wait(left) = self.acquire(&key, OTHER).await else {
            panic!("a key has one lease at a time");
        };
        assert!(
            !left.is_zero() && left <= LONG,
            "the answer is how long the lease lasts: {left:?}"
        );
        self.lead(&key, ONE).await;
        self.lead(&second, OTHER).await;
        assert!(self.holds(&key, ONE).await, "a second request of the holder keeps its lease");
        assert!(!self.holds(&key, OTHER).await, "a request for another's lease gives no lease");
        assert!(self.holds(&second, OTHER).await, "each key has a lease of its own");
    }

    pub(crate) async fn lease_goes_to_one_of_many(&self) {
        let key = self.key("raced");
        let ask = |token| self.leases.acquire(LeaseRequest::new(&key, token, LONG));
        let answers = together((1..=50).map(ask).collect()).await;
        let lead = |answer: &&Result<LeaseOutcome, _>| {
            matches!(answer, Ok(LeaseOutcome::Lead { takeovers: 0 }))
        };
        let wait = |answer: &&Result<LeaseOutcome, _>| matches!(answer, Ok(LeaseOutcome::Wait(_)));
        assert_eq!(
            answers.iter().filter(lead).count(),
            1,
            "one of many callers gets the lease: {answers:?}"
        );
        assert_eq!(answers.iter().filter(wait).count(), 49, "the others wait: {answers:?}");
    }

    pub(crate) async fn acquire_returns_values_not_seen(&self) {
        let key = self.key("seen");
        self.put(&key, MARKED).await;
        let hit = value(Bytes::from_static(MARKED));
        let ask = |token, seen| LeaseRequest::new(&key, token, LONG).seen(seen);
        assert_eq!(self.acquire(&key, ONE).await, hit, "a value is a hit");
        assert!(!self.holds(&key, ONE).await, "a hit gives no lease");
        let mut almost = mark(MARKED);
        almost[VERSION_LEN - 1] ^= 1;
        assert_eq!(
            self.ask(ask(ONE, Some(almost))).await,
            hit,
            "a value other than the seen one is a hit"
        );
        almost = mark(MARKED);
        almost[0] ^= 1;
        assert_eq!(
            self.ask(ask(ONE, Some(almost))).await,
            hit,
            "the first byte of the mark counts, too"
        );
        let seen = Some(mark(MARKED));
        assert_eq!(self.ask(ask(ONE, seen)).await, LEAD, "the seen value is not a hit");
        assert!(
            matches!(self.ask(ask(OTHER, seen)).await, LeaseOutcome::Wait(_)),
            "who has seen the value waits for the holder"
        );
        assert_eq!(
            self.acquire(&key, OTHER).await,
            hit,
            "a caller that has not seen the value gets it"
        );
        assert!(self.commit(&key, ONE, b"a value that is another one").await);
        let hit = value(Bytes::from_static(b"a value that is another one"));
        assert_eq!(
            self.ask(ask(OTHER, seen)).await,
            hit,
            "a value that replaced the seen one is a hit"
        );
    }

    pub(crate) async fn acquire_returns_values_without_a_mark(&self) {
        let key = self.key("short");
        for short in [&b""[..], b"\0", &MARKED[..VERSION_LEN - 1]] {
            self.put(&key, short).await;
            for seen in [None, Some([0; VERSION_LEN]), Some(mark(MARKED))] {
                let request = LeaseRequest::new(&key, ONE, LONG).seen(seen);
                let hit = value(Bytes::from_static(short));
                assert_eq!(self.ask(request).await, hit, "a short value has no mark");
            }
        }
        let value = &MARKED[..VERSION_LEN];
        self.put(&key, value).await;
        let seen = Some(mark(value));
        let request = LeaseRequest::new(&key, ONE, LONG).seen(seen);
        assert_eq!(self.ask(request).await, LEAD, "a value that consists of its mark");
    }

    pub(crate) async fn lease_is_independent_of_the_value(&self) {
        let key = self.key("independent");
        self.lead(&key, ONE).await;
        assert_eq!(self.suite.get(&key).await, None, "a lease is not a value");
        let found = self.suite.scan(&Pattern::new(&key)).await;
        assert!(found.is_empty(), "a lease is not found among the values: {found:?}");
        assert!(self.commit(&key, ONE, MARKED).await);
        let request = LeaseRequest::new(&key, ONE, LONG).seen(mark(MARKED));
        assert_eq!(self.ask(request).await, LEAD);
        let value = Some(Bytes::from_static(MARKED));
        assert_eq!(self.suite.get(&key).await, value, "the value stays while a lease is held");
        self.leases.abort(&key, ONE).await.expect("abort");
        assert_eq!(
            self.suite.get(&key).await,
            value,
            "the value stays when the lease is given back"
        );
    }

    pub(crate) async fn acquire_steals(&self) {
        let key = self.key("stolen");
        let steal = |token| LeaseRequest::new(&key, token, LONG).steal(true);
        assert_eq!(self.ask(steal(ONE)).await, LEAD, "`steal` takes a free lease");
        assert_eq!(self.ask(steal(OTHER)).await, LEAD, "`steal` takes the lease of any holder");
        assert_eq!(self.ask(steal(OTHER)).await, LEAD, "`steal` is safe to repeat");
        assert!(!self.holds(&key, ONE).await, "the former holder has lost the lease");
        self.refuses(&key, ONE, "after the lease was stolen").await;
        assert!(self.commit(&key, OTHER, MARKED).await, "the new holder commits");
        assert_eq!(self.ask(steal(ONE)).await, LEAD, "`steal` ignores the value");
        assert_eq!(self.suite.get(&key).await, Some(Bytes::from_static(MARKED)), "the value stays");
    }

    pub(crate) async fn reads_or_acquires(&self) {
        let (key, backend) = (self.key("read or acquired"), self.suite.backend);
        let [tag, other] = ["tag", "other tag"].map(|tag| self.key(tag));
        let tags = [tag.as_str(), other.as_str()];
        let ask = async |token, tags: &[&str]| {
            let request = LeaseRequest::new(&key, token, LONG).most(20);
            backend.read_or_acquire(request, tags, GENERATION_TTL).await.expect("read_or_acquire")
        };
        let known = async || backend.generations(&tags, GENERATION_TTL).await.expect("generations");
        // It creates generations that are missing.
        let asked = ask(ONE, &tags).await;
        assert_eq!(asked, (known().await, LEAD), "there is no value");
        assert!(self.holds(&key, ONE).await);
        let (same, outcome) = ask(OTHER, &tags).await;
        assert_eq!(same, known().await);
        assert!(
            matches!(outcome, LeaseOutcome::Wait(_)),
            "another token has the lease: {outcome:?}"
        );
        backend.bump(&tag).await.expect("bump");
        let asked = ask(OTHER, &tags).await;
        assert_eq!(asked, (known().await, LEAD), "the other lease is of an older generation");
        self.refuses(&key, ONE, "a value that was loaded under an older generation").await;
        backend.bump_softly(&other).await.expect("bump_softly");
        assert_eq!(ask(ONE, &tags).await, (known().await, LEAD), "a soft eviction counts, too");
        let (_, outcome) = ask(OTHER, &tags[..1]).await;
        assert!(matches!(outcome, LeaseOutcome::Wait(_)), "an older generation waits: {outcome:?}");
        let (none, outcome) = ask(OTHER, &[]).await;
        assert!(none.is_empty() && matches!(outcome, LeaseOutcome::Wait(_)), "{outcome:?}");

        self.put(&key, MARKED).await;
        for token in [ONE, OTHER] {
            let (known_now, outcome) = ask(token, &tags).await;
            assert_eq!(known_now, known().await);
            // At most 20 bytes were requested: more show that the value is longer.
            let LeaseOutcome::Value(read) = outcome else {
                panic!("there is a value: {outcome:?}")
            };
            assert!(read.value.len() > 20 && MARKED.starts_with(&read.value));
            assert!(!self.holds(&key, token).await, "no lease is given");
        }
        self.put(&key, b"short").await;
        assert_eq!(ask(ONE, &tags).await.1, value(Bytes::from_static(b"short")), "without a mark");
        let keys = [key.as_str()];
        backend.remove(&keys, None).await.expect("remove");
        assert_eq!(ask(ONE, &tags).await, (known().await, LEAD), "the value was removed");
    }

    pub(crate) async fn acquire_ends_leases_of_older_generations(&self) {
        let key = self.key("outdated");
        let ask = |token, generation| {
            let (seen, steal) = (None, false);
            self.ask(
                LeaseRequest::new(&key, token, LONG).seen(seen).generation(generation).steal(steal),
            )
        };
        assert_eq!(ask(ONE, 99).await, LEAD);
        let same = ask(OTHER, 99).await;
        assert!(matches!(same, LeaseOutcome::Wait(_)), "a request of the same generation waits");
        let older = ask(OTHER, 7).await;
        assert!(matches!(older, LeaseOutcome::Wait(_)), "an older generation waits: {older:?}");
        assert!(self.holds(&key, ONE).await);
        let same = ask(OTHER, 99).await;
        assert!(matches!(same, LeaseOutcome::Wait(_)), "a renewal leaves the generation: {same:?}");
        assert_eq!(ask(ONE, 100).await, LEAD, "the holder renews under a newer generation");
        let same = ask(OTHER, 100).await;
        assert!(
            matches!(same, LeaseOutcome::Wait(_)),
            "its lease has the newer generation: {same:?}"
        );
        assert_eq!(ask(OTHER, 101).await, LEAD, "a request of a newer generation does not wait");
        self.refuses(&key, ONE, "a value that was loaded under an older generation").await;
        assert_eq!(ask(ONE, u64::MAX).await, LEAD, "every generation number counts");
        let below = ask(OTHER, u64::MAX - 1).await;
        assert!(
            matches!(below, LeaseOutcome::Wait(_)),
            "generations are compared exactly: {below:?}"
        );
    }

    pub(crate) async fn lease_takes_any_key_and_time(&self) {
        let key = self.key("odd \u{1F980} * ? [x] \\ {y} \"z\" } {");
        let ask = |ttl| LeaseRequest::new(&key, 1, ttl);
        assert_eq!(self.ask(ask(Duration::MAX)).await, LEAD, "an immense ttl");
        assert!(self.leases.renew(&key, 1, Duration::MAX).await.expect("renew"));
        let other = self.acquire(&key, 2).await;
        assert!(matches!(other, LeaseOutcome::Wait(_)), "an immense ttl is no error: {other:?}");
        assert!(self.commit(&key, 1, b"odd").await, "keys are opaque");
        assert_eq!(self.remove(&[&key], None).await, 1);
        assert_eq!(self.ask(ask(Duration::from_nanos(1))).await, LEAD, "a minute ttl");
        tokio::time::sleep(LONGER_THAN_SHORT).await;
        self.takes_over(&key, 2, 1).await;
        self.refuses(&key, 1, "after a minute ttl").await;
        let renewed = self.leases.renew(&key, 2, Duration::from_nanos(1)).await.expect("renew");
        assert!(renewed, "a minute ttl");
        tokio::time::sleep(LONGER_THAN_SHORT).await;
        self.takes_over(&key, 1, 2).await;
        self.refuses(&key, 2, "after a minute renewal").await;
    }
}
