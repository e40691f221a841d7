//! Events: a program emits what has happened, and rules evict the entries that became old.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use super::evictions::Evictions;
use super::list::Invalidation;
use crate::base::Error;
use crate::engine::{Cache, Engine};

type Lists = dyn Fn(&dyn Any) -> Invalidation + Send + Sync;

/// The function of a rule: lists the evictions for an event.
struct Run(Box<Lists>);

/// A rule that [`Cache::on`] added. Dropping it removes the rule.
#[must_use = "the rule ends when this is dropped; `keep()` lets it live as long as the cache"]
pub struct EventGuard {
    cache: Weak<Engine>,
    event: TypeId,
    name: &'static str,
    id: u64,
}

impl fmt::Debug for EventGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventGuard").field("event", &self.name).finish_non_exhaustive()
    }
}

impl EventGuard {
    /// Keeps the rule while the cache lives.
    pub fn keep(mut self) {
        self.cache = Weak::new();
    }
}

impl Drop for EventGuard {
    fn drop(&mut self) {
        if let Some(cache) = self.cache.upgrade() {
            drop(cache.events().remove(self.event, self.id));
        }
    }
}

impl Cache {
    /// Adds a rule that lists the evictions for an event of type `E`. There may be any number of rules per
    /// type; a rule stays while the returned handle lives.
    ///
    /// If the evictions depend only on the type of the event, no rule is needed: name the type at the
    /// function, with `#[cached(invalidate_on = [E])]`. Targets without a cache are in this cache. (A rule
    /// that owns a handle of this cache would keep it alive forever.) Evictions that were listed before the
    /// rule was removed are carried out.
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
    ) -> EventGuard {
        // The rule must not keep its cache alive, so it keeps only the tenant's prefix.
        let tenant = self.prefix().cloned();
        let run = move |event: &dyn Any| {
            let list = event.downcast_ref::<E>().map(&rule).unwrap_or_default();
            list.of_tenant(tenant.as_ref())
        };
        let event = TypeId::of::<E>();
        let id = self.engine.events().add(event, Arc::new(Run(Box::new(run))));
        EventGuard { cache: Arc::downgrade(&self.engine), event, name: type_name::<E>(), id }
    }

    /// Emits an event: evicts the entries of functions with `#[cached(invalidate_on = [E])]` in this cache,
    /// runs all rules for this type of event in the order in which they were added, and carries out their
    /// evictions. Inside a [`transaction`](crate::transaction()) the evictions wait for the commit. Returns
    /// the number of rules.
    ///
    /// An event reaches this cache in this process; the evictions reach every process. Once polled, all
    /// listed evictions are carried out, even if the future is dropped.
    ///
    /// # Errors
    /// [`Error::RulePanicked`] if a rule panicked: the other rules ran, and their evictions were carried out,
    /// but the evictions of this rule are unknown. Otherwise the first failure of a remote tier; that
    /// eviction is pending.
    pub async fn emit<E: 'static>(&self, event: &E) -> Result<usize, Error> {
        let rules = self.engine.events().of(TypeId::of::<E>());
        let mut all = Invalidation::new().event::<E>();
        let mut result = Ok(rules.len());
        for rule in rules.iter().filter_map(|rule| rule.downcast_ref::<Run>()) {
            match run(rule, event) {
                Ok(list) => all = all.and(list),
                Err(error) => result = result.and(Err(error)),
            }
        }
        drop(rules);
        // All rules run before anything is awaited, so no eviction is lost if the future is dropped.
        let evicted = Evictions::at(&self.whole(), all).carry_out().await;
        result.and_then(|count| evicted.map(|()| count))
    }
}

/// Runs one rule. A rule only reads the event, so a panic leaves nothing half-done.
fn run<E: 'static>(rule: &Run, event: &E) -> Result<Invalidation, Error> {
    catch_unwind(AssertUnwindSafe(|| rule.0(event))).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Error::RulePanicked { event: type_name::<E>(), message: message.unwrap_or_default() }
    })
}
