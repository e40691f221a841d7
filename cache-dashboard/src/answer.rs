//! Answers: JSON, errors as JSON, and the headers that all answers have.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use cache_core::Error;
use serde::Serialize;
use serde_json::json;

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(crate) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// The policy of answers that are no page: if a browser shows them, they can do nothing.
const NOTHING: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// A request that is not carried out.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    header: Option<(HeaderName, HeaderValue)>,
}

pub(crate) type Answer = Result<Response, Failure>;

impl Failure {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code, message: message.into(), header: None }
    }

    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    /// The failure of a change. What the remote tier did not carry out is pending.
    pub(crate) fn of_change(error: Error) -> Self {
        let is_pending = matches!(error, Error::Backend(_));
        let mut this = Self::from(error);
        if is_pending {
            this.message = format!(
                "{}; the eviction is pending: this process carries it out before it reads the tier again",
                this.message
            )
            .into();
        }
        this
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }
}

impl From<Error> for Failure {
    /// A store's own message may contain credentials, so its kind is told only. The health has the message without them.
    fn from(error: Error) -> Self {
        match error {
            Error::Backend(error) => {
                let kind = error.kind();
                let message = format!(
                    "the remote tier failed ({kind:?}); the health of the cache has its message"
                );
                Self::new(StatusCode::BAD_GATEWAY, "remote_failed", message)
            }
            Error::Config { field, message } => Self::invalid(format!("{field}: {message}")),
            _ => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", "the cache could not do it")
            }
        }
    }
}

impl From<Failure> for Response {
    fn from(failure: Failure) -> Self {
        let body = json!({ "code": failure.code, "error": failure.message });
        let mut response = answer(failure.status, JSON, body.to_string());
        if let Some((name, value)) = failure.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// An answer with the headers of all answers.
pub(crate) fn answer(
    status: StatusCode,
    content_type: HeaderValue,
    body: impl Into<Body>,
) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_SECURITY_POLICY, NOTHING),
        // For browsers that do not know `frame-ancestors`.
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ] {
        headers.insert(name, value);
    }
    response
}

pub(crate) fn json(body: &impl Serialize) -> Answer {
    let failed = |_| {
        Failure::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "failed",
            "the answer can't be written as JSON",
        )
    };
    let body = serde_json::to_vec(body).map_err(failed)?;
    Ok(answer(StatusCode::OK, JSON, body))
}
