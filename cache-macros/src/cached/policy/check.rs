//! Requirements of options for each other and for the function. A mistake is recorded at the
//! option's name.
//!
//! With `policy = PATH` only rustc knows the other options: `larder::Policy::check` validates them
//! at compile time.

use proc_macro2::Ident;
use quote::ToTokens as _;

use super::{Given, Policy, Time, asked, read};
use crate::cached::owning::{borrows, bound};
use crate::errors::{Errors, list};
use crate::signature::{Function, mutable_borrows};
use crate::target::mentions;

/// Why an option about a remote tier has no effect, as the end of a message; `None` if there may be such a tier.
pub(crate) fn no_remote_tier(
    function: &Function,
    local: Option<&Ident>,
    blocking: bool,
) -> Option<String> {
    match local {
        Some(local) => Some(format!("and with `{local}` there is none: remove one of them")),
        None if !function.is_async() && !blocking => Some(
            "and a sync function uses the memory tier only: remove it, add `blocking`, or make the function async".to_owned(),
        ),
        None => None,
    }
}

impl Policy {
    /// Records invalid combinations.
    pub(crate) fn check(
        &self,
        function: &Function,
        local: Option<&Ident>,
        blocking: bool,
        errors: &mut Errors,
    ) {
        self.is_no_bare_word(errors);
        self.is_one_for_all(function, errors);
        self.has_two_tiers(function, local, blocking, errors);
        self.has_a_choice_of_tiers(function, local, blocking, errors);
        self.has_a_use_for_each(errors);
        self.counts_from_a_ttl(errors);
        self.refreshes_before_the_end(errors);
        self.has_an_old_value_to_serve(errors);
        self.soft_is_below_hard(errors);
        self.can_go_on_in_the_background(function, errors);
        self.can_fail(function, local, blocking, errors);
    }

    /// Records `on_error = "fail"` without a remote tier: memory does not fail.
    fn can_fail(
        &self,
        function: &Function,
        local: Option<&Ident>,
        blocking: bool,
        errors: &mut Errors,
    ) {
        let Some(name) = self.fails() else { return };
        if let Some(why) = no_remote_tier(function, local, blocking) {
            errors.at(name.span(), format!("`{name} = \"fail\"` is about a remote tier, {why}"));
        }
    }

    /// Records a `memory_ttl` that has no effect.
    fn has_two_tiers(
        &self,
        function: &Function,
        local: Option<&Ident>,
        blocking: bool,
        errors: &mut Errors,
    ) {
        let Some(given) = &self.memory_ttl else { return };
        let name = &given.name;
        let why = match local {
            Some(local) => format!("with `{local}` there is no other tier: write `ttl` instead, or remove one of them"),
            None if !function.is_async() && !blocking => {
                "a sync function uses the memory tier only: write `ttl` instead, add `blocking`, or make the function async".to_owned()
            }
            None => match (known(given), self.ttl.as_ref().and_then(known)) {
                (Some(here), Some(ttl)) if here >= ttl => {
                    "it must be shorter than `ttl`, which ends the entry in all tiers".to_owned()
                }
                _ => return,
            },
        };
        errors.at(
            name.span(),
            format!("`{name}` says when memory asks the remote tier again, and {why}"),
        );
    }

    /// Records `tiers` where memory is the only one.
    fn has_a_choice_of_tiers(
        &self,
        function: &Function,
        local: Option<&Ident>,
        blocking: bool,
        errors: &mut Errors,
    ) {
        let Some(Given { name, .. }) = &self.tiers else { return };
        if let Some(why) = no_remote_tier(function, local, blocking) {
            errors.at(name.span(), format!("`{name}` selects memory or a remote tier, {why}"));
        }
    }

    /// Records options that have nothing to do with these `tiers` or this `access`.
    fn has_a_use_for_each(&self, errors: &mut Errors) {
        let is = |given: &Option<Given<&str>>, variant| {
            given.as_ref().and_then(|given| given.value) == Some(variant)
        };
        if is(&self.tiers, "Remote") {
            let idle = [
                (asked(&self.memory_ttl), "says when memory asks the remote tier again"),
                (asked(&self.err_ttl), "keeps errors in memory"),
                (asked(&self.early_refresh), "is decided when memory has the value"),
            ];
            for (name, does) in idle {
                if let Some(name) = name {
                    let message = format!(
                        "`{name}` {does}, and `tiers = \"remote\"` leaves memory out: remove one of them"
                    );
                    errors.at(name.span(), message);
                }
            }
        }
        let unread =
            [(&self.tiers, "Remote"), (&self.access, "ReadOnly"), (&self.access, "WriteOnly")];
        for (given, variant) in unread {
            if let (Some(by), Some(name)) =
                (given.as_ref().filter(|_| is(given, variant)), asked(&self.refresh_every))
            {
                let message = format!(
                    "`{name}` keeps the value fresh that memory serves, and this `{}` excludes that: remove one of them",
                    by.name
                );
                errors.at(name.span(), message);
            }
        }
        if is(&self.access, "ReadOnly")
            && let Some(name) = asked(&self.early_refresh)
        {
            let message = format!(
                "`{name}` stores a new value before the old one ends, and `access = \"read_only\"` stores nothing: remove one of them"
            );
            errors.at(name.span(), message);
        }
    }

