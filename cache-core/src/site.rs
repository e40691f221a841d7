//! Where a cached function stands: its name, its policy and its cache.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Error;
use crate::cache::{Cache, Inner};
use crate::key;
use crate::policy::Policy;
use crate::registry::{self, Slot};

/// A cached function, as its expansion describes it: one `static` each.
#[derive(Debug)]
pub struct Site {
    name: &'static str,
    policy: Policy,
    events: &'static [fn() -> String],
    /// The policy with the events' tags, once they are known: names of types are made at run time.
    tagged: OnceLock<Policy>,
    cache: Option<&'static str>,
    slot: OnceLock<&'static Slot>,
    /// The instance of the function that uses its key template, where an `impl` block has several.
    instance: OnceLock<&'static str>,
    /// The first place that was claimed, and whether it is this function's.
    claimed: OnceLock<(&'static str, bool)>,
    /// Its number among the functions that were called, from one on.
    number: AtomicUsize,
    path: OnceLock<String>,
}

impl Site {
    /// The function `name` (its full path) with its policy, on the default cache.
    pub const fn new(name: &'static str, policy: Policy) -> Self {
        Self {
            name,
            policy,
            events: &[],
            tagged: OnceLock::new(),
            cache: None,
            slot: OnceLock::new(),
            instance: OnceLock::new(),
            claimed: OnceLock::new(),
            number: AtomicUsize::new(0),
            path: OnceLock::new(),
        }
    }

    /// On the named cache.
    #[must_use]
    pub const fn cache(mut self, name: &'static str) -> Self {
        self.cache = Some(name);
        self
    }

    /// Entries end when one of these events happens.
    #[must_use]
    pub const fn events(mut self, events: &'static [fn() -> String]) -> Self {
        self.events = events;
        self
    }

    /// The function's full path.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its number among the functions that were called, from zero on.
    #[inline]
    pub(crate) fn number(&self) -> usize {
        match self.number.load(Ordering::Relaxed) {
            0 => self.numbered(),
            number => number - 1,
        }
    }

    #[cold]
    fn numbered(&self) -> usize {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let new = NEXT.fetch_add(1, Ordering::Relaxed);
        let former = self.number.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed);
        former.err().unwrap_or(new) - 1
    }

    /// How statistics call the function: its path, with its type where that is known, as in `shop::Repo::get`.
    pub(crate) fn path(&self) -> &str {
        self.path.get_or_init(|| {
            // Known since the first call.
            let place = self.claimed.get().map(|(place, _)| place).or_else(|| self.instance.get());
            let Some(place) = place.and_then(|place| place.strip_suffix("::{{closure}}")) else {
                return self.name.to_owned();
            };
            // Around a function in another one's body, and in a sync function's `call`.
            let path = key::without_generics(place).replace("::{{closure}}", "");
            let own = self.name.rsplit("::").next().unwrap_or(self.name);
            match path.strip_suffix("::call").filter(|_| own != "call") {
                Some(path) => path.to_owned(),
                None => path,
            }
        })
    }

    #[inline]
    pub(crate) fn policy(&self) -> &Policy {
        if self.events.is_empty() { &self.policy } else { self.tagged() }
    }

    fn tagged(&self) -> &Policy {
        self.tagged.get_or_init(|| {
            let of_events = self.events.iter().map(|tag| &*tag().leak());
            let tags: Vec<&str> = self.policy.tags.iter().copied().chain(of_events).collect();
            // Once for each function of the program.
            self.policy.tags(tags.leak())
        })
    }

    /// Whether `instance` may use the function's key template: the first one that asks may, and no other.
    ///
    /// # Errors
    /// Another one does, and what to write instead.
    #[inline]
    pub(crate) fn admit(&self, instance: &'static str) -> Result<(), Error> {
        let first = *self.instance.get_or_init(|| instance);
        // The text is compared, too: a name may lie in several places.
        match std::ptr::eq(first, instance) || first == instance {
            true => Ok(()),
            false => Err(self.two_instances(first, instance)),
        }
    }

    /// Whether this function is the only one of the program at `place`, the compiler's name of where it stands: that is what
    /// its automatic keys begin with. (Two functions in blocks of one function may share it, and two versions of one crate.)
    ///
    /// # Errors
    /// Another one was there first.
    #[inline]
    pub(crate) fn claim(&'static self, place: &'static str) -> Result<(), Error> {
        let (first, mine) = *self.claimed.get_or_init(|| (place, claims::is_first(self, place)));
        let mine = match std::ptr::eq(first, place) || first == place {
            true => mine,
            false => claims::is_first_again(self, place),
        };
        if mine { Ok(()) } else { Err(self.two_functions(place)) }
    }

    #[cold]
    fn two_functions(&self, place: &str) -> Error {
        let place = place.trim_end_matches("::{{closure}}");
        let message = format!(
            "there are two functions `{place}`, whose entries would be one: give this one another name or a `key` of its own"
        );
        Error::config("key", message)
    }

    #[cold]
    fn two_instances(&self, first: &str, second: &str) -> Error {
        let message = format!(
            "the template of `{}` would be one key for `{first}` and `{second}`, whose values may differ: name the type in it \
             (`{{Self}}`), or add `skip(Self)` if they may share entries",
            self.name
        );
        Error::config("key", message)
    }

    fn slot(&self) -> &'static Slot {
        self.slot.get_or_init(|| match self.cache {
            None => registry::default_slot(),
            Some(name) => registry::named_slot(name),
        })
    }

    pub(crate) fn resolve(&self) -> Result<Cache, Error> {
        match self.cache {
            None => Ok(registry::default_cache()),
            Some(name) => Cache::named(name),
        }
    }

    #[inline]
    pub(crate) fn with<R>(&self, look: impl FnOnce(&Inner) -> Option<R>) -> Option<R> {
        self.slot().with(self.cache, look)
    }
}

/// Who stands where.
mod claims {
    use std::cell::RefCell;
    use std::collections::{HashMap, HashSet};
    use std::sync::{Mutex, OnceLock, PoisonError};

    use super::Site;

    /// Places by name, and sites by address.
    type Claims = Mutex<HashMap<&'static str, usize>>;

    thread_local! {
        /// What this thread has claimed: a function of many instances is not to wait for others at each call.
        static KNOWN: RefCell<HashSet<(usize, usize)>> = RefCell::default();
    }

    #[cold]
    pub(super) fn is_first(site: &'static Site, place: &'static str) -> bool {
        static CLAIMS: OnceLock<Claims> = OnceLock::new();
        let claims = CLAIMS.get_or_init(Mutex::default);
        let mut claims = claims.lock().unwrap_or_else(PoisonError::into_inner);
        let site = std::ptr::from_ref(site).addr();
        *claims.entry(place).or_insert(site) == site
    }

    /// The same for another instance of a generic function.
    pub(super) fn is_first_again(site: &'static Site, place: &'static str) -> bool {
        let claim = (std::ptr::from_ref(site).addr(), place.as_ptr().addr());
        if KNOWN.with_borrow(|known| known.contains(&claim)) {
            return true;
        }
        let first = is_first(site, place);
        if first {
            KNOWN.with_borrow_mut(|known| known.insert(claim));
        }
        first
    }
}
