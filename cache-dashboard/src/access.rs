//! Permissions, and the hook that grants them. Without a hook, nothing is permitted.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};

use crate::answer::Failure;

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Permission {
    /// To see figures, health, keys, and the state of entries. Values are never shown.
    Read,
    /// To evict, to mark stale, and to clear.
    Change,
}

/// The answer of the hook to the question whether a request has a [`Permission`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// The request is carried out.
    Allow,
    /// The request is answered with 403.
    Deny,
    /// The request is answered with 401 and this `WWW-Authenticate` header, such as `Basic realm="cache"`, so that the browser
    /// asks for a user and a password.
    Authenticate(HeaderValue),
}

impl From<bool> for Decision {
    fn from(allowed: bool) -> Self {
        if allowed { Self::Allow } else { Self::Deny }
    }
}

type Decided = Pin<Box<dyn Future<Output = Decision> + Send>>;
type Hook = Arc<dyn Fn(Permission, Parts) -> Decided + Send + Sync>;

#[derive(Clone, Default)]
pub(crate) struct Access {
    hook: Option<Hook>,
}

impl Access {
    pub(crate) fn new<F, D>(hook: impl Fn(Permission, Parts) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = D> + Send + 'static,
        D: Into<Decision>,
    {
        let hook = move |permission, request| -> Decided {
            let decided = hook(permission, request);
            Box::pin(async move { decided.await.into() })
        };
        Self { hook: Some(Arc::new(hook)) }
    }

    pub(crate) fn is_configured(&self) -> bool {
        self.hook.is_some()
    }

    fn hook(&self) -> Result<&Hook, Failure> {
        self.hook.as_ref().ok_or_else(|| {
            Failure::new(
                StatusCode::FORBIDDEN,
                "not_configured",
                "the dashboard refuses every request until the program says who may use it: \
                 Dashboard::new().authorize(|permission, request| async move { .. })",
            )
        })
    }

    /// Whether there is a hook.
    pub(crate) fn configured(&self) -> Result<(), Failure> {
        self.hook().map(drop)
    }

    /// Whether the request has the permission.
    pub(crate) async fn check(
        &self,
        permission: Permission,
        request: &Parts,
    ) -> Result<(), Failure> {
        let hook = self.hook()?;
        match hook(permission, request.clone()).await {
            Decision::Allow => Ok(()),
            Decision::Deny => {
                let message = match permission {
                    Permission::Read => {
                        "the authorisation hook does not permit this request to read"
                    }
                    Permission::Change => {
                        "the authorisation hook does not permit this request to change anything"
                    }
                };
                Err(Failure::new(StatusCode::FORBIDDEN, "denied", message))
            }
            Decision::Authenticate(challenge) => {
                let message = "this request has no valid credentials";
                Err(Failure::new(StatusCode::UNAUTHORIZED, "unauthenticated", message)
                    .with_header(header::WWW_AUTHENTICATE, challenge))
            }
        }
    }
}
