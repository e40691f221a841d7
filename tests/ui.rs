//! Wrong uses of the attributes, and what the compiler says of each: one error, at the token that
//! is wrong, naming the fix.
//!
//! Where it is rustc that speaks (a trait bound, a wrong argument), the words are those of one
//! version of it; cases in which it lists what implements serde's traits are left out, for the list
//! varies.
//!
//! After a change of a message: `TRYBUILD=overwrite cargo test --test ui`, and read the diff.

#[test]
fn wrong_uses() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*/*.rs");
}
