//! Tests of the checker: handwritten histories that break one promise each, next to similar ones that just keep it.

use super::checker::{Terms, check};
use super::history::{Answer, Event, How, Key, Node, Outcome, Record, What};
use super::weather::{BUS_DELAY, BUS_NOTICE, HANG, LEASE};

const LIFE: u64 = 100_000;

/// A history under construction; every event takes a millisecond.
#[derive(Default)]
struct Tale {
    records: Vec<Record>,
    now: u64,
    next: u64,
}

impl Tale {
    /// Two nodes whose bus links are up.
    fn new() -> Self {
        let told = |tale: Self, node| tale.then(Event::BusFoundTold { node });
        told(told(Self { next: 1, ..Self::default() }, 0), 1)
    }

    fn then(mut self, event: Event) -> Self {
        self.now += 1;
        self.records.push(Record { at: self.now, event });
        self
    }

    fn after(mut self, millis: u64) -> Self {
        self.now += millis;
        self
    }

    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn read_as(mut self, how: How, node: Node, key: Key, outcome: Outcome) -> Self {
        let read = self.id();
        self.then(Event::ReadStarted { read, node, key, how })
            .then(Event::ReadEnded { read, outcome })
    }

    /// A read that returns the value of a load.
    fn read(self, node: Node, key: Key, value: u64) -> Self {
        self.read_as(How::Load, node, key, Outcome::Value(value, key))
    }

    fn began(mut self, node: Node, key: Key, load: u64) -> Self {
        let read = self.id();
        self.then(Event::ReadStarted { read, node, key, how: How::Load })
            .then(Event::LoadBegan { load, read, node, key, version: 0 })
            .then(Event::ReadEnded { read, outcome: Outcome::Cancelled })
    }

    fn ended(self, load: u64) -> Self {
        self.then(Event::LoadEnded { load, outcome: Outcome::Ok })
    }

    fn load(self, node: Node, key: Key, load: u64) -> Self {
        self.began(node, key, load).ended(load)
    }

    fn evict(mut self, node: Node, what: What, outcome: Outcome) -> Self {
        let evict = self.id();
        self.then(Event::EvictStarted { evict, node, what })
            .then(Event::EvictEnded { evict, outcome })
    }

    fn operation(mut self, node: Node, name: &'static str, stored: Option<u64>) -> Self {
        let operation = self.id();
        self.then(Event::Sent { operation, node, name, value: stored })
            .then(Event::Applied { operation, stored })
            .then(Event::Answered { operation, answer: Answer::Ok })
    }

    fn verdict(&self) -> Option<&'static str> {
        self.verdict_with(true)
    }

    fn verdict_with(&self, fenced: bool) -> Option<&'static str> {
        let (lives, local) = (vec![LIFE; 4], vec![false; 4]);
        let (one_load_per_node, leases_hold, puts_hold) = (true, true, true);
        let terms = Terms { one_load_per_node, leases_hold, fenced, puts_hold, lives, local };
        check(&self.records, &terms).err().map(|violation| violation.promise)
    }

    #[track_caller]
    fn keeps(self) {
        assert_eq!(self.verdict(), None);
    }

    #[track_caller]
    fn breaks(self, promise: &'static str) {
        assert_eq!(self.verdict(), Some(promise));
    }
}

#[test]
fn a_value_of_another_key_breaks_p1() {
    Tale::new().load(0, 1, 100).read(0, 1, 100).keeps();
    let other = Outcome::Value(100, 1);
    Tale::new().load(0, 1, 100).read_as(How::Peek, 0, 2, other).breaks("P1");
    Tale::new().read(0, 1, 100).breaks("P1");
}

#[test]
fn an_old_value_after_an_eviction_breaks_p2() {
    for outcome in [Outcome::Ok, Outcome::Failed, Outcome::Cancelled] {
        for what in [What::Key(1), What::Tag("red"), What::Pattern, What::Clear] {
            Tale::new().load(0, 1, 100).evict(0, what, outcome).read(0, 1, 100).breaks("P2");
        }
    }
    Tale::new().load(0, 1, 100).evict(0, What::Key(2), Outcome::Ok).read(0, 1, 100).keeps();
    Tale::new().load(0, 0, 100).evict(0, What::Tag("red"), Outcome::Ok).read(0, 0, 100).keeps();
    Tale::new().evict(0, What::Key(1), Outcome::Ok).load(0, 1, 100).read(0, 1, 100).keeps();
}

