//! Keys: automatic ones and templates.

use std::collections::BTreeMap;

use larder::cached;

use crate::{Loads, install};

#[tokio::test]
async fn an_automatic_key_has_every_argument() {
    static LOADS: Loads = Loads::new();

    #[cached(cache = "keys-automatic")]
    async fn area(width: u64, height: u64) -> u64 {
        LOADS.count();
        width * height
    }

    install("keys-automatic");
    for _ in 0..2 {
        assert_eq!(area(2, 3).await, 6);
        assert_eq!(area(3, 2).await, 6);
        assert_eq!(area(23, 0).await, 0);
    }
    assert_eq!(LOADS.get(), 3);
}

#[tokio::test]
async fn an_automatic_key_distinguishes_values_as_serde_does() {
    static LOADS: Loads = Loads::new();

    #[derive(serde::Serialize)]
    enum Filter {
        All,
        Named(String),
        Range { from: u8, to: u8 },
    }

    #[cached(cache = "keys-serde")]
    async fn search(filter: Filter, words: &[&str], limits: BTreeMap<u8, Option<u8>>) -> u64 {
        let _ = (filter, words, limits);
        LOADS.count()
    }

    install("keys-serde");
    let none = BTreeMap::new;
    for _ in 0..2 {
        assert_eq!(search(Filter::All, &[], none()).await, 1);
        assert_eq!(search(Filter::Named("All".into()), &[], none()).await, 2);
        assert_eq!(search(Filter::Range { from: 1, to: 2 }, &[], none()).await, 3);
        assert_eq!(search(Filter::Range { from: 2, to: 1 }, &[], none()).await, 4);
        assert_eq!(search(Filter::All, &["a", "b"], none()).await, 5);
        assert_eq!(search(Filter::All, &["a,b"], none()).await, 6);
        assert_eq!(search(Filter::All, &[], BTreeMap::from([(1, None)])).await, 7);
        assert_eq!(search(Filter::All, &[], BTreeMap::from([(1, Some(0))])).await, 8);
    }
}

#[tokio::test]
async fn an_option_in_a_template_distinguishes_none_from_every_value() {
    static LOADS: Loads = Loads::new();

    #[cached(cache = "keys-option", key = "page:{page}:{name}:{owned}")]
    async fn search(page: Option<u32>, name: Option<&str>, owned: &Option<String>) -> u64 {
        let _ = (page, name, owned);
        LOADS.count()
    }

    let cache = install("keys-option");
    for _ in 0..2 {
        assert_eq!(search(None, None, &None).await, 1);
        assert_eq!(search(Some(0), None, &None).await, 2);
        assert_eq!(search(None, Some(""), &None).await, 3);
        assert_eq!(search(None, Some("none"), &None).await, 4);
        assert_eq!(search(None, Some("!none"), &None).await, 5);
        assert_eq!(search(None, None, &Some("none".into())).await, 6);
    }
    assert!(cache.remove("page:0:!none:!none").await.unwrap());
}

#[tokio::test]
async fn functions_of_one_name_do_not_share_automatic_keys() {
    mod one {
        #[larder::cached(cache = "keys-names")]
        pub(super) async fn get(id: u64) -> u64 {
            id + 1
        }
    }
    mod two {
        #[larder::cached(cache = "keys-names")]
        pub(super) async fn get(id: u64) -> u64 {
            id + 2
        }
    }
    async fn three(id: u64) -> u64 {
        #[cached(cache = "keys-names")]
        async fn get(id: u64) -> u64 {
            id + 3
        }
        get(id).await
    }
    async fn four(id: u64) -> u64 {
        #[cached(cache = "keys-names")]
        async fn get(id: u64) -> u64 {
            id + 4
        }
        get(id).await
    }

    let cache = install("keys-names");
    for _ in 0..2 {
        assert_eq!([one::get(0).await, two::get(0).await], [1, 2]);
        assert_eq!([three(0).await, four(0).await], [3, 4]);
    }
    assert_eq!(cache.keys("*").await.unwrap().len(), 4);
}

#[tokio::test]
async fn type_parameters_are_part_of_an_automatic_key() {
    #[cached(cache = "keys-generic")]
    async fn name<T>() -> String {
        std::any::type_name::<T>().to_owned()
    }
    #[cached(cache = "keys-generic")]
    async fn size<const N: usize>(n: usize) -> usize {
        n + N
    }
    #[cached(cache = "keys-generic")]
    fn bytes<T>() -> usize {
        size_of::<T>()
    }

    install("keys-generic");
    for _ in 0..2 {
        assert_eq!(name::<u8>().await, "u8");
        assert_eq!(name::<Vec<i16>>().await, "alloc::vec::Vec<i16>");
        assert_eq!([size::<1>(0).await, size::<2>(0).await], [1, 2]);
        assert_eq!([bytes::<u8>(), bytes::<u32>()], [1, 4]);
    }
}

