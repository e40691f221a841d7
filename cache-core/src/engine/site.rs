//! Cached functions: name, policy, cache, and place.

mod claims;
mod entries;
mod overlaps;

pub(crate) use entries::Inside;
pub use entries::LeadTexts;
pub(crate) use overlaps::{Visitors, tell_types};

use std::any::{TypeId, type_name};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use once_cell::race::OnceRef;

use super::handle::Engine;
use super::slot::{Slot, default_slot, named_slot};
use crate::base::{Error, Pattern, Policy};
use crate::entry::ValueType;
use crate::key;
use crate::key::{KeyBuf, Part, Place, Template, Written, identity};
use crate::stats::Function;

/// A cached function, described by its expansion: one `static` each.
#[derive(Debug)]
pub struct Site {
    name: &'static str,
    policy: Policy,
    events: &'static [fn() -> String],
    /// The tags that depend on the call, with `*` instead of arguments.
    tag_patterns: &'static [&'static str],
    /// The policy with the events' tags, made at the first use because names of types are known at run time
    /// only.
    tagged: OnceLock<Policy>,
    cache: Option<&'static str>,
    /// Where its cache is installed. One word, because each hit reads it.
    slot: OnceRef<'static, Slot>,
    /// The place of the instance that was called first.
    stand: OnceLock<Stand>,
    /// The parts of its keys.
    parts: &'static [Part],
    /// File and line, if its keys are compared with those of other functions.
    at: Option<&'static str>,
    /// Where it is in its module, if its keys begin with its path.
    place: Option<Place>,
    /// The tag of the operation of its model.
    operation: Option<&'static str>,
    /// Whether its template was compared with those of the functions called before.
    listed: AtomicBool,
    /// Whether another function's template has keys in common with it.
    contested: AtomicBool,
    /// The type of its first cached value.
    value: OnceLock<&'static str>,
    /// Whether its calls are left out of statistics and metrics.
    silent: bool,
    /// Its number among the called functions, from 1; 0 before the first call.
    number: AtomicUsize,
    path: OnceLock<String>,
}

impl Site {
    /// Creates a site for the function `name` (its full path) with its policy, in the default cache.
    pub const fn new(name: &'static str, policy: Policy) -> Self {
        Self {
            name,
            policy,
            events: &[],
            tag_patterns: &[],
            tagged: OnceLock::new(),
            cache: None,
            slot: OnceRef::new(),
            stand: OnceLock::new(),
            parts: &[],
            at: None,
            place: None,
            operation: None,
            listed: AtomicBool::new(false),
            contested: AtomicBool::new(false),
            value: OnceLock::new(),
            silent: false,
            number: AtomicUsize::new(0),
            path: OnceLock::new(),
        }
    }

    /// Sets the named cache.
    #[must_use]
    pub const fn cache(mut self, name: &'static str) -> Self {
        self.cache = Some(name);
        self
    }

    /// Sets the parts of its keys.
    #[must_use]
    pub const fn parts(mut self, parts: &'static [Part]) -> Self {
        self.parts = parts;
        self
    }

    /// Compares its keys with those of other functions. `at` is the attribute's file and line.
    #[must_use]
    pub const fn compared(mut self, at: &'static str) -> Self {
        self.at = Some(at);
        self
    }

    /// Sets where it is in its module, if its keys begin with its path.
    #[must_use]
    pub const fn placed(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Sets the tag of the operation of its model.
    #[must_use]
    pub const fn operation(mut self, tag: &'static str) -> Self {
        self.operation = Some(tag);
        self
    }

    /// Counts none of its calls.
    #[must_use]
    pub const fn silent(mut self) -> Self {
        self.silent = true;
        self
    }

    /// Ends entries when one of these events happens.
    #[must_use]
    pub const fn events(mut self, events: &'static [fn() -> String]) -> Self {
        self.events = events;
        self
    }

    /// Sets the tags that depend on the call, with `*` instead of arguments: `user:*`.
    #[must_use]
    pub const fn tag_patterns(mut self, patterns: &'static [&'static str]) -> Self {
        self.tag_patterns = patterns;
        self
    }