#[test]
fn concurrent_operations_may_take_effect_in_either_order() {
    // The read begins before the eviction ends.
    let evict = Event::EvictStarted { evict: 50, node: 0, what: What::Key(1) };
    Tale::new()
        .load(0, 1, 100)
        .then(evict.clone())
        .then(Event::ReadStarted { read: 51, node: 0, key: 1, how: How::Load })
        .then(Event::EvictEnded { evict: 50, outcome: Outcome::Ok })
        .then(Event::ReadEnded { read: 51, outcome: Outcome::Value(100, 1) })
        .keeps();
    // The load begins after the eviction has begun.
    Tale::new()
        .then(evict)
        .load(0, 1, 100)
        .then(Event::EvictEnded { evict: 50, outcome: Outcome::Ok })
        .read(0, 1, 100)
        .keeps();
}

#[test]
fn an_old_value_after_a_put_breaks_p2() {
    let put = What::Put(1, 200);
    Tale::new().load(0, 1, 100).evict(0, put, Outcome::Ok).read(0, 1, 200).keeps();
    Tale::new().load(0, 1, 100).evict(0, put, Outcome::Ok).read(0, 1, 100).breaks("P2");
    let removed = Tale::new().evict(0, put, Outcome::Ok).evict(0, What::Key(1), Outcome::Ok);
    removed.read(0, 1, 200).breaks("P2");
    // A dropped put may continue for a while.
    let dropped = || Tale::new().load(0, 1, 100).evict(0, put, Outcome::Cancelled);
    dropped().read(0, 1, 100).keeps();
    dropped().after(60_000).read(0, 1, 100).breaks("P2");
}

#[test]
fn a_lost_put_is_detected() {
    let put = || Tale::new().evict(0, What::Put(1, 200), Outcome::Ok);
    let missed = |tale: Tale| tale.read_as(How::Peek, 0, 1, Outcome::Nothing);
    missed(put()).breaks("kept");
    missed(put().evict(1, What::Key(1), Outcome::Ok)).keeps();
    missed(put().after(LIFE)).keeps();
    let earlier = Tale::new().evict(1, What::Key(1), Outcome::Ok);
    missed(earlier.evict(0, What::Put(1, 200), Outcome::Ok)).breaks("kept");
}

/// The store reports a value's age when it answers, and the read takes it for the age before its request.
#[test]
fn a_value_may_expire_earlier_by_the_duration_of_a_read() {
    let missed = |after, under_way| {
        let read = Event::ReadStarted { read: 50, node: 0, key: 1, how: How::Peek };
        let nothing = Event::ReadEnded { read: 50, outcome: Outcome::Nothing };
        let put = Tale::new().evict(0, What::Put(1, 200), Outcome::Ok);
        put.after(after).then(read).after(under_way).then(nothing)
    };
    missed(100, 70).keeps();
    missed(100, 50).breaks("kept");
    missed(200, 0).breaks("kept");
}

#[test]
fn an_old_value_on_another_node_breaks_p3() {
    let evicted = || Tale::new().load(1, 1, 100).evict(0, What::Key(1), Outcome::Ok);
    evicted().read(1, 1, 100).keeps();
    evicted().after(BUS_DELAY).read(1, 1, 100).breaks("P3");
}

#[test]
fn a_lost_link_delays_p3_and_no_more() {
    let lost = || {
        let tale = Tale::new().load(1, 1, 100).then(Event::BusLost { node: 1 });
        tale.evict(0, What::Key(1), Outcome::Ok)
    };
    lost().after(BUS_DELAY).read(1, 1, 100).keeps();
    lost().after(BUS_DELAY + BUS_NOTICE).read(1, 1, 100).breaks("P3");
    // Unless the remote tier is unreachable.
    let failed = |tale: Tale| {
        tale.then(Event::Sent { operation: 60, node: 1, name: "get", value: None })
            .then(Event::Answered { operation: 60, answer: Answer::Failed })
    };
    failed(lost().after(BUS_DELAY + BUS_NOTICE)).read(1, 1, 100).keeps();
}

