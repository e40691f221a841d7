//! The policies that a cache gives its functions, models and other users, and that can change while it runs.

use std::sync::Arc;
use std::time::Duration;

use super::handle::{Cache, Engine};
use super::request::Request;
use super::site::Site;
use crate::base::{ActiveScope, Error, Pattern, Policy, PolicyRef, Ttl, warn_once};
use crate::stats::{Function, Tally};
use crate::tags::tag;

/// The policies of one cache: defaults for everything in it, for models, and settings for functions.
///
/// | policy | takes the place of |
/// | --- | --- |
/// | [`function`](Self::function) | everything that the function's attribute says |
/// | the attribute's own, or that of a call by hand | the defaults |
/// | [`model`](Self::model) | the default for all |
/// | [`all`](Self::all) | the settings of [`Policy::new`] |
///
/// They are combined setting by setting. A setting with the value that [`Policy::new`] gives it counts as left out. A window after
/// the `ttl` (`stale`, `stale_if_error`), and `jitter`, have no effect on entries that do not expire. The directions of a call
/// (`Call::ttl`, `Call::tiers`) have precedence over everything. Only policies of functions have
/// [`tiers`](Policy::tiers) and [`access`](Policy::access); while one has, hits of all functions in the process are
/// somewhat slower.
///
/// ```
/// # use cache_core as larder;
/// use larder::{Cache, Policies, Policy};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), larder::Error> {
/// let minutes = |count: u64| Duration::from_secs(60 * count);
/// let policies = Policies::new()
///     .all(Policy::new().ttl(minutes(10)).stale_if_error(minutes(60)))
///     .model("user", Policy::new().ttl(minutes(5)))
///     .function("shop::search", Policy::new().ttl(minutes(1)))
///     .disable("shop::report::*");
/// let cache = Cache::builder().policies(policies.clone()).build()?;
///
/// // Later, while the cache is in use:
/// cache.set_policies(policies.enable("shop::report::*"))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Policies {
    all: Option<Policy>,
    models: Vec<(String, Policy)>,
    /// In order: later ones have precedence.
    functions: Vec<(Pattern, FunctionRule)>,
}

#[derive(Clone, Debug)]
enum FunctionRule {
    Policy(Box<Policy>),
    Enabled(bool),
    /// Whether its calls are part of statistics and metrics.
    Metrics(bool),
}

impl Policies {
    /// No policies.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the default for everything in the cache: functions, models, and values by hand.
    pub fn all(mut self, policy: Policy) -> Self {
        self.all = Some(policy);
        self
    }

    /// Sets the default for the entries of a model: of functions with `model = ".."`, and of views
    /// ([`Cache::typed`]). A second one for the same model replaces the first.
    pub fn model(mut self, model: impl Into<String>, policy: Policy) -> Self {
        let model = model.into();
        self.models.retain(|(known, _)| *known != model);
        self.models.push((model, policy));
        self
    }

    /// Sets the policy of functions, by their paths in [`Cache::stats_by_function`], such as `shop::search` or
    /// `shop::Repo::get`. The path may be a pattern: `shop::*`. Of several that match, later ones have precedence.
    pub fn function(mut self, path: impl Into<Pattern>, policy: Policy) -> Self {
        self.functions.push((path.into(), FunctionRule::Policy(Box::new(policy))));
        self
    }

    /// Switches caching off for functions, as [`Cache::disable`] does for all: they load each time, evictions still
    /// take place, and a put evicts. While any function is off, hits of all functions in the process are somewhat slower.
    pub fn disable(self, path: impl Into<Pattern>) -> Self {
        self.switched(path.into(), false)
    }

    /// Switches caching on again for functions that an earlier [`disable`](Self::disable) switched off.
    pub fn enable(self, path: impl Into<Pattern>) -> Self {
        self.switched(path.into(), true)
    }

    /// Sets whether the calls of functions are part of statistics and metrics, instead of what their attributes say
    /// (`metrics = false`). They are counted in any case: a function that is shown again shows all of them.
    pub fn metrics(self, path: impl Into<Pattern>, shown: bool) -> Self {
        self.ruled(path.into(), FunctionRule::Metrics(shown))
    }

    fn switched(self, path: Pattern, on: bool) -> Self {
        self.ruled(path, FunctionRule::Enabled(on))
    }