    /// Returns the function's full path.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its number among the called functions, from zero.
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

    /// The function's name in statistics: its path, with its type if that is known, as in `shop::Repo::get`.
    pub(crate) fn path(&self) -> &str {
        self.path.get_or_init(|| {
            // Known since the first call.
            match self.stand.get() {
                Some(stand) => self.path_at(stand.name),
                None => self.name.to_owned(),
            }
        })
    }

    /// The same, from the compiler's name of a closure in the function.
    pub(crate) fn path_of(&self, closure: &'static str) -> &str {
        self.path.get_or_init(|| self.path_at(closure))
    }

    fn path_at(&self, closure: &'static str) -> String {
        let Some(place) = closure.strip_suffix("::{{closure}}") else {
            return self.name.to_owned();
        };
        // The closures of an enclosing function's body.
        let path = key::without_generics(place).replace("::{{closure}}", "");
        // A sync function is called by a hidden function next to it, and the name of that one is known.
        let own = self.name.rsplit("::").next().unwrap_or(self.name);
        match path.rsplit_once("::").filter(|(_, name)| name.starts_with("__larder_call_")) {
            Some((around, _)) => format!("{around}::{own}"),
            None => path,
        }
    }

    #[inline]
    pub(crate) fn policy(&self) -> &Policy {
        if self.events.is_empty() { &self.policy } else { self.tagged() }
    }

    fn tagged(&self) -> &Policy {
        self.tagged.get_or_init(|| {
            let of_events = self.events.iter().map(|tag| &*tag().leak());
            let tags: Vec<&str> = self.policy.tags.iter().copied().chain(of_events).collect();
            // Leaked once for each function of the program.
            self.policy.tags(tags.leak())
        })
    }

    /// Writes the function's place into an automatic key. The closure is in this instance of the function.
    #[inline]
    pub fn place<C: Fn()>(&'static self, key: &mut KeyBuf, _closure: C) {
        let name = type_name::<C>();
        let stand = || Stand::of_function(identity::<C>(), name, self.written(name));
        self.stand::<C>(key, stand);
    }

    /// The place in its keys, from the name of a closure in it.
    fn written(&self, closure: &'static str) -> Written {
        self.place.as_ref().map(|place| place.written(closure)).unwrap_or_default()
    }

    /// Writes the instance of a function whose enclosing `impl` block or trait is generic, because its
    /// template does not distinguish instances. `H` is an item in the function, which has none of the generic
    /// parameters.
    #[inline]
    pub fn instance<H, C: Fn()>(&'static self, key: &mut KeyBuf, _closure: C) {
        let (name, item) = (type_name::<C>(), type_name::<H>());
        let stand = || {
            let written = Written::of_instance(name, item);
            match written.around {
                Some(_) => Stand::of_instance(identity::<C>(), name, written),
                None => Stand::alone(identity::<C>(), name),
            }
        };
        self.stand::<C>(key, stand);
    }

    /// The same for a function with its own generic parameters, for which the user has decided.
    #[inline]
    pub fn instance_around<H, C: Fn()>(&'static self, key: &mut KeyBuf, _closure: C) {
        let (name, item) = (type_name::<C>(), type_name::<H>());
        let written = || Written::of_instance(name, item);
        self.stand::<C>(key, || Stand {
            written: written(),
            ..Stand::alone(identity::<C>(), name)
        });
    }

    /// The same if the key has the type, so that only a generic trait can be missing.
    #[inline]
    pub fn instance_of_trait<H, C: Fn()>(&'static self, key: &mut KeyBuf, _closure: C) {
        let (name, item) = (type_name::<C>(), type_name::<H>());
        let written = || Written::of_trait(name, item);
        self.stand::<C>(key, || Stand {
            written: written(),
            ..Stand::alone(identity::<C>(), name)
        });
    }

