//! Automatic keys of values that have several representations: one value, one key.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use larder::{Key, cached};
use serde::Serialize;

use crate::{Loads, install};

/// The same items, inserted in two orders into tables of two sizes, which iterate in two orders.
fn maps() -> [HashMap<u64, HashMap<String, u64>>; 2] {
    let inner = |reversed: bool| {
        let names = (0..50).map(|n| (format!("name {n}"), n));
        match reversed {
            false => names.collect(),
            true => names.rev().fold(HashMap::with_capacity(1000), |mut map, (name, n)| {
                map.insert(name, n);
                map
            }),
        }
    };
    [
        (0..50).map(|n| (n, inner(false))).collect(),
        (0..50).rev().map(|n| (n, inner(true))).collect(),
    ]
}

fn sets() -> [HashSet<String>; 2] {
    let names = || (0..50).map(|n| format!("name {n}"));
    [names().collect(), names().rev().collect()]
}

#[tokio::test]
async fn maps_and_sets_have_no_order() {
    static LOADS: Loads = Loads::new();

    #[derive(Serialize, Clone)]
    struct Filter {
        tags: HashSet<String>,
        by_name: Option<HashMap<u64, HashMap<String, u64>>>,
    }
    #[derive(Serialize, Clone)]
    struct Newtype(HashSet<String>);

    #[cached(cache = "keys-unordered")]
    async fn map(map: HashMap<u64, HashMap<String, u64>>) -> u64 {
        let _ = map;
        LOADS.count()
    }
    #[cached(cache = "keys-unordered")]
    async fn set(set: &HashSet<String>) -> u64 {
        let _ = set;
        LOADS.count()
    }
    #[cached(cache = "keys-unordered")]
    fn nested(
        filter: Filter,
        list: Vec<HashSet<String>>,
        newtype: (Newtype, &HashSet<String>),
    ) -> u64 {
        let _ = (filter, list, newtype);
        LOADS.count()
    }

    install("keys-unordered");
    let ([a, b], [c, d]) = (maps(), sets());
    // Otherwise the test shows nothing.
    assert_ne!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    assert_ne!(c.iter().collect::<Vec<_>>(), d.iter().collect::<Vec<_>>());
    assert_eq!((map(a.clone()).await, map(b.clone()).await), (1, 1));
    assert_eq!((set(&c).await, set(&d).await), (2, 2));
    let all = |map: &HashMap<u64, HashMap<String, u64>>, set: &HashSet<String>| {
        let filter = Filter { tags: set.clone(), by_name: Some(map.clone()) };
        nested(filter, vec![set.clone(); 2], (Newtype(set.clone()), set))
    };
    assert_eq!((all(&a, &c), all(&b, &d), all(&a, &d)), (3, 3, 3));
}

#[tokio::test]
async fn different_values_have_different_keys() {
    static LOADS: Loads = Loads::new();

    #[cached(cache = "keys-differ")]
    async fn set(set: HashSet<String>) -> u64 {
        let _ = set;
        LOADS.count()
    }
    #[cached(cache = "keys-differ")]
    async fn map(map: HashMap<String, HashSet<u8>>) -> u64 {
        let _ = map;
        LOADS.count()
    }
    #[cached(cache = "keys-differ")]
    async fn ordered(
        list: Vec<u8>,
        set: BTreeSet<u8>,
        map: BTreeMap<u8, Cow<'static, str>>,
    ) -> u64 {
        let _ = (list, set, map);
        LOADS.count()
    }

    install("keys-differ");
    let of = |items: &[&str]| items.iter().map(ToString::to_string).collect::<HashSet<_>>();
    for _ in 0..2 {
        assert_eq!(set(of(&[])).await, 1);
        assert_eq!(set(of(&["a", "b"])).await, 2);
        assert_eq!(set(of(&["a,b"])).await, 3);
        assert_eq!(set(of(&["a", "b", ""])).await, 4);
        let of = |items: &[(&str, &[u8])]| {
            items
                .iter()
                .map(|(name, set)| (name.to_string(), set.iter().copied().collect()))
                .collect()
        };
        assert_eq!(map(of(&[("a", &[1]), ("b", &[2])])).await, 5);
        assert_eq!(map(of(&[("a", &[2]), ("b", &[1])])).await, 6);
        assert_eq!(map(of(&[("a", &[1, 2])])).await, 7);
        assert_eq!(map(of(&[("a", &[12])])).await, 8);
        assert_eq!(ordered(vec![1, 2], [3].into(), [(1, "x".into())].into()).await, 9);
        assert_eq!(ordered(vec![2, 1], [3].into(), [(1, "x".into())].into()).await, 10);
        assert_eq!(ordered(vec![1, 2, 3], [].into(), [(1, "x".into())].into()).await, 11);
    }
}

