//! Configures a kit's caches.

use std::fmt;

use super::Kit;
use cache_core::__testing::{TestScope, builder, embedded};
use cache_core::Builder;
use cache_core::Clock;

/// Configures the builder of each new cache; the argument is its name, or `None` for the default cache.
type Furnish = Box<dyn Fn(Option<&str>, Builder) -> Builder + Send + Sync>;

/// Builds a [`Kit`].
///
/// ```
/// use larder::{testing::Kit, backend::MemoryBackend, time::Clock};
/// use std::time::Duration;
///
/// let clock = Clock::manual();
/// let store = MemoryBackend::with_clock(clock.clone());
/// let kit = Kit::builder()
///     .clock(clock)
///     .caches(move |name, builder| match name {
///         None => builder.remote(store.clone()),
///         Some(_) => builder.default_ttl(Duration::from_secs(60)),
///     })
///     .build();
/// kit.advance(Duration::from_secs(1));
/// ```
#[must_use]
pub struct KitBuilder {
    clock: Clock,
    furnish: Furnish,
}

impl fmt::Debug for KitBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KitBuilder").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl KitBuilder {
    pub(super) fn new() -> Self {
        Self { clock: Clock::default(), furnish: Box::new(|_, builder| builder) }
    }

    /// Sets the clock of all the kit's caches. Default: the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets how each cache is built, from its name (`None` for the default cache) and a builder that already
    /// has a name, a clock and a namespace (`larder`; for named caches `larder/NAME`, converted to the
    /// characters of a namespace). Default: the builder is used as it is.
    pub fn caches(
        mut self,
        furnish: impl Fn(Option<&str>, Builder) -> Builder + Send + Sync + 'static,
    ) -> Self {
        self.furnish = Box::new(furnish);
        self
    }

    /// Builds the kit.
    ///
    /// # Panics
    /// If the default cache cannot be built with the settings of [`caches`](Self::caches).
    #[track_caller]
    pub fn build(self) -> Kit {
        let Self { clock, furnish } = self;
        let at = clock.clone();
        let make = move |name: Option<&str>| {
            let fresh = builder(at.clone());
            let builder = name.into_iter().fold(fresh, Builder::name);
            furnish(name, builder).build()
        };
        match TestScope::new(clock, Box::new(make), embedded) {
            Ok(scope) => Kit { scope },
            Err(error) => panic!("the kit's default cache can't be built: {error}"),
        }
    }
}