    /// Records `ttl = default` without quotes. (An argument of this name was sorted out before.)
    fn is_no_bare_word(&self, errors: &mut Errors) {
        let ttl = self.ttl.as_ref().and_then(|given| given.value.as_ref());
        let Some(Time::Constant(syn::Expr::Path(path))) = ttl else { return };
        if let Some(word) = read::WORDS.iter().find(|word| path.path.is_ident(*word)) {
            errors.on(path, format!("this is a text: write `ttl = \"{word}\"`"));
        }
    }

    /// Records times other than `ttl` that depend on the arguments.
    fn is_one_for_all(&self, function: &Function, errors: &mut Errors) {
        let names = function.names();
        for (name, given) in self.times() {
            let constant = given.as_ref().and_then(|given| given.value.as_ref()?.constant());
            let Some(expr) = constant else { continue };
            let used =
                names.all.iter().find(|arg| mentions(&arg.to_string(), expr.to_token_stream()));
            if let Some(used) = used {
                let message = format!(
                    "`{name}` is one for all calls, and `{used}` is an argument: only `ttl` and `policy` may depend on the arguments, as in \
                     `policy = BASE.{name}({used}.{name})`"
                );
                errors.on(expr, message);
            }
        }
    }

    /// Records windows without a `ttl`: an entry that does not expire has no time before or after
    /// its expiry.
    fn counts_from_a_ttl(&self, errors: &mut Errors) {
        let fix = match &self.ttl {
            Some(Given { value: Some(Time::Never), .. }) => "a `ttl` that ends",
            None if self.base.is_none() && !self.of_value => {
                "a `ttl` (`ttl = \"default\"` if the cache has a `default_ttl`)"
            }
            _ => return,
        };
        let after = "for how long after the `ttl` the old value may be served";
        let dependents = [
            (asked(&self.stale), after),
            (asked(&self.stale_if_error), after),
            (asked(&self.jitter), "by how much of the `ttl` entries expire apart"),
            (asked(&self.early_refresh), "that entries are refreshed before their `ttl` ends"),
        ];
        for (name, says) in dependents {
            if let Some(name) = name {
                errors.at(name.span(), format!("`{name}` needs {fix}: it says {says}"));
            }
        }
    }

    /// Records a `refresh_every` that comes after the end of the value.
    fn refreshes_before_the_end(&self, errors: &mut Errors) {
        if let (Some(every), Some(ttl)) = (&self.refresh_every, &self.ttl)
            && let (Some(interval), Some(ttl)) = (known(every), known(ttl))
            && interval >= ttl
        {
            let message = "`refresh_every` must be shorter than `ttl`: a value that has expired is not refreshed, and its next caller waits";
            errors.at(every.name.span(), message);
        }
    }

    fn has_an_old_value_to_serve(&self, errors: &mut Errors) {
        if self.base.is_some() || self.stale.is_some() || self.stale_if_error.is_some() {
            return;
        }
        let dependents = [
            (asked(&self.soft_timeout), "how long to wait before an old value is served instead"),
            (
                asked(&self.throttle),
                "how long an old value is served before a failed load is tried again",
            ),
        ];
        for (name, says) in dependents {
            if let Some(name) = name {
                let message = format!(
                    "`{name}` says {says}: add `stale_if_error` (or `stale`), or remove `{name}`"
                );
                errors.at(name.span(), message);
            }
        }
    }

    fn soft_is_below_hard(&self, errors: &mut Errors) {
        if let (Some(soft), Some(hard)) = (&self.soft_timeout, &self.hard_timeout)
            && let (Some(wait), Some(limit)) = (known(soft), known(hard))
            && wait >= limit
        {
            let message = "`soft_timeout` must be shorter than `hard_timeout`: an old value is served after the soft one, the hard one \
                           ends the wait in any case";
            errors.at(soft.name.span(), message);
        }
    }

    /// Records functions whose load cannot go on in the background: that requires owned inputs and
    /// a task.
    fn can_go_on_in_the_background(&self, function: &Function, errors: &mut Errors) {
        let options = self.background();
        if options.is_empty() {
            return;
        }
        if !function.is_async() {
            for name in options {
                errors.at(name.span(), needs_async(name));
            }
            return;
        }
        let names = list(&options);
        for borrow in mutable_borrows(function) {
            let message = format!(
                "{names} may let the load go on in the background, which needs owned arguments, and a `&mut` cannot be cloned: take `&` \
                 or an owned value, or remove {names}"
            );
            errors.on(&borrow, message);
        }
        let output = function.output();
        if borrows(&output) {
            let message = format!(
                "{names} may let the load go on in the background after its caller has ended, and this output borrows from the caller's \
                 arguments: return an error that owns its data, or remove {names}"
            );
            errors.on(&output, message);
        }
        for ty in bound(function) {
            let message = format!(
                "{names} may let the load go on in the background, which needs owned arguments, and the borrow inside this type \
                 cannot be cloned: take an owned value, a `&`, or one in an `Option`, `Vec` or slice, or remove {names}"
            );
            errors.on(ty, message);
        }
    }
}

/// The time of an option, if the attribute knows it.
fn known(given: &Given<Time>) -> Option<std::time::Duration> {
    given.value.as_ref().and_then(Time::known)
}

fn needs_async(name: &Ident) -> String {
    format!(
        "`{name}` needs an async function: the load of a sync function cannot go on in the background. Remove `{name}`, or make the \
         function async"
    )
}
