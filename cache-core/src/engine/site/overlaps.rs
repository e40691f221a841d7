//! Finds functions whose templates differ but have keys in common, such as `users:{name}` and `users:all`:
//! neither may get the other's values. In each cache only the function that is called first is cached.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::Site;
use crate::base::{Error, PrehashedMap, warn_once};
use crate::key::Template;

/// All called functions that have templates.
static LISTED: Mutex<Vec<(&'static Site, Template)>> = Mutex::new(Vec::new());

impl Site {
    /// Compares its template with those of all functions called before, once, before it reads or writes
    /// anything.
    #[inline]
    pub(crate) fn enlist(&'static self) {
        let compared = self.at.is_none() || self.listed.load(Ordering::Acquire);
        if !compared {
            self.enlist_now();
        }
    }

    #[cold]
    fn enlist_now(&'static self) {
        let template = self.keys();
        let mut listed = LISTED.lock().unwrap_or_else(PoisonError::into_inner);
        if self.listed.load(Ordering::Acquire) {
            return;
        }
        for (other, _) in listed.iter().filter(|(_, other)| template.overlaps(other)) {
            self.contested.store(true, Ordering::Release);
            other.contested.store(true, Ordering::Release);
        }
        listed.push((self, template));
        self.listed.store(true, Ordering::Release);
    }

    /// Whether another function's template has keys in common with it.
    #[inline]
    pub(crate) fn is_contested(&self) -> bool {
        self.contested.load(Ordering::Acquire)
    }
}

/// The functions with templates that have used a cache, and whether they may.
#[derive(Debug, Default)]
pub(crate) struct Visitors(RwLock<PrehashedMap<usize, Result<(), Arc<Error>>>>);

impl Visitors {
    /// Checks that `site` may use the cache: no other function with keys in common has used it before.
    ///
    /// # Errors
    /// Another function has.
    pub(crate) fn admit(&self, site: &'static Site) -> Result<(), Error> {
        if site.at.is_none() {
            return Ok(());
        }
        let known = {
            let visitors = self.0.read().unwrap_or_else(PoisonError::into_inner);
            visitors.get(&site.number()).cloned()
        };
        known.unwrap_or_else(|| self.admit_first(site)).map_err(|error| Error::clone(&error))
    }

    #[cold]
    fn admit_first(&self, site: &'static Site) -> Result<(), Arc<Error>> {
        let mut visitors = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Under the lock: a function that is listed later comes here later, and finds `site`.
        let listed = LISTED.lock().unwrap_or_else(PoisonError::into_inner);
        let own = site.keys();
        let before = |other: &Site| matches!(visitors.get(&other.number()), Some(Ok(())));
        let rival = listed.iter().find(|(other, template)| own.overlaps(template) && before(other));
        let admitted = match rival {
            Some((other, template)) => Err(Arc::new(overlapping(site, &own, other, template))),
            None => Ok(()),
        };
        drop(listed);
        visitors.entry(site.number()).or_insert(admitted).clone()
    }
}

fn overlapping(site: &Site, own: &Template, other: &Site, template: &Template) -> Error {
    let message = format!(
        "`{}` ({}) has keys in common with `{}` ({}), which was called first: `{own}` and `{template}`. Begin each template with a \
         text that the other one does not have",
        site.path(),
        site.at(),
        other.path(),
        other.at(),
    );
    Error::config("key", message)
}

/// Reports once that a value under a key of `site` had the type `found`, and which functions replace each
/// other's values.
#[cold]
pub(crate) fn tell_types(site: &'static Site, found: Option<&'static str>) {
    let own = site.keys();
    let listed = LISTED.lock().unwrap_or_else(PoisonError::into_inner);
    let equal = listed.iter().filter(|(other, template)| {
        *template == own && !std::ptr::eq(*other, site) && other.value.get() != site.value.get()
    });
    let equal: Vec<&'static Site> = equal.map(|(other, _)| *other).collect();
    drop(listed);
    let written = |other: &&&Site| found.is_some() && other.value.get().copied() == found;
    let other = equal.iter().find(written).or(equal.first());
    let message = match (other, found) {
        (Some(other), _) => {
            // The function that was called first comes first, so that each pair is reported once.
            let mut pair = [site, *other];
            pair.sort_by_key(|site| site.number());
            let [first, second] = pair.map(|site| {
                format!("`{}` ({}) caches `{}`", site.path(), site.at(), site.caching())
            });
            format!(
                "{first} and {second} under the same keys `{own}`: each replaces what the other one has. Let both return one type, \
                 or give one of them another `key` or a `version`"
            )
        }
        (None, Some(found)) => format!(
            "`{}` ({}) caches `{}` under `{own}`, where somebody else stored a `{found}`",
            site.path(),
            site.at(),
            site.caching(),
        ),
        // Bytes of another schema: most likely from another version of the type.
        (None, None) => return,
    };
    warn_once("values of two types replace each other", &Error::config("key", message));
}

impl Site {
    /// File and line.
    fn at(&self) -> &'static str {
        self.at.unwrap_or_default()
    }

    fn caching(&self) -> &'static str {
        self.value.get().copied().unwrap_or("another type")
    }
}
