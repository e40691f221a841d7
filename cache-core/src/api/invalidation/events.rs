//! Events: what has happened says what is old.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use super::evictions::Evictions;
use super::list::Invalidation;
use crate::base::Error;
use crate::engine::{Cache, Engine};

type Lists = dyn Fn(&dyn Any) -> Invalidation + Send + Sync;

/// What a rule lists for an event of its type.
struct Run(Box<Lists>);

/// A rule that [`Cache::on`] added. Dropped, it removes the rule.
#[must_use = "the rule ends when this is dropped; `keep()` lets it live as long as the cache"]
pub struct EventHandler {
    cache: Weak<Engine>,
    event: TypeId,
    name: &'static str,
    id: u64,
}

impl fmt::Debug for EventHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventHandler").field("event", &self.name).finish_non_exhaustive()
    }
}

impl EventHandler {
    /// Keeps the rule as long as the cache.
    pub fn keep(mut self) {
        self.cache = Weak::new();
    }
}

impl Drop for EventHandler {
    fn drop(&mut self) {
        if let Some(cache) = self.cache.upgrade() {
            drop(cache.events.remove(self.event, self.id));
        }
    }
}

impl Cache {
    /// Adds a rule: what an event of type `E` makes old. Any number of rules per type; they last as
    /// long as the returned handle.
    ///
    /// What only depends on the type of the event needs no rule: the function itself names it, in
    /// `#[cached(invalidate_on = [E])]`. Targets that name no cache are in this one. (A rule that owns a handle of this cache would
    /// keep it alive for ever.) What ran before the rule was removed is carried out.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error, Invalidation};
    /// struct UserUpdated {
    ///     id: u64,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// let _rule = cache.on::<UserUpdated>(|event| {
    ///     Invalidation::new().key(format!("user:{}", event.id)).pattern("users:page:*")
    /// });
    /// cache.insert("user:7", 7u64).await?;
    /// cache.emit(&UserUpdated { id: 7 }).await?;
    /// assert_eq!(cache.get::<u64>("user:7").await?, None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn on<E: 'static>(
        &self,
        rule: impl Fn(&E) -> Invalidation + Send + Sync + 'static,
    ) -> EventHandler {
        // The rule must not keep its cache alive: only the tenant's prefix is kept.
        let tenant = self.prefix().cloned();
        let run = move |event: &dyn Any| {
            let list = event.downcast_ref::<E>().map(&rule).unwrap_or_default();
            list.of_tenant(tenant.as_ref())
        };
        let event = TypeId::of::<E>();
        let id = self.engine.events.add(event, Arc::new(Run(Box::new(run))));
        EventHandler { cache: Arc::downgrade(&self.engine), event, name: type_name::<E>(), id }
    }

    /// Evicts what functions with `#[cached(invalidate_on = [E])]` have in this cache, runs all rules for
    /// this type of event, in the order they were added, and carries out what they list. Inside a [`transaction`](crate::transaction()) that waits for the commit. Says how many
    /// rules there were.
    ///
    /// An event reaches this cache in this process; the evictions reach every process. Once polled,
    /// everything listed is evicted, also if the future is dropped.
    ///
    /// # Errors
    /// [`Error::RulePanicked`] if a rule panicked: the other rules ran, and what they list is evicted,
    /// but what this one would have listed is not known. Else the first failure of a remote tier;
    /// such an eviction stays owed.
    pub async fn emit<E: 'static>(&self, event: &E) -> Result<usize, Error> {
        let rules = self.engine.events.of(TypeId::of::<E>());
        let mut all = Invalidation::new().event::<E>();
        let mut result = Ok(rules.len());
        for rule in rules.iter().filter_map(|rule| rule.downcast_ref::<Run>()) {
            match run(rule, event) {
                Ok(list) => all = all.and(list),
                Err(error) => result = result.and(Err(error)),
            }
        }
        drop(rules);
        // Everything is listed before anything is waited for: dropped half-way, nothing is lost.
        let evicted = Evictions::at(&self.whole(), all).carry_out().await;
        result.and_then(|count| evicted.map(|()| count))
    }
}

/// One rule. A rule only reads the event, so nothing is left half-done by a panic.
fn run<E: 'static>(rule: &Run, event: &E) -> Result<Invalidation, Error> {
    catch_unwind(AssertUnwindSafe(|| rule.0(event))).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Error::RulePanicked { event: type_name::<E>(), message: message.unwrap_or_default() }
    })
}