/// If no call has used the tier since it failed, memory may serve for as long as a load and a pause of the breaker
/// take.
#[test]
fn a_tier_that_failed_its_last_request_delays_p3_and_no_more() {
    let later = |answer, after| {
        Tale::new()
            .load(1, 1, 100)
            .then(Event::BusLost { node: 1 })
            .evict(0, What::Key(1), Outcome::Ok)
            .then(Event::Sent { operation: 60, node: 1, name: "get", value: None })
            .then(Event::Answered { operation: 60, answer: Answer::Failed })
            .then(Event::Sent { operation: 61, node: 1, name: "get", value: None })
            .then(Event::Answered { operation: 61, answer })
            .after(after)
            .read(1, 1, 100)
    };
    later(Answer::Failed, LEASE + 1_500).keeps();
    later(Answer::Failed, 2 * LEASE).breaks("P3");
    later(Answer::Ok, LEASE + 1_500).breaks("P3");
}

/// The cache may learn that its link is up when the link is already lost again.
#[test]
fn a_link_that_was_reported_up_may_be_lost() {
    let told_late = |found_again: bool| {
        let tale = Tale::new().load(1, 1, 100).then(Event::BusLost { node: 1 });
        let tale = if found_again { tale.then(Event::BusFound { node: 1 }) } else { tale };
        let tale = tale.then(Event::BusFoundTold { node: 1 }).after(BUS_DELAY);
        tale.evict(0, What::Key(1), Outcome::Ok).after(BUS_DELAY).read(1, 1, 100)
    };
    told_late(false).keeps();
    told_late(true).breaks("P3");
}

#[test]
fn a_paused_node_learns_of_an_eviction_when_it_continues() {
    let paused = |then: u64| {
        Tale::new()
            .load(1, 1, 100)
            .then(Event::Paused { node: 1 })
            .evict(0, What::Key(1), Outcome::Ok)
            .after(1_000)
            .then(Event::Resumed { node: 1 })
            .after(then)
            .read(1, 1, 100)
    };
    paused(0).keeps();
    paused(BUS_DELAY + BUS_NOTICE).breaks("P3");
}

#[test]
fn a_late_store_breaks_p3() {
    let stored = |what| {
        let tale = Tale::new().load(1, 1, 100).evict(0, what, Outcome::Ok);
        tale.operation(1, "commit", Some(100))
    };
    stored(What::Key(1)).breaks("P3");
    stored(What::Pattern).breaks("P3");
    stored(What::Key(2)).keeps();
    // A value stored under the old generation is never read.
    stored(What::Tag("red")).keeps();
}

/// A pending `clear` covers later failed evictions of the same node: a value stored under the old generation is never
/// read.
#[test]
fn a_pending_clear_covers_evictions_that_fail_after_it() {
    let stored = |cleared, settled: bool, evicted| {
        let (cleared, failed) =
            (Tale::new().evict(cleared, What::Clear, Outcome::Failed), What::Pattern);
        let used = if settled { cleared.operation(0, "get", None) } else { cleared };
        let tale = used.load(1, 1, 100).evict(0, failed, evicted).operation(0, "get", None);
        tale.after(BUS_DELAY).operation(1, "commit", Some(100))
    };
    stored(0, false, Outcome::Failed).keeps();
    stored(0, false, Outcome::Cancelled).keeps();
    stored(0, false, Outcome::Failed).read(1, 1, 100).breaks("P7");
    // A `clear` of another node, a `clear` that was carried out, and an eviction that succeeded.
    stored(1, false, Outcome::Failed).breaks("P3");
    stored(0, true, Outcome::Failed).breaks("P3");
    stored(0, false, Outcome::Ok).breaks("P3");
}

