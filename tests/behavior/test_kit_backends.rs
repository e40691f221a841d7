//! Backends that record operations, and that fail on command.

use std::time::Duration;

use larder::testing::{
    Corruption, FaultRates, Faulty, HoldPoint, Kit, Operation, OperationLog, OperationOutcome,
    Recorded, Recording, conformance,
};
use larder::{
    Cache, Error, Policy,
    backend::{
        Backend, BackendErrorKind, Bytes, LeaseCommit, LeaseOutcome, LeaseRequest, MemoryBackend,
        SetEntry,
    },
    cached,
    time::Clock,
};

use crate::origin::{pass, soon, turns};

const SECOND: Duration = Duration::from_secs(1);

#[cached(key = "user:{id}", ttl = "1m")]
async fn user(id: u64) -> u64 {
    id * 100
}

fn cache(backend: impl Backend) -> Cache {
    Cache::builder().remote(backend).build().unwrap()
}

/// A cache without a memory tier over a faulty store.
fn faulty(clock: &Clock) -> (Cache, larder::testing::Faults) {
    let backend = Faulty::with_clock(MemoryBackend::with_clock(clock.clone()), clock.clone());
    let faults = backend.faults();
    let builder = Cache::builder().no_memory().remote(backend).clock(clock.clone());
    (builder.build().unwrap(), faults)
}

async fn get(cache: &Cache) -> Result<Option<u64>, Error> {
    cache.get::<u64>("k").await
}

#[tokio::test]
async fn wrappers_of_a_correct_backend_are_correct() {
    conformance(&Recording::new(MemoryBackend::new())).await;
    conformance(&Faulty::new(MemoryBackend::new())).await;
    conformance(&Faulty::new(MemoryBackend::new()).without_leases()).await;
    conformance(&Recording::new(Faulty::new(Recording::new(MemoryBackend::new())))).await;
}

#[tokio::test]
async fn every_operation_is_recorded_with_its_keys_and_outcome() {
    let backend = Recording::new(MemoryBackend::new());
    let log = backend.log();
    let kit = Kit::builder().caches(move |_, builder| builder.remote(backend.clone())).build();
    kit.run(async { user(7).await }).await;
    kit.settled().await;
    let key = ["larder:user:7"];
    let find = |operation| log.of(operation).into_iter().next_back().unwrap();
    assert_eq!(
        (find(Operation::Acquire).keys, find(Operation::Acquire).outcome),
        (key.map(String::from).into(), OperationOutcome::Lead)
    );
    assert_eq!(find(Operation::Commit).outcome, OperationOutcome::Held(true));
    assert_eq!(log.keys(Operation::Commit), key);
    let order: Vec<_> = log.about("larder:user:7").iter().map(|line| line.operation).collect();
    let expected = [Operation::Get, Operation::Acquire, Operation::Commit];
    assert_eq!(order, expected, "in their order:\n{log}");
    log.take();
    kit.run(async { user(7).evict().await }).await.unwrap();
    let removed = log.of(Operation::Remove);
    assert!(
        matches!(&removed[..], [Recorded { outcome: OperationOutcome::Numbers(n), .. }] if n == &[1]),
        "{log}"
    );
    assert_eq!(log.to_string(), "remove [\"larder:user:7\"]: Numbers([1])\n");
    assert_eq!((log.count(Operation::Remove), log.all().len()), (1, 1));
}

#[tokio::test]
async fn failed_and_dropped_operations_are_recorded() {
    let broken = Faulty::new(MemoryBackend::new());
    let faults = broken.faults();
    let backend = Recording::new(broken);
    let log: OperationLog = backend.log();
    faults.fail_next(Operation::Ping, 1);
    faults.fail_as(BackendErrorKind::Refused);
    assert!(backend.ping().await.is_err());
    assert_eq!(log.take()[0].outcome, OperationOutcome::Failed(BackendErrorKind::Refused));
    let gate = faults.hold(HoldPoint::After(Operation::Bump));
    let hangs = tokio::spawn({
        let backend = backend.clone();
        async move { backend.bump("k").await }
    });
    gate.arrived().await;
    assert_eq!(log.all()[0].outcome, OperationOutcome::Running);
    hangs.abort();
    assert!(soon(hangs).await.is_err());
    assert_eq!(log.all()[0].outcome, OperationOutcome::Dropped);
}