#[tokio::test]
async fn the_same_value_of_two_types_is_two_entries() {
    static LOADS: Loads = Loads::new();

    #[cached(cache = "keys-two-types")]
    async fn load<T: serde::Serialize>(value: T) -> u64 {
        let _ = value;
        LOADS.count()
    }

    install("keys-two-types");
    assert_eq!(load(7_u8).await, 1);
    assert_eq!(load(7_u64).await, 2);
    assert_eq!(load(7_u8).await, 1);
}

#[tokio::test]
async fn a_skipped_argument_makes_no_difference() {
    static LOADS: Loads = Loads::new();

    struct Connection;

    #[cached(skip(connection, trace), cache = "keys-skip")]
    async fn load(connection: &Connection, id: u64, trace: &str) -> u64 {
        let _ = (connection, id, trace);
        LOADS.count()
    }

    install("keys-skip");
    assert_eq!(load(&Connection, 1, "first").await, 1);
    assert_eq!(load(&Connection, 1, "second").await, 1);
    assert_eq!(load(&Connection, 2, "second").await, 2);
}

#[tokio::test]
async fn a_template_is_the_whole_key() {
    struct Page {
        number: u32,
        span: (u8, u8),
    }

    #[cached(
        key = "page:{page.number}:{page.span.0}-{{{page.span.1}}}:{name}",
        cache = "keys-template"
    )]
    async fn load(page: &Page, name: &str) -> u32 {
        let _ = name;
        page.number
    }

    let cache = install("keys-template");
    load(&Page { number: 7, span: (1, 9) }, "index").await;
    assert_eq!(cache.keys("*").await.unwrap(), ["page:7:1-{9}:index"]);
    assert_eq!(cache.get::<u32>("page:7:1-{9}:index").await.unwrap(), Some(7));
}

#[tokio::test]
async fn text_of_an_argument_is_no_separator_and_no_wildcard() {
    static LOADS: Loads = Loads::new();

    #[cached(key = "{a}:{b}", cache = "keys-escapes")]
    async fn load(a: &str, b: String) -> u64 {
        let _ = (a, b);
        LOADS.count()
    }

    let cache = install("keys-escapes");
    assert_eq!(load("x:y", "z".into()).await, 1);
    assert_eq!(load("x", "y:z".into()).await, 2);
    assert_eq!(load("*", "*".into()).await, 3);
    assert_eq!(cache.keys("*").await.unwrap(), ["%2A:%2A", "x%3Ay:z", "x:y%3Az"]);
}

#[tokio::test]
async fn a_placeholder_takes_every_type_with_display() {
    struct Isbn(u64);
    impl std::fmt::Display for Isbn {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "978-{}", self.0)
        }
    }

    #[cached(key = "book:{isbn}:{part}:{exact}", cache = "keys-display")]
    async fn load(isbn: &Isbn, part: char, exact: bool) -> u64 {
        let _ = (part, exact);
        isbn.0
    }

    let cache = install("keys-display");
    load(&Isbn(3), 'a', true).await;
    assert_eq!(cache.keys("*").await.unwrap(), ["book:978-3:a:true"]);
}

#[tokio::test]
async fn patterns_and_mut_arguments_stay_unchanged() {
    #[cached(cache = "keys-patterns")]
    async fn load((a, _): (u64, u64), [b, ..]: [u64; 3], mut text: String) -> String {
        text.push('!');
        format!("{a}{b}{text}")
    }

    install("keys-patterns");
    for _ in 0..2 {
        assert_eq!(load((1, 2), [3, 4, 5], "x".into()).await, "13x!");
        assert_eq!(load((2, 2), [3, 4, 5], "x".into()).await, "23x!");
    }
}

macro_rules! cached_by_literals {
    ($name:ident, $ttl:literal, $key:literal, $cache:literal) => {
        #[cached(ttl = $ttl, key = $key, cache = $cache)]
        async fn $name(id: u64) -> u64 {
            id
        }
    };
}

cached_by_literals!(made, "1m", "made:{id}", "made_by_macro");

/// Options may come from a user's `macro_rules!`.
#[tokio::test]
async fn options_from_a_declarative_macro() {
    let cache = larder::Cache::builder().name("made_by_macro").build().unwrap();
    cache.install();
    assert_eq!(made(7).await, 7);
    assert_eq!(cache.get::<u64>("made:7").await.unwrap(), Some(7));
}

