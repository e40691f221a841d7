//! Refuses requests that pages of other sites make: with a browser's cookies, the hook alone would permit them.

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};

use crate::answer::Failure;

/// The header of every POST. No form can send it, and a script of another site only after a preflight, which is not permitted.
pub(crate) const TOKEN: &str = "x-larder-dashboard";
const FETCH_SITE: &str = "sec-fetch-site";

fn refused(message: &'static str) -> Failure {
    Failure::new(StatusCode::FORBIDDEN, "cross_site", message)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// Checks a request for JSON. Nothing is known about programs that are no browsers, and they send no cookies by accident.
pub(crate) fn check(request: &Parts) -> Result<(), Failure> {
    let headers = &request.headers;
    let is_post = request.method == Method::POST;
    match text(headers, FETCH_SITE) {
        Some("same-origin") => {}
        // The address was typed, or is a bookmark: a page can't cause that with a POST.
        Some("none") if !is_post => {}
        Some(_) => return Err(refused("the request comes from a page of another site")),
        None if is_post => same_host(request)?,
        None => {}
    }
    if !is_post {
        return Ok(());
    }
    let media = text(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let essence = media.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            "a POST needs the header `content-type: application/json`",
        ));
    }
    match headers.contains_key(TOKEN) {
        true => Ok(()),
        false => Err(refused("a POST needs the header `x-larder-dashboard: 1`")),
    }
}

/// Compares `Origin` with `Host`, for browsers without `Sec-Fetch-Site`, and on plain HTTP.
fn same_host(request: &Parts) -> Result<(), Failure> {
    let Some(origin) = text(&request.headers, header::ORIGIN.as_str()) else { return Ok(()) };
    let host = match request.uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => text(&request.headers, header::HOST.as_str()),
    };
    let from = origin.split_once("://").map(|(_, from)| from);
    match (from, host) {
        (Some(from), Some(host)) if from.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(refused(
            "`Origin` is not the host of this request: it comes from another site, or a proxy does not pass `Host` on",
        )),
    }
}
