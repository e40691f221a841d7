//! The list of all rules by name, and the macro that makes tests of them.

use std::future::Future;

use super::Suite;
use cache_core::Backend;
use cache_core::BoxFuture;

/// The backends to which a rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum RuleSet {
    /// All backends.
    Values,
    /// Backends that deliver notices.
    Bus,
    /// Backends that declare that they do not.
    NoBus,
    /// Backends that have leases.
    Leases,
    /// Backends that declare that they have none.
    NoLeases,
}

/// One rule of the suite.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Rule {
    /// The backends to which it applies.
    pub set: RuleSet,
    /// Its name.
    pub name: &'static str,
    run: for<'a, 'b> fn(&'a Suite<'b>) -> BoxFuture<'a, ()>,
}

impl Rule {
    /// Checks that the backend follows the rule.
    ///
    /// # Panics
    /// If it does not.
    pub async fn holds(&self, backend: &dyn Backend) {
        (self.run)(&Suite::new(backend)).await;
    }
}

/// Makes tests of your own [`Backend`](cache_core::Backend): a `#[test]` for each rule in its documentation and in
/// that of [`Leases`](cache_core::Leases), named after the rule.
///
/// ```
/// mod of_my_backend {
///     use larder::backend::MemoryBackend as MyBackend;
///     larder::testing::conformance!(MyBackend::new());
/// }
/// ```
///
/// The argument is an expression that makes the backend; it may use `.await`. It is evaluated for each test,
/// in the test's own single-threaded Tokio runtime. All tests may write to one store, because their keys are
/// random.
///
/// Options follow the expression:
///
/// - `leases = false`: the backend has no [`leases`](cache_core::Backend::leases); a test checks that.
/// - `bus = false`: no other process can see the store, so [`subscribe`](cache_core::Backend::subscribe)
///   is `Unsupported`; a test checks that.
///
/// Two uses in one module would have conflicting names: give each its own `mod`.
///
/// The rules about time wait for some tens of milliseconds of real time: a backend with its own clock must
/// follow real time.
#[macro_export]
macro_rules! conformance {
    (@options [$backend:expr] [$leases:tt] [$bus:tt]) => {
        $crate::__larder_rules! { values => test $backend }
        $crate::conformance! { @leases $leases [$backend] }
        $crate::conformance! { @bus $bus [$backend] }
    };
    (@options [$backend:expr] [$leases:tt] [$bus:tt] leases = $value:tt, $($rest:tt)*) => {
        $crate::conformance! { @options [$backend] [$value] [$bus] $($rest)* }
    };
    (@options [$backend:expr] [$leases:tt] [$bus:tt] bus = $value:tt, $($rest:tt)*) => {
        $crate::conformance! { @options [$backend] [$leases] [$value] $($rest)* }
    };
    (@options [$backend:expr] [$leases:tt] [$bus:tt] $other:ident = $($rest:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "there is no option `", ::core::stringify!($other), "`: there are `leases` and `bus`"
        ));
    };
    (@leases true [$backend:expr]) => { $crate::__larder_rules! { leases => test $backend } };
    (@leases false [$backend:expr]) => { $crate::__larder_rules! { no_leases => test $backend } };
    (@bus true [$backend:expr]) => { $crate::__larder_rules! { bus => test $backend } };
    (@bus false [$backend:expr]) => { $crate::__larder_rules! { no_bus => test $backend } };
    (@$option:ident $value:tt [$backend:expr]) => {
        ::core::compile_error!(::core::concat!(
            "`", ::core::stringify!($option), "` is `true` or `false`"
        ));
    };
    ($backend:expr $(, $option:ident = $value:tt)* $(,)?) => {
        $crate::conformance! { @options [$backend] [true] [true] $($option = $value,)* }
    };
}

