//! `key_with` by functions and closures.

use larder::{CacheValue, cached, cached_property};

use crate::{Loads, install};

/// Without `Serialize` and `Display`.
struct Query {
    words: Vec<String>,
}

impl Query {
    fn new(text: &str) -> Self {
        Self { words: text.split(' ').map(str::to_owned).collect() }
    }
}

mod texts {
    use super::Query;

    pub(super) fn of_query(query: &Query, page: &u32, lang: &str) -> String {
        let mut words = query.words.clone();
        words.sort();
        format!("{} {page} {lang}", words.join("+"))
    }

    pub(super) fn kind<T>(_: &T) -> &'static str {
        std::any::type_name::<T>()
    }
}

#[tokio::test]
async fn a_function_is_given_all_arguments() {
    static LOADS: Loads = Loads::new();

    #[cached(key_with = texts::of_query, key_prefix = "q", cache = "keys-with-function", skip(connection))]
    async fn search(connection: &Loads, query: Query, page: u32, lang: &str) -> u64 {
        let _ = (query.words, page, lang);
        connection.count()
    }
    // A mutable reference is passed as a shared one.
    #[cached(key_with = texts::of_query, cache = "keys-with-function")]
    fn first(query: &mut Query, page: u32, mut lang: &str) -> String {
        query.words.push("more".into());
        lang = &lang[..1];
        format!("{}{page}{lang}{}", query.words.len(), LOADS.count())
    }
    #[cached(key_with = texts::kind::<u64>, cache = "keys-with-function")]
    async fn with_type_arguments(id: u64) -> u64 {
        id
    }

    let cache = install("keys-with-function");
    let search = |text: &str, page, lang| {
        let query = Query::new(text);
        async move { search(&LOADS, query, page, lang).await }
    };
    assert_eq!(search("b a", 1, "en").await, 1);
    assert_eq!(search("a b", 1, "en").await, 1);
    assert_eq!(search("a b", 2, "en").await, 2);
    assert_eq!(search("a b", 1, "nl").await, 3);
    // The text is escaped like that of an argument.
    assert_eq!(cache.keys("q:*a+b%201%20en").await.unwrap().len(), 1);

    assert_eq!(first(&mut Query::new("x"), 1, "en"), "21e4");
    assert_eq!(first(&mut Query::new("x"), 1, "en"), "21e4");
    with_type_arguments(1).await;
    assert_eq!(cache.keys("*u64").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_closure_is_given_all_arguments() {
    static LOADS: Loads = Loads::new();

    #[cached(key_with = |query, page| query.words.len() as u32 + page, cache = "keys-with-closure")]
    async fn inferred(query: Query, page: u32) -> u64 {
        let _ = (query, page);
        LOADS.count()
    }
    #[cached(
        key_with = |query: &Query, _: &u32| -> String { query.words.join("-") },
        skip(trace),
        cache = "keys-with-closure"
    )]
    async fn typed(query: &Query, page: u32, trace: &str) -> u64 {
        let _ = (query, page, trace);
        LOADS.count()
    }
    #[cached(key_with = |Query { words }| &words[0], cache = "keys-with-closure")]
    fn taken_apart(query: Query) -> u64 {
        let _ = query;
        LOADS.count()
    }
    #[cached(key_with = |name: &str, rest: &[u8]| format!("{name}{}", rest.len()), cache = "keys-with-closure")]
    async fn borrowed(name: &str, rest: &[u8]) -> u64 {
        let _ = (name, rest);
        LOADS.count()
    }
    #[cached(key_with = |values| values.len(), ttl = "1m", stale = "1m", cache = "keys-with-closure")]
    async fn generic<T: CacheValue>(values: Vec<T>) -> u64 {
        let _ = values;
        LOADS.count()
    }

    install("keys-with-closure");
    assert_eq!((inferred(Query::new("a"), 2).await, inferred(Query::new("a b"), 1).await), (1, 1));
    assert_eq!(inferred(Query::new("a b"), 2).await, 2);
    let query = Query::new("a b");
    assert_eq!((typed(&query, 1, "x").await, typed(&query, 2, "y").await), (3, 3));
    assert_eq!((taken_apart(Query::new("a b")), taken_apart(Query::new("a c"))), (4, 4));
    assert_eq!((borrowed("a", b"xy").await, borrowed("a", b"zz").await), (5, 5));
    assert_eq!(borrowed("a", b"z").await, 6);
    assert_eq!(
        (generic(vec![1_u8]).await, generic(vec![1_u16]).await, generic(vec![2_u8]).await),
        (7, 8, 7)
    );
}

#[tokio::test]
async fn methods_give_self_first() {
    struct Shop {
        city: String,
        loads: Loads,
    }
    impl Shop {
        fn key(&self) -> &str {
            &self.city
        }

        fn key_of(&self, id: &u64) -> String {
            format!("{} {id}", self.city)
        }

        #[cached(key_with = Self::key_of, cache = "keys-with-self")]
        async fn item(&self, id: u64) -> u64 {
            let _ = id;
            self.loads.count()
        }

        #[cached(key_with = |shop, id| shop.key_of(id), cache = "keys-with-self")]
        fn price(&self, id: u64) -> u64 {
            let _ = id;
            self.loads.count()
        }

        #[cached(key_with = |id| id * 2, skip(self), cache = "keys-with-self")]
        async fn of_any_shop(&self, id: u64) -> u64 {
            let _ = id;
            self.loads.count()
        }

        #[cached_property(key_with = Shop::key, cache = "keys-with-self")]
        async fn size(&self) -> u64 {
            self.loads.count()
        }

        #[cached_property(key_with = |shop| shop.city.len(), cache = "keys-with-self")]
        fn letters(&self) -> u64 {
            self.loads.count()
        }
    }

    install("keys-with-self");
    let shop = Shop { city: "Rome".into(), loads: Loads::new() };
    assert_eq!([shop.item(1).await, shop.item(1).await, shop.item(2).await], [1, 1, 2]);
    assert_eq!([shop.price(1), shop.price(1), shop.price(2)], [3, 3, 4]);
    assert_eq!([shop.of_any_shop(1).await, shop.of_any_shop(1).await], [5, 5]);
    assert_eq!(
        [shop.size().await, shop.size().await, shop.letters(), shop.letters()],
        [6, 6, 7, 7]
    );
    let other = Shop { city: "Oslo".into(), loads: Loads::new() };
    assert_eq!([other.of_any_shop(1).await, other.size().await, other.letters()], [5, 1, 7]);
}

#[tokio::test]
async fn an_argument_by_its_name_is_an_expression() {
    #[cached(key_with = name, cache = "keys-with-name")]
    async fn load(name: String, of: &Query) -> usize {
        name.len() + of.words.len()
    }

    let cache = install("keys-with-name");
    assert_eq!(
        (load("a:b".into(), &Query::new("x")).await, load("a:b".into(), &Query::new("x y")).await),
        (4, 4)
    );
    assert!(cache.keys("*").await.unwrap()[0].ends_with("a%3Ab"));
}
