//! The second round of a list of evictions.
//!
//! A list may evict a cached function and another one that calls it. If the store fails at the first, the old value of the
//! first stays in the store until its pending eviction is carried out. Meanwhile another process may load the second, whose
//! eviction succeeded, from the old value of the first, and store it. So if one eviction of a list fails, all are repeated
//! after those that are pending.

use std::sync::Arc;

use super::handle::Engine;
use super::mutation::{Mutation, report};
use super::spawn::start_now;
use crate::base::{Error, Selection, all_begun};
use crate::key::EntryKey;
use crate::remote::RemoteEviction;

/// The evictions of a list so far.
#[derive(Debug, Default)]
pub(crate) struct SecondRound {
    evicted: Vec<(Arc<Engine>, Mutation)>,
    failed: Vec<Arc<Engine>>,
}

impl SecondRound {
    pub(crate) const fn new() -> Self {
        Self { evicted: Vec::new(), failed: Vec::new() }
    }

    /// Notes evictions of the list, and whether the store has carried them out.
    pub(crate) fn note<T>(
        &mut self,
        engine: &Arc<Engine>,
        what: impl IntoIterator<Item = Mutation>,
        done: &Result<T, Error>,
    ) {
        if engine.remote().is_none() {
            return;
        }
        self.evicted.extend(what.into_iter().map(|what| (Arc::clone(engine), what)));
        if done.is_err() && !self.has_failed(engine) {
            self.failed.push(Arc::clone(engine));
        }
    }

    fn has_failed(&self, engine: &Arc<Engine>) -> bool {
        self.failed.iter().any(|failed| Arc::ptr_eq(failed, engine))
    }

    /// Ends the list: repeats all evictions in the caches whose store failed.
    pub(crate) fn end(self) {
        for failed in &self.failed {
            let of_cache = self.evicted.iter().filter(|(engine, _)| Arc::ptr_eq(engine, failed));
            let again: Vec<_> = of_cache.filter_map(|(_, what)| in_the_store(what)).collect();
            if let Some(remote) = failed.remote().filter(|_| again.len() > 1) {
                remote.evict_again(again);
            }
        }
    }
}

/// Carries out the rest of a list in the background. Memory has evicted all of it when this returns.
pub(crate) fn evict_in_background<F>(
    mut round: SecondRound,
    rest: Vec<(Arc<Engine>, Mutation)>,
    evict: impl Fn(Arc<Engine>, Mutation) -> F,
) where
    F: Future<Output = Result<u64, Error>> + Send + 'static,
{
    let evicting = rest.into_iter().map(|(engine, what)| {
        let done = evict(Arc::clone(&engine), what.clone());
        Box::pin(async move { (done.await, engine, what) })
    });
    let evicting: Vec<_> = evicting.collect();
    start_now(async move {
        for (done, engine, what) in all_begun(evicting).await {
            round.note(&engine, [what], &done);
            report(&done.map(drop));
        }
        round.end();
    });
}

/// What the store has to evict. `None` if it has no such value.
fn in_the_store(what: &Mutation) -> Option<RemoteEviction> {
    let selection = match what {
        Mutation::Evict(selection, _) | Mutation::MarkStale(selection) => selection.clone(),
        Mutation::Expire(key, _) => Selection::Keys(key.clone()),
    };
    let keys = |key: EntryKey| (!key.is_here()).then(|| vec![key.as_str().to_owned()]);
    Some(match selection {
        Selection::Keys(key) => Selection::Keys(keys(key)?),
        Selection::Pattern(pattern) => Selection::Pattern(pattern),
        Selection::Tag(tag) => Selection::Tag(tag),
        Selection::All => Selection::All,
    })
}