#[tokio::test]
async fn floats_are_compared_by_their_bits() {
    static LOADS: Loads = Loads::new();

    #[cached(cache = "keys-floats")]
    async fn area(width: f64, height: f32) -> u64 {
        let _ = (width, height);
        LOADS.count()
    }

    let cache = install("keys-floats");
    let quiet = f64::from_bits(f64::NAN.to_bits() ^ 1);
    for _ in 0..2 {
        assert_eq!(
            [area(0.1, 0.1).await, area(0.1 + 0.2, 0.1).await, area(0.3, 0.1).await],
            [1, 2, 3]
        );
        assert_eq!([area(0.0, 0.0).await, area(-0.0, 0.0).await], [4, 5]);
        assert_eq!([area(f64::NAN, 1.0).await, area(quiet, 1.0).await], [6, 7]);
        assert_eq!(
            [area(f64::INFINITY, f32::MAX).await, area(1e300, f32::MIN_POSITIVE).await],
            [8, 9]
        );
    }
    // The key is readable too.
    assert_eq!(cache.keys("*!f64(0.1),!f32(0.1),").await.unwrap().len(), 1);
}

#[cached(cache = "keys-long")]
async fn load(text: &str) -> u64 {
    static LOADS: Loads = Loads::new();
    let _ = text;
    LOADS.count()
}

#[tokio::test]
async fn long_keys_keep_a_readable_head_and_end_in_a_hash() {
    let cache = install("keys-long");
    let text = |end: char| "long".repeat(1000) + &end.to_string();
    for _ in 0..2 {
        // The arguments differ only after the readable part.
        assert_eq!(
            [load(&text('a')).await, load(&text('b')).await, load("short").await],
            [1, 2, 3]
        );
    }
    let keys = cache.keys("*").await.unwrap();
    let (short, long): (Vec<&String>, Vec<&String>) =
        keys.iter().partition(|key| key.ends_with("short,"));
    assert_eq!((short.len(), long.len()), (1, 2));
    for key in long {
        let (head, hash) = key.rsplit_once('#').unwrap();
        assert!(key.len() <= 256 && head.contains("load:longlong"), "{key}");
        assert!(hash.len() == 64 && hash.chars().all(|c| c.is_ascii_hexdigit()), "{key}");
    }
    // A pattern matches them by the readable part.
    assert_eq!(cache.evict_pattern("*load:long*").await.unwrap(), 2);
}

