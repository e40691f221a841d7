//! The errors of the shop, and their HTTP statuses.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// The error of all functions of the shop.
///
/// It is `Clone`, so that all callers that wait for one load get the error of this load. `From<larder::TimedOut>` allows
/// `hard_timeout`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ShopError {
    /// The row does not exist, or belongs to another tenant.
    #[error("there is no {0}")]
    NotFound(String),
    /// The request is invalid.
    #[error("{0}")]
    Invalid(String),
    /// The stock is too small for the order.
    #[error("{0}")]
    Conflict(String),
    /// The database failed. `rusqlite::Error` is not `Clone`, so this has only its text.
    #[error("the database failed: {0}")]
    Database(String),
    /// The service for exchange rates failed.
    #[error("the bank does not answer")]
    Bank,
    /// A load took longer than its `hard_timeout`.
    #[error(transparent)]
    Late(#[from] larder::TimedOut),
    /// A direct operation of the cache failed, for example clearing it while Redis is away.
    #[error(transparent)]
    Cache(#[from] larder::Error),
}

impl From<rusqlite::Error> for ShopError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.to_string())
    }
}

impl IntoResponse for ShopError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Bank | Self::Cache(_) => StatusCode::BAD_GATEWAY,
            Self::Late(_) => StatusCode::GATEWAY_TIMEOUT,
        };
        (status, Json(serde_json::json!({ "error": self.to_string() }))).into_response()
    }
}
