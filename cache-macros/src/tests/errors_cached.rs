//! Mistakes that `#[cached]` and `#[cached_property]` refuse.

use proc_macro2::TokenStream;

use super::{fails, messages, quote};
use crate::cached::expand;
use crate::cached_property;

fn cached(args: TokenStream, item: TokenStream, parts: &[&str]) {
    fails(expand, args, item, parts);
}

fn function() -> TokenStream {
    quote!(
        async fn get(db: &Db, id: u64) -> u64 {
            0
        }
    )
}

#[test]
fn options_that_are_unknown() {
    cached(
        quote!(tll = "5m"),
        function(),
        &["unknown option `tll`; did you mean `ttl`? The options are `ttl`, `tti`, `memory_ttl`"],
    );
    cached(quote!(bananas), function(), &["unknown option `bananas`. The options are"]);
}

#[test]
fn options_of_other_caches() {
    cached(
        quote!(ttl_secs = 60),
        function(),
        &["unknown option `ttl_secs`: the time to live is `ttl`"],
    );
    cached(quote!(convert = id), function(), &["unknown option `convert`: write `key = "]);
    cached(
        quote!(condition = id > 0),
        function(),
        &["unknown option `condition`: `skip_if = id == 0`"],
    );
    cached(
        quote!(max_size = 9),
        function(),
        &["unknown option `max_size`: the bound belongs to the cache"],
    );
}

#[test]
fn mutable_references_in_the_key() {
    let push = quote!(
        async fn push(db: &mut Db, ids: &mut Vec<u64>) -> u64 {
            0
        }
    );
    cached(quote!(skip(db)), push, &["`ids` is a `&mut`, but a hit does not run the body"]);
}

#[test]
fn options_of_the_wrong_form() {
    cached(quote!(ttl), function(), &["`ttl` needs a value: `ttl = \"5m\"`"]);
    cached(quote!(tags("users")), function(), &["`tags` needs a value: `tags = [\"users\"]`"]);
    cached(quote!(policy), function(), &["`policy` needs a value: `policy = ...`"]);
    cached(quote!(local = true), function(), &["`local` takes no value: write just `local`"]);
    cached(quote!(skip = db), function(), &["`skip` takes a list of arguments: `skip(a, b)`"]);
    cached(quote!(skip(db.pool)), function(), &["`skip` takes names of arguments"]);
    cached(quote!(ttl = 5, ttl = 6), function(), &["`ttl` is given twice: keep one"]);
    cached(
        quote!("user:{id}"),
        function(),
        &["an option has a name: is this `key = \"user:{id}\"`"],
    );
    cached(quote!(300), function(), &["or `ttl = \"5m\"`?"]);
    cached(quote!((id)), function(), &["expected an option: `ttl`"]);
    cached(quote!(ttl: "5m"), function(), &["unexpected `:`: an option is written `name = value`"]);
    cached(
        quote!(ttl = 5 * 60),
        function(),
        &["`ttl`: a number of seconds is written without a calculation"],
    );
    cached(quote!(local ttl = 5), function(), &["expected `,` before the next option"]);
    cached(
        quote!(tags = "users"),
        function(),
        &["`tags` takes a list: `tags = [\"users\", \"user:{id}\"]`"],
    );
    cached(quote!(crate = 3), function(), &["`crate` takes a path to larder"]);
    cached(quote!(cache = ""), function(), &["the name of a cache cannot be empty"]);
    cached(quote!(tenant = ""), function(), &["the name of a tenant cannot be empty"]);
    cached(
        quote!(tenant = |db| db.tenant),
        function(),
        &["`tenant` is an expression over the arguments"],
    );
    cached(quote!(tenant = db.tenant().await), function(), &["the tenant is part of the key"]);
    // A call may name another tenant, so the argument does not distinguish all calls.
    cached(
        quote!(tenant = id, key = "all", skip(db)),
        function(),
        &["`id` is neither in `key` nor in `skip(...)`"],
    );
}

