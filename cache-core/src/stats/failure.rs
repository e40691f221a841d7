//! Logs the failure of one operation.

use crate::base::{BackendErrorKind, Discreet, Error};

/// Logs an omitted action and the reason. A failure of the remote tier has one log line, for the change of
/// the tier's state; the operations that it affects are only logged at `DEBUG`.
pub(crate) fn log_failure(consequence: &'static str, error: &Error) {
    let told = is_change_of_state(error);
    let error = Discreet(error);
    // `tracing` needs the level at compile time.
    if told {
        tracing::debug!(target: "larder::remote", %error, "larder: {consequence}");
    } else {
        tracing::warn!(target: "larder::remote", %error, "larder: {consequence}");
    }
}

fn is_change_of_state(error: &Error) -> bool {
    match error {
        Error::Backend(error) => error.kind() != BackendErrorKind::Unsupported,
        Error::Several { failed, .. } => failed.iter().all(|(_, error)| is_change_of_state(error)),
        _ => false,
    }
}
