//! The dashboard of the caches, for operators who know the password.

use axum::Router;
use axum::http::{HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use larder::dashboard::{Dashboard, Decision};

/// The page at `/admin/dashboard`. Without a password it answers every request with 403, as a dashboard does by default.
pub fn router(password: Option<&str>) -> Router {
    let dashboard = match password {
        None => Dashboard::new(),
        Some(password) => {
            let known = format!("Basic {}", STANDARD.encode(format!("operator:{password}")));
            Dashboard::new().authorize(move |_, request| {
                let given = request.headers.get(header::AUTHORIZATION);
                let is_known =
                    given.is_some_and(|given| are_equal(given.as_bytes(), known.as_bytes()));
                async move {
                    match is_known {
                        true => Decision::Allow,
                        // The browser asks for the password.
                        false => Decision::Authenticate(HeaderValue::from_static(
                            "Basic realm=\"the caches of the shop\"",
                        )),
                    }
                }
            })
        }
    };
    Router::new().nest_service("/admin/dashboard", dashboard.router())
}

/// Compares all bytes, so that the time does not tell how many of them are right.
fn are_equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}