    /// Adds a rule of which the last one decides, so an earlier one of its kind for the same path is superfluous.
    fn ruled(mut self, path: Pattern, rule: FunctionRule) -> Self {
        let kind = std::mem::discriminant(&rule);
        self.functions
            .retain(|(known, rule)| *known != path || std::mem::discriminant(rule) != kind);
        self.functions.push((path, rule));
        self
    }

    /// Returns the default for everything, if there is one.
    pub fn default_policy(&self) -> Option<&Policy> {
        self.all.as_ref()
    }

    /// Returns the policies of models, by their names.
    pub fn models(&self) -> impl Iterator<Item = (&str, &Policy)> {
        self.models.iter().map(|(model, policy)| (&**model, policy))
    }

    /// Returns the policies of functions, by their paths, in order: later ones have precedence.
    ///
    /// ```
    /// # use cache_core as larder;
    /// use larder::{Pattern, Policies, Policy};
    /// use std::time::Duration;
    ///
    /// let minute = Policy::new().ttl(Duration::from_secs(60));
    /// let policies = Policies::new().function("shop::*", minute).disable("shop::report::*");
    /// assert!(policies.functions().eq([(&Pattern::new("shop::*"), &minute)]));
    /// assert!(policies.is_disabled("shop::report::sales") && !policies.is_disabled("shop::search"));
    /// ```
    pub fn functions(&self) -> impl Iterator<Item = (&Pattern, &Policy)> {
        self.functions.iter().filter_map(|(path, rule)| match rule {
            FunctionRule::Policy(policy) => Some((path, &**policy)),
            FunctionRule::Enabled(_) | FunctionRule::Metrics(_) => None,
        })
    }

    /// Returns whether caching is off for the function of this path.
    pub fn is_disabled(&self, path: &str) -> bool {
        let enabled = |rule: &FunctionRule| match rule {
            FunctionRule::Enabled(enabled) => Some(*enabled),
            FunctionRule::Policy(_) | FunctionRule::Metrics(_) => None,
        };
        self.last(path, enabled) == Some(false)
    }

    /// Checks each policy.
    ///
    /// # Errors
    /// [`Error::Config`] for the first policy that is not valid, or that has `tags` or `early_refresh`: these belong
    /// to the function. So does `refresh_every`, but a policy for functions can change the interval of those that have one (a
    /// policy for one function that has none is reported when that function loads). Also for `tiers` and `access` in a policy that is not a function's.
    pub fn check(&self) -> Result<(), Error> {
        let functions = self.functions().map(|(_, policy)| policy);
        let defaults = || self.all.iter().chain(self.models.iter().map(|(_, policy)| policy));
        if defaults().any(|policy| policy.refresh_every.is_some()) {
            let message = "`refresh_every` is no default, because its loads need copies of the arguments: give it in the attributes, and \
                           change it for functions";
            return Err(Error::config("policies", message));
        }
        for policy in defaults().chain(functions) {
            // The windows may belong to another policy's `ttl`.
            if let Err(error) = policy.computed_ttl().check() {
                return Err(Error::config("policies", error.to_string()));
            }
            if !policy.tags.is_empty() || policy.early > 0.0 {
                let message =
                    "`tags` and `early_refresh` belong to the function: give them in its attribute";
                return Err(Error::config("policies", message));
            }
        }
        if defaults().any(Policy::is_selective) {
            let message = "`tiers` and `access` are settings of functions: give them with `function`, or in the attribute";
            return Err(Error::config("policies", message));
        }
        Ok(())
    }

    /// The policy of a request whose own is `own`. `has_ttl`: whether entries expire by default.
    fn of(&self, request: &Request, has_ttl: bool) -> Policy {
        let own = *request.policy;
        let path = request.site.map(Site::path);
        let matches = |pattern: &Pattern| path.is_some_and(|path| pattern.matches(path));
        let function = self.functions.iter().filter(|(pattern, _)| matches(pattern));
        let mut policy = function.fold(own, |policy, (_, rule)| match rule {
            FunctionRule::Policy(rule) => rule.instead_of(&policy),
            FunctionRule::Enabled(_) | FunctionRule::Metrics(_) => policy,
        });
        for (_, default) in self.models.iter().filter(|(model, _)| is_of(request, model)) {
            policy = policy.or(default);
        }
        if let Some(all) = &self.all {
            policy = policy.or(all);
        }
        // A rule may give another `ttl` than the one for which a function has chosen its interval.
        let policy = policy.refreshed_in_time();
        match policy.ttl {
            Ttl::Never => policy.without_end(),
            Ttl::Default if has_ttl => policy.computed_ttl(),
            Ttl::Default => policy.without_end(),
            Ttl::For(_) | Ttl::Computed => policy,
        }
    }