#[tokio::test]
async fn a_prefix_and_a_version_are_part_of_every_key() {
    #[cached(key = "{id}", key_prefix = "users", version = 1, cache = "keys-around")]
    async fn old(id: u64) -> u64 {
        id
    }
    #[cached(key = "{id}", key_prefix = "users", version = 2, cache = "keys-around")]
    async fn new(id: u64) -> u64 {
        id + 1
    }
    #[cached(key_prefix = "auto/", version = "2024-05", cache = "keys-around")]
    fn automatic(id: u64) -> u64 {
        id
    }

    let cache = install("keys-around");
    assert_eq!((old(7).await, new(7).await, automatic(7)), (7, 8, 7));
    assert_eq!((old(7).await, new(7).await), (7, 8));
    let keys = cache.keys("*").await.unwrap();
    assert!(keys[0].starts_with("auto/macros::keys::automatic:"), "{keys:?}");
    assert!(keys[0].ends_with("7,#2024-05"), "{keys:?}");
    assert_eq!(keys[1..], ["users:7#1", "users:7#2"]);
    assert!(new(7).evict().await.unwrap());
    assert_eq!(cache.evict_pattern("users:*").await.unwrap(), 1);
}

#[tokio::test]
async fn a_text_replaces_the_arguments() {
    static LOADS: Loads = Loads::new();

    /// Without `Serialize` and `Display`.
    struct Query {
        words: Vec<String>,
        trace: u64,
    }
    impl Query {
        fn text(&self) -> String {
            let mut words = self.words.clone();
            words.sort();
            words.join(" ")
        }
    }
    #[cached(key_with = query.text(), cache = "keys-text")]
    async fn search(query: Query) -> u64 {
        let Query { words, trace } = query;
        drop((words, trace));
        LOADS.count()
    }
    #[cached(key_with = format!("{key}:{result}"), cache = "keys-text")]
    fn add(key: u64, result: u64) -> u64 {
        key + result
    }
    #[cached(key_with = "fixed", cache = "keys-text")]
    async fn size<const N: usize>() -> usize {
        N
    }
    struct Shop {
        city: String,
    }
    impl Shop {
        #[cached(key_with = self.city.to_lowercase(), cache = "keys-text")]
        async fn stock(&self) -> u64 {
            LOADS.count()
        }

        #[larder::cached_property(key_with = &self.city, cache = "keys-text")]
        async fn size(&self) -> usize {
            self.city.len()
        }
    }

    let cache = install("keys-text");
    let query = |words: &[&str], trace| Query {
        words: words.iter().map(ToString::to_string).collect(),
        trace,
    };
    assert_eq!(search(query(&["b", "a"], 1)).await, 1);
    assert_eq!(search(query(&["a", "b"], 2)).await, 1);
    // The text is escaped like that of an argument: it contains no wildcard, no separator, and no hash of a version.
    assert_eq!(search(query(&["*:#1"], 1)).await, 2);
    let keys = cache.keys("*").await.unwrap();
    assert!(keys[0].ends_with("%2A%3A%231"), "{keys:?}");
    assert!(keys[1].ends_with("a%20b"), "{keys:?}");
    assert_eq!((add(1, 2), add(1, 2), add(2, 1)), (3, 3, 3));
    assert_eq!((size::<1>().await, size::<2>().await), (1, 2));
    let ghent = |city: &str| Shop { city: city.into() };
    assert_eq!((ghent("Ghent").stock().await, ghent("GHENT").stock().await), (3, 3));
    assert_eq!((ghent("Ghent").size().await, ghent("Rome").size().await), (5, 4));
}

#[tokio::test]
async fn generic_parameters_in_templates() {
    #[cached(key = "{T}:{N}:{id}", cache = "keys-generic-template")]
    async fn get<T: 'static, const N: usize>(id: u64) -> usize {
        let _ = id;
        N + size_of::<T>()
    }
    #[cached(key = "{id}", tags = ["{T}"], skip(T), cache = "keys-generic-template")]
    fn shared<T>(id: u64) -> u64 {
        id
    }
    #[larder::cache_evict(key = "{T}:{N}:{id}", cache = "keys-generic-template")]
    async fn change<T, const N: usize>(id: u64) {
        let _ = id;
    }

    let cache = install("keys-generic-template");
    for _ in 0..2 {
        assert_eq!((get::<u8, 1>(7).await, get::<u32, 1>(7).await), (2, 5));
        assert_eq!((get::<u8, 2>(7).await, get::<Vec<()>, 2>(7).await), (3, 26));
    }
    assert_eq!((shared::<u8>(7), shared::<u16>(7)), (7, 7));
    let all = ["7", "alloc%3A%3Avec%3A%3AVec%3C%28%29%3E:2:7", "u32:1:7", "u8:1:7", "u8:2:7"];
    assert_eq!(cache.keys("*").await.unwrap(), all);
    change::<u8, 1>(7).await;
    assert_eq!(cache.keys("u8:*").await.unwrap(), ["u8:2:7"]);
}

