//! Keys are read back from their text.

use std::collections::BTreeMap;

use larder::redis::Redis;
use larder::{Cache, Key, cached, key::KeyBuilder};
use proptest::prelude::*;
use serde::Serialize;

use crate::support::Server;

/// An argument of a key, and how it is shown.
#[derive(Clone, Debug)]
enum Argument {
    Text(String),
    Number(i64),
    Maybe(Option<u8>),
    List(Vec<(String, bool)>),
    Filter(Filter),
}

#[derive(Clone, Debug, Serialize)]
enum Filter {
    All,
    Range { from: f64, words: BTreeMap<String, Option<String>> },
}

impl Argument {
    fn add_to(&self, key: KeyBuilder) -> KeyBuilder {
        match self {
            Self::Text(text) => key.param(text),
            Self::Number(number) => key.param(number),
            Self::Maybe(maybe) => key.param(maybe),
            Self::List(list) => key.param(list),
            Self::Filter(filter) => key.param(filter),
        }
    }

    /// Whether `shown` is this argument. Structures are shown in the notation of keys.
    fn is(&self, shown: &str) -> bool {
        match self {
            Self::Text(text) => shown == text,
            Self::Number(number) => shown == number.to_string(),
            Self::Maybe(None) => shown == "!n",
            Self::Maybe(Some(some)) => shown == format!("${some}"),
            Self::List(_) => shown.starts_with('(') && shown.ends_with(')'),
            Self::Filter(Filter::All) => shown == "&All",
            Self::Filter(_) => shown.starts_with("&Range(from=!f64("),
        }
    }
}

fn arguments() -> impl Strategy<Value = Argument> {
    let words = prop::collection::btree_map(".{0,4}", prop::option::of(".{0,4}"), 0..3);
    prop_oneof![
        ".{0,12}".prop_map(Argument::Text),
        any::<i64>().prop_map(Argument::Number),
        any::<Option<u8>>().prop_map(Argument::Maybe),
        prop::collection::vec((".{0,4}", any::<bool>()), 0..3).prop_map(Argument::List),
        Just(Argument::Filter(Filter::All)),
        (any::<f64>(), words)
            .prop_map(|(from, words)| Argument::Filter(Filter::Range { from, words })),
    ]
}

fn names() -> impl Strategy<Value = String> {
    "[A-Za-zé0-9._~+-]{1,8}"
}

proptest! {
    #[test]
    fn a_model_s_key_gives_back_what_it_was_built_from(
        tenants in prop::collection::vec(".{1,8}", 0..2),
        prefix in prop::option::of("[a-z][a-z0-9:/]{0,5}[a-z0-9]"),
        (model, operation) in (names(), names()),
        params in prop::collection::vec(arguments(), 0..4),
        version in prop::option::of("[a-z0-9.:-]{1,6}"),
    ) {
        let mut key = Key::builder().model(&model).operation(&operation);
        for param in &params {
            key = param.add_to(key);
        }
        if let Some(prefix) = &prefix {
            key = key.prefix(prefix);
        }
        if let Some(version) = &version {
            key = key.version(version);
        }
        for tenant in &tenants {
            key = key.tenant(tenant);
        }
        let key = key.build().unwrap();
        let text = key.to_string();
        let read: Key = text.parse().unwrap();
        prop_assert_eq!(&read, &key);
        prop_assert_eq!(read.as_str(), &text);
        let parts = read.parts();
        prop_assert_eq!(&parts, &key.parts());
        prop_assert_eq!(&parts.tenants, &tenants);
        if parts.is_cut {
            prop_assert!(text.len() > 240 && text.contains(parts.text.as_ref().unwrap()));
        } else {
            prop_assert_eq!(parts.model.as_ref(), Some(&model), "{}", text);
            prop_assert_eq!(parts.operation.as_ref(), Some(&operation), "{}", text);
            prop_assert_eq!(parts.prefix, prefix, "{}", text);
            prop_assert_eq!(parts.version, version, "{}", text);
            prop_assert_eq!(parts.params.len(), params.len(), "{}", text);
            for (param, shown) in params.iter().zip(&parts.params) {
                prop_assert!(param.is(shown), "{param:?}: {shown}");
            }
            prop_assert_eq!((parts.text, parts.function, parts.types.len()), (None, None, 0));
        }
        let full = key.in_namespace("shop/eu");
        prop_assert_eq!(Key::split_namespace(&full).unwrap(), ("shop/eu", key));
    }

    #[test]
    fn a_template_s_key_is_its_text(id in any::<u64>(), name in ".{0,20}", version in 0..9_u8) {
        let key = Key::builder().text("user:").value(id).text("/").value(&name).version(version);
        let key = key.build().unwrap();
        let parts = key.to_string().parse::<Key>().unwrap().parts();
        prop_assert_eq!(parts.version, Some(version.to_string()));
        let text = format!("user:{id}/{}", Key::escape(&name));
        prop_assert_eq!(parts.text, Some(text));
        prop_assert_eq!((parts.model, parts.params.len()), (None, 0));
        prop_assert_eq!(Key::unescape(&Key::escape(&name)), Some(name));
    }

    /// Any text is read as itself or refused.
    #[test]
    fn any_text_is_itself_or_refused(text in "(@?[a-z%é]{0,3}[/:,()<>#'$!=&@*\n]?){0,12}.{0,200}") {
        match text.parse::<Key>() {
            Ok(key) => {
                prop_assert_eq!(key.as_str(), &text);
                let parts = key.parts();
                prop_assert_eq!(parts.model.is_some(), parts.operation.is_some());
                let forms = [parts.model.is_some(), parts.function.is_some(), parts.text.is_some()];
                prop_assert_eq!(forms.iter().filter(|form| **form).count(), 1, "{:?}", parts);
            }
            Err(error) => prop_assert!(error.to_string().contains("key"), "{error}"),
        }
        let _ = Key::split_namespace(&text);
        let _ = Key::unescape(&text);
    }
}