    #[inline]
    fn stand<C>(&'static self, key: &mut KeyBuf, stand: impl Fn() -> Stand) {
        let first = self.stand.get_or_init(&stand);
        match first.id == identity::<C>() {
            true => first.write(key),
            false => stand().write(key),
        }
    }

    /// Its template. Called after the first call, when it is known whether the function has instances.
    fn keys(&self) -> Template {
        const INSTANCE: [Part; 3] = [Part::Text("<"), Part::Value, Part::Text(">")];
        let generic = self.stand.get().is_some_and(|stand| stand.written.around.is_some());
        let parts = self.parts.iter().flat_map(|part| match part {
            Part::Instance | Part::TraitInstance if generic => &INSTANCE[..],
            other => std::slice::from_ref(other),
        });
        Template::new(parts.copied())
    }

    /// Records the type of the values that it caches.
    pub(crate) fn caches(&self, kind: ValueType) {
        self.value.get_or_init(|| kind.name);
    }

    #[inline]
    fn slot(&self) -> &'static Slot {
        self.slot.get_or_init(|| match self.cache {
            None => default_slot(),
            Some(name) => named_slot(name),
        })
    }

    /// The name of its cache; `None` for the default cache.
    pub(crate) fn cache_name(&self) -> Option<&'static str> {
        self.cache
    }

    #[inline]
    pub(crate) fn with<R>(&self, look: impl FnOnce(&Engine) -> Option<R>) -> Option<R> {
        self.slot().with(self.cache, look)
    }
}

impl Function for Site {
    #[inline]
    fn number(&self) -> usize {
        self.number()
    }

    fn path(&self) -> &str {
        self.path()
    }

    fn policy(&self) -> &Policy {
        self.policy()
    }

    fn is_silent(&self) -> bool {
        self.silent
    }

    fn declares(&self, tag: &str) -> bool {
        let by_call = |pattern: &&str| Pattern::new(pattern).matches(tag);
        self.policy().tags.contains(&tag) || self.tag_patterns.iter().any(by_call)
    }
}

/// The place of one instance of a function.
#[derive(Debug)]
struct Stand {
    /// The type of a closure in it, which no other function and no other instance has.
    id: TypeId,
    /// The compiler's name of the closure.
    name: &'static str,
    /// The part of the place that is in keys.
    written: Written,
    /// Why it runs uncached: another function or instance has the same written place, and was called first.
    refused: Option<Arc<Error>>,
}

impl Stand {
    /// A place that needs nothing in keys.
    fn alone(id: TypeId, name: &'static str) -> Self {
        Self { id, name, written: Written::default(), refused: None }
    }

    /// The place of a function whose keys begin with it.
    fn of_function(id: TypeId, name: &'static str, written: Written) -> Self {
        let refused =
            (!claims::is_first(id, (name, written.position))).then(|| two_functions(name));
        Self { id, name, written, refused }
    }

    /// The place of one of several instances with one template.
    fn of_instance(id: TypeId, name: &'static str, written: Written) -> Self {
        let refused = (!claims::is_first(id, (name, "template"))).then(|| two_instances(name));
        Self { id, name, written, refused }
    }

    #[inline]
    fn write(&self, key: &mut KeyBuf) {
        key.place(&self.written);
        if let Some(error) = &self.refused {
            key.refuse(Arc::clone(error));
        }
    }
}

#[cold]
fn two_functions(name: &str) -> Arc<Error> {
    let function = name.trim_end_matches("::{{closure}}");
    let message = format!(
        "there are two functions `{function}`, whose entries would be one: give this one another name or a `key` of its own"
    );
    Arc::new(Error::config("key", message))
}

#[cold]
fn two_instances(name: &str) -> Arc<Error> {
    let function = name.trim_end_matches("::{{closure}}");
    let message = format!(
        "there are two instances `{function}`, whose entries would be one: their types have one name. Give one of these another \
         name, or add `skip(Self)` if the function's instances may share entries"
    );
    Arc::new(Error::config("key", message))
}
