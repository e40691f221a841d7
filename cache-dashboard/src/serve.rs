//! Which request gets which answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request as HttpRequest;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use cache_core::Cache;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::access::{Access, Permission};
use crate::answer::{Answer, Failure, JSON, answer, json};
use crate::entries::{self, Request};
use crate::history::{History, unix_millis};
use crate::{Caches, origin, overview, page};

/// The size of a body, in bytes.
const LONGEST: usize = 16 << 10;
/// How many searches for keys run at the same time, because each visits all keys of the store.
const SEARCHES: usize = 2;

pub(crate) struct Served {
    access: Access,
    caches: Caches,
    history: History,
    searches: Semaphore,
    is_recording: AtomicBool,
}

/// What a path is for.
#[derive(Clone, Copy)]
enum Place {
    Page,
    Caches,
    History,
    Settings,
    Keys,
    Inspect,
    Evict,
    MarkStale,
    Clear,
}

impl Place {
    fn of(path: &str) -> Option<Self> {
        Some(match path.trim_matches('/') {
            "" => Self::Page,
            "api/caches" => Self::Caches,
            "api/history" => Self::History,
            "api/settings" => Self::Settings,
            "api/keys" => Self::Keys,
            "api/inspect" => Self::Inspect,
            "api/evict" => Self::Evict,
            "api/mark-stale" => Self::MarkStale,
            "api/clear" => Self::Clear,
            _ => return None,
        })
    }

    fn needs(self) -> Permission {
        match self {
            Self::Evict | Self::MarkStale | Self::Clear => Permission::Change,
            _ => Permission::Read,
        }
    }

    /// Keys are in the body of a POST, because proxies log addresses.
    fn is_posted(self) -> bool {
        matches!(self, Self::Keys | Self::Inspect | Self::Evict | Self::MarkStale | Self::Clear)
    }

    fn methods(self) -> &'static str {
        if self.is_posted() { "POST, OPTIONS" } else { "GET, HEAD, OPTIONS" }
    }

    fn takes(self, method: &Method) -> bool {
        match self.is_posted() {
            true => method == Method::POST,
            false => method == Method::GET || method == Method::HEAD,
        }
    }
}

pub(crate) fn router<S: Clone + Send + Sync + 'static>(served: Arc<Served>) -> Router<S> {
    served.begin_recording();
    let handler = move |request: HttpRequest| {
        let served = Arc::clone(&served);
        async move { served.serve(request).await }
    };
    // The route is for `nest`, which passes requests for the prefix itself to routes only.
    Router::new().route("/", any(handler.clone())).fallback(handler)
}

impl Served {
    pub(crate) fn new(access: Access, caches: Caches, interval: Duration) -> Self {
        Self {
            access,
            caches,
            history: History::new(interval),
            searches: Semaphore::new(SEARCHES),
            is_recording: AtomicBool::new(false),
        }
    }

    /// Records figures in the background until no one has the router.
    fn begin_recording(self: &Arc<Self>) {
        // No one can look at the figures without a hook.
        if !self.access.is_configured() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        if self.is_recording.swap(true, Ordering::Relaxed) {
            return;
        }
        let (weak, interval) = (Arc::downgrade(self), self.history.interval());
        runtime.spawn(async move {
            while let Some(served) = weak.upgrade() {
                served.history.record(&served.list());
                drop(served);
                tokio::time::sleep(interval).await;
            }
        });
    }

    /// The caches, each name once.
    fn list(&self) -> Vec<Cache> {
        let mut caches: Vec<Cache> = Vec::new();
        for cache in (self.caches)() {
            if caches.iter().all(|known| known.name() != cache.name()) {
                caches.push(cache);
            }
        }
        caches
    }

    async fn serve(self: Arc<Self>, request: HttpRequest) -> Response {
        self.begin_recording();
        let (head, body) = request.into_parts();
        self.answer(&head, body).await.unwrap_or_else(Response::from)
    }

    async fn answer(&self, head: &Parts, body: Body) -> Answer {
        self.access.configured()?;
        let place = Place::of(head.uri.path());
        if !matches!(place, None | Some(Place::Page)) && head.method != Method::OPTIONS {
            origin::check(head)?;
        }
        self.access.check(place.map_or(Permission::Read, Place::needs), head).await?;
        let missing =
            || Failure::new(StatusCode::NOT_FOUND, "not_found", "the dashboard has nothing here");
        let place = place.ok_or_else(missing)?;
        let allow = HeaderValue::from_static(place.methods());
        if head.method == Method::OPTIONS {
            let mut response = answer(StatusCode::NO_CONTENT, JSON, Body::empty());
            response.headers_mut().remove(header::CONTENT_TYPE);
            response.headers_mut().insert(header::ALLOW, allow);
            return Ok(response);
        }
        if !place.takes(&head.method) {
            let message = format!("this path takes {}", place.methods());
            return Err(Failure::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                message,
            )
            .with_header(header::ALLOW, allow));
        }
        match place {
            Place::Page => Ok(page::page()),
            Place::Caches => {
                let may_change = self.access.check(Permission::Change, head).await.is_ok();
                json(&overview::caches(&self.list(), may_change, unix_millis()))
            }
            Place::History => json(&self.history.after(round(head.uri.query())?)),
            Place::Settings => self.settings().await,
            _ => self.about_entries(place, body).await,
        }
    }

    async fn settings(&self) -> Answer {
        let mut all = Vec::new();
        for cache in self.list().iter().take(overview::MOST_CACHES) {
            all.push(overview::settings(cache).await);
        }
        json(&all)
    }

    async fn about_entries(&self, place: Place, body: Body) -> Answer {
        let too_large = |_| {
            let message = "the body is incomplete, or has more than 16 KiB";
            Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
        };
        let body = to_bytes(body, LONGEST).await.map_err(too_large)?;
        let request = Request::parse(&body)?;
        let caches = self.list();
        let change = match place {
            Place::Inspect => return entries::inspect(request, caches).await,
            Place::Evict => "evict",
            Place::MarkStale => "mark stale",
            Place::Clear => "clear",
            _ => {
                let busy = |_| {
                    let message = "other searches for keys are running: try again";
                    Failure::new(StatusCode::TOO_MANY_REQUESTS, "busy", message)
                };
                let _turn = self.searches.try_acquire().map_err(busy)?;
                return entries::keys(request, caches).await;
            }
        };
        let cache = request.cache_name().to_owned();
        let answer = match place {
            Place::Evict => entries::evict(request, caches).await,
            Place::MarkStale => entries::mark_stale(request, caches).await,
            _ => entries::clear(request, caches).await,
        };
        // No key and no tag: events at this level are widely shared.
        tracing::info!(target: "larder::dashboard", %cache, change, done = answer.is_ok(), "larder: a change through the dashboard");
        answer
    }
}

/// The number in `after=7`; everything without one.
fn round(query: Option<&str>) -> Result<u64, Failure> {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(0) };
    let number = query.strip_prefix("after=").and_then(|number| number.parse().ok());
    number.ok_or_else(|| Failure::invalid("the only parameter is `after`, a number"))
}