/// An operation on many leases is one line, and each of its items fails by itself.
#[tokio::test]
async fn an_operation_on_many_leases_is_one_request_with_faults_for_each_item() {
    let broken = Faulty::new(MemoryBackend::new());
    let faults = broken.faults();
    let backend = Recording::new(broken);
    let (leases, log) = (backend.leases().unwrap(), backend.log());
    let request = |key, token| LeaseRequest::new(key, token, SECOND);
    faults.fail_every(Operation::Acquire, 2);
    leases.acquire_each(&[request("a", 1), request("b", 1), request("a", 2)]).await;
    let outcome = [
        OperationOutcome::Lead,
        OperationOutcome::Failed(BackendErrorKind::Unreachable),
        OperationOutcome::Wait,
    ];
    assert_eq!(log.take()[0].outcome, OperationOutcome::Each(outcome.into()));
    assert_eq!(faults.calls(Operation::Acquire), 3);
    faults.heal();
    // Without effect: no one has it.
    leases.acquire_each(&[request("b", 2)]).await;
    assert_eq!(log.take()[0].outcome, OperationOutcome::Each([OperationOutcome::Lead].into()));
    let entry = |key: &str| SetEntry::new(key, Bytes::from("v"));
    let entries = [entry("a"), entry("b")];
    let commit = |entry| LeaseCommit::new(1, entry);
    leases.commit_each(&[commit(&entries[0]), commit(&entries[1])]).await;
    let expected = OperationOutcome::Each(
        [OperationOutcome::Held(true), OperationOutcome::Held(false)].into(),
    );
    assert_eq!(
        (log.keys(Operation::Commit), &log.all()[0].outcome),
        (vec!["a".into(), "b".into()], &expected)
    );
    faults.damage(Corruption::Emptied);
    let damaged = leases.acquire_each(&[request("a", 3)]).await.remove(0).unwrap();
    assert!(matches!(damaged, LeaseOutcome::Value(read) if read.value.is_empty()));
}

#[tokio::test]
async fn down_and_up_again() {
    let (cache, faults) = faulty(&Clock::manual());
    cache.insert("k", 1u64).await.unwrap();
    faults.set_down(true);
    let error = get(&cache).await.unwrap_err().to_string();
    assert!(error.contains("the backend is down, as its test says"), "{error}");
    faults.set_down(false);
    assert_eq!(cache.ping().await.ok(), Some(()));
}

#[tokio::test]
async fn lost_answers_took_effect() {
    let backend = Faulty::new(MemoryBackend::new());
    let faults = backend.faults();
    let (old, new) = (backend.bump("k").await.unwrap(), {
        faults.lose_answers(true);
        let lost = backend.bump("k").await.unwrap_err();
        assert_eq!(lost.kind(), BackendErrorKind::Unreachable);
        faults.lose_answers(false);
        backend.generations(&["k"], std::time::Duration::from_secs(60)).await.unwrap()[0]
    });
    assert!(new > old, "the increment took effect");
}

#[tokio::test]
async fn the_next_ones_and_every_nth_fail() {
    let backend = Faulty::new(MemoryBackend::new());
    let faults = backend.faults();
    faults.fail_next(Operation::Bump, 2);
    let mut failed = Vec::new();
    for _ in 0..4 {
        assert!(backend.ping().await.is_ok(), "another operation does not fail");
        failed.push(backend.bump("k").await.is_err());
    }
    assert_eq!(failed, [true, true, false, false]);
    faults.fail_every(Operation::Bump, 3);
    failed.clear();
    for _ in 0..6 {
        failed.push(backend.bump("k").await.is_err());
    }
    assert_eq!(failed, [false, true, false, false, true, false], "counted since it was made");
    assert_eq!(faults.calls(Operation::Bump), 10);
    faults.fail_every(Operation::Bump, 0);
    faults.fail_next(None, 1);
    assert!(backend.ping().await.is_err(), "whichever comes next");
    assert!(backend.bump("k").await.is_ok());
}

#[tokio::test]
async fn slowness_goes_by_the_clock() {
    let clock = Clock::manual();
    let backend = Faulty::with_clock(MemoryBackend::new(), clock.clone());
    backend.faults().slow(SECOND * 3);
    let slow = tokio::spawn({
        let backend = backend.clone();
        async move { backend.ping().await }
    });
    pass(&clock, SECOND * 2).await;
    assert!(!slow.is_finished());
    pass(&clock, SECOND * 2).await;
    assert!(soon(slow).await.unwrap().is_ok());
}

#[tokio::test]
async fn damaged_values_are_counted_misses() {
    for damage in [Corruption::Flipped, Corruption::Truncated, Corruption::Emptied] {
        let (cache, faults) = faulty(&Clock::manual());
        cache.insert("k", 1u64).await.unwrap();
        faults.damage(damage);
        assert_eq!(get(&cache).await.unwrap(), None, "{damage:?}");
        assert_eq!(cache.stats().foreign, 1, "{damage:?}");
        faults.damage(None);
        assert_eq!(get(&cache).await.unwrap(), Some(1), "the stored bytes are undamaged");
    }
}