#[test]
fn functions_with_one_compiler_name_do_not_share_entries() {
    #[allow(clippy::redundant_closure_call)]
    fn in_blocks() -> [u8; 4] {
        let a = {
            #[cached]
            fn f(n: u8) -> u8 {
                n + 1
            }
            f(1)
        };
        let b = {
            #[cached]
            fn f(n: u8) -> u8 {
                n + 2
            }
            f(1)
        };
        let c = (|| {
            #[cached]
            fn f<T: Into<u8>>(n: u8, _: std::marker::PhantomData<T>) -> u8 {
                n + 3
            }
            f::<bool>(1, std::marker::PhantomData) + f::<u8>(1, std::marker::PhantomData)
        })();
        let d = (|| {
            #[cached]
            fn f<T: Into<u8>>(n: u8, _: std::marker::PhantomData<T>) -> u8 {
                n + 4
            }
            f::<u8>(1, std::marker::PhantomData) + f::<bool>(1, std::marker::PhantomData)
        })();
        [a, b, c, d]
    }

    for _ in 0..2 {
        assert_eq!(in_blocks(), [2, 3, 8, 10]);
    }
}

/// An argument that neither serde nor `Display` can write.
struct Opaque;

#[tokio::test]
async fn skip_all_skips_what_the_key_does_not_mention() {
    static LOADS: Loads = Loads::new();

    #[cached(cache = "keys-skip-all", key = "price:{id}", tags = ["prices:{page}"], skip_all)]
    async fn price<C: Send + Sync>(
        db: &Opaque,
        id: u64,
        page: u32,
        _: &C,
        log: impl Fn(u64) + Send,
    ) -> u64 {
        let Opaque = db;
        log(u64::from(page));
        LOADS.count();
        id
    }

    let cache = install("keys-skip-all");
    assert_eq!(price(&Opaque, 7, 1, &Opaque, |_| ()).await, 7);
    assert_eq!(price(&Opaque, 7, 1, &"other", drop).await, 7);
    assert_eq!(price(&Opaque, 8, 1, &Opaque, |_| ()).await, 8);
    assert_eq!(LOADS.get(), 2);
    assert_eq!(cache.keys("*").await.unwrap(), ["price:7", "price:8"]);
    assert_eq!(cache.inspect("price:7").await.memory.unwrap().tags, ["prices:1"]);
}

#[tokio::test]
async fn skip_all_without_a_key_is_one_entry() {
    static LOADS: Loads = Loads::new();
    struct Shop {
        open: bool,
    }
    impl Shop {
        #[cached(cache = "keys-skip-all-automatic", skip_all)]
        async fn rate(&self, unused: &Opaque) -> u64 {
            let Opaque = unused;
            let _ = self.open;
            LOADS.count()
        }
    }

    #[cached(cache = "keys-skip-all-automatic", skip_all)]
    fn sync_rate(_: &Opaque, day: u64) -> u64 {
        day
    }

    let cache = install("keys-skip-all-automatic");
    for open in [true, false] {
        Shop { open }.rate(&Opaque).await;
    }
    assert_eq!((sync_rate(&Opaque, 1), sync_rate(&Opaque, 2)), (1, 1));
    assert_eq!(LOADS.get(), 1);
    assert_eq!(cache.keys("*").await.unwrap().len(), 2);
}

#[tokio::test]
async fn skip_all_keeps_the_item_of_a_batch() {
    #[cached(each = "id in ids", cache = "keys-skip-all-each", skip_all)]
    async fn names(db: &Opaque, ids: &[u64]) -> Vec<(u64, String)> {
        let Opaque = db;
        ids.iter().map(|id| (*id, format!("name {id}"))).collect()
    }

    install("keys-skip-all-each");
    let found = names(&Opaque, &[1, 2]).await;
    assert_eq!(found, [(1, "name 1".to_owned()), (2, "name 2".to_owned())]);
    assert_eq!(names(&Opaque, &[2, 3]).await.len(), 2);
}
