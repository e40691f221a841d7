//! The conformance suite: the `# Behaviour` lists of [`Backend`] and [`Leases`](cache_core::Leases) as assertions,
//! one file for each area.

mod generations;
mod leases;
mod notices;
mod replace;
mod rules;
mod values;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;

use cache_core::__testing::random;
use cache_core::{Backend, SetEntry, StoredValue};

pub use rules::{Rule, RuleSet, check, rules};

/// Runs the whole suite over a backend. It writes only below a random prefix, so the store may contain other
/// data. Needs a Tokio runtime with time.
///
/// The suite skips the rules on leases if the backend has no [`leases`](Backend::leases), and the rules on
/// notices if its [`subscribe`](Backend::subscribe) is unsupported. The macro
/// [`conformance!`](macro@crate::conformance) makes a test of each rule instead, so that failures have names.
///
/// # Panics
/// If a rule does not hold; the message names the behaviour.
pub async fn conformance(backend: &dyn Backend) {
    let has_leases = backend.leases().is_some();
    let has_bus = Suite::new(backend).try_ear("any").await.is_some();
    for rule in rules() {
        let is_meant = match rule.set {
            RuleSet::Values => true,
            RuleSet::Bus => has_bus,
            RuleSet::Leases => has_leases,
            RuleSet::NoBus | RuleSet::NoLeases => false,
        };
        if is_meant {
            rule.holds(backend).await;
        }
    }
}

/// A backend, with a random prefix for keys that no other test uses.
pub(crate) struct Suite<'a> {
    backend: &'a dyn Backend,
    prefix: String,
}

impl<'a> Suite<'a> {
    fn new(backend: &'a dyn Backend) -> Self {
        Self { backend, prefix: format!("conformance-{:x}", random()) }
    }

    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    async fn get(&self, key: &str) -> Option<Bytes> {
        let mut found = self.backend.get_many(&[key], ALL).await.expect("get_many");
        assert_eq!(found.len(), 1, "as many results as keys");
        bytes(found.remove(0))
    }

    async fn set(&self, key: &str, value: &'static str, ttl: Option<Duration>) {
        let write = SetEntry::new(key, Bytes::from_static(value.as_bytes())).ttl(ttl);
        self.backend.set(&[write], None).await.expect("set");
    }
}

/// No value is longer.
const ALL: usize = usize::MAX;

fn bytes(read: Option<StoredValue>) -> Option<Bytes> {
    read.map(|read| read.value)
}

/// Runs all futures concurrently; returns the results in order.
async fn together<T>(mut all: Vec<impl Future<Output = T> + Unpin>) -> Vec<T> {
    let mut done: Vec<Option<T>> = all.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, done) in all.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let Poll::Ready(result) = Pin::new(future).poll(context) {
                *done = Some(result);
            }
        }
        if done.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}