#[test]
fn texts_that_are_no_keys() {
    let long = "x".repeat(257);
    for (text, says) in [
        ("", "it is empty"),
        ("user:*", "`*` is reserved"),
        ("a\nb", "`\\n` is reserved"),
        ("a[0]", "`[` is reserved"),
        ("@acme", "not with a tenant"),
        ("@/k", "not with a tenant"),
        ("@acme/", "it is empty"),
        (&long, "it has 257 bytes, and a key has 256 at most"),
    ] {
        let error = text.parse::<Key>().unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
    for full in ["", "shop", ":k", "sh op:k", "shop:", "shop:user:*"] {
        assert!(Key::split_namespace(full).is_err(), "{full}");
    }
    assert_eq!(Key::unescape("%ZZ"), None);
}

#[cached(cache = cache, skip(cache))]
async fn automatic(cache: &Cache, name: &str, page: Option<u32>) -> u64 {
    name.len() as u64 + page.map_or(0, u64::from)
}

#[cached(cache = cache, skip(cache), key_prefix = "v1", version = 2)]
async fn generic<T: Send>(cache: &Cache, id: u64, _kind: std::marker::PhantomData<T>) -> u64 {
    id
}

#[cached(model = "user", op = "list", cache = cache, skip(cache))]
async fn list(cache: &Cache, team: &str, ids: &[u8]) -> Vec<u8> {
    let _ = team;
    ids.to_vec()
}

struct Shop(Cache);

impl Shop {
    #[cached(cache = self.0, skip(self))]
    async fn count(&self, id: u64) -> u64 {
        id
    }
}

#[tokio::test]
async fn the_keys_of_functions_are_read() {
    let cache = Cache::builder().build().unwrap();
    automatic(&cache, "a:b", None).await;
    let [key] = &cache.keys("*").await.unwrap()[..] else { panic!("one key") };
    let parts = key.parse::<Key>().unwrap().parts();
    assert!(parts.function.as_ref().unwrap().ends_with("key_parts::automatic"), "{key}");
    assert_eq!((parts.params, parts.types.len()), (vec!["a:b".to_owned(), "!n".to_owned()], 0));

    let key = generic::<String>(&cache, 7, std::marker::PhantomData).cache_key().unwrap();
    let parts = key.parts();
    assert_eq!((parts.prefix.as_deref(), parts.version.as_deref()), (Some("v1"), Some("2")));
    assert!(parts.function.unwrap().ends_with("key_parts::generic"), "{key}");
    assert_eq!(
        (&parts.types[..], &*parts.params[0]),
        (&["alloc::string::String".to_owned()][..], "7")
    );

    let key = Shop(cache.clone()).count(9).cache_key().unwrap();
    let parts = key.parts();
    assert!(parts.types[0].ends_with("Shop"), "{key}");
    assert_eq!(
        (parts.function.unwrap().rsplit("::").next(), &*parts.params[0]),
        (Some("count"), "9")
    );

    // A function in a body: its key has a position.
    #[cached(cache = cache, skip(cache))]
    async fn inner(cache: &Cache, id: u64) -> u64 {
        id
    }
    let key = inner(&cache, 3).cache_key().unwrap();
    let parts = key.parts();
    assert_eq!(
        (parts.function.is_some(), &parts.params[..]),
        (true, &["3".to_owned()][..]),
        "{key}"
    );
}

/// A listed key can be used as the function's own: it has the tags of model and tenant.
#[tokio::test]
async fn a_key_that_is_read_has_the_tags_of_its_entry() {
    let cache = Cache::builder().build().unwrap();
    list(&cache, "blue team", &[1, 2]).await;
    list(&cache, "red", &[]).tenant("acme").await;
    for text in cache.keys("*").await.unwrap() {
        let key: Key = text.parse().unwrap();
        let parts = key.parts();
        assert_eq!(
            (parts.model.as_deref(), parts.operation.as_deref()),
            (Some("user"), Some("list"))
        );
        assert!(cache.get::<Vec<u8>>(&key).await.unwrap().is_some(), "{key}");
        cache.insert(&key, vec![9_u8]).await.unwrap();
    }
    assert_eq!(list(&cache, "blue team", &[1, 2]).await, [9]);
    assert_eq!(list(&cache, "red", &[]).tenant("acme").await, [9]);
    cache.tenant("acme").unwrap().clear().await.unwrap();
    assert_eq!(list(&cache, "red", &[]).tenant("acme").await, [0; 0]);
    cache.typed::<u64, Vec<u8>>("user").unwrap().clear().await.unwrap();
    assert_eq!(list(&cache, "blue team", &[1, 2]).await, [1, 2]);
}

/// A key as an operator sees it in Redis.
#[tokio::test]
async fn the_keys_of_a_store_are_split() {
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    let cache = Cache::builder().namespace("shop/eu").remote(redis).build().unwrap();
    let key = list(&cache, "blue team", &[7]).cache_key().unwrap();
    cache.insert(&key, vec![1_u8]).await.unwrap();
    let stored = server.cli(&["--raw", "KEYS", "shop/eu:*"]);
    let (namespace, read) = Key::split_namespace(stored.trim()).unwrap();
    assert_eq!((namespace, &read), ("shop/eu", &key));
    assert_eq!(read.parts().params, ["blue team", "(7,)"]);
    assert_eq!(cache.get::<Vec<u8>>(&read).await.unwrap(), Some(vec![1]));
}

#[test]
fn forms() {
    let parts = |text: &str| text.parse::<Key>().unwrap().parts();
    let structured = parts("v1/user:get:7,'8,(1,'a%2C,),#2");
    assert_eq!(structured.prefix.as_deref(), Some("v1"));
    assert_eq!(structured.params, ["7", "8", "(1,'a%2C,)"]);
    assert_eq!(parts("user:list:").params, [""; 0]);
    assert_eq!(parts("user:list:").operation.as_deref(), Some("list"));
    for text in [
        "user:7",
        "users:",
        "user",
        "a b:c:d",
        "user:get:7",
        "user:get:7,8",
        "user:get:(,",
        "a:b:<T,",
    ] {
        assert_eq!(parts(text).text.as_deref(), Some(text), "{text}");
    }
    assert_eq!(parts("page#2").version.as_deref(), Some("2"));
    let tenants = parts("@acme/@eu%2F/k");
    assert_eq!(
        (&tenants.tenants[..], tenants.text.as_deref()),
        (&["acme".to_owned(), "eu/".to_owned()][..], Some("k"))
    );
    let long = Key::builder().model("user").operation("get").param(&"x".repeat(300));
    let cut = long.tenant("acme").build().unwrap().parts();
    assert!(cut.is_cut && cut.model.is_none() && cut.text.unwrap().starts_with("user:get:xxx"));
}
