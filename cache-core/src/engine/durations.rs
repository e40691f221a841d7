//! Records the durations of loads and reads in the metrics facade, when they end.

use std::time::Duration;

use metrics::{Label, histogram};

use super::handle::Engine;
use super::request::Request;
use super::spans::DIRECT;

pub(crate) const LOAD: &str = "larder_load_duration_seconds";

pub(crate) const RESPONSE: &str = "larder_response_duration_seconds";

pub(crate) fn labels(engine: &Engine, function: Option<&'static str>) -> [Label; 2] {
    let function = function.unwrap_or(DIRECT);
    [
        Label::new("cache", engine.signals.cache.clone()),
        Label::from_static_parts("function", function),
    ]
}

pub(crate) fn load_duration(engine: &Engine, request: &Request, took: Duration) {
    if !is_shown(engine, request) {
        return;
    }
    histogram!(LOAD, labels(engine, request.function()).iter()).record(took);
}

pub(crate) fn response_duration(engine: &Engine, request: &Request, took: Duration) {
    if !is_shown(engine, request) {
        return;
    }
    histogram!(RESPONSE, labels(engine, request.function()).iter()).record(took);
}

fn is_shown(engine: &Engine, request: &Request) -> bool {
    request.site.is_none_or(|site| engine.shows(site))
}
