//! P1: two functions, or two instances of one generic function, never read each other's entries, unless the user gives
//! them the same key on purpose.

use std::collections::HashMap;
use std::fmt::{Debug, Display};
use std::marker::PhantomData;

use larder::{Cache, Key, Source, cache_evict, cached, cached_property, call};

fn cache() -> Cache {
    Cache::builder().build().unwrap()
}

trait Table: Send + Sync + 'static {
    const NAME: &'static str;
}

struct Users;
impl Table for Users {
    const NAME: &'static str = "users";
}

struct Posts;
impl Table for Posts {
    const NAME: &'static str = "posts";
}

struct Repo<T> {
    cache: Cache,
    id: u64,
    table: PhantomData<T>,
}

impl<T: Table> Repo<T> {
    fn new(cache: &Cache) -> Self {
        Self { cache: cache.clone(), id: 1, table: PhantomData }
    }

    #[cached(key = "by-id:{id}", cache = self.cache, skip(self))]
    async fn get(&self, id: u64) -> String {
        format!("{} {id}", T::NAME)
    }

    #[cached(key = "by-id:{id}", version = 2, key_prefix = "v", cache = self.cache, skip(self))]
    async fn get_with_affixes(&self, id: u64) -> String {
        format!("{} {id}", T::NAME)
    }

    #[cached(key = "hidden:{id}", cache = cache, skip(cache))]
    async fn hidden(cache: &Cache, id: u64) -> String {
        format!("{} {id}", T::NAME)
    }

    #[cached(key = "own:{id}:{U}", cache = self.cache, skip(self))]
    async fn own<U: Table>(&self, id: u64) -> String {
        format!("{} {} {id}", T::NAME, U::NAME)
    }

    #[cached(key = "sync:{id}", cache = self.cache, skip(self))]
    pub(crate) fn sync(&self, id: u64) -> String {
        format!("{} {id}", T::NAME)
    }

    #[cached(key = "sync-private:{id}", cache = self.cache, skip(self))]
    fn sync_private(&self, id: u64) -> String {
        format!("{} {id}", T::NAME)
    }

    #[cached(key = "each:{id}", each = "id in ids", cache = self.cache, skip(self))]
    async fn each(&self, ids: &[u64]) -> HashMap<u64, String> {
        ids.iter().map(|id| (*id, format!("{} {id}", T::NAME))).collect()
    }

    #[cached(model = "row", op = "page", key = "{page}", cache = self.cache, skip(self))]
    async fn page(&self, page: u64) -> String {
        format!("{} {page}", T::NAME)
    }

    #[cached(model = "row", op = "static", cache = cache, skip(cache))]
    async fn of_model(cache: &Cache, page: u64) -> String {
        format!("{} {page}", T::NAME)
    }

    #[cached_property(key = "property:{self.id}", cache = self.cache)]
    async fn property(&self) -> String {
        T::NAME.to_owned()
    }

    #[cached(key = "shared:{id}", cache = self.cache, skip(self, Self))]
    async fn shared(&self, id: u64) -> u64 {
        id
    }

    #[cache_evict(key = "by-id:{id}", cache = self.cache)]
    async fn change(&self, id: u64) {
        let _ = id;
    }
}

impl Repo<Users> {
    #[cached(key = "of-users:{id}", cache = self.cache, skip(self))]
    async fn of_users(&self, id: u64) -> u64 {
        id
    }
}

/// Returns the results of all ways to call a function, each twice: the second call hits.
async fn all<T: Table>(repo: &Repo<T>) -> Vec<String> {
    let mut all = Vec::new();
    for source in [Source::Loaded, Source::Memory] {
        let traced = repo.get(1).traced().await;
        assert_eq!(traced.source, source);
        all.push(traced.value);
        let of_function = [
            repo.get_with_affixes(1).traced().await,
            Repo::<T>::hidden(&repo.cache, 1).traced().await,
            repo.own::<Users>(1).traced().await,
            repo.own::<Posts>(1).traced().await,
            repo.page(1).traced().await,
            Repo::<T>::of_model(&repo.cache, 1).traced().await,
            repo.property().traced().await,
        ];
        for traced in of_function {
            assert_eq!(traced.source, source, "{}", traced.value);
            all.push(traced.value);
        }
        let (each, sources) = repo.each(&[1, 2]).traced().await;
        assert_eq!(sources, [(1, source), (2, source)]);
        all.extend([each[&1].clone(), each[&2].clone(), repo.sync(1), repo.sync_private(1)]);
    }
    all
}