/// A map whose order is significant, like an `IndexMap` for serde.
#[derive(Clone, Copy)]
struct Ordered<'a>(&'a [(&'a str, u8)]);

impl Serialize for Ordered<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

#[tokio::test]
async fn the_order_of_an_ordered_map_is_part_of_the_key() {
    #[derive(Serialize)]
    struct Sort<'a> {
        by: Ordered<'a>,
    }
    #[derive(Serialize)]
    struct Pairs(#[serde(with = "as_map")] Vec<(String, u8)>);
    mod as_map {
        pub(super) fn serialize<S: serde::Serializer>(
            pairs: &[(String, u8)],
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            serializer.collect_map(pairs.iter().map(|(key, value)| (key, value)))
        }
    }
    fn shown(map: Ordered<'_>) -> String {
        map.0.iter().map(|(key, value)| format!("{key}{value}")).collect()
    }

    #[cached(cache = "keys-ordered")]
    async fn plain(map: Ordered<'_>) -> String {
        shown(map)
    }
    #[cached(cache = "keys-ordered")]
    async fn nested(sort: &Sort<'_>, list: Vec<Option<Ordered<'_>>>) -> String {
        shown(sort.by) + &list.into_iter().flatten().map(shown).collect::<String>()
    }
    #[cached(cache = "keys-ordered")]
    async fn pairs(pairs: Pairs) -> String {
        pairs.0.iter().map(|(key, value)| format!("{key}{value}")).collect()
    }

    install("keys-ordered");
    let (ab, ba) = (Ordered(&[("a", 1), ("b", 2)]), Ordered(&[("b", 2), ("a", 1)]));
    for _ in 0..2 {
        assert_eq!([plain(ab).await, plain(ba).await], ["a1b2", "b2a1"]);
        let (sort_ab, sort_ba) = (Sort { by: ab }, Sort { by: ba });
        assert_eq!(nested(&sort_ab, vec![]).await, "a1b2");
        assert_eq!(nested(&sort_ba, vec![]).await, "b2a1");
        assert_eq!(nested(&sort_ab, vec![Some(ab)]).await, "a1b2a1b2");
        assert_eq!(nested(&sort_ab, vec![Some(ba)]).await, "a1b2b2a1");
        let owned = |map: Ordered<'_>| map.0.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect();
        assert_eq!(pairs(Pairs(owned(ab))).await, "a1b2");
        assert_eq!(pairs(Pairs(owned(ba))).await, "b2a1");
    }
}

#[tokio::test]
async fn empty_values_of_one_name_have_different_keys() {
    #[derive(Serialize)]
    struct A;
    #[derive(Serialize)]
    enum Tuple {
        A(),
    }
    #[derive(Serialize)]
    enum Struct {
        A {},
    }
    #[derive(Serialize)]
    enum Unit {
        A,
    }
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Any {
        Of(A),
        Tuple(Tuple),
        Struct(Struct),
        Unit(Unit),
        Nothing,
        NoTuple(),
        NoStruct {},
    }

    #[cached(local, cache = "keys-empty")]
    async fn name(any: Any) -> &'static str {
        match any {
            Any::Of(A) => "unit struct",
            Any::Tuple(Tuple::A()) => "tuple variant",
            Any::Struct(Struct::A {}) => "struct variant",
            Any::Unit(Unit::A) => "unit variant",
            Any::Nothing => "nothing",
            Any::NoTuple() => "no tuple",
            Any::NoStruct {} => "no struct",
        }
    }

    install("keys-empty");
    for _ in 0..2 {
        assert_eq!(name(Any::Of(A)).await, "unit struct");
        assert_eq!(name(Any::Tuple(Tuple::A())).await, "tuple variant");
        assert_eq!(name(Any::Struct(Struct::A {})).await, "struct variant");
        assert_eq!(name(Any::Unit(Unit::A)).await, "unit variant");
        assert_eq!(name(Any::Nothing).await, "nothing");
        assert_eq!(name(Any::NoTuple()).await, "no tuple");
        assert_eq!(name(Any::NoStruct {}).await, "no struct");
    }
}

/// Keys outlive a process, so a release must write entries in the same order as the previous one.
#[test]
fn entries_are_in_the_order_of_their_texts() {
    fn text<T: Serialize>(argument: T) -> String {
        Key::builder().function("f").param(&argument).build().unwrap().to_string()
    }
    let set = || HashSet::from([10, 9, -1, 100]);
    let map = |names: &[&str]| -> HashMap<String, HashSet<i32>> {
        names.iter().map(|name| ((*name).to_owned(), set())).collect()
    };
    assert_eq!(text(set()), "f:!s(-1,10,100,9,),");
    // A name that is a prefix of another one comes first, whatever follows it.
    let sets = "!s(-1,10,100,9,)";
    assert_eq!(
        text(map(&["a", "a b", "a-", "B"])),
        format!("f:!m(B={sets},a={sets},a%20b={sets},a-={sets},),")
    );
    let long = "x".repeat(60);
    assert_eq!(
        text(vec![map(&["b", &long]), map(&[]), map(&["b", "a"])]),
        format!("f:(!m(b={sets},{long}={sets},),!m(),!m(a={sets},b={sets},),),")
    );
    let by_set = BTreeMap::from([
        (BTreeSet::from([9]), HashMap::from([(2, 1), (10, 0), (1, 3)])),
        (BTreeSet::from([10]), HashMap::new()),
        (BTreeSet::from([10, 1]), HashMap::new()),
    ]);
    assert_eq!(text(by_set), "f:!m((1,10,)=!m(),(10,)=!m(),(9,)=!m(1=3,10=0,2=1,),),");
}
