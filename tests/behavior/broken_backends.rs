//! The conformance suite detects what it tests: for each rule there is a backend that breaks it, and little else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use larder::testing::{RuleSet, rules};
use larder::{
    Pattern,
    backend::{
        Backend, BackendError, BackendErrorKind, BackendResult, BoxFuture, Bytes, LeaseCommit,
        LeaseOutcome, LeaseRequest, Leases, MemoryBackend, Message, MessageHandler, ReadRequest,
        RevokePage, ScanPage, SetEntry, StoredValue, Subscription, VERSION_LEN,
    },
};
use tokio::task::yield_now;

/// A defect of a backend.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Defect {
    None,
    Nameless,
    PingFails,
    IgnoresSets,
    LeavesAbsentOut,
    AnswersEachInReverse,
    ReadsGenerationsInReverse,
    StoresEachButTheLast,
    FoldsCase,
    CutsAtZero,
    StoresTheFirst500,
    RemembersReads,
    KeepsTheFirstTtl,
    IgnoresTtl,
    TellsTheTtlFromReading,
    CutsLongValuesToTheReaders,
    BelowAMillisecondIsForever,
    ReplacesWhatever,
    ReplacesForEver,
    ReplacesBesideTheLease,
    CountsWhatWasAsked,
    RemovesLater,
    StaysBusyWhenDropped,
    MintsEachTime,
    SetsTheTimeOfGenerations,
    BringsGenerationsBack,
    HasOneGeneration,
    CountsFromOne,
    BumpsNothing,
    BumpsInASeries,
    BumpsInTwoSteps,
    ScansOnePage,
    ScansLoosely,
    SwapsMessages,
    HasOneChannel,
    TellsTheFirstListener,
    TellsBeforeItStores,
    TellsOfRefusedReplacements,
    TellsIfSomethingWasThere,
    NeverUnsubscribes,
    EverybodyLeads,
    LooksAndThenLeads,
    IgnoresSeen,
    LeadsOverShortValues,
    HasLeasesAsValues,
    NeverSteals,
    IgnoresGenerations,
    AcquiresWithoutGenerations,
    RenewsForAll,
    AbortsForAll,
    CommitsForAll,
    CommitsForEver,
    HasLeasesElsewhere,
    RevokesNothing,
    TellsOfRefusedCommits,
    RefusesLongTimes,
    LeasesNeverEnd,
    LeasesEndByThemselves,
    LateLeasesAreNotAborted,
    CountsNoTakeovers,
    ForgetsNoTakeovers,
    AcquiresEachInReverse,
    AcquiresTheLastOfDuplicates,
    CommitsAllOrNone,
    TellsOfAllCommits,
    RenewsAllOrNone,
    AcquiresTheFirst500,
}

use Defect as D;

