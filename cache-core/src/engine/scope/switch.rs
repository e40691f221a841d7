//! Switches caching off in the whole process, or for one cache.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::base::ActiveScope;
use crate::engine::handle::Cache;
use crate::engine::test_scope as world;

/// On unless it was switched off.
#[derive(Debug, Default)]
pub(crate) struct Switch {
    off: AtomicBool,
    /// Off for good.
    closed: AtomicBool,
    live: Mutex<Option<ActiveScope>>,
}

static PROCESS: Switch = Switch::new();

impl Switch {
    pub(crate) const fn new() -> Self {
        let (off, closed) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { off, closed, live: Mutex::new(None) }
    }

    fn set(&self, off: bool) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        // Counted before the switch is off and until it is on again, so that no caller skips the check of a
        // switch that is off. Switching off twice counts once.
        if off && live.is_none() {
            *live = Some(ActiveScope::new());
        }
        self.off.store(off, Ordering::SeqCst);
        if !off && !self.is_closed() {
            *live = None;
        }
    }

    /// Switches off for good.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.set(true);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn is_off(&self) -> bool {
        self.off.load(Ordering::SeqCst) || self.is_closed()
    }
}

/// The switch of the process, or of the caller's test kit.
fn with_process<T>(act: impl FnOnce(&Switch) -> T) -> T {
    match world::current() {
        Some(world) => act(&world.switch),
        None => act(&PROCESS),
    }
}

pub(crate) fn process_is_off() -> bool {
    with_process(Switch::is_off)
}

/// Switches caching off in the whole process, until [`enable`].
///
/// While caching is off, the program stays correct and is only slower: cached functions run their bodies each
/// time, reads by key find nothing, and nothing is stored. Evictions still count: they are carried out, and a
/// put (or a refresh) evicts its key instead. So there is no old value when caching is switched on again. A
/// load that began before may still store its value, unless an eviction came meanwhile.
///
/// In a test kit (`testing::Kit`) this affects only code that runs in the kit.
///
/// Listings and statistics still show the content of the caches. Takes effect for calls that begin after this
/// returns. Calling it twice is the same as once.
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let cache = Cache::builder().build()?;
/// cache.insert("k", 1u64).await?;
/// larder::disable();
/// assert!(!larder::is_enabled());
/// assert_eq!(cache.get::<u64>("k").await?, None);
/// larder::enable();
/// assert_eq!(cache.get::<u64>("k").await?, Some(1));
/// # Ok(())
/// # }
/// ```
pub fn disable() {
    with_process(|switch| switch.set(true));
}

/// Switches caching on again, after [`disable`]. Caches and scopes that were switched off separately stay
/// off.
pub fn enable() {
    with_process(|switch| switch.set(false));
}

/// Returns whether caching is on in the process. Default: on.
pub fn is_enabled() -> bool {
    !process_is_off()
}

impl Cache {
    /// Switches this cache off for every user of it in this process, as [`disable`](crate::disable()) does
    /// for all caches.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// cache.insert("k", 1u64).await?;
    /// cache.disable();
    /// cache.insert("k", 2u64).await?; // evicts: the old value must not come back
    /// cache.enable();
    /// assert_eq!(cache.get::<u64>("k").await?, None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn disable(&self) {
        self.engine.switch.set(true);
    }

    /// Switches this cache on again, after [`disable`](Self::disable). A [closed](Self::close) cache stays
    /// off.
    pub fn enable(&self) {
        self.engine.switch.set(false);
    }

    /// Returns whether caching is on, for this cache and for the process. Default: on.
    pub fn is_enabled(&self) -> bool {
        is_enabled() && !self.engine.switch.is_off()
    }
}