#[test]
fn skip_all_with_what_it_contradicts() {
    cached(quote!(skip_all(db)), function(), &["`skip_all` takes no value: write just `skip_all`"]);
    cached(
        quote!(skip_all, skip(db), key = "{id}"),
        function(),
        &["`skip_all` skips `db` already: remove one of them"],
    );
    cached(
        quote!(skip_all, key_with = make(id)),
        function(),
        &["`key_with` determines itself which arguments the key has: remove `skip_all`"],
    );
    cached(
        quote!(skip_all, each = "id in ids", key = "all"),
        quote!(
            async fn all(db: &Db, ids: &[u64]) -> HashMap<u64, u64> {
                todo!()
            }
        ),
        &["`id` is not in `key`: all items would share one entry. Add `{id}` to the key"],
    );
    cached(
        quote!(skip_all, key = "{id}"),
        quote!(
            async fn get<T: Load>(db: &Db, id: u64) -> T {
                T::load(db, id)
            }
        ),
        &["`T` is neither in `key` nor in `skip(...)`"],
    );
    fails(
        cached_property::expand,
        quote!(skip_all, key = "{self.id}"),
        quote!(
            async fn posts(&self) -> u64 {
                0
            }
        ),
        &["unknown option `skip_all`"],
    );
}

#[test]
fn durations() {
    cached(
        quote!(ttl = "0s"),
        function(),
        &[
            "`ttl` must be longer than zero; leave it out for the cache's own, or write `\"never\"` for entries that do not \
             expire",
        ],
    );
    cached(quote!(ttl = 0), function(), &["`ttl` must be longer than zero"]);
    cached(
        quote!(ttl = "5 weeks"),
        function(),
        &["`ttl`: `weeks` is not a unit: use ms, s, m, h or d"],
    );
    cached(quote!(ttl = "5"), function(), &["`5` has no unit: write \"5s\" or \"5m\""]);
    cached(quote!(ttl = 5u8), function(), &["`u8` is not understood here"]);
    cached(quote!(ttl = -5), function(), &["a duration is a string such as \"5m\""]);
}

#[test]
fn stale_that_cannot_be() {
    cached(quote!(stale = "5m"), function(), &["`stale` needs a `ttl`"]);
    cached(
        quote!(ttl = 5, stale = 5),
        quote!(
            fn get(id: u64) -> u64 {
                0
            }
        ),
        &["`stale` needs an async function"],
    );
    cached(
        quote!(ttl = 5, stale = 5, skip(self, x)),
        quote!(
            async fn get(&mut self, x: &mut X) -> u64 {
                0
            }
        ),
        &["a `&mut` cannot be cloned", "a `&mut` cannot be cloned"],
    );
}

#[test]
fn arguments_forgotten_by_the_key() {
    cached(
        quote!(key = "user:{id}"),
        quote!(
            async fn get(id: u64, page: u32) -> u64 {
                0
            }
        ),
        &[
            "`page` is neither in `key` nor in `skip(...)`: two calls that differ in `page` would share one entry. Add `{page}` to \
           the key or `skip(page)`",
        ],
    );
    cached(
        quote!(key = "user:{id}"),
        quote!(
            async fn get(&self, id: u64) -> u64 {
                0
            }
        ),
        &[
            "`self` is an argument like the others: add `skip(self)` if the value does not depend on it, or name what it depends on \
           in `key`",
        ],
    );
    cached(
        quote!(key = "all"),
        quote!(
            fn get((a, b): (u8, u8)) -> u8 {
                a
            }
        ),
        &[
            "`a` is neither in `key` nor in `skip(...)`",
            "`b` is neither in `key` nor in `skip(...)`",
        ],
    );
    cached(
        quote!(key = "all"),
        quote!(
            fn get((ref a, b): (u8, u8)) -> u8 {
                a
            }
        ),
        &["`key` cannot use the names in this pattern"],
    );
}