/// Each rule, and a defect that breaks it.
const BROKEN: &[(&str, Defect)] = &[
    ("has_a_name", D::Nameless),
    ("answers_a_ping", D::PingFails),
    ("reads_what_was_set", D::IgnoresSets),
    ("answers_as_many_as_were_asked", D::LeavesAbsentOut),
    ("answers_each_key_by_itself", D::AnswersEachInReverse),
    ("reads_values_with_generations", D::ReadsGenerationsInReverse),
    ("stores_each_entry_by_itself", D::StoresEachButTheLast),
    ("takes_opaque_keys", D::FoldsCase),
    ("takes_any_value", D::CutsAtZero),
    ("takes_many_entries_at_once", D::StoresTheFirst500),
    ("reads_the_last_set", D::RemembersReads),
    ("set_replaces_value_and_ttl", D::KeepsTheFirstTtl),
    ("entries_expire", D::IgnoresTtl),
    ("reads_tell_the_time_left", D::TellsTheTtlFromReading),
    ("long_values_are_told_from_whole_ones", D::CutsLongValuesToTheReaders),
    ("takes_any_ttl", D::BelowAMillisecondIsForever),
    ("replaces_what_was_seen", D::ReplacesWhatever),
    ("replaces_with_ttl", D::ReplacesForEver),
    ("removes_and_counts", D::CountsWhatWasAsked),
    ("operations_take_effect_in_order", D::RemovesLater),
    ("survives_cancellation", D::StaysBusyWhenDropped),
    ("generations_stay_until_they_are_bumped", D::MintsEachTime),
    ("generations_are_of_one_key_each", D::HasOneGeneration),
    ("lost_generations_are_not_minted_again", D::CountsFromOne),
    ("prolonged_generations_stay", D::SetsTheTimeOfGenerations),
    ("prolonging_brings_no_generation_back", D::BringsGenerationsBack),
    ("bumps_move_on", D::BumpsNothing),
    ("bumps_begin_series", D::BumpsInASeries),
    ("bumps_are_atomic", D::BumpsInTwoSteps),
    ("scans_every_key", D::ScansOnePage),
    ("scans_patterns_literally", D::ScansLoosely),
    ("notices_arrive_in_order", D::SwapsMessages),
    ("notices_reach_their_channel_only", D::HasOneChannel),
    ("notices_reach_every_listener", D::TellsTheFirstListener),
    ("sets_tell_after_they_stored", D::TellsBeforeItStores),
    ("replacements_tell_if_they_stored", D::TellsOfRefusedReplacements),
    ("removals_tell_also_of_absent_keys", D::TellsIfSomethingWasThere),
    ("dropped_subscriptions_hear_nothing", D::NeverUnsubscribes),
    ("lease_has_one_holder", D::EverybodyLeads),
    ("lease_goes_to_one_of_many", D::LooksAndThenLeads),
    ("acquire_returns_values_not_seen", D::IgnoresSeen),
    ("acquire_returns_values_without_a_mark", D::LeadsOverShortValues),
    ("lease_is_independent_of_the_value", D::HasLeasesAsValues),
    ("acquire_steals", D::NeverSteals),
    ("acquire_ends_leases_of_older_generations", D::IgnoresGenerations),
    ("reads_or_acquires", D::AcquiresWithoutGenerations),
    ("renews_for_the_holder_only", D::RenewsForAll),
    ("aborts_for_the_holder_only", D::AbortsForAll),
    ("commits_for_the_holder_only", D::CommitsForAll),
    ("commits_for_a_time", D::CommitsForEver),
    ("commits_nothing_without_the_lease", D::CommitsForAll),
    ("lease_ends_with_a_set", D::HasLeasesElsewhere),
    ("lease_ends_with_a_replacement", D::ReplacesBesideTheLease),
    ("lease_ends_with_a_removal", D::HasLeasesElsewhere),
    ("revokes_what_matches", D::RevokesNothing),
    ("commit_tells_of_what_was_stored", D::TellsOfRefusedCommits),
    ("lease_takes_any_key_and_time", D::RefusesLongTimes),
    ("late_lease_is_taken", D::LeasesNeverEnd),
    ("late_lease_stays_its_holders_until_it_is_taken", D::LeasesEndByThemselves),
    ("late_lease_ends_as_one_in_time", D::LateLeasesAreNotAborted),
    ("counts_takeovers_for_the_holder", D::CountsNoTakeovers),
    ("forgets_takeovers", D::ForgetsNoTakeovers),
    ("acquires_each_by_itself", D::AcquiresEachInReverse),
    ("acquires_the_first_of_duplicates", D::AcquiresTheLastOfDuplicates),
    ("commits_each_for_its_holder_only", D::CommitsAllOrNone),
    ("commits_tell_of_each_that_was_stored", D::TellsOfAllCommits),
    ("renews_and_aborts_each_by_itself", D::RenewsAllOrNone),
    ("takes_many_leases_at_once", D::AcquiresTheFirst500),
    ("has_no_bus", D::None),
    ("takes_notices_without_a_bus", D::None),
    ("has_no_leases", D::None),
];

/// Checks the rule; the error is the message of the rule.
async fn holds(rule: &str, defect: Defect) -> Result<(), String> {
    let rule = *rules().iter().find(|known| known.name == rule).unwrap();
    let backend = Broken::new(defect);
    let done = tokio::spawn(async move { rule.holds(&backend).await }).await;
    done.map_err(|error| match error.into_panic().downcast::<String>() {
        Ok(text) => *text,
        Err(text) => text.downcast_ref::<&str>().map_or_else(String::new, ToString::to_string),
    })
}

/// Suppresses the output of panics in the rules that this file runs, because fifty are expected.
fn quietly() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let place = info.location().map(|place| place.file()).unwrap_or_default();
            // The runtime of a test is its thread, which has its name.
            let thread = std::thread::current();
            let is_ours = thread.name().is_some_and(|name| name.contains("broken_backends"));
            if !is_ours || !place.contains("conformance") {
                before(info);
            }
        }));
    });
}