#[tokio::test]
async fn instances_of_one_template_have_entries_of_their_own_in_a_cache_by_handle() {
    let cache = cache();
    let (users, posts) = (Repo::<Users>::new(&cache), Repo::<Posts>::new(&cache));
    let of_users = all(&users).await;
    assert!(of_users.iter().all(|text| text.starts_with("users")), "{of_users:?}");
    let of_posts = all(&posts).await;
    assert!(of_posts.iter().all(|text| text.starts_with("posts")), "{of_posts:?}");
    assert_eq!(all_hits(&users).await, of_users[of_users.len() / 2..]);
}

async fn all_hits<T: Table>(repo: &Repo<T>) -> Vec<String> {
    let each = repo.each(&[1, 2]).peek().await.unwrap();
    vec![
        repo.get(1).peek().await.unwrap().unwrap(),
        repo.get_with_affixes(1).peek().await.unwrap().unwrap(),
        Repo::<T>::hidden(&repo.cache, 1).peek().await.unwrap().unwrap(),
        repo.own::<Users>(1).peek().await.unwrap().unwrap(),
        repo.own::<Posts>(1).peek().await.unwrap().unwrap(),
        repo.page(1).peek().await.unwrap().unwrap(),
        Repo::<T>::of_model(&repo.cache, 1).peek().await.unwrap().unwrap(),
        repo.property().peek().await.unwrap().unwrap(),
        each[&1].clone(),
        each[&2].clone(),
        call!(repo.sync(1)).peek().await.unwrap().unwrap(),
        repo.sync_private(1),
    ]
}

#[tokio::test]
async fn the_key_of_an_instance_can_be_written_by_hand_and_is_evicted_by_its_template() {
    let cache = cache();
    let (users, posts) = (Repo::<Users>::new(&cache), Repo::<Posts>::new(&cache));
    users.get(7).await;
    posts.get(7).await;
    users.get_with_affixes(7).await;
    users.shared(7).await;
    let key = Key::builder().text("by-id:").value(7).of::<Repo<Users>>().build().unwrap();
    assert_eq!(cache.get::<String>(&key).await.unwrap().as_deref(), Some("users 7"));
    let builder = Key::builder().prefix("v").text("by-id:").value(7).of::<Repo<Users>>();
    let key = builder.version(2).build().unwrap();
    assert_eq!(cache.get::<String>(key).await.unwrap().as_deref(), Some("users 7"));
    // `skip(Self)` declares that the template is the whole key.
    assert_eq!(cache.get::<u64>("shared:7").await.unwrap(), Some(7));
    // A mutator in the same `impl` block evicts the entry of the same instance.
    users.change(7).await;
    assert_eq!(users.get(7).peek().await.unwrap(), None);
    assert_eq!(posts.get(7).peek().await.unwrap().as_deref(), Some("posts 7"));
    assert_eq!(cache.evict_pattern("by-id:7*").await.unwrap(), 1);
}