/// Two processes; the link of the second one is faulty.
async fn two() -> (Cache, Cache, larder::testing::Faults) {
    let store = MemoryBackend::new();
    let far = Faulty::new(store.clone());
    let faults = far.faults();
    let (one, two) = (cache(store), cache(far));
    one.insert("k", 1u64).await.unwrap();
    assert_eq!(get(&two).await.unwrap(), Some(1));
    (one, two, faults)
}

#[tokio::test]
async fn dropped_messages_are_missed_in_silence() {
    let (one, two, faults) = two().await;
    faults.drop_messages(true);
    one.remove("k").await.unwrap();
    assert!(two.is_linked());
    assert_eq!(get(&two).await.unwrap(), Some(1), "the message was dropped");
    faults.drop_messages(false);
    one.remove("k").await.unwrap();
    assert_eq!(get(&two).await.unwrap(), None);
}

#[tokio::test]
async fn a_cut_link_is_noticed() {
    let (one, two, faults) = two().await;
    faults.set_linked(false);
    assert!(!two.is_linked());
    one.remove("k").await.unwrap();
    assert_eq!(get(&two).await.unwrap(), None, "memory is not trusted without the link");
    faults.set_linked(true);
    assert!(two.is_linked());
}

#[tokio::test]
async fn an_outage_cuts_store_and_bus_and_one_call_heals_it() {
    let (one, two, faults) = two().await;
    faults.outage(true);
    faults.slow(SECOND * 100);
    assert!(!two.is_linked());
    faults.slow(Duration::ZERO);
    assert!(two.ping().await.is_err());
    faults.heal();
    assert!(two.is_linked() && two.ping().await.is_ok());
    one.remove("k").await.unwrap();
    assert_eq!(get(&two).await.unwrap(), None, "and messages arrive again");
}

#[tokio::test]
async fn gates_hold_before_and_after_the_store() {
    for (at, stored) in
        [(HoldPoint::Before(Operation::Bump), false), (HoldPoint::After(Operation::Bump), true)]
    {
        let store = MemoryBackend::new();
        let backend = Faulty::new(store.clone());
        let gate = backend.faults().hold(at);
        let old = store.generations(&["k"], std::time::Duration::from_secs(60)).await.unwrap();
        let held = tokio::spawn({
            let backend = backend.clone();
            async move { backend.bump("k").await }
        });
        soon(gate.arrived()).await;
        turns().await;
        assert!(!held.is_finished());
        assert_eq!(
            store.generations(&["k"], std::time::Duration::from_secs(60)).await.unwrap() != old,
            stored,
            "{at:?}"
        );
        gate.open();
        assert!(soon(held).await.unwrap().is_ok());
        assert!(backend.bump("k").await.is_ok(), "later operations pass");
    }
}

/// The outcomes of some operations with a seed.
async fn history(seed: u64, weather: FaultRates) -> Vec<bool> {
    let backend = Faulty::with_clock(MemoryBackend::new(), Clock::coarse());
    backend.faults().chaos(seed, weather);
    let mut fates = Vec::new();
    for turn in 0..200u64 {
        fates.push(backend.bump("k").await.is_ok());
        if turn % 3 == seed % 3 {
            // Other operations in between change nothing.
            let _ = backend.ping().await;
        }
    }
    fates
}

#[tokio::test]
async fn chaos_is_the_same_for_the_same_seed() {
    let weather = FaultRates { down: 0.2, lost: 0.1, ..FaultRates::default() };
    let one = history(1, weather).await;
    assert_eq!(one, history(1, weather).await);
    assert_ne!(one, history(2, weather).await);
    let failed = one.iter().filter(|ok| !**ok).count();
    assert!((30..90).contains(&failed), "about 28 in a hundred fail: {failed} of 200");
    assert!(history(1, FaultRates::default()).await.into_iter().all(|ok| ok));
    let storm = FaultRates { down: 1.0, ..FaultRates::default() };
    assert!(history(1, storm).await.into_iter().all(|ok| !ok));
}

/// With any faults: no call fails, and no value is older than the last eviction of its key that returned.
#[tokio::test]
async fn functions_answer_in_any_weather() {
    for seed in 0..20 {
        let clock = Clock::manual();
        let backend = Faulty::with_clock(MemoryBackend::with_clock(clock.clone()), clock.clone());
        backend.faults().chaos(
            seed,
            FaultRates { down: 0.1, lost: 0.1, damaged: 0.1, ..FaultRates::default() },
        );
        let cache = Cache::builder().remote(backend).clock(clock.clone()).build().unwrap();
        const MINUTE: Policy = Policy::new().ttl(Duration::from_secs(60));
        for version in 0..100u64 {
            let load = async || Ok::<_, ()>(version);
            let found = cache.entry("k").policy(MINUTE).or_load(load).await.unwrap();
            assert_eq!(found, version, "seed {seed}");
            let _ = cache.remove("k").await;
            clock.advance(Duration::from_millis(100));
        }
    }
}
