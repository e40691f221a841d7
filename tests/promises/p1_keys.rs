//! P1: different calls have different keys, and no user input can form the key of another call or a wildcard.

use std::collections::BTreeMap;

use larder::__private::{Field, KeyBuf, PushExact as _};
use larder::{Cache, Pattern, cached};
use proptest::prelude::*;
use serde::Serialize;

/// Covers serde's whole data model, nested.
#[derive(Clone, Debug, PartialEq, Serialize)]
enum Arg {
    Unit,
    Text(String),
    Number(i64),
    Bits(u64),
    Float(u64),
    Flag(bool),
    Letter(char),
    Maybe(Option<Option<u8>>),
    Many(Vec<Arg>),
    Pair(Box<Arg>, Box<Arg>),
    Named { first: Box<Arg>, second: String },
    Map(BTreeMap<String, Arg>),
}

/// The same without variant names. This is the worst case for an encoding, because only the text of the values
/// distinguishes the variants.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Bare {
    Unit(()),
    Text(String),
    Number(i64),
    Flag(bool),
    Maybe(Option<Box<Bare>>),
    Many(Vec<Bare>),
    Map(BTreeMap<String, Bare>),
}

fn text() -> impl Strategy<Value = String> {
    // Short texts of characters that have a meaning in keys.
    "[ab1:,%{}()'!$&=#*?\\[\\]\\\\~. -]{0,4}"
}

fn arg() -> impl Strategy<Value = Arg> {
    let leaf = prop_oneof![
        Just(Arg::Unit),
        text().prop_map(Arg::Text),
        (-2i64..3).prop_map(Arg::Number),
        (0u64..3).prop_map(Arg::Bits),
        any::<u64>().prop_map(Arg::Float),
        any::<bool>().prop_map(Arg::Flag),
        proptest::char::range(' ', '~').prop_map(Arg::Letter),
        proptest::option::of(proptest::option::of(0u8..2)).prop_map(Arg::Maybe),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Arg::Many),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Arg::Pair(a.into(), b.into())),
            (inner.clone(), text())
                .prop_map(|(first, second)| Arg::Named { first: first.into(), second }),
            proptest::collection::btree_map(text(), inner, 0..3).prop_map(Arg::Map),
        ]
    })
}

fn bare() -> impl Strategy<Value = Bare> {
    let leaf = prop_oneof![
        Just(Bare::Unit(())),
        text().prop_map(Bare::Text),
        (-2i64..3).prop_map(Bare::Number),
        any::<bool>().prop_map(Bare::Flag),
        Just(Bare::Maybe(None)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Bare::Maybe(Some(inner.into()))),
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Bare::Many),
            proptest::collection::btree_map(text(), inner, 0..3).prop_map(Bare::Map),
        ]
    })
}

fn automatic<A: Serialize>(args: &[A]) -> String {
    let mut key = KeyBuf::new();
    key.literal("module::function:");
    for arg in args {
        key.arg(arg);
    }
    key.as_str().to_owned()
}

fn template(a: &str, b: &str) -> String {
    let mut key = KeyBuf::new();
    key.literal("user:");
    Field(a).push(&mut key);
    key.literal(":of:");
    Field(&b).push(&mut key);
    key.as_str().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn automatic_keys_are_injective(
        a in proptest::collection::vec(arg(), 1..3),
        b in proptest::collection::vec(arg(), 1..3),
    ) {
        prop_assert_eq!(a == b, automatic(&a) == automatic(&b), "{:?} {:?}", a, b);
    }

    #[test]
    fn automatic_keys_distinguish_untagged_values(
        a in proptest::collection::vec(bare(), 1..3),
        b in proptest::collection::vec(bare(), 1..3),
    ) {
        prop_assert_eq!(a == b, automatic(&a) == automatic(&b), "{:?} {:?}", a, b);
    }

    #[test]
    fn template_keys_are_injective(a in (text(), text()), b in (text(), text())) {
        prop_assert_eq!(a == b, template(&a.0, &a.1) == template(&b.0, &b.1));
    }

    #[test]
    fn arguments_form_no_structure(argument in any::<String>()) {
        let mut key = KeyBuf::new();
        key.escaped(&argument);
        let structure = [':', '*', '?', '[', ']', '{', '}', '\\', ',', '#', '\n'];
        let found = key.as_str().find(structure);
        prop_assert_eq!(found, None);
    }

    #[test]
    fn a_prefix_pattern_takes_its_text_literally(prefix in text(), key in text()) {
        prop_assert_eq!(Pattern::prefix(&prefix).matches(&key), key.starts_with(&prefix));
    }
}

/// Similar arguments, written by hand.
#[test]
fn near_misses() {
    assert_ne!(template("1:of:2", "3"), template("1", "2:of:3"));
    assert_ne!(automatic(&[vec![""]]), automatic::<Vec<&str>>(&[vec![]]));
    assert_ne!(automatic(&["1"]), template("1", ""));
    assert_ne!(automatic(&[Some("")]), automatic(&[None::<&str>]));
    assert_ne!(automatic(&[0.0f64]), automatic(&[-0.0f64]));
    assert_eq!(automatic(&[f64::NAN]), automatic(&[f64::NAN]));
    assert_ne!(automatic(&[f64::NAN]), automatic(&[f64::from_bits(f64::NAN.to_bits() ^ 1)]));
}

#[test]
fn long_keys_are_bounded_and_stay_apart() {
    let key = |last: char| {
        let mut text = "x".repeat(100_000);
        text.push(last);
        let mut key = KeyBuf::new();
        key.literal("module::function:");
        key.arg(&text);
        key.seal();
        key.as_str().to_owned()
    };
    assert!(key('a').len() <= 256, "{}", key('a').len());
    assert!(key('a').starts_with("module::function:xxx"));
    assert_ne!(key('a'), key('b'));
}

#[cached(key = "shared:{id}", cache = "p1")]
async fn as_number(id: u64) -> u64 {
    id
}

#[cached(key = "shared:{id}", cache = "p1")]
async fn as_text(id: u64) -> String {
    format!("text {id}")
}

/// Two functions that share a key but not a type read each other's entries as misses.
#[tokio::test]
async fn a_shared_key_never_gives_another_type() {
    let cache = Cache::builder().name("p1").build().unwrap();
    cache.install();
    assert_eq!(as_number(7).await, 7);
    assert_eq!(as_text(7).await, "text 7");
    assert_eq!(as_number(7).await, 7);
    assert_eq!(cache.get::<u64>("shared:7").await.unwrap(), Some(7));
}
