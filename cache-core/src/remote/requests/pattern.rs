//! Searches through all keys: evictions of patterns, and listings.

use std::sync::Arc;

use super::Remote;
use crate::base::{BackendError, Pattern, Selection};
use crate::remote::pending::Affected;
use crate::remote::progress::StepSink;

/// A search for the keys that match a pattern: first for those whose text is in the store, then for those that are
/// stored as a hash.
pub(crate) struct Search {
    pattern: Pattern,
    /// What to scan for, and the cursor.
    next: Option<(Pattern, u64)>,
    sealed: Option<Pattern>,
}

impl Search {
    pub(crate) fn new(pattern: &Pattern) -> Self {
        let (next, sealed) = (Some((pattern.clone(), 0)), pattern.of_sealed());
        Self { pattern: pattern.clone(), next, sealed }
    }

    fn covers(&self, key: &str) -> bool {
        self.pattern.covers(key)
    }
}

impl Remote {
    /// Leases first, then values: a load in progress at the start either loses its lease, or its value is
    /// found.
    pub(super) async fn remove_matching_now(
        &self,
        pattern: &Pattern,
        progress: &StepSink,
    ) -> Result<u64, BackendError> {
        self.revoke_matching(pattern, progress).await?;
        let (mut search, mut removed) = (Search::new(pattern), 0);
        while let Some(found) = self.search(&mut search, progress).await? {
            let found: Vec<String> = found.iter().map(|key| self.value_key(key)).collect();
            let found: Vec<&str> = found.iter().map(String::as_str).collect();
            for chunk in found.chunks(500) {
                let gone = self.backend.remove(chunk, None).await?;
                removed += gone;
                progress.removed(gone);
            }
        }
        self.tell_of_pattern(pattern).await?;
        Ok(removed)
    }

    /// Ends the leases of the matching keys.
    pub(crate) async fn revoke_matching(
        &self,
        pattern: &Pattern,
        progress: &StepSink,
    ) -> Result<(), BackendError> {
        self.revoke_found(pattern, progress).await?;
        match pattern.of_sealed() {
            Some(sealed) => self.revoke_found(&sealed, progress).await,
            None => Ok(()),
        }
    }

    /// Lets the memory tiers of other processes forget the matching keys. Comes after the remote tier has changed: a
    /// memory tier that forgets earlier could read an old value again.
    pub(crate) async fn tell_of_pattern(&self, pattern: &Pattern) -> Result<(), BackendError> {
        self.tell(Selection::Pattern(pattern.clone())).await
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

    /// The next keys that match, without the namespace; `None` at the end.
    pub(crate) async fn search(
        &self,
        search: &mut Search,
        progress: &StepSink,
    ) -> Result<Option<Vec<String>>, BackendError> {
        let Some((pattern, cursor)) = search.next.take() else { return Ok(None) };
        let prefix = format!("{}:", self.namespace);
        let page = self.backend.scan(&pattern.under(&prefix), cursor).await?;
        progress.searched();
        let keys = page.keys.iter().filter_map(|key| key.strip_prefix(&prefix));
        let found = keys.filter(|key| search.covers(key)).map(str::to_owned).collect();
        search.next = match page.next {
            Some(next) => Some((pattern, next)),
            None => search.sealed.take().map(|sealed| (sealed, 0)),
        };
        Ok(Some(found))
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
