//! Arguments in all forms that a function may have.

use std::fmt::Display;

use larder::{cache_evict, cached};

use crate::{Loads, install};

/// Extractors as in web frameworks: without `Serialize` and `Display`.
#[derive(Clone)]
struct State<T>(T);
#[derive(Clone)]
struct Path<T>(T);
struct Paging {
    page: u32,
    size: u32,
}

#[derive(Clone)]
struct App;

#[tokio::test]
async fn a_template_names_bindings_of_a_pattern() {
    static LOADS: Loads = Loads::new();

    #[cached(key = "user:{id}", skip(_app), cache = "patterns")]
    async fn user(State(_app): State<App>, Path(id): Path<u64>) -> (u64, u64) {
        (id, LOADS.count())
    }

    let cache = install("patterns");
    assert_eq!(user(State(App), Path(7)).await, (7, 1));
    assert_eq!(user(State(App), Path(7)).await, (7, 1));
    assert_eq!(user(State(App), Path(8)).await, (8, 2));
    assert!(cache.contains::<(u64, u64)>("user:7").await.unwrap());
}

#[tokio::test]
async fn an_automatic_key_contains_bindings_of_a_pattern() {
    static LOADS: Loads = Loads::new();

    #[cached(skip(_app))]
    async fn page(
        State(_app): State<App>,
        Paging { page, mut size }: Paging,
        (a, b): (u8, &str),
        _: f64,
    ) -> (u64, u32, String) {
        size += page;
        (LOADS.count(), size, format!("{a}{b}"))
    }

    assert_eq!(page(State(App), Paging { page: 1, size: 2 }, (1, "x"), 0.5).await.0, 1);
    assert_eq!(page(State(App), Paging { page: 1, size: 2 }, (1, "x"), 0.7).await.0, 1);
    assert_eq!(page(State(App), Paging { page: 1, size: 3 }, (1, "x"), 0.5).await.0, 2);
    assert_eq!(page(State(App), Paging { page: 1, size: 2 }, (1, "y"), 0.5).await.0, 3);
}

#[tokio::test]
async fn options_name_bindings_of_a_pattern() {
    static LOADS: Loads = Loads::new();

    #[cached(key_with = format!("p:{page}"), skip_if = page > 100, tags = ["page:{page}"], cache = "pattern-options")]
    async fn list(Path(page): Path<u32>) -> u64 {
        let _ = page;
        LOADS.count()
    }

    #[cache_evict(tags = ["page:{page}"], cache = "pattern-options", when = page < 100)]
    async fn forget(Path(page): Path<u32>) {
        let _ = page;
    }

    install("pattern-options");
    assert_eq!((list(Path(1)).await, list(Path(1)).await), (1, 1));
    assert_eq!((list(Path(101)).await, list(Path(101)).await), (2, 3));
    forget(Path(1)).await;
    assert_eq!(list(Path(1)).await, 4);
}

#[tokio::test]
async fn patterns_in_every_kind_of_function() {
    #[cached]
    fn sync((a, b): (u8, u8)) -> u8 {
        a - b
    }

    #[cached(ttl = "1m", stale = "1m", key = "background:{a}:{b}:{c}:{d}", skip(name))]
    async fn background(
        (mut a, b): (u8, u8),
        (c, d): &(u8, u8),
        State(name): State<String>,
    ) -> String {
        a += b;
        format!("{name} {a} {c} {d}")
    }

    struct Shop;
    impl Shop {
        #[cached(skip(self))]
        pub(crate) fn method(&self, Path(id): Path<u64>) -> u64 {
            id
        }
    }

    // Only the body sees a binding that the pattern borrows.
    #[cached]
    async fn by_reference((ref a, b): (String, u8)) -> String {
        format!("{a}{b}")
    }

    assert_eq!((sync((3, 1)), sync((3, 2)), Shop.method(Path(4))), (2, 1, 4));
    assert_eq!(larder::call!(Shop.method(Path(4))).peek().await.unwrap(), Some(4));
    let name = || State("x".to_owned());
    assert_eq!(background((1, 2), &(3, 4), name()).await, "x 3 3 4");
    assert_eq!(background((1, 2), &(3, 4), State("y".into())).await, "x 3 3 4");
    assert_eq!(background((1, 2), &(3, 5), State("y".into())).await, "y 3 3 5");
    assert_eq!(by_reference(("a".into(), 1)).await, "a1");
}

#[tokio::test]
async fn an_argument_may_depend_on_the_configuration() {
    #[cached(skip(_never))]
    async fn get(
        id: u64,
        #[cfg(not(any()))] always: u64,
        #[cfg(any())] never: Missing,
        #[cfg(any())] _never: Missing,
    ) -> u64 {
        id + always
    }

    #[cached]
    fn get_sync(#[cfg(any())] never: Missing, #[cfg(not(any()))] id: u64) -> u64 {
        id
    }

    struct Shop;
    impl Shop {
        #[cached(key = "configured:{id}", skip(self, more))]
        async fn method(&self, id: u64, #[cfg(not(any()))] more: u64) -> u64 {
            id + more
        }
    }

    assert_eq!((get(1, 2).await, get(1, 3).await, get_sync(4)), (3, 4, 4));
    assert_eq!((Shop.method(1, 2).await, Shop.method(1, 3).await), (3, 3));
}

#[tokio::test]
async fn a_type_of_skipped_arguments_alone_is_skipped_with_them() {
    trait Database {
        fn read(&self) -> u64;
    }
    impl Database for u64 {
        fn read(&self) -> u64 {
            *self
        }
    }

    #[cached(key = "skipped-types:{id}", skip(db, _buffer))]
    async fn get<D: Database, const N: usize>(db: &D, _buffer: [u8; N], id: u64) -> u64 {
        db.read() + id
    }

    #[cached(key = "skipped-types-sync:{id}", skip(db))]
    fn get_sync<D>(db: &D, id: impl Display + Copy) -> String
    where
        D: Database,
    {
        format!("{}{id}", db.read())
    }

    assert_eq!((get(&1, [0; 2], 2).await, get(&2, [0; 3], 2).await), (3, 3));
    assert_eq!(get_sync(&1, 2), "12");
}
