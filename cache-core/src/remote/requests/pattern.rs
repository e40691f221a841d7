//! Searches through all keys: evictions of patterns, and listings.

use std::sync::Arc;

use super::Remote;
use crate::base::{BackendError, Pattern, Selection};
use crate::remote::pending::Affected;
use crate::remote::progress::StepSink;

impl Remote {
    /// Leases first, then values: a load in progress at the start either loses its lease, or its value is
    /// found.
    pub(super) async fn remove_matching_now(
        &self,
        pattern: &Pattern,
        progress: &StepSink,
    ) -> Result<u64, BackendError> {
        let sealed = pattern.of_sealed();
        self.revoke_found(pattern, progress).await?;
        if let Some(sealed) = &sealed {
            self.revoke_found(sealed, progress).await?;
        }
        let mut removed = self.remove_found(pattern, |_| true, progress).await?;
        if let Some(sealed) = &sealed {
            removed += self.remove_found(sealed, |key| pattern.covers(key), progress).await?;
        }
        // Last: a memory tier that forgets earlier could read an old value again.
        self.tell(Selection::Pattern(pattern.clone())).await?;
        Ok(removed)
    }

    async fn revoke_found(
        &self,
        pattern: &Pattern,
        progress: &StepSink,
    ) -> Result<(), BackendError> {
        let Some(leases) = self.backend.leases() else { return Ok(()) };
        let places = pattern.under(&format!("{}:", self.namespace));
        let mut next = Some(0);
        while let Some(cursor) = next {
            next = leases.revoke(&places, cursor).await?.next;
            progress.searched();
        }
        Ok(())
    }

    async fn remove_found(
        &self,
        pattern: &Pattern,
        covers: impl Fn(&str) -> bool,
        progress: &StepSink,
    ) -> Result<u64, BackendError> {
        let prefix = format!("{}:", self.namespace);
        let places = pattern.under(&prefix);
        let (mut next, mut removed) = (Some(0), 0);
        while let Some(cursor) = next {
            let page = self.backend.scan(&places, cursor).await?;
            progress.searched();
            let covered = |place: &&String| place.strip_prefix(&prefix).is_some_and(&covers);
            let found: Vec<&str> = page.keys.iter().filter(covered).map(String::as_str).collect();
            for chunk in found.chunks(500) {
                let gone = self.backend.remove(chunk, None).await?;
                removed += gone;
                progress.removed(gone);
            }
            next = page.next;
        }
        Ok(removed)
    }

    /// A page of the matching keys, without the namespace, and the cursor of the next page.
    pub(crate) async fn keys(
        self: &Arc<Self>,
        pattern: &Pattern,
        cursor: u64,
    ) -> Result<(Vec<String>, Option<u64>), BackendError> {
        let prefix = format!("{}:", self.namespace);
        let places = pattern.under(&prefix);
        let page = self.guarded(Affected::Everything, self.backend.scan(&places, cursor)).await?;
        let keys = page.keys.iter().filter_map(|key| key.strip_prefix(&prefix));
        Ok((keys.map(str::to_owned).collect(), page.next))
    }
}