/// Without leases, the store does not reject writes under way that the put gave way to.
#[test]
fn a_put_that_gave_way_keeps_p2_only_with_leases() {
    let old = |overlap: bool| {
        let (mut tale, key) = (Tale::new().load(0, 1, 100), What::Key(1));
        let other = tale.id();
        let tale = tale.then(Event::EvictStarted { evict: other, node: 0, what: key });
        let over = Event::EvictEnded { evict: other, outcome: Outcome::Ok };
        let tale = if overlap { tale } else { tale.then(over) };
        tale.evict(0, What::Put(1, 200), Outcome::Ok).read(0, 1, 100)
    };
    assert_eq!(old(true).verdict_with(true), Some("P2"));
    // (The other eviction never ends.)
    assert_eq!(old(true).verdict_with(false), Some("P5"));
    assert_eq!(old(false).verdict_with(false), Some("P2"));
    let stored = Tale::new().load(0, 1, 100).evict(0, What::Key(1), Outcome::Ok);
    let stored = stored.operation(0, "set", Some(100));
    assert_eq!(stored.verdict_with(true), Some("P3"));
    assert_eq!(stored.verdict_with(false), None);
}

#[test]
fn two_loads_at_a_time_break_p4() {
    let both = |node| Tale::new().began(0, 1, 100).began(node, 1, 101).ended(100).ended(101);
    both(0).breaks("P4");
    both(1).breaks("P4");
    Tale::new().load(0, 1, 100).load(0, 1, 101).keeps();
    Tale::new().began(0, 1, 100).after(LEASE).began(0, 1, 101).ended(100).ended(101).keeps();
    let evicted = Tale::new().began(0, 1, 100).evict(0, What::Key(1), Outcome::Ok);
    evicted.began(0, 1, 101).ended(100).ended(101).keeps();
    // The removal of a write whose outcome is unknown is an eviction that nobody requests.
    let removed = |key| Tale::new().began(0, 1, 100).then(Event::Removed { key });
    removed(1).began(0, 1, 101).ended(100).ended(101).keeps();
    removed(2).began(0, 1, 101).ended(100).ended(101).breaks("P4");
}

/// Of two reads, the one that began before the link returned may be the second to load.
#[test]
fn a_flight_from_before_the_link_came_back_is_not_joined() {
    let asked = |lost: bool, found_after_first: bool| {
        let started = |read| Event::ReadStarted { read, node: 0, key: 1, how: How::Load };
        let began = |load, read| Event::LoadBegan { load, read, node: 0, key: 1, version: 0 };
        let found = Event::BusFoundTold { node: 0 };
        let back = Event::BusFound { node: 0 };
        let tale = Tale::new();
        let tale = if lost { tale.then(Event::BusLost { node: 0 }).then(back) } else { tale };
        let tale = if found_after_first { tale } else { tale.then(found.clone()) };
        let tale = tale.then(started(50));
        let tale = if found_after_first { tale.then(found) } else { tale };
        let tale = tale.then(started(51)).then(began(101, 51)).then(began(100, 50));
        let ended = |read, value| Event::ReadEnded { read, outcome: Outcome::Value(value, 1) };
        tale.ended(101).ended(100).then(ended(51, 101)).then(ended(50, 100))
    };
    asked(true, true).keeps();
    asked(true, false).breaks("P4");
    asked(false, false).breaks("P4");
}

#[test]
fn a_call_without_an_answer_breaks_p5() {
    let started = |node| Event::ReadStarted { read: 50, node, key: 1, how: How::Load };
    Tale::new().then(started(0)).breaks("P5");
    Tale::new().then(started(0)).then(Event::Killed { node: 0 }).keeps();
    let answered = |after| {
        let ended = Event::ReadEnded { read: 50, outcome: Outcome::Nothing };
        Tale::new().then(started(0)).after(after).then(ended)
    };
    answered(LEASE).keeps();
    answered(HANG).breaks("P5");
    Tale::new().then(Event::EvictStarted { evict: 50, node: 0, what: What::Clear }).breaks("P5");
}

#[test]
fn a_load_left_under_way_breaks_p5() {
    Tale::new().then(Event::Rest { node: 0, in_flight: 0 }).keeps();
    Tale::new().then(Event::Rest { node: 0, in_flight: 1 }).breaks("P5");
}

#[test]
fn a_lost_eviction_breaks_p7() {
    let failed = |outcome| Tale::new().load(1, 1, 100).evict(0, What::Key(1), outcome);
    for outcome in [Outcome::Failed, Outcome::Cancelled] {
        failed(outcome).after(BUS_DELAY).read(1, 1, 100).keeps();
        let used = failed(outcome).operation(0, "get", None);
        used.after(BUS_DELAY).read(1, 1, 100).breaks("P7");
        // Requests of another node, and of the eviction itself, do not count as a use of the tier.
        failed(outcome).operation(1, "get", None).after(BUS_DELAY).read(1, 1, 100).keeps();
        failed(outcome).operation(0, "remove", None).after(BUS_DELAY).read(1, 1, 100).keeps();
    }
}