#[tokio::test]
async fn each_rule_is_one_that_a_backend_can_break() {
    quietly();
    let all: BTreeSet<_> = rules().iter().map(|rule| rule.name).collect();
    let broken: BTreeSet<_> = BROKEN.iter().map(|(rule, _)| *rule).collect();
    assert_eq!(all, broken, "a new rule needs a defect that breaks it");
    // The rules run concurrently: some wait for ten seconds.
    let tried: Vec<_> = BROKEN
        .iter()
        .map(|(rule, defect)| (rule, defect, tokio::spawn(holds(rule, *defect))))
        .collect();
    for (rule, defect, tried) in tried {
        let found = tried.await.unwrap();
        assert!(found.is_err(), "`{rule}` does not find {defect:?}");
        assert!(!found.unwrap_err().is_empty(), "`{rule}` says what does not hold");
    }
}

/// Without the defect all rules hold, so the rules above detect the defect.
#[tokio::test]
async fn the_same_backend_without_its_defect_keeps_all() {
    quietly();
    for rule in rules() {
        let absent = matches!(rule.set, RuleSet::NoBus | RuleSet::NoLeases);
        assert_eq!(holds(rule.name, D::None).await.is_err(), absent, "{}", rule.name);
    }
}

/// A store in memory with a defect.
#[derive(Clone)]
struct Broken {
    defect: Defect,
    store: MemoryBackend,
    elsewhere: MemoryBackend,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// State of the defects, by key.
    values: Mutex<HashMap<String, Option<StoredValue>>>,
    ttls: Mutex<HashMap<String, Option<Duration>>>,
    numbers: Mutex<BTreeMap<String, u64>>,
    leased: Mutex<HashMap<String, Instant>>,
    busy: AtomicBool,
    heard: AtomicBool,
}

fn refused(operation: &'static str) -> BackendError {
    BackendError::new(BackendErrorKind::Refused, operation, "broken")
}

impl Broken {
    fn new(defect: Defect) -> Self {
        let (store, elsewhere) = (MemoryBackend::new(), MemoryBackend::new());
        Self { defect, store, elsewhere, state: Arc::default() }
    }

    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn key(&self, key: &str) -> String {
        if self.is(D::FoldsCase) { key.to_lowercase() } else { key.to_owned() }
    }

    /// Applies the defect to an entry.
    fn write(&self, write: &SetEntry) -> SetEntry {
        let mut write = write.clone();
        write.key = self.key(&write.key);
        match self.defect {
            D::CutsAtZero => {
                let end = write.value.iter().position(|byte| *byte == 0);
                write.value.truncate(end.unwrap_or(write.value.len()));
            }
            D::IgnoresTtl => write.ttl = None,
            D::BelowAMillisecondIsForever => {
                write.ttl = write.ttl.filter(|ttl| ttl.as_millis() > 0);
            }
            D::KeepsTheFirstTtl => {
                let mut ttls = self.state.ttls.lock().unwrap();
                write.ttl = *ttls.entry(write.key.clone()).or_insert(write.ttl);
            }
            _ => {}
        }
        write
    }

    async fn number(&self, key: &str, by: u64) -> u64 {
        let now = *self.state.numbers.lock().unwrap().get(key).unwrap_or(&1);
        if self.is(D::BumpsInTwoSteps) {
            yield_now().await;
        }
        self.state.numbers.lock().unwrap().insert(key.to_owned(), now + by);
        now + by
    }

    fn counts_by_itself(&self) -> bool {
        matches!(self.defect, D::CountsFromOne | D::BumpsInTwoSteps)
    }

    fn lessor(&self) -> &MemoryBackend {
        if self.is(D::HasLeasesElsewhere) { &self.elsewhere } else { &self.store }
    }

    fn is_late(&self, key: &str) -> bool {
        let until = self.state.leased.lock().unwrap().get(key).copied();
        until.is_some_and(|until| until <= Instant::now())
    }

    fn leased(&self, key: &str, ttl: Duration) {
        let until = Instant::now().checked_add(ttl);
        let until = until.unwrap_or_else(|| Instant::now() + Duration::from_secs(1 << 30));
        self.state.leased.lock().unwrap().insert(key.to_owned(), until);
    }

