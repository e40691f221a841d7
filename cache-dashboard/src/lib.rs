//! The dashboard of **larder**: a page and JSON for operators, as an [`axum`] router. Users depend on the crate `larder`,
//! which re-exports it as `larder::dashboard` (feature `dashboard`).
//!
//! | file | content |
//! | --- | --- |
//! | `serve` | which request gets which answer |
//! | `access` | permissions, and the hook that grants them |
//! | `origin` | requests of other sites, which are refused |
//! | `answer` | answers and errors as JSON, and the headers of all answers |
//! | `page` | the page: one file with its styles and scripts, and the policy that allows no others |
//! | `history` | the figures of the last minutes |
//! | `overview` | caches, functions, health and settings as JSON |
//! | `entries` | keys, one entry, and changes |
#![forbid(unsafe_code)]

mod access;
mod answer;
mod entries;
mod history;
mod origin;
mod overview;
mod page;
mod serve;

pub use access::{Decision, Permission};

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::request::Parts;
use cache_core::Cache;

use access::Access;
use serve::Served;

/// The page for operators: [`router`](Self::router) makes an [`axum::Router`] of it.
///
/// It shows hit rates, load times, tiers, functions, the breaker, the bus and outages of the caches, and lets operators look
/// up, evict, mark stale and clear. **Without [`authorize`](Self::authorize) it answers every request with 403.**
///
/// ```
/// # use cache_dashboard as dashboard;
/// use axum::Router;
/// use dashboard::{Dashboard, Decision, Permission};
///
/// let dashboard = Dashboard::new().authorize(|permission, request| async move {
///     // Your check: of a session, a token, or a header that your proxy sets.
///     let role = request.headers.get("x-role").and_then(|role| role.to_str().ok());
///     match permission {
///         Permission::Read => role.is_some_and(|role| ["viewer", "operator"].contains(&role)),
///         _ => role == Some("operator"),
///     }
/// });
/// let app: Router = Router::new().nest_service("/admin/cache", dashboard.router());
/// # drop(app);
/// ```
#[must_use = "a dashboard is served by its `router`"]
#[derive(Clone)]
pub struct Dashboard {
    access: Access,
    caches: Caches,
    interval: Duration,
}

type Caches = Arc<dyn Fn() -> Vec<Cache> + Send + Sync>;

impl Dashboard {
    /// A dashboard of all [installed caches](cache_core::caches) that refuses every request.
    pub fn new() -> Self {
        Self {
            access: Access::default(),
            caches: Arc::new(cache_core::caches),
            interval: Duration::from_secs(2),
        }
    }

    /// Asks `hook` for each request whether it has a [`Permission`]. The hook gets the head of the request (method, URI, headers,
    /// extensions, such as what a middleware of yours has inserted), and returns a `bool` or a [`Decision`].
    ///
    /// Looking at figures, keys and entries needs [`Permission::Read`]; evicting, marking stale and clearing needs
    /// [`Permission::Change`], and neither includes the other. For the figures the hook is asked for both, so that the page
    /// shows only what its user may do: do not count these questions as attempts. A later call replaces the hook.
    ///
    /// In a nested router the URI is without the prefix; `axum::extract::OriginalUri` is among the extensions.
    pub fn authorize<F, D>(
        mut self,
        hook: impl Fn(Permission, Parts) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = D> + Send + 'static,
        D: Into<Decision>,
    {
        self.access = Access::new(hook);
        self
    }

    /// Shows these caches, instead of the [installed](cache_core::caches) ones. `list` is called for each request and each
    /// recorded interval. If two have one name, the first one is used.
    pub fn caches(mut self, list: impl Fn() -> Vec<Cache> + Send + Sync + 'static) -> Self {
        self.caches = Arc::new(list);
        self
    }

    /// Sets how often figures are recorded for the plots, which show the last 450 records. Default: every 2 seconds, so the plots
    /// show 15 minutes. Less than 100 ms counts as 100 ms.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(100));
        self
    }

    /// The router. Its paths begin at `/`: give it to `nest_service` of your router, with any prefix, and
    /// `/admin/cache` and `/admin/cache/` both lead to the page. (With `nest`, the path with the final slash does not.)
    ///
    /// Figures are recorded from now on if this is called in a Tokio runtime, else from the first request on, until the router is
    /// dropped. A record sums some counters of each function; it sends no request to the remote tier.
    pub fn router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let Self { access, caches, interval } = self;
        serve::router(Arc::new(Served::new(access, caches, interval)))
    }
}

impl Default for Dashboard {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dashboard")
            .field("authorized", &self.access.is_configured())
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}
