//! Mistakes that `#[cache_evict]` and `#[cache_put]` refuse.

use proc_macro2::TokenStream;

use super::{fails, quote};
use crate::{cache_evict, cache_put};

fn evict(args: TokenStream, parts: &[&str]) {
    fails(
        cache_evict::expand,
        args,
        quote!(
            async fn update(db: &Db, id: u64) -> Result<u64, E> {
                Ok(1)
            }
        ),
        parts,
    );
}

fn put(args: TokenStream, item: TokenStream, parts: &[&str]) {
    fails(cache_put::expand, args, item, parts);
}

#[test]
fn evictions_of_nothing() {
    evict(
        quote!(),
        &["`#[cache_evict]` needs something to evict: a call such as `get_user(db, id)`"],
    );
    evict(quote!(before), &["needs something to evict"]);
}

#[test]
fn evictions_of_other_expressions() {
    evict(quote!(get_user(db, id).await), &["a target is the call alone: remove `.await`"]);
    evict(quote!("user:{id}"), &["a text is no target: name the call"]);
    evict(
        quote!(get_user),
        &["unknown option `get_user`. A call has arguments: `get_user(id)`. The options are"],
    );
    evict(
        quote!(allEntries),
        &["unknown option `allEntries`: write `get_user(..)` for all entries"],
    );
    evict(quote!(crate::KEY), &["a target is a call of a cached function"]);
    evict(quote!(users.list(..)), &["with `..` a method is named by its type: `Type::list(..)`"]);
    evict(quote!(list(.., 7)), &["`..` comes last"]);
    evict(quote!((users.list)(..)), &["with `..` a function is named by its path"]);
    evict(quote!(al), &["unknown option `al`; did you mean `all`?"]);
    evict(quote!(keys = "a"), &["`keys` takes a list"]);
}

#[test]
fn evictions_by_wrong_templates() {
    evict(
        quote!(key = "user:{idd}"),
        &[
            "no argument is called `idd`; did you mean `id`? (arguments of this function: `db`, `id` and `result`)",
        ],
    );
    evict(
        quote!(pattern = "user:{id}"),
        &["this pattern has no `*`: it names one key, so write `key = ...`"],
    );
    evict(
        quote!(pattern = "user:[ab]*"),
        &["`[` is not understood in a pattern: its only wildcard is `*`"],
    );
    evict(
        quote!(pattern = "user:?:*"),
        &["`?` is not understood in a pattern: its only wildcard is `*`"],
    );
}

#[test]
fn results_that_are_not_there() {
    evict(quote!(key = "user:{result.id}", before), &["there is no `result` yet with `before`"]);
    evict(quote!(get_user(db, result.id), before), &["there is no `result` yet with `before`"]);
    fails(
        cache_evict::expand,
        quote!(key = "{result}"),
        quote!(
            fn update() -> impl Display {
                1
            }
        ),
        &["`result` needs a return type that has a name"],
    );
    fails(
        cache_evict::expand,
        quote!(all),
        quote!(
            const fn update() {}
        ),
        &["cannot go on a `const fn`"],
    );
    fails(
        cache_evict::expand,
        quote!(all),
        quote!(
            enum E {}
        ),
        &["`#[cache_evict]` goes on a function; found an enum"],
    );
}

#[test]
fn outcomes() {
    evict(
        quote!(all, on = "err"),
        &["`on` is \"always\" (every way out of the body, the default) or \"ok\""],
    );
    evict(quote!(all, on = ok), &["`on` is \"always\""]);
    evict(quote!(all, on), &["`on` needs a value"]);
    evict(
        quote!(all, when = |result| result.is_ok()),
        &["`when` is a condition on the arguments and on `result`"],
    );
    evict(
        quote!(key = "{idd}", on = "ok", when = result.is_ok(), before),
        &[
            "no argument is called `idd`",
            "with `before` there is no outcome yet",
            "`when` is asked after the body",
        ],
    );
    fails(
        cache_evict::expand,
        quote!(all, on = "ok"),
        quote!(
            fn update() -> impl Display {
                1
            }
        ),
        &["`on = \"ok\"` needs a return type that has a name"],
    );
}

#[test]
fn puts() {
    let item = || {
        quote!(
            fn save(user: User) -> User {
                user
            }
        )
    };
    put(quote!(), item(), &["`#[cache_put]` needs the call whose entry it writes"]);
    put(quote!(a(user), b(user)), item(), &["`#[cache_put]` writes one entry"]);
    put(
        quote!(key = "a"),
        item(),
        &[
            "unknown option `key`. The options are `value`, `on`, `when`, `tenant` and `crate`, in addition to a call such as `get_user(db, id)`",
        ],
    );
    put(quote!(user), item(), &["unknown option `user`"]);
    put(
        quote!(a(user)),
        quote!(
            fn save(user: User) {}
        ),
        &["`save` returns nothing: there is nothing to put"],
    );
    put(
        quote!(a(user)),
        quote!(
            fn save(user: User) -> impl Debug {
                user
            }
        ),
        &["its type needs a name"],
    );
}