    /// Whether the calls of the function of this path are shown, if a rule says so.
    fn shows(&self, path: &str) -> Option<bool> {
        self.last(path, |rule| match rule {
            FunctionRule::Metrics(shown) => Some(*shown),
            FunctionRule::Policy(_) | FunctionRule::Enabled(_) => None,
        })
    }

    /// What the last rule for this path says.
    fn last<T>(&self, path: &str, of: impl Fn(&FunctionRule) -> Option<T>) -> Option<T> {
        let rules = self.functions.iter().rev().filter(|(pattern, _)| pattern.matches(path));
        rules.filter_map(|(_, rule)| of(rule)).next()
    }

    /// Whether a policy decides which tiers a function uses, and how.
    fn selects_any(&self) -> bool {
        self.functions().any(|(_, policy)| policy.is_selective())
    }

    /// Whether a policy for exactly this function has an interval.
    fn schedules(&self, path: &str) -> bool {
        self.functions()
            .any(|(pattern, policy)| policy.refresh_every.is_some() && pattern.literals() == [path])
    }

    fn disables_any(&self) -> bool {
        self.functions.iter().any(|(_, rule)| matches!(rule, FunctionRule::Enabled(false)))
    }
}

/// Whether the entry of the request belongs to the model.
fn is_of(request: &Request, model: &str) -> bool {
    let wanted = tag(model, None);
    request.tags().any(|tag| tag == wanted)
}

/// The policies in use.
#[derive(Debug)]
pub(crate) struct InUse {
    policies: Policies,
    /// Whether any function is switched off.
    disables: bool,
    /// Hits of functions that are off, or that do not read memory, must not be served: see
    /// [`no_active_scope`](crate::base::no_active_scope).
    _live: Option<ActiveScope>,
}

impl InUse {
    pub(crate) fn new(policies: Policies) -> Option<Arc<Self>> {
        let disables = policies.disables_any();
        let live = (disables || policies.selects_any()).then(ActiveScope::new);
        let any =
            policies.all.is_some() || !policies.models.is_empty() || !policies.functions.is_empty();
        any.then(|| Arc::new(Self { policies, disables, _live: live }))
    }
}

impl Engine {
    /// Completes the policy of a request that may store a value. `ttl`: the one that the call's directions give, if any.
    pub(crate) fn complete(&self, request: &mut Request) {
        let in_use = self.policies.load();
        let Some(in_use) = &*in_use else { return };
        if request.site.is_none() && request.policy.check().is_err() {
            // Other times would hide the mistake, which the request is refused for.
            return;
        }
        let policy = in_use.policies.of(request, self.default_ttl.get().is_some());
        self.tell_about_interval(&in_use.policies, request, &policy);
        let policy = request.ttl.map_or(policy, |ttl| policy.until(ttl));
        let policy = request.usage.of(&policy);
        match policy.check() {
            Ok(()) => request.policy = PolicyRef::Own(Arc::new(policy)),
            Err(error) => warn_once("functions keep their own policies", &error.into()),
        }
    }

    /// Reports a `refresh_every` that these policies give, or take away, without an effect that their author can see.
    fn tell_about_interval(&self, policies: &Policies, request: &Request, policy: &Policy) {
        let own = request.site.map_or(&*request.policy, |site| site.policy());
        match (own.refresh_every, policy.refresh_every) {
            // With a pattern it may be meant for the others.
            (None, Some(_)) => {
                let exact = request.site.filter(|site| policies.schedules(site.path()));
                if let Some(site) = exact {
                    refreshed_never(
                        Some(site),
                        "its attribute has none, and each load needs copies of the arguments: give it one there, which policies can change",
                    );
                }
            }
            (Some(interval), None) => self.tell_about_ttl(request, interval, policy.ttl),
            _ => {}
        }
    }