/// A put may wait for its turn while an eviction fails. Its write afterwards is not a use of the tier that must wait
/// for the eviction.
#[test]
fn the_write_of_a_put_from_before_a_failed_eviction_is_no_use_of_the_tier() {
    let written = |put_first: bool| {
        let evict = Event::EvictStarted { evict: 50, node: 0, what: What::Key(1) };
        let failed = Event::EvictEnded { evict: 50, outcome: Outcome::Failed };
        let put = Event::EvictStarted { evict: 51, node: 0, what: What::Put(2, 200) };
        let tale = Tale::new().load(1, 1, 100).then(evict);
        let tale =
            if put_first { tale.then(put).then(failed) } else { tale.then(failed).then(put) };
        let tale = tale.operation(0, "set", Some(200));
        tale.then(Event::EvictEnded { evict: 51, outcome: Outcome::Ok })
    };
    written(true).after(BUS_DELAY).read(1, 1, 100).keeps();
    written(true).operation(0, "get", None).after(BUS_DELAY).read(1, 1, 100).breaks("P7");
    written(false).after(BUS_DELAY).read(1, 1, 100).breaks("P7");
}

/// A read that finds no value requests the lease at once. If an eviction fails meanwhile, that is not a use of the tier that must wait
/// for the eviction.
#[test]
fn the_lease_for_a_read_from_before_a_failed_eviction_is_no_use_of_the_tier() {
    let leased = |read_first: bool, pause: u64| {
        let sent = Event::Sent { operation: 60, node: 0, name: "get", value: None };
        let found = Event::Answered { operation: 60, answer: Answer::Ok };
        let evict = Event::EvictStarted { evict: 50, node: 0, what: What::Key(1) };
        let failed = Event::EvictEnded { evict: 50, outcome: Outcome::Failed };
        let tale = Tale::new().load(1, 1, 100).then(evict);
        let tale =
            if read_first { tale.then(sent).then(failed) } else { tale.then(failed).then(sent) };
        tale.then(found).after(pause).operation(0, "acquire", None).after(BUS_DELAY)
    };
    leased(true, 0).read(1, 1, 100).keeps();
    leased(true, 0).operation(0, "get", None).after(BUS_DELAY).read(1, 1, 100).breaks("P7");
    leased(true, 10).read(1, 1, 100).breaks("P7");
    leased(false, 0).read(1, 1, 100).breaks("P7");
}

#[test]
fn a_refresh_that_returns_an_older_value_is_detected() {
    let old = Outcome::Value(100, 1);
    Tale::new().load(0, 1, 100).read_as(How::Refresh, 0, 1, old).breaks("refresh");
}

#[test]
fn a_value_that_outlives_its_ttl_is_detected() {
    Tale::new().load(0, 1, 100).after(LIFE).read(0, 1, 100).keeps();
    Tale::new().load(0, 1, 100).after(2 * LIFE).read(0, 1, 100).breaks("life");
}

#[test]
fn a_late_value_of_a_hung_leader_breaks_p5() {
    let late = |waited| {
        let tale = Tale::new().began(0, 1, 100).after(waited);
        tale.load(0, 1, 101).ended(100).read(0, 1, 100)
    };
    late(LEASE).breaks("P5");
}

#[test]
fn a_value_older_than_a_refresh_is_detected() {
    let refreshed = |value| {
        let (mut tale, new) = (Tale::new().began(0, 1, 100), Outcome::Value(101, 1));
        let read = tale.id();
        tale.then(Event::ReadStarted { read, node: 0, key: 1, how: How::Refresh })
            .then(Event::LoadBegan { load: 101, read, node: 0, key: 1, version: 0 })
            .ended(101)
            .then(Event::ReadEnded { read, outcome: new })
            .ended(100)
            .read(0, 1, value)
    };
    refreshed(101).keeps();
    refreshed(100).breaks("refresh");
}
