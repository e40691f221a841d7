//! Records one load: its span, its duration, its failure.

use std::sync::Arc;
use std::time::Duration;

use tracing::Span;
use tracing::field::Empty;

use super::handle::Engine;
use super::request::Request;
use super::site::Site;
use crate::stats::CacheEvent;

/// The name in place of a function's, for operations by hand.
pub(crate) const DIRECT: &str = "direct";

/// Makes the span in which a function's body runs. Spans name the function, never a key, because they go to
/// other systems.
#[derive(Clone)]
pub(crate) struct Spans {
    engine: Arc<Engine>,
    site: Option<&'static Site>,
}

impl Spans {
    pub(crate) fn new(engine: &Arc<Engine>, site: Option<&'static Site>) -> Self {
        Self { engine: Arc::clone(engine), site }
    }

    /// The span of a load: of one value, or of `items` items of a batch.
    pub(crate) fn load(&self, items: Option<usize>) -> Span {
        let span = tracing::debug_span!(
            target: "larder",
            "larder.load",
            cache = self.engine.signals.cache,
            function = Empty,
            items,
        );
        // The name is only made if there is a subscriber.
        if !span.is_disabled() {
            span.record("function", self.site.map_or(DIRECT, Site::path));
        }
        span
    }
}

impl Engine {
    /// Records the end of a load.
    pub(crate) fn loaded_in(&self, request: &Request, took: Duration) {
        self.counters.of(request.site).load_time.note(took);
        #[cfg(feature = "metrics")]
        super::durations::load_duration(self, request, took);
    }

    /// Records the end of a read that memory could not answer immediately.
    pub(crate) fn answered_in(&self, request: &Request, took: Duration) {
        self.counters.of(request.site).response_time.note(took);
        #[cfg(feature = "metrics")]
        super::durations::response_duration(self, request, took);
    }

    /// Records a failed load.
    pub(crate) fn load_failed(&self, request: &Request) {
        self.counters.of(request.site).load_failures();
        let (cache, key) = (&*self.signals.cache, request.key.as_str());
        tracing::debug!(target: "larder::load", cache, key, "larder: a load failed");
        self.signals.tell(&CacheEvent::LoadFailed { key, function: request.function() });
    }
}