#[macro_export]
#[doc(hidden)]
macro_rules! __larder_rules {
    (values => $($then:tt)*) => {
        $crate::__larder_each_rule! { [$($then)*] Values
            has_a_name
            answers_a_ping
            reads_what_was_set
            answers_as_many_as_were_asked
            answers_each_key_by_itself
            reads_values_with_generations
            stores_each_entry_by_itself
            takes_opaque_keys
            takes_any_value
            takes_many_entries_at_once
            reads_the_last_set
            set_replaces_value_and_ttl
            entries_expire
            reads_tell_the_time_left
            long_values_are_told_from_whole_ones
            takes_any_ttl
            replaces_what_was_seen
            replaces_with_ttl
            removes_and_counts
            operations_take_effect_in_order
            survives_cancellation
            generations_stay_until_they_are_bumped
            generations_are_of_one_key_each
            lost_generations_are_not_minted_again
            prolonged_generations_stay
            prolonging_brings_no_generation_back
            bumps_move_on
            bumps_begin_series
            bumps_are_atomic
            scans_every_key
            scans_patterns_literally
        }
    };
    (bus => $($then:tt)*) => {
        $crate::__larder_each_rule! { [$($then)*] Bus
            notices_arrive_in_order
            notices_reach_their_channel_only
            notices_reach_every_listener
            sets_tell_after_they_stored
            replacements_tell_if_they_stored
            removals_tell_also_of_absent_keys
            dropped_subscriptions_hear_nothing
        }
    };
    (leases => $($then:tt)*) => {
        $crate::__larder_each_rule! { [$($then)*] Leases
            lease_has_one_holder
            lease_goes_to_one_of_many
            acquire_returns_values_not_seen
            acquire_returns_values_without_a_mark
            lease_is_independent_of_the_value
            acquire_steals
            acquire_ends_leases_of_older_generations
            reads_or_acquires
            renews_for_the_holder_only
            aborts_for_the_holder_only
            commits_for_the_holder_only
            commits_for_a_time
            commits_nothing_without_the_lease
            lease_ends_with_a_set
            lease_ends_with_a_replacement
            lease_ends_with_a_removal
            revokes_what_matches
            commit_tells_of_what_was_stored
            lease_takes_any_key_and_time
            late_lease_is_taken
            late_lease_stays_its_holders_until_it_is_taken
            late_lease_ends_as_one_in_time
            counts_takeovers_for_the_holder
            forgets_takeovers
            acquires_each_by_itself
            acquires_the_first_of_duplicates
            commits_each_for_its_holder_only
            commits_tell_of_each_that_was_stored
            renews_and_aborts_each_by_itself
            takes_many_leases_at_once
        }
    };
    (no_leases => $($then:tt)*) => {
        $crate::__larder_each_rule! { [$($then)*] NoLeases has_no_leases }
    };
    (no_bus => $($then:tt)*) => {
        $crate::__larder_each_rule! { [$($then)*] NoBus has_no_bus takes_notices_without_a_bus }
    };
}

#[macro_export]
#[doc(hidden)]
macro_rules! __larder_each_rule {
    ([test $backend:expr] $set:ident $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                $crate::check(::core::stringify!($name), async { $backend });
            }
        )*
    };
    ([list $rules:ident] Leases $($name:ident)*) => {
        $($rules.push(Rule {
            set: RuleSet::Leases,
            name: stringify!($name),
            run: |suite| Box::pin(async move { suite.leasing().$name().await }),
        });)*
    };
    ([list $rules:ident] $set:ident $($name:ident)*) => {
        $($rules.push(Rule {
            set: RuleSet::$set,
            name: stringify!($name),
            run: |suite| Box::pin(suite.$name()),
        });)*
    };
}

/// All rules.
#[doc(hidden)]
pub fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    crate::__larder_rules! { values => list rules }
    crate::__larder_rules! { bus => list rules }
    crate::__larder_rules! { leases => list rules }
    crate::__larder_rules! { no_bus => list rules }
    crate::__larder_rules! { no_leases => list rules }
    rules
}

/// Runs one rule over a backend, in its own runtime.
///
/// # Panics
/// If the rule does not hold.
#[doc(hidden)]
pub fn check<B: Backend>(name: &str, backend: impl Future<Output = B>) {
    let rule = rules().into_iter().find(|rule| rule.name == name);
    let rule = rule.expect("a rule of the suite");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let backend = backend.await;
        rule.holds(&backend).await;
    });
}
