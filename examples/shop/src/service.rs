//! The order of a start and of an end.

use std::error::Error;

use larder::config::{Caches, Secret};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Settings;
use crate::metrics::Metrics;
use crate::{App, dashboard, health, http};

/// An error that ends the process.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Serves until a signal ends it.
///
/// # Errors
/// A setting is wrong, the database cannot be opened, or the port is in use.
pub async fn run() -> Result<(), Failure> {
    // larder's warnings and advice are events of `tracing`.
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let settings = Settings::from_env()?;
    let metrics = Metrics::install()?;

    // Before the first call of a cached function: without this, it would use a default cache in memory.
    let caches = settings.caches()?.install().await?;
    for cache in caches.iter() {
        health::watch(cache)?.keep();
    }
    tokio::spawn(reload(settings.clone(), caches.clone()));

    let app = App::new(settings.database()?, metrics);
    let password = settings.password.as_ref().map(Secret::expose);
    let service = http::router(app).merge(dashboard::router(password));
    let listener = TcpListener::bind(settings.address).await?;
    println!("the shop is at http://{}", listener.local_addr()?);
    axum::serve(listener, service).with_graceful_shutdown(stop()).await?;

    // After the last request: waits for writes to Redis that are in progress, and carries out pending evictions.
    for cache in caches.iter() {
        if let Err(error) = cache.close().await {
            tracing::error!("closing the cache: {error}");
        }
        tracing::info!(
            "{} requests, {:.0} % hits",
            cache.stats().requests(),
            cache.stats().hit_rate() * 100.0
        );
    }
    Ok(())
}

/// Ends at Ctrl-C, or when an orchestrator stops the process.
pub async fn stop() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}

/// At a SIGHUP, reads the configuration again, and applies the settings that can change while the service runs.
async fn reload(settings: Settings, caches: Caches) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    while hangup.recv().await.is_some() {
        match settings.caches().and_then(|config| caches.apply(&config)) {
            Ok(report) => tracing::info!("{report:?}"),
            Err(error) => tracing::error!("nothing has changed: {error}"),
        }
    }
}
