//! Recognises the variables that Kubernetes sets in every pod for every service of the namespace. For a service called
//! `larder` or `larder-api` they begin with `LARDER_`.

use std::net::IpAddr;

const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];

/// Whether a variable is a service link; `name` is the part after `LARDER_`. Name and text must both have one of the seven
/// forms of a link, so that a misspelt field is still reported.
pub(crate) fn is_service_link(name: &str, text: &str) -> bool {
    // A service `larder-api` has its own name in between.
    let forms = std::iter::once(name).chain(name.match_indices('_').map(|(at, _)| &name[at + 1..]));
    forms.into_iter().any(|form| is_form(form, text))
}

fn is_form(form: &str, text: &str) -> bool {
    if form == "SERVICE_HOST" {
        return is_address(text);
    }
    if let Some(port) = form.strip_prefix("SERVICE_PORT") {
        return (port.is_empty() || port.starts_with('_')) && is_number(text);
    }
    match form.strip_prefix("PORT") {
        Some("") => is_url(text),
        Some(port) => is_port(port, text),
        None => false,
    }
}

/// `_6379_TCP`, with or without a suffix.
fn is_port(port: &str, text: &str) -> bool {
    let mut parts = port.split('_');
    let (Some(""), Some(number), Some(protocol)) = (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    if !is_number(number) || !PROTOCOLS.contains(&protocol) {
        return false;
    }
    let known = match parts.next() {
        None => is_url(text),
        Some("PROTO") => PROTOCOLS.iter().any(|protocol| protocol.eq_ignore_ascii_case(text)),
        Some("PORT") => is_number(text),
        Some("ADDR") => is_address(text),
        Some(_) => false,
    };
    known && parts.next().is_none()
}

fn is_number(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

fn is_url(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| PROTOCOLS.iter().any(|known| known.eq_ignore_ascii_case(scheme)))
}
