//! The conformance suite: the `# Behaviour` lists of [`Backend`] and [`Leases`](crate::Leases) as
//! assertions, a file for each area.

mod generations;
mod leases;
mod notices;
mod replace;
mod values;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;

use crate::backend::{Backend, Write};
use crate::key::random;

/// Runs the whole suite over a backend. It writes only below a random prefix, so it may run
/// against a store that holds other things. Needs a tokio runtime with time.
///
/// A backend without [`leases`](Backend::leases) has nothing to prove about them.
///
/// # Panics
/// With the behaviour that does not hold.
pub async fn conformance(backend: &dyn Backend) {
    let prefix = format!("conformance-{:x}", random());
    let suite = Suite { backend, prefix };
    suite.names().await;
    suite.values().await;
    suite.replaces().await;
    suite.generations().await;
    suite.notices().await;
    suite.leases().await;
    suite.survives_cancellation().await;
}

struct Suite<'a> {
    backend: &'a dyn Backend,
    prefix: String,
}

impl Suite<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    async fn get(&self, key: &str) -> Option<Bytes> {
        let mut found = self.backend.get_many(&[key]).await.expect("get_many");
        assert_eq!(found.len(), 1, "as many results as keys");
        found.remove(0)
    }

    async fn set(&self, key: &str, value: &'static str, ttl: Option<Duration>) {
        let write = Write { key: key.to_owned(), value: Bytes::from_static(value.as_bytes()), ttl };
        self.backend.set(&[write], None).await.expect("set");
    }

    async fn names(&self) {
        assert!(!self.backend.name().is_empty(), "a backend has a name");
        self.backend.ping().await.expect("ping");
    }

    async fn survives_cancellation(&self) {
        let key = self.key("cancelled");
        for _ in 0..20 {
            let get = self.backend.get_many(std::slice::from_ref(&"x"));
            let _ = tokio::time::timeout(Duration::from_micros(1), get).await;
        }
        self.set(&key, "after", None).await;
        let after = Some(Bytes::from_static(b"after"));
        assert_eq!(self.get(&key).await, after, "a dropped future leaves the backend usable");
    }
}

/// All at once, each in its place.
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
