//! Attributes of other crates next to larder's, in either order.

use std::sync::Mutex;

use larder::{cache_evict, cache_put, cached, cached_property, call};
use tracing::span::{Attributes, Record};
use tracing::{Event, Id, Metadata, Subscriber, instrument};

use super::{send, served, served_plainly, served_sync};
use crate::{Loads, install};

static LOADS: Loads = Loads::new();
/// These tests count the same loads, so they run one after the other.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Records the names of spans.
#[derive(Default)]
struct Spans(Mutex<Vec<&'static str>>);

impl Subscriber for &'static Spans {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.0.lock().unwrap().push(span.metadata().name());
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Spans {
    fn taken(&self) -> Vec<&'static str> {
        let mut spans = self.0.lock().unwrap();
        let ours = spans.iter().copied().filter(|name| name.starts_with("our_")).collect();
        spans.clear();
        ours
    }
}

#[instrument]
#[cached(cache = "forms-attributes")]
async fn our_outer(id: u64) -> u64 {
    LOADS.count();
    id
}

#[cached(cache = "forms-attributes")]
#[instrument(level = "info", skip_all, fields(id = id))]
async fn our_inner(id: u64) -> Result<u64, String> {
    let id: u64 = id.to_string().parse().map_err(|_| "no number")?;
    LOADS.count();
    Ok(id)
}

#[cached(cache = "forms-attributes")]
#[tracing::instrument]
fn our_sync(id: u64) -> u64 {
    LOADS.count();
    id
}

#[instrument]
#[cached(cache = "forms-attributes")]
fn our_outer_sync(id: u64) -> u64 {
    LOADS.count();
    id
}

#[derive(Clone, Debug)]
struct Shop;

impl Shop {
    #[cached(ttl = "1m", stale = "1m", skip(self), cache = "forms-attributes")]
    #[instrument(ret)]
    async fn our_refreshed(&self, id: u64) -> u64 {
        tokio::task::yield_now().await;
        LOADS.count();
        id
    }

    #[instrument(err)]
    #[cached(ttl = "1m", stale = "1m", skip(self), cache = "forms-attributes")]
    async fn our_outer_refreshed(&self, id: u64) -> Result<u64, String> {
        tokio::task::yield_now().await;
        LOADS.count();
        Ok(id)
    }

    #[cached_property(key_with = self.to_string(), cache = "forms-attributes")]
    #[instrument]
    async fn our_property(&self) -> u64 {
        LOADS.count();
        7
    }

    #[cache_evict(self.our_refreshed(id))]
    #[instrument]
    async fn our_change(&self, id: u64) {}

    #[instrument]
    #[cache_put(self.our_refreshed(id))]
    async fn our_write(&self, id: u64, to: u64) -> u64 {
        to
    }
}

impl std::fmt::Display for Shop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("shop")
    }
}

#[tokio::test]
async fn spans_are_around_the_load() {
    let _turn = TURN.lock().await;
    static SPANS: Spans = Spans(Mutex::new(Vec::new()));
    let _guard = tracing::subscriber::set_default(&SPANS);
    install("forms-attributes");
    served!(send(our_outer(1)) => 1);
    assert_eq!(SPANS.taken(), ["our_outer", "our_outer"], "a hit has none");
    served!(send(our_inner(1)) => Ok(1));
    assert_eq!(SPANS.taken(), ["our_inner", "our_inner"]);
    served_sync!(our_sync(1), call!(our_sync(1)) => 1);
    assert_eq!(SPANS.taken(), ["our_sync", "our_sync"]);
    served_sync!(our_outer_sync(1), call!(our_outer_sync(1)) => 1);
    assert_eq!(SPANS.taken(), ["our_outer_sync", "our_outer_sync"]);
    served!(send(Shop.our_refreshed(1)) => 1);
    assert_eq!(SPANS.taken(), ["our_refreshed", "our_refreshed"]);
    served!(send(Shop.our_outer_refreshed(1)) => Ok(1));
    assert_eq!(SPANS.taken(), ["our_outer_refreshed", "our_outer_refreshed"]);
    served!(send(Shop.our_property()) => 7);
    assert_eq!(SPANS.taken(), ["our_property", "our_property"]);
    Shop.our_refreshed(1).evict().await.unwrap();
    served_plainly!(Shop.our_refreshed(1).await, send(Shop.our_change(1)).await => 1);
    assert_eq!(SPANS.taken(), ["our_refreshed", "our_change", "our_refreshed"]);
    assert_eq!((send(Shop.our_write(1, 9)).await, Shop.our_refreshed(1).await), (9, 9));
    assert_eq!(SPANS.taken(), ["our_write"]);
}

/// `cfg` removes one whole function and keeps the other one.
#[cached(cache = "forms-attributes-kept")]
#[cfg(any())]
fn configured(id: u64) -> Nothing {
    nothing(id)
}

#[cfg(not(any()))]
#[cached(cache = "forms-attributes-kept")]
fn configured(id: u64) -> u64 {
    LOADS.count();
    id
}

#[cached(cache = "forms-attributes-kept")]
#[cfg_attr(not(any()), must_use = "for its value", inline, doc = "Documented.")]
#[cfg_attr(any(), nothing)]
async fn attributed(id: u64) -> u64 {
    LOADS.count();
    id
}

#[deprecated(note = "for a test")]
#[cached(ttl = "1m", stale = "1m", cache = "forms-attributes-kept")]
async fn deprecated(n: u64) -> u64 {
    LOADS.count();
    if n == 0 { n } else { deprecated(n - 1).await }
}

#[cached(cache = "forms-attributes-kept")]
#[deprecated(note = "for a test")]
fn deprecated_sync(n: u64) -> u64 {
    if n == 0 { LOADS.count() - LOADS.get() + n } else { deprecated_sync(n - 1) }
}

#[cached(cache = "forms-attributes-kept")]
#[expect(unused_variables, reason = "for a test")]
async fn expected(n: u64) -> u64 {
    let unused = 3;
    LOADS.count();
    n
}

#[tokio::test]
#[allow(deprecated)]
async fn attributes_stay_where_they_belong() {
    let _turn = TURN.lock().await;
    install("forms-attributes-kept");
    served_sync!(configured(1), call!(configured(1)) => 1);
    served!(send(attributed(1)) => 1);
    served!(send(deprecated(0)) => 0);
    served_sync!(deprecated_sync(0), call!(deprecated_sync(0)) => 0);
    served!(send(expected(1)) => 1);
}