    /// Reports an interval that is not shorter than the `ttl` that the cache or its policies give.
    pub(crate) fn tell_about_ttl(&self, request: &Request, interval: Duration, ttl: Ttl) {
        if request.ttl.is_some() || request.decide.is_some() {
            return;
        }
        let (given, ttl) = match ttl {
            Ttl::For(ttl) => ("ttl` of the cache's policies", Some(ttl)),
            Ttl::Default | Ttl::Computed => ("default_ttl` of the cache", self.default_ttl.get()),
            Ttl::Never => return,
        };
        if let Some(ttl) = ttl.filter(|ttl| interval >= *ttl) {
            let message = format!(
                "{interval:?} must be shorter than the `{given}, {ttl:?}, because a value that has expired is not refreshed"
            );
            refreshed_never(request.site, &message);
        }
    }

    /// The request of a write by hand with its whole policy. A function completes its own, before it decides about the
    /// value.
    pub(super) fn completed(&self, request: &Request) -> Option<Request> {
        if request.site.is_some() || self.policies.load().is_none() {
            return None;
        }
        let mut completed = request.clone();
        self.complete(&mut completed);
        Some(completed)
    }

    /// Whether the calls of a function are part of statistics and metrics.
    pub(crate) fn shows(&self, function: &dyn Function) -> bool {
        let in_use = self.policies.load();
        let rule = in_use.as_ref().and_then(|in_use| in_use.policies.shows(function.path()));
        rule.unwrap_or_else(|| !function.is_silent())
    }

    /// The counters that are shown: those of operations by hand, and of functions.
    pub(crate) fn shown(&self) -> impl Iterator<Item = &Tally> {
        self.counters.all().filter(|tally| tally.site.is_none_or(|site| self.shows(site)))
    }

    /// Whether the function is switched off.
    pub(super) fn disables(&self, request: &Request) -> bool {
        let in_use = self.policies.load();
        let (Some(in_use), Some(site)) = (&*in_use, request.site) else { return false };
        in_use.disables && in_use.policies.is_disabled(site.path())
    }

    /// Whether any function is switched off.
    pub(super) fn disables_any(&self) -> bool {
        self.policies.load().as_ref().is_some_and(|in_use| in_use.disables)
    }

    /// Whether a policy of this cache says that the request's function does not read memory.
    #[cold]
    pub(super) fn looks_elsewhere(&self, request: &Request) -> bool {
        let in_use = self.policies.load();
        let (Some(in_use), Some(_)) = (&*in_use, request.site) else { return false };
        let policy = in_use.policies.of(request, self.default_ttl.get().is_some());
        !request.usage.of(&policy).reads_memory()
    }
}

impl Cache {
    /// Switches caching on or off for the function of this path.
    pub(crate) fn switch(&self, path: &str, on: bool) {
        // Other threads may replace the policies at the same time.
        self.engine.policies.rcu(|in_use| {
            let policies =
                in_use.as_ref().map(|in_use| in_use.policies.clone()).unwrap_or_default();
            InUse::new(policies.switched(path.into(), on))
        });
    }

    /// Returns the policies of this cache.
    pub fn policies(&self) -> Policies {
        let in_use = self.engine.policies.load();
        in_use.as_ref().map(|in_use| in_use.policies.clone()).unwrap_or_default()
    }

    /// Replaces the [policies](crate::registry::Builder::policies) of this cache, for entries that are stored from now on. Stored
    /// entries keep their times.
    ///
    /// # Errors
    /// As [`Policies::check`]; nothing is changed then.
    pub fn set_policies(&self, policies: Policies) -> Result<(), Error> {
        policies.check()?;
        self.engine.policies.store(InUse::new(policies));
        Ok(())
    }
}

/// Reports once why the values of a function, or those by hand, are not refreshed on schedule.
#[cold]
fn refreshed_never(site: Option<&'static Site>, why: &str) {
    let whose = site.map_or("loads by hand".to_owned(), |site| format!("`{}`", site.path()));
    let error = Error::config("refresh_every", format!("{whose}: {why}"));
    warn_once("some values are not refreshed on schedule", &error);
}
