//! Requests to a router, without a socket.

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use larder::Cache;
use larder::dashboard::Dashboard;
use serde_json::Value;
use tower_service::Service;

pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Told {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The code of an error, whose body is a code and one message.
    pub(crate) fn failure(&self) -> (u16, String) {
        let body = self.json();
        let fields = body.as_object().unwrap();
        assert_eq!(fields.len(), 2, "{body}");
        assert!(!body["error"].as_str().unwrap().is_empty());
        (self.status.as_u16(), body["code"].as_str().unwrap().to_owned())
    }
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Told {
    let response: Result<_, Infallible> = router.clone().call(request).await;
    let (head, body) = response.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    Told {
        status: head.status,
        headers: head.headers,
        text: String::from_utf8(body.to_vec()).unwrap(),
    }
}

pub(crate) fn request(
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path).header("host", "ops.example.com");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Body::from(body.to_owned())).unwrap()
}

pub(crate) async fn get(router: &Router, path: &str) -> Told {
    send(router, request(Method::GET, path, &[], "")).await
}

pub(crate) const GOOD: [(&str, &str); 2] =
    [("content-type", "application/json"), ("x-larder-dashboard", "1")];

pub(crate) async fn post(router: &Router, path: &str, body: Value) -> Told {
    send(router, request(Method::POST, path, &GOOD, &body.to_string())).await
}

/// A dashboard of these caches on which everything is permitted.
pub(crate) fn open(caches: &[&Cache]) -> Dashboard {
    let caches: Vec<Cache> = caches.iter().map(|cache| (*cache).clone()).collect();
    Dashboard::new().caches(move || caches.clone()).authorize(|_, _| async { true })
}