    async fn acquired(&self, mut request: LeaseRequest<'_>) -> Result<LeaseOutcome, BackendError> {
        match self.defect {
            D::EverybodyLeads => request.steal = true,
            D::NeverSteals => request.steal = false,
            D::IgnoresSeen => request.seen = None,
            D::IgnoresGenerations => request.generation = 0,
            D::LeasesNeverEnd => request.ttl = Duration::MAX,
            D::LeadsOverShortValues => {
                let found = self.store.get_many(&[request.key], usize::MAX).await?;
                request.steal |= found.iter().flatten().any(|read| read.value.len() < VERSION_LEN);
            }
            D::LooksAndThenLeads => {
                let free = !self.state.leased.lock().unwrap().contains_key(request.key);
                yield_now().await;
                request.steal |= free;
            }
            D::RefusesLongTimes if request.ttl > Duration::from_secs(1 << 30) => {
                return Err(refused("acquire"));
            }
            _ => {}
        }
        let mut answer = self.lessor().acquire(request).await?;
        if let LeaseOutcome::Lead { takeovers } = &mut answer {
            self.leased(request.key, request.ttl);
            match self.defect {
                D::CountsNoTakeovers => *takeovers = 0,
                D::ForgetsNoTakeovers => {
                    let mut numbers = self.state.numbers.lock().unwrap();
                    let most = numbers.entry(request.key.to_owned()).or_default();
                    *most = (*most).max(u64::from(*takeovers));
                    *takeovers = u32::try_from(*most).unwrap();
                }
                _ => {}
            }
        }
        Ok(answer)
    }
}

/// Marks the store as busy until the operation ends. If the operation is dropped, the store stays busy.
struct Busy<'a>(&'a Broken);

impl Busy<'_> {
    async fn enter(broken: &Broken) -> Result<Busy<'_>, BackendError> {
        if broken.is(D::StaysBusyWhenDropped) {
            if broken.state.busy.swap(true, Ordering::SeqCst) {
                return Err(refused("enter"));
            }
            yield_now().await;
        }
        Ok(Busy(broken))
    }

    fn leave(self) {
        self.0.state.busy.store(false, Ordering::SeqCst);
    }
}

impl Backend for Broken {
    fn name(&self) -> &str {
        if self.is(D::Nameless) { "" } else { "broken" }
    }

