//! The traces of types.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};

use super::trace::{Run, Traced, trace};

/// The trace of a type that is seen completely.
fn whole<T: DeserializeOwned>() -> String {
    let Traced { text, whole, asks, .. } = trace(Run::of::<T>(), false);
    assert!(whole && !asks, "{text}");
    text
}

fn has(text: &str, line: &str) {
    assert!(text.lines().any(|each| each == line), "no {line:?} in\n{text}");
}

#[derive(Deserialize)]
#[allow(dead_code)]
enum Status {
    Active,
    Since(u64),
    Between { from: u32, to: Option<i8> },
    Pair(bool, char),
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct User {
    id: u64,
    name: String,
    status: Vec<Status>,
    scores: HashMap<String, [f32; 2]>,
}

#[test]
fn names_types_and_order_are_recursive() {
    let text = whole::<User>();
    has(&text, "#0: struct User [\"id\", \"name\", \"status\", \"scores\"]");
    has(&text, "#0.0: u64");
    has(&text, "#0.1: text");
    has(&text, "#2: enum Status [\"Active\", \"Since\", \"Between\", \"Pair\"]");
    has(&text, "#2.0: unit");
    has(&text, "#2.1.0: u64");
    has(&text, "#2.2: struct [\"from\", \"to\"]");
    has(&text, "#2.2.0: u32");
    has(&text, "#5.some: i8");
    has(&text, "#2.3.1: char");
    has(&text, "#3.key: text");
    has(&text, "#4: tuple of 2");
    has(&text, "#4.1: f32");
}

#[derive(Deserialize)]
#[allow(dead_code)]
enum Expression {
    Sum(Box<Expression>, Box<Expression>),
    All(Vec<Expression>),
    Named { name: String, of: Option<Box<Expression>> },
    Number(i64),
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Node {
    value: u8,
    next: Option<Box<Node>>,
    children: BTreeMap<String, Node>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Chain(Option<Box<Chain>>);

#[test]
fn recursive_types_end() {
    let text = whole::<Expression>();
    has(&text, "#0.3.0: i64");
    has(&text, "#0.2: struct [\"name\", \"of\"]");
    whole::<Node>();
    whole::<Chain>();
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Standard {
    address: IpAddr,
    times: (Duration, SystemTime),
    count: NonZeroU32,
    outcome: Result<u8, String>,
}

/// Accepts only texts with an `@`.
struct Email;

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text.contains('@') { Ok(Self) } else { Err(D::Error::custom("no address")) }
    }
}

struct Unlikely;

impl<'de> Deserialize<'de> for Unlikely {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text == "open sesame" { Ok(Self) } else { panic!("no") }
    }
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Customer {
    before: Option<u8>,
    email: Email,
    after: u16,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Cave {
    words: Vec<Unlikely>,
    after: u16,
    word: Unlikely,
    last: u8,
}

#[test]
fn types_that_look_at_what_they_read() {
    for human in [false, true] {
        let Traced { text, whole, .. } = trace(Run::of::<Standard>(), human);
        assert!(whole, "{text}");
    }
    let text = whole::<Customer>();
    has(&text, "#0.2: u16");
    let text = whole::<Cave>();
    has(&text, "#0.1: u16");
    has(&text, "#0.3: u8");
}

#[derive(Deserialize)]
#[serde(tag = "type")]
#[allow(dead_code)]
enum Event {
    Created { id: u64, name: String },
    Deleted { id: u64 },
    Nothing,
}

#[derive(Deserialize)]
#[serde(tag = "t", content = "c")]
#[allow(dead_code)]
enum Adjacent {
    One(u8),
    Two { x: u16 },
}

#[derive(Deserialize)]
#[serde(untagged)]
#[allow(dead_code)]
enum Either {
    Number(u64),
    Text(String),
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Paged {
    total: u32,
    #[serde(flatten)]
    page: Page,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Page {
    first: u8,
}

#[test]
fn types_that_ask_the_bytes_what_they_are() {
    let asking = |traced: Traced| {
        assert!(traced.asks && !traced.whole, "{}", traced.text);
        traced.text
    };
    let text = asking(trace(Run::of::<Event>(), true));
    has(&text, "#1: tag [\"Created\", \"Deleted\", \"Nothing\"]");
    has(&text, "#0.1.name: accepts 2");
    has(&text, "#0.2.id: accepts 1");
    let text = asking(trace(Run::of::<Adjacent>(), true));
    has(&text, "#0: struct Adjacent [\"t\", \"c\"]");
    has(&text, "#2.x: u16");
    let text = asking(trace(Run::of::<Paged>(), true));
    has(&text, "#0.total: u32");
    has(&text, "#0.first: anything");
    asking(trace(Run::of::<Either>(), true));
}

/// Types of programs that refuse made-up values.
mod refusing {
    use super::*;

    /// An id that only its own service makes.
    #[derive(PartialEq, Eq, Hash)]
    struct Prefixed;

    impl<'de> Deserialize<'de> for Prefixed {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            let text = String::deserialize(from)?;
            text.strip_prefix("usr_").map(|_| Self).ok_or_else(|| D::Error::custom("no id"))
        }
    }

    /// Reads all of its fields before it refuses.
    #[derive(Deserialize)]
    #[serde(try_from = "Raw")]
    struct Never;

    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Raw {
        role: Role,
        number: u16,
    }

    impl TryFrom<Raw> for Never {
        type Error = &'static str;
        fn try_from(_: Raw) -> Result<Self, &'static str> {
            Err("never")
        }
    }

    #[derive(Deserialize)]
    #[allow(dead_code)]
    enum Role {
        Guest,
        Admin { since: u32 },
    }

    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct User {
        #[serde(alias = "identifier")]
        other: u8,
        id: Prefixed,
        role: Role,
        parent: Option<Prefixed>,
        friends: Vec<Prefixed>,
        last: Prefixed,
        count: i32,
    }

    #[test]
    fn fields_beside_a_refused_one_are_seen() {
        let text = whole::<User>();
        has(&text, "#0.1: text");
        has(&text, "#1: enum Role [\"Guest\", \"Admin\"]");
        has(&text, "#1.1.0: u32");
        assert!(text.contains(": i32"), "{text}");
    }

    #[derive(Deserialize)]
    #[allow(dead_code)]
    enum Event {
        Began(Prefixed),
        Named { id: Prefixed, role: Role, size: u16 },
        Many(Vec<User>),
        Ended(bool),
    }

    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Page {
        users: Vec<User>,
        first: User,
        never: Never,
        events: Vec<Event>,
        by_name: HashMap<String, User>,
        pair: (i16, Prefixed),
        total: u128,
    }

    #[test]
    fn also_around_and_within_others() {
        let text = whole::<Page>();
        assert!(text.contains(": u128"), "{text}");
        assert!(text.contains(": i16"), "{text}");
        has(&text, "#6: struct Raw [\"role\", \"number\"]");
        assert!(text.contains("struct [\"id\", \"role\", \"size\"]"), "{text}");
        assert!(text.contains(": bool"), "{text}");
    }

    /// In a tuple, behind a key, and in a type that takes no names, no order helps.
    #[test]
    fn parts_that_cannot_be_reached_make_the_trace_incomplete() {
        assert!(!trace(Run::of::<(Prefixed, Role)>(), false).whole);
        assert!(!trace(Run::of::<HashMap<Prefixed, Role>>(), false).whole);
        assert!(trace(Run::of::<(Role, Prefixed)>(), false).whole);
        assert!(trace(Run::of::<Vec<Prefixed>>(), false).whole);
    }
}
