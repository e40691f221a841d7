//! Mistakes in templates.

use super::{fails, quote};
use crate::cached::expand;

fn key(template: &str, part: &str) {
    let item = quote!(
        async fn get(user: &str, id: u64) -> u64 {
            0
        }
    );
    fails(expand, quote!(key = #template), item, &[part]);
}

#[test]
fn placeholders() {
    key(
        "{usr}:{id}",
        "no argument is called `usr`; did you mean `user`? (arguments of this function: `user` and `id`)",
    );
    key("{page}", "no argument is called `page` (arguments of this function: `user` and `id`)");
    key("{}", "`{}` names nothing");
    key(
        "{id:?}",
        "`{id:?}` has a format: a placeholder has none, and is written with `Display`: `{id}`",
    );
    key(
        "{user.len()}",
        "`{user.len()}` calls something: a placeholder is an argument or a field of one",
    );
    key("{id + 1}", "`{id + 1}` is no argument and no field of one");
    key("{user.}", "is no argument and no field of one");
    key("{0}", "`{0}` is no argument and no field of one");
}

#[test]
fn braces() {
    key("user:{id", "`{` has no partner: write `{{` for the character itself");
    key("user:id}", "`}` has no partner: write `}}` for the character itself");
    key("{user{id}}", "`{` has no partner");
}

#[test]
fn neighbours() {
    key(
        "{user}{id}",
        "`{user}` and `{id}` run into each other: put a separator such as `:` between them",
    );
    // The text of an argument contains `%` before escaped characters.
    key("{user}%{id}", "`{user}` and `{id}` run into each other");
    key("{user}-x-{id}", "`{user}` and `{id}` run into each other");
}

#[test]
fn text() {
    key("", "this key is empty");
    key("users:*:{user}:{id}", "`*` would make this key a pattern");
    key("users[{user}]:{id}", "`[` is reserved in a key");
    key("a\n{user}:{id}", "a key cannot hold control characters");
}

#[test]
fn other_expressions() {
    let item = quote!(
        async fn get(id: u64) -> u64 {
            0
        }
    );
    fails(
        expand,
        quote!(key = KEY),
        item.clone(),
        &["a key is a string literal such as \"user:{id}\""],
    );
    fails(
        expand,
        quote!(tags = [tag(), id, "{x}"]),
        item,
        &[
            "a tag is a string literal such as \"user:{id}\", or a constant",
            "a tag is a text or a constant: for the argument write \"{id}\"",
            "no argument is called `x`",
        ],
    );
}