    fn get_many<'a>(
        &'a self,
        keys: &'a [&'a str],
        most: usize,
    ) -> BackendResult<'a, Vec<Option<StoredValue>>> {
        Box::pin(async move {
            let busy = Busy::enter(self).await?;
            let folded: Vec<_> = keys.iter().map(|key| self.key(key)).collect();
            let folded: Vec<_> = folded.iter().map(String::as_str).collect();
            let mut found = self.store.get_many(&folded, most).await?;
            busy.leave();
            match self.defect {
                D::LeavesAbsentOut if found.len() > 1 => found.retain(Option::is_some),
                D::TellsTheTtlFromReading => {
                    let left = Some(Duration::from_secs(60));
                    found.iter_mut().flatten().for_each(|read| read.left = left);
                }
                D::CutsLongValuesToTheReaders => {
                    found.iter_mut().flatten().for_each(|read| read.value.truncate(most));
                }
                D::RemembersReads => {
                    let mut values = self.state.values.lock().unwrap();
                    for (key, found) in keys.iter().zip(&mut found) {
                        *found = values.entry((*key).to_owned()).or_insert(found.take()).clone();
                    }
                }
                D::HasLeasesAsValues => {
                    let leased = self.state.leased.lock().unwrap();
                    for (key, found) in keys.iter().zip(&mut found) {
                        let lease = leased.contains_key(*key);
                        let lease = lease.then(|| StoredValue::new(Bytes::new(), None));
                        *found = found.take().or(lease);
                    }
                }
                _ => {}
            }
            Ok(found)
        })
    }

    fn get_each<'a>(
        &'a self,
        keys: &'a [&'a str],
        most: usize,
    ) -> BoxFuture<'a, Vec<Result<Option<StoredValue>, BackendError>>> {
        Box::pin(async move {
            let mut each = self.store.get_each(keys, most).await;
            if self.is(D::AnswersEachInReverse) {
                each.reverse();
            }
            each
        })
    }

    fn read<'a>(
        &'a self,
        read: ReadRequest<'a>,
    ) -> BackendResult<'a, (Vec<u64>, Vec<Option<StoredValue>>)> {
        Box::pin(async move {
            let mut known = self.generations(read.generations, read.keep).await?;
            if self.is(D::ReadsGenerationsInReverse) {
                known.reverse();
            }
            Ok((known, self.get_many(read.keys, read.most).await?))
        })
    }

    fn read_or_acquire<'a>(
        &'a self,
        lease: LeaseRequest<'a>,
        generations: &'a [&'a str],
        keep: Duration,
    ) -> BackendResult<'a, (Vec<u64>, LeaseOutcome)> {
        Box::pin(async move {
            let known = self.generations(generations, keep).await?;
            let mut request = lease;
            if !self.is(D::AcquiresWithoutGenerations) {
                request.generation = LeaseRequest::newest(&known);
            }
            // Without a mark that the caller has seen, it returns every value.
            Ok((known, self.acquire(request).await?))
        })
    }

    fn set<'a>(
        &'a self,
        entries: &'a [SetEntry],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, ()> {
        Box::pin(async move {
            let busy = Busy::enter(self).await?;
            let mut entries: Vec<_> = entries.iter().map(|write| self.write(write)).collect();
            match self.defect {
                D::IgnoresSets => entries.clear(),
                D::StoresTheFirst500 => entries.truncate(500),
                D::TellsBeforeItStores => {
                    if let Some(notice) = notice {
                        self.publish(notice).await?;
                    }
                    for _ in 0..100 {
                        yield_now().await;
                    }
                }
                _ => {}
            }
            self.store.set(&entries, None).await?;
            busy.leave();
            match notice.filter(|_| !self.is(D::TellsBeforeItStores)) {
                Some(notice) => self.publish(notice).await,
                None => Ok(()),
            }
        })
    }

    fn set_each<'a>(
        &'a self,
        entries: &'a [SetEntry],
        notice: Option<&'a Message>,
    ) -> BoxFuture<'a, Vec<Result<(), BackendError>>> {
        Box::pin(async move {
            let last = entries.len().saturating_sub(usize::from(self.is(D::StoresEachButTheLast)));
            let stored = self.set(&entries[..last], notice).await;
            entries.iter().map(|_| stored.clone()).collect()
        })
    }

    fn replace<'a>(
        &'a self,
        seen: [u8; VERSION_LEN],
        write: &'a SetEntry,
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, bool> {
        Box::pin(async move {
            let mut replaced = match self.defect {
                // Reports success, and leaves the lease and the value unchanged.
                D::ReplacesBesideTheLease => {
                    let found = self.store.get_many(&[&write.key], usize::MAX).await?;
                    found.iter().flatten().any(|read| read.value.last_chunk() == Some(&seen))
                }
                D::ReplacesForEver => {
                    let write = write.clone().ttl(None);
                    self.store.replace(seen, &write, None).await?
                }
                _ => self.store.replace(seen, write, None).await?,
            };
            if self.is(D::ReplacesWhatever) {
                self.store.set(std::slice::from_ref(write), None).await?;
                replaced = true;
            }
            let tells = replaced || self.is(D::TellsOfRefusedReplacements);
            if let Some(notice) = notice.filter(|_| tells) {
                self.publish(notice).await?;
            }
            Ok(replaced)
        })
    }

    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, u64> {
        Box::pin(async move {
            if self.is(D::RemovesLater) {
                let (store, keys) = (self.store.clone(), keys.to_vec());
                let found = store.get_many(&keys, usize::MAX).await?.into_iter().flatten().count();
                let keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
                tokio::spawn(async move {
                    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
                    store.remove(&keys, None).await
                });
                return Ok(found as u64);
            }
            if self.counts_by_itself() {
                self.state.numbers.lock().unwrap().retain(|key, _| !keys.contains(&key.as_str()));
            }
            let removed = self.store.remove(keys, None).await?;
            let tells = removed > 0 || !self.is(D::TellsIfSomethingWasThere);
            if let Some(notice) = notice.filter(|_| tells) {
                self.publish(notice).await?;
            }
            Ok(if self.is(D::CountsWhatWasAsked) { keys.len() as u64 } else { removed })
        })
    }

    fn generations<'a>(
        &'a self,
        keys: &'a [&'a str],
        keep: Duration,
    ) -> BackendResult<'a, Vec<u64>> {
        Box::pin(async move {
            let mut read = Vec::new();
            for key in keys {
                read.push(match self.defect {
                    D::MintsEachTime => self.store.bump(key).await?,
                    D::HasOneGeneration => self.store.generations(&["one"], keep).await?[0],
                    _ if self.counts_by_itself() => self.number(key, 0).await,
                    D::BringsGenerationsBack => {
                        let back = self.state.numbers.lock().unwrap().get(*key).copied();
                        let now = self.store.generations(&[*key], keep).await?[0];
                        back.unwrap_or(now)
                    }
                    _ => self.store.generations(&[*key], keep).await?[0],
                });
            }
            Ok(read)
        })
    }

    fn prolong<'a>(&'a self, seen: &'a [(&'a str, u64)], keep: Duration) -> BackendResult<'a, ()> {
        Box::pin(async move {
            match self.defect {
                D::SetsTheTimeOfGenerations if keep < Duration::from_secs(1) => {
                    let keys: Vec<&str> = seen.iter().map(|(key, _)| *key).collect();
                    self.store.remove(&keys, None).await.map(drop)
                }
                D::BringsGenerationsBack => {
                    let seen = seen.iter().map(|(key, seen)| ((*key).to_owned(), *seen));
                    self.state.numbers.lock().unwrap().extend(seen);
                    Ok(())
                }
                _ => self.store.prolong(seen, keep).await,
            }
        })
    }
    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        Box::pin(async move {
            match self.defect {
                D::BumpsNothing => {
                    let keep = Duration::from_secs(60);
                    Ok(self.store.generations(&[key], keep).await?[0])
                }
                D::HasOneGeneration => self.store.bump("one").await,
                D::BumpsInASeries => self.store.bump_softly(key).await,
                _ if self.counts_by_itself() => Ok(self.number(key, 1).await),
                _ => self.store.bump(key).await,
            }
        })
    }

    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, ScanPage> {
        Box::pin(async move {
            let special = |c: char| "*?[\\".contains(c);
            let begins = pattern.literals()[0].split(special).next().unwrap_or_default();
            let loose = Pattern::prefix(begins);
            let pattern = if self.is(D::ScansLoosely) { &loose } else { pattern };
            let mut page = self.store.scan(pattern, cursor).await?;
            if self.is(D::ScansOnePage) {
                page.keys.truncate(100);
            }
            Ok(page)
        })
    }

    fn publish<'a>(&'a self, notice: &'a Message) -> BackendResult<'a, ()> {
        Box::pin(async move {
            let channel = if self.is(D::HasOneChannel) { "one" } else { &notice.channel };
            let notice = Message::new(channel, notice.message.clone());
            self.store.publish(&notice).await
        })
    }

    fn subscribe(
        &self,
        channel: &str,
        listener: Arc<dyn MessageHandler>,
    ) -> Result<Subscription, BackendError> {
        let channel = if self.is(D::HasOneChannel) { "one" } else { channel };
        match self.defect {
            D::SwapsMessages => {
                let swapping = Swapping { listener, kept: Mutex::default() };
                self.store.subscribe(channel, Arc::new(swapping))
            }
            D::TellsTheFirstListener if self.state.heard.swap(true, Ordering::SeqCst) => {
                listener.connected();
                Ok(Subscription::new(()))
            }
            D::NeverUnsubscribes => {
                std::mem::forget(self.store.subscribe(channel, listener)?);
                Ok(Subscription::new(()))
            }
            _ => self.store.subscribe(channel, listener),
        }
    }

    fn leases(&self) -> Option<&dyn Leases> {
        Some(self)
    }

    fn ping(&self) -> BackendResult<'_, ()> {
        Box::pin(async { if self.is(D::PingFails) { Err(refused("ping")) } else { Ok(()) } })
    }
}

