//! Where a cached function stands: its name, its policy and its cache.

mod claims;
mod overlaps;

pub(crate) use overlaps::{Visitors, tell_types};

use std::any::{TypeId, type_name};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::handle::Engine;
use super::slot::{Slot, default_slot, named_slot};
use crate::base::{Error, Pattern, Policy};
use crate::key;
use crate::key::{KeyBuf, Part, Place, Template, Written, identity};
use crate::stats::Function;

/// A cached function, as its expansion describes it: one `static` each.
#[derive(Debug)]
pub struct Site {
    name: &'static str,
    policy: Policy,
    events: &'static [fn() -> String],
    /// The tags that differ from call to call, with `*` in the place of arguments.
    tag_patterns: &'static [&'static str],
    /// The policy with the events' tags, once they are known: names of types are made at run time.
    tagged: OnceLock<Policy>,
    cache: Option<&'static str>,
    slot: OnceLock<&'static Slot>,
    /// Where the instance stands that was called first.
    stand: OnceLock<Stand>,
    /// The parts of its template, up to the instance and behind it. There are none if its keys cannot be compared.
    template: [&'static [Part]; 2],
    /// File and line.
    at: &'static str,
    /// Whether its template was compared with those of the functions that were called before.
    listed: AtomicBool,
    /// Whether another function's template has keys in common with it.
    contested: AtomicBool,
    /// The type of the values that it was first seen to cache.
    value: OnceLock<&'static str>,
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
            tag_patterns: &[],
            tagged: OnceLock::new(),
            cache: None,
            slot: OnceLock::new(),
            stand: OnceLock::new(),
            template: [&[]; 2],
            at: "",
            listed: AtomicBool::new(false),
            contested: AtomicBool::new(false),
            value: OnceLock::new(),
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

    /// Its keys are of this template, whose instance (if it has any) stands before `tail`. It was written `at` a file and line.
    #[must_use]
    pub const fn template(
        mut self,
        head: &'static [Part],
        tail: &'static [Part],
        at: &'static str,
    ) -> Self {
        self.template = [head, tail];
        self.at = at;
        self
    }

    /// Entries end when one of these events happens.
    #[must_use]
    pub const fn events(mut self, events: &'static [fn() -> String]) -> Self {
        self.events = events;
        self
    }

    /// The tags that differ from call to call, with `*` in the place of arguments: `user:*`.
    #[must_use]
    pub const fn tag_patterns(mut self, patterns: &'static [&'static str]) -> Self {
        self.tag_patterns = patterns;
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
            let place = self.stand.get().and_then(|stand| stand.name.strip_suffix("::{{closure}}"));
            let Some(place) = place else {
                return self.name.to_owned();
            };
            // Around a function in another one's body.
            let path = key::without_generics(place).replace("::{{closure}}", "");
            // A sync function is called by a hidden one beside it, which is the one that is known.
            let own = self.name.rsplit("::").next().unwrap_or(self.name);
            match path.rsplit_once("::").filter(|(_, name)| name.starts_with("__larder_call_")) {
                Some((around, _)) => format!("{around}::{own}"),
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

    /// Writes where the function stands into an automatic key. The closure stands in the function, in this instance of it.
    #[inline]
    pub fn place<C: Fn()>(&'static self, key: &mut KeyBuf, place: &Place, _closure: C) {
        let name = type_name::<C>();
        let stand = || Stand::of_function(identity::<C>(), name, place.written(name));
        self.stand::<C>(key, stand);
    }

    /// Writes the instance of a function that is generic by what stands around it: an `impl` block or a trait. Its
    /// template does not tell instances apart. `H` is an item in the function, which has none of the parameters.
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

    /// The same for a function with parameters of its own, about which the user has decided.
    #[inline]
    pub fn instance_around<H, C: Fn()>(&'static self, key: &mut KeyBuf, _closure: C) {
        let (name, item) = (type_name::<C>(), type_name::<H>());
        let written = || Written::of_instance(name, item);
        self.stand::<C>(key, || Stand {
            written: written(),
            ..Stand::alone(identity::<C>(), name)
        });
    }

    /// The same where the key has the type, so that a generic trait is all that can be missing.
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

    /// Its template, now that it was called: whether it has instances is known by then.
    fn keys(&self) -> Template {
        let [head, tail] = self.template;
        let generic = self.stand.get().is_some_and(|stand| stand.written.around.is_some());
        let instance = [Part::Text("<"), Part::Value, Part::Text(">")];
        let instance = instance.into_iter().filter(|_| generic);
        Template::new(head.iter().copied().chain(instance).chain(tail.iter().copied()))
    }

    /// Notes the type of the values that it caches.
    pub(crate) fn caches<V>(&self) {
        self.value.get_or_init(type_name::<V>);
    }

    fn slot(&self) -> &'static Slot {
        self.slot.get_or_init(|| match self.cache {
            None => default_slot(),
            Some(name) => named_slot(name),
        })
    }

    /// The name of its cache, if that is not the default one.
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

    fn declares(&self, tag: &str) -> bool {
        let by_call = |pattern: &&str| Pattern::new(pattern).matches(tag);
        self.policy().tags.contains(&tag) || self.tag_patterns.iter().any(by_call)
    }
}

/// Where one instance of a function stands.
#[derive(Debug)]
struct Stand {
    /// Of a closure in it: no other function and no other instance has the same.
    id: TypeId,
    /// The compiler's name of the closure.
    name: &'static str,
    /// What keys have of it.
    written: Written,
    /// Why it runs uncached: another one is written in the same way, and was there first.
    refused: Option<Arc<Error>>,
}

impl Stand {
    /// One that needs nothing in keys.
    fn alone(id: TypeId, name: &'static str) -> Self {
        Self { id, name, written: Written::default(), refused: None }
    }

    /// One whose keys begin with its place.
    fn of_function(id: TypeId, name: &'static str, written: Written) -> Self {
        let refused =
            (!claims::is_first(id, (name, written.position))).then(|| two_functions(name));
        Self { id, name, written, refused }
    }

    /// One of several whose keys are of one template.
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