/// Inherent methods and methods of non-generic implementations keep their templates unchanged.
#[tokio::test]
async fn a_template_of_a_function_with_one_instance_is_the_whole_key() {
    struct One(Cache);
    impl One {
        #[cached(key = "one:{id}", cache = self.0, skip(self))]
        async fn get(&self, id: u64) -> u64 {
            id
        }
    }
    trait Find {
        async fn find(&self, id: u64) -> u64;
    }
    impl Find for One {
        #[cached(key = "found:{id}", cache = self.0, skip(self))]
        async fn find(&self, id: u64) -> u64 {
            id
        }
    }
    fn outer<T>(_: T) -> impl Fn(Cache, u64) -> Boxed {
        #[cached(key = "inner:{id}", cache = cache, skip(cache))]
        async fn inner(cache: Cache, id: u64) -> u64 {
            id
        }
        |cache, id| Box::pin(inner(cache, id))
    }
    type Boxed = std::pin::Pin<Box<dyn Future<Output = u64>>>;

    let cache = cache();
    let one = One(cache.clone());
    one.get(7).await;
    one.find(7).await;
    Repo::<Users>::new(&cache).of_users(7).await;
    assert_eq!((outer(1u8)(cache.clone(), 7).await, outer("a")(cache.clone(), 7).await), (7, 7));
    assert_eq!(cache.keys("*").await.unwrap(), ["found:7", "inner:7", "of-users:7", "one:7"]);
}

/// A default method of a trait is a separate function for each type, and in a generic trait for each set of parameters.
#[tokio::test]
async fn defaults_and_generic_traits_have_separate_entries() {
    trait Named {
        const NAME: &'static str;
        fn cache(&self) -> &Cache;
        #[cached(key = "default:{id}", cache = self.cache(), skip(self))]
        fn name(&self, id: u64) -> String {
            format!("{} {id}", Self::NAME)
        }
    }
    impl<T: Table> Named for Repo<T> {
        const NAME: &'static str = T::NAME;
        fn cache(&self) -> &Cache {
            &self.cache
        }
    }
    trait Has<T> {
        async fn of(&self, id: u64) -> String;
        async fn of_type(&self, id: u64) -> String;
    }
    impl<T: Table> Has<T> for Cache {
        #[cached(key = "has:{id}", cache = self, skip(self))]
        async fn of(&self, id: u64) -> String {
            format!("{} {id}", T::NAME)
        }
        #[cached(key = "has-type:{Self}:{id}", cache = self, skip(self))]
        async fn of_type(&self, id: u64) -> String {
            format!("{} {id}", T::NAME)
        }
    }

    let cache = cache();
    let (users, posts) = (Repo::<Users>::new(&cache), Repo::<Posts>::new(&cache));
    for _ in 0..2 {
        assert_eq!([users.name(1), posts.name(1)], ["users 1", "posts 1"]);
        let of = [Has::<Users>::of(&cache, 1).await, Has::<Posts>::of(&cache, 1).await];
        assert_eq!(of, ["users 1", "posts 1"]);
        let of = [Has::<Users>::of_type(&cache, 1).await, Has::<Posts>::of_type(&cache, 1).await];
        assert_eq!(of, ["users 1", "posts 1"]);
    }
    assert_eq!(cache.stats().entries, 6);
}

#[cached(key = "show:{v}", cache = "p1-impl")]
async fn show(v: impl Display + Debug) -> String {
    format!("{v:?}")
}

#[cached(key = "show-sync:{v}", cache = "p1-impl")]
fn show_sync(v: impl Display + Debug) -> String {
    format!("{v:?}")
}

#[cached(key_with = v.to_string(), cache = "p1-impl")]
async fn show_with(v: impl Display + Debug) -> String {
    format!("{v:?}")
}

#[cached(key_with = |v: &_, _: &_| format!("{v}"), cache = "p1-impl")]
async fn show_by_closure(v: impl Display + Debug, w: &impl Debug) -> String {
    format!("{v:?} {w:?}")
}

#[cached(key_with = v.to_string(), skip(db), cache = "p1-impl")]
async fn show_skipped(v: u64, db: &impl Debug) -> String {
    let _ = db;
    v.to_string()
}

#[cached(model = "show", op = "one", key = "{v}", cache = "p1-impl")]
async fn show_of_model(v: impl Display + Debug) -> String {
    format!("{v:?}")
}

#[cached(model = "show", op = "with", key_with = v, cache = "p1-impl")]
async fn show_of_model_with(v: impl Display + Debug + Clone) -> String {
    format!("{v:?}")
}

