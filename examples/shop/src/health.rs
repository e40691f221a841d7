//! Probes for an orchestrator, and alerts.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use larder::Cache;
use larder::health::{AlertState, Health, Monitor, MonitorGuard, Status};

/// `GET /live`: a restart never helps a cache, so this does not ask it.
pub async fn live() -> &'static str {
    "alive\n"
}

/// `GET /health`: ready, or not.
///
/// Without Redis the service is `degraded`: slower, but right. It stays ready, because all instances lose Redis at the same
/// time, and no instance would be left. `down` is a cache without a memory tier whose Redis is away.
///
/// This sends no request to Redis: the state is the result of earlier operations.
pub async fn ready() -> (StatusCode, Json<Vec<Health>>) {
    let caches: Vec<Health> = larder::caches().iter().map(Cache::health).collect();
    let worst = caches.iter().map(|health| health.status).max();
    let status = match worst.unwrap_or(Status::Up) {
        Status::Up | Status::Degraded => StatusCode::OK,
        Status::Down => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(caches))
}

/// Writes alerts to the log. It checks Redis itself, so it notices an outage at night, too, when no one reads.
///
/// # Errors
/// A threshold is invalid.
pub fn watch(cache: &Cache) -> Result<MonitorGuard, larder::Error> {
    let mut monitor = Monitor::every(Duration::from_secs(10)).hit_rate_below(0.5, 1000);
    if cache.health().remote.is_some() {
        // A cache without Redis refuses these thresholds.
        monitor = monitor
            .remote_down_for(Duration::from_secs(30))
            .remote_degraded_for(Duration::from_secs(120))
            .bus_down_for(Duration::from_secs(30));
    }
    cache.monitor(monitor.on_alert(|alert| match alert.state {
        AlertState::Raised => tracing::error!("alert: {alert}"),
        AlertState::Cleared => tracing::info!("over: {alert}"),
    }))
}