impl Leases for Broken {
    fn acquire<'a>(&'a self, request: LeaseRequest<'a>) -> BackendResult<'a, LeaseOutcome> {
        Box::pin(self.acquired(request))
    }

    fn acquire_each<'a>(
        &'a self,
        requests: &'a [LeaseRequest<'a>],
    ) -> BoxFuture<'a, Vec<Result<LeaseOutcome, BackendError>>> {
        Box::pin(async move {
            let backwards = self.is(D::AcquiresTheLastOfDuplicates);
            let order =
                (0..requests.len()).map(|at| if backwards { requests.len() - 1 - at } else { at });
            let mut answers = BTreeMap::new();
            for at in order {
                let answer = match self.defect {
                    D::AcquiresTheFirst500 if at >= 500 => Ok(LeaseOutcome::Wait(requests[at].ttl)),
                    _ => self.acquired(requests[at]).await,
                };
                answers.insert(at, answer);
            }
            let mut answers: Vec<_> = answers.into_values().collect();
            if self.is(D::AcquiresEachInReverse) {
                answers.reverse();
            }
            answers
        })
    }

    fn commit_each<'a>(
        &'a self,
        commits: &'a [LeaseCommit<'a>],
    ) -> BoxFuture<'a, Vec<Result<bool, BackendError>>> {
        Box::pin(async move {
            let mut stored = Vec::new();
            let mut refused = false;
            for LeaseCommit { token, entry, notice, .. } in commits {
                let commits = !(refused && self.is(D::CommitsAllOrNone));
                let done =
                    if commits { self.commit(*token, entry, *notice).await } else { Ok(false) };
                refused |= matches!(done, Ok(false));
                if let (Some(notice), true, Ok(false)) =
                    (notice, self.is(D::TellsOfAllCommits), &done)
                {
                    self.publish(notice).await.unwrap();
                }
                stored.push(done);
            }
            stored
        })
    }

    fn renew_each<'a>(
        &'a self,
        leases: &'a [(&'a str, u64, Duration)],
    ) -> BoxFuture<'a, Vec<Result<bool, BackendError>>> {
        Box::pin(async move {
            let mut renewed = Vec::new();
            for (key, token, ttl) in leases {
                renewed.push(self.renew(key, *token, *ttl).await);
            }
            let all = renewed.iter().all(|held| matches!(held, Ok(true)));
            if !all && self.is(D::RenewsAllOrNone) {
                renewed.fill(Ok(false));
            }
            renewed
        })
    }

    fn commit<'a>(
        &'a self,
        token: u64,
        write: &'a SetEntry,
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, bool> {
        Box::pin(async move {
            if self.is(D::LeasesEndByThemselves) && self.is_late(&write.key) {
                return Ok(false);
            }
            let ttl = write.ttl.filter(|_| !self.is(D::CommitsForEver));
            let write = write.clone().ttl(ttl);
            let mut stored = self.lessor().commit(token, &write, None).await?;
            if self.is(D::CommitsForAll) || (stored && self.is(D::HasLeasesElsewhere)) {
                self.store.set(std::slice::from_ref(&write), None).await?;
                stored = true;
            }
            if stored {
                self.state.leased.lock().unwrap().remove(&write.key);
            }
            let tells = stored || self.is(D::TellsOfRefusedCommits);
            if let Some(notice) = notice.filter(|_| tells) {
                self.publish(notice).await?;
            }
            Ok(stored)
        })
    }

    fn renew<'a>(&'a self, key: &'a str, token: u64, ttl: Duration) -> BackendResult<'a, bool> {
        Box::pin(async move {
            if self.is(D::LeasesEndByThemselves) && self.is_late(key) {
                return Ok(false);
            }
            let renewed = self.lessor().renew(key, token, ttl).await?;
            if renewed {
                self.leased(key, ttl);
            }
            Ok(renewed || self.is(D::RenewsForAll))
        })
    }

    fn abort<'a>(&'a self, key: &'a str, token: u64) -> BackendResult<'a, ()> {
        Box::pin(async move {
            match self.defect {
                D::AbortsForAll => self.store.revoke(&Pattern::new(key), 0).await.map(drop),
                D::LateLeasesAreNotAborted if self.is_late(key) => Ok(()),
                _ => self.lessor().abort(key, token).await,
            }
        })
    }

    fn revoke<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, RevokePage> {
        Box::pin(async move {
            match self.defect {
                D::RevokesNothing => Ok(RevokePage::default()),
                _ => self.lessor().revoke(pattern, cursor).await,
            }
        })
    }
}

/// Delivers every second message before the one before it.
struct Swapping {
    listener: Arc<dyn MessageHandler>,
    kept: Mutex<Option<Vec<u8>>>,
}

impl MessageHandler for Swapping {
    fn connected(&self) {
        self.listener.connected();
    }

    fn disconnected(&self) {
        self.listener.disconnected();
    }

    fn message(&self, message: &[u8]) {
        let mut kept = self.kept.lock().unwrap();
        match kept.take() {
            None => *kept = Some(message.to_vec()),
            Some(first) => {
                self.listener.message(message);
                self.listener.message(&first);
            }
        }
    }
}
