//! The page: one file with its styles and scripts. Its policy names their hashes, so no other script or style can run.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::answer::{HTML, answer};

const SHELL: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/style.css");
/// In this order in one script.
const SCRIPTS: [&str; 3] =
    [include_str!("page/model.js"), include_str!("page/plot.js"), include_str!("page/app.js")];

struct Page {
    html: String,
    policy: HeaderValue,
}

static PAGE: LazyLock<Page> = LazyLock::new(|| {
    let script = format!("\n\"use strict\";\n(() => {{\n{}}})();\n", SCRIPTS.concat());
    let style = format!("\n{STYLE}");
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hash(&script),
        hash(&style),
    );
    let html = SHELL.replacen("/*style*/", &style, 1).replacen("/*script*/", &script, 1);
    // The text of hashes is always a header's.
    let policy = HeaderValue::from_str(&policy)
        .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"));
    Page { html, policy }
});

fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

pub(crate) fn page() -> Response {
    let mut response = answer(StatusCode::OK, HTML, PAGE.html.as_str());
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, PAGE.policy.clone());
    response
}
