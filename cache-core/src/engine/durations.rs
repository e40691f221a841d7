//! How long loads and reads took, for the metrics facade: recorded when they end.

use std::time::Duration;

use metrics::{Label, histogram};

use super::handle::Inner;
use super::plan::Plan;
use super::spans::DIRECT;

pub(crate) const LOAD: &str = "larder_load_duration_seconds";

pub(crate) const RESPONSE: &str = "larder_response_duration_seconds";

pub(crate) fn labels(inner: &Inner, function: Option<&'static str>) -> [Label; 2] {
    let function = function.unwrap_or(DIRECT);
    [
        Label::new("cache", inner.signals.cache.clone()),
        Label::from_static_parts("function", function),
    ]
}

pub(crate) fn load_duration(inner: &Inner, plan: &Plan, took: Duration) {
    histogram!(LOAD, labels(inner, plan.function()).iter()).record(took);
}

pub(crate) fn response_duration(inner: &Inner, plan: &Plan, took: Duration) {
    histogram!(RESPONSE, labels(inner, plan.function()).iter()).record(took);
}