#[test]
fn skipped_arguments() {
    cached(
        quote!(skip(dv)),
        function(),
        &[
            "no argument is called `dv`; did you mean `db`? (arguments of this function: `db` and `id`)",
        ],
    );
    cached(
        quote!(skip(x)),
        quote!(
            fn get() -> u8 {
                0
            }
        ),
        &["(arguments of this function: it has none)"],
    );
    cached(quote!(skip(db, db)), function(), &["`db` is skipped twice"]);
    cached(
        quote!(key = "{id}", skip(db, id)),
        function(),
        &["`id` is in `key` and in `skip(...)`"],
    );
}

#[test]
fn functions_that_cannot_be_cached() {
    cached(
        quote!(),
        quote!(
            fn get() {}
        ),
        &["`get` returns nothing: there is nothing to cache"],
    );
    cached(
        quote!(),
        quote!(
            fn get() -> () {}
        ),
        &["returns `()`: there is nothing to cache"],
    );
    cached(
        quote!(),
        quote!(
            fn get() -> ! {
                loop {}
            }
        ),
        &["this function never returns"],
    );
    cached(
        quote!(),
        quote!(
            fn get() -> Option<impl Debug> {
                Some(1)
            }
        ),
        &["instead of `impl Trait`"],
    );
    cached(
        quote!(),
        quote!(
            const fn get() -> u8 {
                1
            }
        ),
        &["cannot go on a `const fn`"],
    );
    cached(
        quote!(),
        quote!(
            extern "C" fn get() -> u8 {
                1
            }
        ),
        &["cannot go on an `extern` function"],
    );
    cached(
        quote!(),
        quote!(
            unsafe fn get() -> u8 {
                1
            }
        ),
        &["cannot go on an `unsafe fn`"],
    );
}

#[test]
fn items_that_are_no_functions() {
    cached(
        quote!(),
        quote!(
            struct User {
                id: u64,
            }
        ),
        &["`#[cached]` goes on a function; found a struct"],
    );
    cached(
        quote!(),
        quote!(
            mod users {}
        ),
        &["found a module"],
    );
    cached(quote!(), quote!(impl User {}), &["found an impl block: put it on the methods"]);
    cached(
        quote!(),
        quote!(
            async fn get(&self) -> u8;
        ),
        &["`#[cached]` goes on a function with a body"],
    );
}

#[test]
fn all_mistakes_are_reported_together() {
    let found = messages(
        expand,
        quote!(ttl = "5 weeks", nothing, stale = "1m", tags = ["{idd}"], key = "user:{usr}"),
        quote!(
            fn get(user: u64) {}
        ),
    );
    assert_eq!(found.len(), 6, "{found:#?}");
}

#[test]
fn properties() {
    let property = |args, item, parts: &[&str]| fails(cached_property::expand, args, item, parts);
    let good = || {
        quote!(
            async fn count(&self) -> u64 {
                0
            }
        )
    };
    property(quote!(), good(), &["needs a key that names the instance"]);
    property(
        quote!(key = "count"),
        good(),
        &["mention at least one field of `self`, such as `{self.id}`"],
    );
    property(
        quote!(key = "{self.id}"),
        quote!(
            fn count(&mut self) -> u64 {
                0
            }
        ),
        &["takes `&self` and nothing else"],
    );
    property(
        quote!(key = "{self.id}"),
        quote!(
            fn count(&self, n: u8) -> u64 {
                0
            }
        ),
        &["use `#[cached]` on a method with"],
    );
}

#[test]
fn streams_cannot_be_cached() {
    for output in [
        quote!(impl futures::Stream<Item = u64> + Send),
        quote!(Result<BoxStream<'static, u64>, E>),
        quote!(Pin<Box<dyn Stream<Item = u64> + Send>>),
    ] {
        cached(
            quote!(),
            quote!(async fn all() -> #output { x }),
            &["a stream can be read only once"],
        );
    }
}