struct Shows;
impl Shows {
    #[cached(key = "method:{v}", skip(self), cache = "p1-impl")]
    async fn show(&self, v: &(impl Display + Debug)) -> String {
        format!("{v:?}")
    }
}

#[tokio::test]
async fn an_argument_that_is_an_impl_trait_is_a_type_parameter() {
    let cache = Cache::builder().name("p1-impl").build().unwrap();
    cache.install();
    for _ in 0..2 {
        assert_eq!([show(1).await, show("1").await], ["1", "\"1\""]);
        assert_eq!([show_sync(1), show_sync("1")], ["1", "\"1\""]);
        assert_eq!([show_with(1).await, show_with("1").await], ["1", "\"1\""]);
        let by_closure = [show_by_closure(1, &1).await, show_by_closure(1, &"1").await];
        assert_eq!(by_closure, ["1 1", "1 \"1\""]);
        assert_eq!([show_of_model(1).await, show_of_model("1").await], ["1", "\"1\""]);
        assert_eq!([show_of_model_with(1).await, show_of_model_with("1").await], ["1", "\"1\""]);
        assert_eq!([Shows.show(&1).await, Shows.show(&"1").await], ["1", "\"1\""]);
    }
    assert_eq!(cache.stats().entries, 14);
    assert_eq!([show_skipped(1, &1).await, show_skipped(1, &"1").await], ["1", "1"]);
    assert_eq!(cache.stats().entries, 15);
    let key = Key::builder().text("show:").value(1).of::<i32>().build().unwrap();
    assert_eq!(cache.get::<String>(key).await.unwrap().as_deref(), Some("1"));
}

/// Two types with the same name: only one of them is cached, for every form of key and in every cache.
mod local_types {
    use super::*;

