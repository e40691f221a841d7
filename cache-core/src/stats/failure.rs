//! What failed for one operation, in the log.

use crate::base::{BackendErrorKind, Discreet, Error};

/// Says what was not done, and why. A failure of the remote tier is one line, the change of the tier's state: of each
/// operation that meets it only `DEBUG` tells.
pub(crate) fn log_failure(consequence: &'static str, error: &Error) {
    let told = is_change_of_state(error);
    let error = Discreet(error);
    // A level is no value at run time.
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
