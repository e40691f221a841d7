//! The figures of the caches: for Prometheus, and as JSON for people.

use std::error::Error;
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use larder::{Cache, stats::Stats};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};

use crate::App;

/// The recorder of the process. All metrics of the service go through it, not only those of the caches.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Installs the recorder at the first call. Call it before anything records a metric.
    ///
    /// # Errors
    /// The process has another recorder.
    pub fn install() -> Result<Self, Box<dyn Error + Send + Sync>> {
        static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
        // Held to the end: a second caller that finds nothing yet would install another recorder, which is refused.
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = &*installed {
            return Ok(Self(handle.clone()));
        }
        let seconds = [0.0001, 0.001, 0.01, 0.1, 1.0, 10.0];
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_duration_seconds".to_owned()), &seconds)?
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder)?;
        Ok(Self(installed.insert(handle).clone()))
    }
}

/// `GET /metrics`: a scrape of Prometheus. The caches count by themselves; this passes on what is new since the last scrape.
pub async fn scrape(State(app): State<App>) -> String {
    larder::caches().iter().for_each(Cache::publish_metrics);
    app.metrics.0.render()
}

/// `GET /stats`: all counters as JSON, also by function. `hit_rate` and `load_time` are the first to look at.
pub async fn stats(State(app): State<App>) -> Json<Value> {
    let caches = larder::caches();
    let total: Stats = caches.iter().map(Cache::stats).sum();
    let functions: Vec<_> = caches.iter().flat_map(Cache::stats_by_function).collect();
    Json(json!({ "total": total, "functions": functions, "queries": app.database.queries() }))
}