    trait Value: Display + Debug + serde::Serialize + Clone + Send + Sync + 'static {
        const IS: &'static str;
    }

    macro_rules! local {
        ($is:literal) => {{
            #[derive(Clone, Debug, serde::Serialize)]
            struct Local;
            impl Value for Local {
                const IS: &'static str = $is;
            }
            impl Display for Local {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("local")
                }
            }
            Local
        }};
    }

    #[cached(key = "type:{T}", cache = "p1-local")]
    async fn template<T: Value>() -> String {
        T::IS.to_owned()
    }

    #[cached(cache = "p1-local")]
    async fn automatic<T: Value>() -> String {
        T::IS.to_owned()
    }

    fn is<T: Value>(_: &T) -> String {
        T::IS.to_owned()
    }

    #[cached(key = "impl:{v}", cache = "p1-local")]
    async fn opaque(v: impl Value) -> String {
        is(&v)
    }

    #[cached(model = "local", op = "get", cache = "p1-local")]
    async fn of_model<T: Value>(v: T) -> String {
        is(&v)
    }

    struct Of<T>(PhantomData<T>, Cache);
    impl<T: Value> Of<T> {
        #[cached(key = "method", cache = self.1, skip(self))]
        async fn method(&self) -> String {
            T::IS.to_owned()
        }
        #[cached(cache = self.1, skip(self))]
        async fn automatic(&self) -> String {
            T::IS.to_owned()
        }
        #[cached(key = "each:{id}", each = "id in ids", cache = self.1, skip(self))]
        async fn each(&self, ids: &[u64]) -> HashMap<u64, String> {
            ids.iter().map(|id| (*id, T::IS.to_owned())).collect()
        }
        #[cached(key = "sync", cache = self.1, skip(self))]
        pub(crate) fn sync(&self) -> String {
            T::IS.to_owned()
        }
    }
    /// Calls everything twice, in the function's own cache and in another one.
    async fn is_never_another<T: Value>(of: T, other: &Cache) {
        let method = Of(PhantomData::<T>, other.clone());
        for _ in 0..2 {
            assert_eq!(template::<T>().await, T::IS);
            assert_eq!(template::<T>().cache(other).await, T::IS);
            assert_eq!(template::<T>().cache(other).refresh().await, T::IS);
            assert_eq!(automatic::<T>().await, T::IS);
            assert_eq!(opaque(of.clone()).await, T::IS);
            assert_eq!(opaque(of.clone()).cache("p1-local").await, T::IS);
            assert_eq!(of_model(of.clone()).await, T::IS);
            assert_eq!(method.method().await, T::IS);
            assert_eq!(method.automatic().await, T::IS);
            assert_eq!(method.sync(), T::IS);
            assert_eq!(
                method.each(&[1, 2]).await,
                HashMap::from([(1, T::IS.into()), (2, T::IS.into())])
            );
            assert_eq!(method.each(&[1]).cache(other).await[&1], T::IS);
            assert_eq!(method.each(&[1]).cache("p1-local").refresh().await[&1], T::IS);
        }
    }

    #[tokio::test]
    async fn of_one_name_do_not_share_entries_in_any_cache() {
        let own = Cache::builder().name("p1-local").build().unwrap();
        own.install();
        let other = cache();
        let (a, b) = (local!("a"), local!("b"));
        is_never_another(a.clone(), &other).await;
        is_never_another(b, &other).await;
        is_never_another(a, &other).await;
        // Only one of the types is cached; calls with the other type fail with an explanation.
        let entries = own.stats().entries;
        assert_eq!(entries, 4 + 1);
        let b = local!("b");
        let error = opaque(b.clone()).cache(&other).put("mixed up".into()).await.unwrap_err();
        assert!(error.to_string().contains("two types"), "{error}");
        let method = Of(PhantomData, other.clone());
        fn same<T>(_: &T, _: &Of<T>) {}
        same(&b, &method);
        let error = method.each(&[1]).cache(&own).peek().await.unwrap_err();
        assert!(error.to_string().contains("two instances"), "{error}");
        let mixed_up = HashMap::from([(1, "mixed up".to_owned())]);
        assert!(method.each(&[1]).cache(&own).put(mixed_up).await.is_err());
        // Another process may have cached the value of this type, so an eviction goes through.
        assert_eq!(method.each(&[1]).cache(&own).evict().await.unwrap(), 1);
        assert!(opaque(b.clone()).evict().await.unwrap());
        assert!(Key::builder().text("a:").of::<Users>().build().is_ok());
        fn of<T>(_: &T) -> Result<Key, larder::Error> {
            Key::builder().text("a:").of::<T>().build()
        }
        assert!(of(&b).is_err());
    }
}

/// The compiler gives functions in blocks of one function the same name, and processes call them in different orders.
mod blocks {
    use super::*;
    use crate::process::{Process, role, serve};

    trait Which {
        async fn of_trait(&self, n: u64) -> String;
    }

