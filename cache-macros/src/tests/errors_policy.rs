//! Mistakes in the options of a policy and in conditions.

use proc_macro2::TokenStream;

use super::{fails, messages, quote};
use crate::cached::expand;
use crate::cached_property;

fn cached(args: TokenStream, parts: &[&str]) {
    let function = quote!(
        async fn get(id: u64) -> u64 {
            0
        }
    );
    fails(expand, args, function, parts);
}

fn sync(args: TokenStream, parts: &[&str]) {
    let function = quote!(
        fn get(id: u64) -> u64 {
            0
        }
    );
    fails(expand, args, function, parts);
}

/// Asserts that `args` are valid.
fn passes(args: TokenStream) {
    let function = quote!(
        async fn get(id: u64) -> u64 {
            0
        }
    );
    assert_eq!(messages(expand, args, function), [""; 0]);
}

#[test]
fn numbers() {
    for jitter in [quote!(10), quote!(1.5), quote!(-0.1), quote!("110%"), quote!("x"), quote!(X)] {
        cached(quote!(ttl = 5, jitter = #jitter), &["`jitter` is a fraction of the `ttl`"]);
    }
    for jitter in [quote!(0), quote!(1), quote!(0.25), quote!("0%"), quote!("12.5 %")] {
        passes(quote!(ttl = 5, jitter = #jitter));
    }
    for beta in [quote!(0), quote!(-1), quote!("1"), quote!(1e999)] {
        cached(quote!(ttl = 5, early_refresh = #beta), &["`early_refresh` takes a number above 0"]);
    }
    cached(quote!(ttl = 5, early_refresh(1)), &["`early_refresh` takes no list"]);
    cached(quote!(ttl = 5, jitter), &["`jitter` needs a value"]);
}

#[test]
fn the_words_of_a_ttl_are_texts() {
    cached(quote!(ttl = default), &["write `ttl = \"default\"`"]);
    cached(quote!(ttl = never, stale = "1m"), &["write `ttl = \"never\"`"]);
    cached(quote!(ttl = "defualt"), &["did you mean `ttl = \"default\"`?"]);
    cached(quote!(ttl = "Never"), &["did you mean `ttl = \"never\"`?"]);
    passes(quote!(ttl = "default", stale = "1m"));
    let own = quote!(
        async fn get(default: Duration) -> u64 {
            0
        }
    );
    assert_eq!(messages(expand, quote!(ttl = default), own), [""; 0], "an argument");
}

#[test]
fn durations() {
    for zero in [quote!(tti), quote!(hard_timeout), quote!(err_ttl), quote!(lease)] {
        let message = format!("`{zero}` must be longer than zero; leave it out for");
        cached(quote!(#zero = 0), &[&message]);
    }
    cached(
        quote!(ttl = 5, stale = 0, stale_if_error = "0s", throttle = 0),
        &["`stale` must be", "`stale_if_error` must be", "`throttle` must be"],
    );
    cached(quote!(tti = "5 weeks"), &["`tti`: `weeks` is not a unit"]);
    cached(quote!(lease = "never"), &["`lease`: a duration is a string"]);
    passes(quote!(ttl = "never", none_ttl = "0s", tti = 5));
}

#[test]
fn zero_removes_a_setting_of_the_policy() {
    passes(quote!(
        policy = P,
        stale = 0,
        stale_if_error = 0,
        early_refresh = 0,
        refresh_every = 0,
        jitter = 0
    ));
    let nothing_detached = quote!(policy = P, stale = 0, early_refresh = 0);
    let function = quote!(
        fn get(id: u64) -> u64 {
            0
        }
    );
    assert_eq!(messages(expand, nothing_detached, function), [""; 0]);
}

#[test]
fn options_that_count_from_a_ttl() {
    let all = quote!(stale = 5, stale_if_error = 5, jitter = 0.5, early_refresh);
    let parts = |fix: &str| {
        ["stale", "stale_if_error", "jitter", "early_refresh"]
            .map(|name| format!("`{name}` needs {fix}: it says"))
    };
    let [a, b, c, d] = parts("a `ttl` (`ttl = \"default\"` if the cache has a `default_ttl`)");
    cached(all.clone(), &[&a, &b, &c, &d]);
    passes(quote!(ttl = "default", #all));
    let [a, b, c, d] = parts("a `ttl` that ends");
    cached(quote!(ttl = "never", #all), &[&a, &b, &c, &d]);
    cached(quote!(policy = P, ttl = "never", #all), &[&a, &b, &c, &d]);
    passes(quote!(policy = P, #all));
    // An invalid `ttl` still counts as given.
    cached(quote!(ttl = "5 weeks", #all), &["`weeks` is not a unit"]);
    cached(quote!(ttl, #all), &["`ttl` needs a value"]);
}

#[test]
fn timeouts() {
    cached(
        quote!(soft_timeout = 1, throttle = 1),
        &["`soft_timeout` says how long to wait before", "`throttle` says how long an old value"],
    );
    passes(quote!(policy = P, soft_timeout = 1, throttle = 1));
    for (soft, hard) in [("2s", "1s"), ("1s", "1000ms")] {
        let args = quote!(ttl = 5, stale = 5, soft_timeout = #soft, hard_timeout = #hard);
        cached(args, &["`soft_timeout` must be shorter than `hard_timeout`"]);
    }
    passes(quote!(ttl = 5, stale_if_error = 5, soft_timeout = 1, hard_timeout = 2, throttle = 1));
}

#[test]
fn refreshes_on_schedule() {
    let late = "`refresh_every` must be shorter than `ttl`";
    cached(quote!(ttl = 5, refresh_every = 5), &[late]);
    cached(quote!(ttl = "1m", refresh_every = "2m"), &[late]);
    cached(quote!(ttl = 5, refresh_every = 0), &["`refresh_every` must be longer than zero"]);
    passes(quote!(ttl = 5, refresh_every = 1));
    passes(quote!(ttl = "never", refresh_every = 1));
    passes(quote!(refresh_every = EVERY));
    passes(quote!(policy = P, refresh_every = 0));
    sync(quote!(ttl = 5, refresh_every = 1), &["`refresh_every` needs an async function"]);
    let list = quote!(
        async fn get(ids: &[u64]) -> Vec<u64> {
            ids.to_vec()
        }
    );
    let each = quote!(refresh_every = 1, each = "id in ids");
    fails(expand, each, list, &["`refresh_every` loads one value again, and with `each`"]);
}

#[test]
fn loads_in_the_background() {
    sync(
        quote!(ttl = 5, stale = 5, early_refresh, soft_timeout = 1, hard_timeout = 2),
        &[
            "`stale` needs an async function",
            "`early_refresh` needs an async",
            "`soft_timeout` needs an async",
            "`hard_timeout` needs an async",
        ],
    );
    fails(
        expand,
        quote!(ttl = 5, stale = 5, hard_timeout = 5, skip(log)),
        quote!(
            async fn get(log: &mut Log) -> u64 {
                0
            }
        ),
        &["`stale` and `hard_timeout` may let the load go on in the background"],
    );
}

#[test]
fn stampedes() {
    cached(quote!(stampede = "fleat"), &["did you mean `fleet`?"]);
    cached(quote!(stampede = Off), &["`stampede` is `\"fleet\"`, `\"process\"` or `\"off\"`"]);
    passes(quote!(stampede = "fleet", local));
}

#[test]
fn conditions() {
    cached(
        quote!(cache_if = || true, unless = |a, b| a == b),
        &["`cache_if` takes one argument, the value", "`unless` takes one argument"],
    );
    cached(
        quote!(cache_if = true, unless = is(3)),
        &["`cache_if` takes a function of the cached value", "`unless` takes a function"],
    );
    cached(quote!(skip_if = |id| id > 3), &["`skip_if` is a condition on the arguments"]);
    cached(quote!(ttl_with = "5m"), &["`ttl_with` takes a function of the cached value"]);
    cached(quote!(ttl = |id| 5), &["`ttl` is an expression over the arguments"]);
    passes(quote!(unless = |value| *value == id));
    // None of these names the argument.
    passes(quote!(cache_if = |id| *id > 3));
    passes(quote!(cache_if = |value| value.id.id() == User { id: 3 }.of::<Id>(id::ID)));
    passes(quote!(cache_if = |value| value.iter().any(|id| *id > 3)));
}

#[test]
fn functions_of_the_error() {
    cached(quote!(stale_if = "1h"), &["`stale_if` takes a function of the error"]);
    cached(quote!(err_ttl_with = || 5), &["`err_ttl_with` takes a function of the error"]);
    cached(
        quote!(stale_if_error = |error| error.is_transient(), ttl = 5),
        &["`stale_if_error` is a duration. A condition on the error is `stale_if = |error| ...`"],
    );
    cached(
        quote!(err_ttl = |error| error.retry_after()),
        &["`err_ttl` is a duration. A function of the error is `err_ttl_with = |error| ...`"],
    );
    cached(quote!(stale_if = |error| error.0 > id), &["`stale_if` sees the error only"]);
}

#[test]
fn tiers_and_access() {
    for text in [quote!("redis"), quote!("Remote"), quote!(Tiers::Remote), quote!(1)] {
        cached(
            quote!(tiers = #text),
            &["`tiers` is `\"all\"` (the default), `\"memory\"` or `\"remote\"`"],
        );
    }
    cached(quote!(tiers = "remot"), &["did you mean `remote`?"]);
    cached(quote!(access = "read-only"), &["did you mean `read_only`?"]);
    cached(quote!(tiers), &["`tiers` needs a value"]);
    cached(quote!(tiers = "memory", local), &["with `local` there is none: remove one of them"]);
    sync(quote!(tiers = "remote"), &["a sync function uses the memory tier only"]);
    cached(
        quote!(tiers = "remote", ttl = "1m", memory_ttl = 5, err_ttl = 5, early_refresh),
        &[
            "`memory_ttl` says when memory asks the remote tier again, and `tiers = \"remote\"` leaves memory out",
            "`err_ttl` keeps errors in memory, and",
            "`early_refresh` is decided when memory has the value, and",
        ],
    );
    cached(
        quote!(ttl = "1m", access = "read_only", early_refresh),
        &[
            "`early_refresh` stores a new value before the old one ends, and `access = \"read_only\"` stores nothing",
        ],
    );
    for excludes in
        [quote!(tiers = "remote"), quote!(access = "read_only"), quote!(access = "write_only")]
    {
        cached(
            quote!(ttl = "1m", refresh_every = 5, #excludes),
            &["`refresh_every` keeps the value fresh that memory serves, and this"],
        );
    }
    passes(quote!(tiers = "all", ttl = "1m", memory_ttl = 5, early_refresh));
    passes(quote!(tiers = "remote", access = "write_only", ttl = "1m", stale = "5m"));
}

#[test]
fn previous_values() {
    cached(quote!(previous = "old"), &["`previous` is a name"]);
    cached(quote!(previous = id), &["`id` is already an argument"]);
    fails(
        crate::cached::expand,
        quote!(each = "id in ids", previous = old, stale_if = Failed::is_transient),
        quote!(
            async fn get(ids: &[u64]) -> Result<HashMap<u64, String>, Failed> {
                load(ids).await
            }
        ),
        &[
            "with `each`, the items of a load share one error",
            "with `each`, a load has many previous values",
        ],
    );
}

#[test]
fn policies() {
    cached(quote!(policy = Self::POLICY), &["cannot name `Self`"]);
    cached(quote!(policy), &["`policy` needs a value"]);
    let method = quote!(
        async fn count(&self) -> u64 {
            0
        }
    );
    fails(
        cached_property::expand,
        quote!(key = "{self.id}", stale = 5, skip(self), cache_if = |n| *n == self.n()),
        method,
        &[
            "`stale` needs a `ttl`",
            "unknown option `skip`",
            "`cache_if` keeps a copy of what it uses until the value is there, and copies no whole `self`",
        ],
    );
}