    async fn in_blocks(cache: &Cache, second: bool, n: u64) -> Vec<String> {
        if second {
            const NAME: &str = "second";
            #[cached(cache = cache, skip(cache))]
            async fn f(cache: &Cache, n: u64) -> String {
                format!("{NAME} {n}")
            }
            #[cached(cache = cache, skip(cache))]
            fn sync(cache: &Cache, n: u64) -> String {
                format!("{NAME} {n}")
            }
            #[cached(key_with = n, cache = cache)]
            async fn with(cache: &Cache, n: u64) -> String {
                format!("{NAME} {n}")
            }
            #[cached(each = "n in ns", cache = cache, skip(cache))]
            async fn each(cache: &Cache, ns: &[u64]) -> HashMap<u64, String> {
                ns.iter().map(|n| (*n, format!("{NAME} {n}"))).collect()
            }
            struct Local(Cache);
            impl Local {
                #[cached(cache = self.0, skip(self))]
                async fn method(&self, n: u64) -> String {
                    format!("{NAME} {n}")
                }
                #[cached(cache = self.0, skip(self))]
                pub(crate) fn sync(&self, n: u64) -> String {
                    format!("{NAME} {n}")
                }
            }
            impl Which for Local {
                #[cached(cache = self.0, skip(self))]
                async fn of_trait(&self, n: u64) -> String {
                    format!("{NAME} {n}")
                }
            }
            let local = Local(cache.clone());
            vec![
                f(cache, n).await,
                sync(cache, n),
                with(cache, n).await,
                each(cache, &[n]).await[&n].clone(),
                local.method(n).await,
                local.sync(n),
                local.of_trait(n).await,
            ]
        } else {
            const NAME: &str = "first";
            #[cached(cache = cache, skip(cache))]
            async fn f(cache: &Cache, n: u64) -> String {
                format!("{NAME} {n}")
            }
            #[cached(cache = cache, skip(cache))]
            fn sync(cache: &Cache, n: u64) -> String {
                format!("{NAME} {n}")
            }
            #[cached(key_with = n, cache = cache)]
            async fn with(cache: &Cache, n: u64) -> String {
                format!("{NAME} {n}")
            }
            #[cached(each = "n in ns", cache = cache, skip(cache))]
            async fn each(cache: &Cache, ns: &[u64]) -> HashMap<u64, String> {
                ns.iter().map(|n| (*n, format!("{NAME} {n}"))).collect()
            }
            struct Local(Cache);
            impl Local {
                #[cached(cache = self.0, skip(self))]
                async fn method(&self, n: u64) -> String {
                    format!("{NAME} {n}")
                }
                #[cached(cache = self.0, skip(self))]
                pub(crate) fn sync(&self, n: u64) -> String {
                    format!("{NAME} {n}")
                }
            }
            impl Which for Local {
                #[cached(cache = self.0, skip(self))]
                async fn of_trait(&self, n: u64) -> String {
                    format!("{NAME} {n}")
                }
            }
            let local = Local(cache.clone());
            vec![
                f(cache, n).await,
                sync(cache, n),
                with(cache, n).await,
                each(cache, &[n]).await[&n].clone(),
                local.method(n).await,
                local.sync(n),
                local.of_trait(n).await,
            ]
        }
    }

    macro_rules! by_macro {
        ($name:literal, $cache:ident, $n:ident) => {{
            #[cached(cache = cache, skip(cache))]
            async fn made(cache: &Cache, n: u64) -> String {
                format!("{} {n}", $name)
            }
            made($cache, $n).await
        }};
    }

    /// Both functions have the same source position.
    macro_rules! by_one_call {
        ($cache:ident, $second:ident, $n:ident) => {
            if $second { by_macro!("second", $cache, $n) } else { by_macro!("first", $cache, $n) }
        };
    }

    async fn all(cache: &Cache, second: bool, n: u64) -> Vec<String> {
        let mut all = in_blocks(cache, second, n).await;
        all.push(match second {
            true => by_macro!("second", cache, n),
            false => by_macro!("first", cache, n),
        });
        all.push(by_one_call!(cache, second, n));
        all
    }

    async fn keys_of(second: bool) -> Vec<String> {
        let cache = cache();
        let name = if second { "second 7" } else { "first 7" };
        for _ in 0..2 {
            assert_eq!(all(&cache, second, 7).await, vec![name; 9]);
        }
        let mut keys = cache.keys("*").await.unwrap();
        assert_eq!(keys.len(), 9, "{keys:?}");
        keys.sort();
        keys
    }

    #[tokio::test]
    async fn of_one_function_have_keys_of_their_own_in_every_process() {
        if role().is_some() {
            return serve(async |words| keys_of(words[0] == "second").await.join(" ")).await;
        }
        let name = "p1_functions::blocks::of_one_function_have_keys_of_their_own_in_every_process";
        let mut process = Process::test(name, "keys");
        // The other process calls the functions in the opposite order.
        let (first, second) = (keys_of(false).await, keys_of(true).await);
        assert!(first.iter().all(|key| !second.contains(key)), "{first:?} {second:?}");
        assert_eq!(process.ask("second"), second.join(" "));
        assert_eq!(process.ask("first"), first.join(" "));
    }
}
