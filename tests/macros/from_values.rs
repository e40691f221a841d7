//! Times to live and conditions that depend on the loaded value, on the arguments, or on both.

use std::time::Duration;

use larder::{Cache, Expiry, Policy, Source, cache_put, cached, call, time::Clock};

use crate::{Loads, install};

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Token {
    text: String,
    expires_in: Duration,
}

impl Token {
    fn of(seconds: u64) -> Self {
        Self { text: format!("token of {seconds} s"), expires_in: Duration::from_secs(seconds) }
    }

    fn life(&self) -> Duration {
        self.expires_in
    }
}

/// The remaining time of an entry, in whole seconds.
fn seconds(left: Option<Expiry>) -> Option<u64> {
    left.and_then(Expiry::left).map(|left| left.as_secs_f64().round() as u64)
}

mod ttl_with {
    use super::*;

    #[tokio::test]
    async fn a_value_says_how_long_it_is_fresh() {
        #[cached(
            ttl_with = |token: &Token| token.expires_in,
            stale = "5s",
            jitter = 0,
            key = "token:{id}",
            cache = "values-ttl"
        )]
        async fn token(id: u64) -> Result<Token, String> {
            Ok(Token::of(id))
        }

        install("values-ttl");
        token(60).await.unwrap();
        token(3600).await.unwrap();
        assert_eq!(seconds(token(60).expiry().await.unwrap()), Some(60));
        assert_eq!(seconds(token(3600).expiry().await.unwrap()), Some(3600));
    }

    #[tokio::test]
    async fn zero_is_not_stored_and_none_keeps_the_policy_s_ttl() {
        static LOADS: Loads = Loads::new();

        #[cached(
            ttl = "10m",
            ttl_with = |n| match n {
                0 => Some(Expiry::In(Duration::ZERO)),
                1 => Some(Expiry::Never),
                2 => Some(Expiry::In(Duration::from_secs(5))),
                _ => None,
            },
            key = "n:{n}",
            cache = "values-options"
        )]
        async fn get(n: u64) -> u64 {
            LOADS.count();
            n
        }

        install("values-options");
        for n in [0, 0, 1, 1, 2, 2, 3, 3] {
            assert_eq!(get(n).await, n);
        }
        assert_eq!(LOADS.get(), 5, "only 0 is loaded twice");
        assert_eq!(get(1).expiry().await.unwrap(), Some(Expiry::Never));
        assert_eq!(seconds(get(2).expiry().await.unwrap()), Some(5));
        assert_eq!(seconds(get(3).expiry().await.unwrap()), Some(600));
    }

    #[tokio::test]
    async fn a_path_a_text_and_a_sync_function_work_too() {
        #[cached(ttl_with = Token::life, cache = "values-forms")]
        async fn by_path(id: u64) -> Token {
            Token::of(id)
        }

        #[cached(ttl_with = |text: &String| text.as_str(), cache = "values-forms")]
        fn by_text(text: &str) -> String {
            text.to_owned()
        }

        install("values-forms");
        by_path(30).await;
        assert_eq!(seconds(by_path(30).expiry().await.unwrap()), Some(30));
        by_text("1m 30s");
        by_text("never");
        assert_eq!(seconds(call!(by_text("1m 30s")).expiry().await.unwrap()), Some(90));
        assert_eq!(call!(by_text("never")).expiry().await.unwrap(), Some(Expiry::Never));
    }

    #[tokio::test]
    async fn a_value_that_is_put_says_it_too_unless_the_call_does() {
        #[cached(ttl_with = |token| token.expires_in, key = "put:{id}", cache = "values-put")]
        async fn token(id: u64) -> Token {
            Token::of(id)
        }

        #[cache_put(token(id))]
        async fn renew(id: u64) -> Token {
            Token::of(120)
        }

        install("values-put");
        token(7).put(Token::of(30)).await.unwrap();
        assert_eq!(seconds(token(7).expiry().await.unwrap()), Some(30));
        renew(7).await;
        assert_eq!(seconds(token(7).expiry().await.unwrap()), Some(120));
        token(7).ttl("2s").put(Token::of(30)).await.unwrap();
        assert_eq!(seconds(token(7).expiry().await.unwrap()), Some(2));
        token(8).ttl("never").await;
        assert_eq!(token(8).expiry().await.unwrap(), Some(Expiry::Never));
        token(9).put(Token::of(0)).await.unwrap();
        assert_eq!(token(9).peek().await.unwrap(), None);
    }

    #[tokio::test]
    async fn each_item_of_a_batch_has_its_own() {
        #[cached(
            each = "id in ids",
            ttl_with = |token: &Token| token.expires_in,
            key = "each:{id}",
            cache = "values-each"
        )]
        async fn tokens(ids: &[u64]) -> Vec<(u64, Token)> {
            ids.iter().map(|id| (*id, Token::of(*id))).collect()
        }

        let cache = install("values-each");
        tokens(&[10, 20]).await;
        assert_eq!(seconds(cache.ttl("each:10").await.unwrap()), Some(10));
        assert_eq!(seconds(cache.ttl("each:20").await.unwrap()), Some(20));
        tokens(&[30]).ttl("5s").await;
        assert_eq!(seconds(cache.ttl("each:30").await.unwrap()), Some(5));
    }
}

mod of_arguments {
    use super::*;

    #[tokio::test]
    async fn a_condition_uses_the_value_and_the_arguments() {
        static LOADS: Loads = Loads::new();

        // The body consumes its arguments.
        #[cached(
            cache_if = |names: &Vec<String>| names.len() < limit && !names.contains(&except) && skipped.is_none(),
            key = "names:{limit}:{except}",
            skip(skipped),
            cache = "values-arguments"
        )]
        async fn names(limit: usize, except: String, skipped: Option<&str>) -> Vec<String> {
            LOADS.count();
            drop(except);
            skipped.into_iter().map(str::to_owned).chain(["Ada".to_owned()]).collect()
        }

        install("values-arguments");
        for _ in 0..2 {
            names(5, "Bob".into(), None).await;
        }
        assert_eq!(LOADS.get(), 1);
        for _ in 0..2 {
            names(5, "Ada".into(), None).await;
            names(1, "Bob".into(), None).await;
            names(9, "Bob".into(), Some("Eve")).await;
        }
        assert_eq!(LOADS.get(), 7);
    }

    /// Neither the type nor what it borrows is `Clone`.
    struct Shop<'a> {
        settings: &'a Settings,
        open: bool,
    }

    struct Settings {
        limit: usize,
        ttl: Duration,
        policy: Policy,
    }

    impl Shop<'_> {
        #[cached(
            unless = |page: &Vec<u64>| page.len() > self.settings.limit || !self.open,
            ttl_with = |_| self.settings.ttl,
            key = "page:{page}",
            skip(self),
            cache = "values-methods"
        )]
        async fn page(&self, page: usize) -> Vec<u64> {
            vec![7; page]
        }

        #[cached(ttl = self.settings.ttl, key = "ttl:{id}", skip(self), cache = "values-methods")]
        async fn of_settings(&self, id: u64) -> u64 {
            id
        }

        #[cached(policy = self.settings.policy, key = "policy:{id}", skip(self), cache = "values-methods")]
        async fn of_policy(&self, id: u64) -> u64 {
            id
        }

        #[cached(policy = &self.settings.policy, ttl = "7s", key = "sync:{id}", skip(self), cache = "values-methods")]
        pub(super) fn of_policy_sync(&self, id: u64) -> u64 {
            id
        }
    }

    const POLICY: Policy = Policy::new().ttl(Duration::from_secs(40)).tags(&["shop"]);

    #[tokio::test]
    async fn methods_use_fields_of_self_that_need_not_be_clone_as_a_whole() {
        let cache = install("values-methods");
        let settings = Settings { limit: 2, ttl: Duration::from_secs(50), policy: POLICY };
        let shop = Shop { settings: &settings, open: true };
        shop.page(2).await;
        shop.page(3).await;
        assert_eq!(seconds(shop.page(2).expiry().await.unwrap()), Some(50));
        assert_eq!(shop.page(3).peek().await.unwrap(), None);
        let closed = Shop { settings: &settings, open: false };
        closed.page(2).refresh().await;
        assert_eq!(shop.page(2).peek().await.unwrap(), None);

        shop.of_settings(1).await;
        assert_eq!(seconds(shop.of_settings(1).expiry().await.unwrap()), Some(50));

        shop.of_policy(1).await;
        assert_eq!(shop.of_policy(1).traced().await.source, Source::Memory);
        assert_eq!(seconds(shop.of_policy(1).expiry().await.unwrap()), Some(40));
        assert_eq!(shop.of_policy_sync(1), 1);
        assert_eq!(seconds(call!(shop.of_policy_sync(1)).expiry().await.unwrap()), Some(7));
        cache.evict_tag("shop").await.unwrap();
        assert_eq!(shop.of_policy(1).peek().await.unwrap(), None);
        assert_eq!(call!(shop.of_policy_sync(1)).peek().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_value_that_is_put_meets_the_condition_too() {
        #[cached(cache_if = |n| *n < limit, key = "below:{limit}", cache = "values-below")]
        async fn below(limit: u64) -> u64 {
            limit - 1
        }

        install("values-below");
        below(5).put(4).await.unwrap();
        assert_eq!(below(5).peek().await.unwrap(), Some(4));
        below(5).put(6).await.unwrap();
        assert_eq!(below(5).peek().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_load_in_the_background_has_its_own_copies() {
        static LOADS: Loads = Loads::new();

        #[cached(
            ttl = "1s",
            stale = "1h",
            cache_if = |n| *n != 2 || word == "no",
            key = "background:{word}",
            cache = "values-background"
        )]
        async fn load(word: &str) -> u64 {
            LOADS.count()
        }

        let clock = Clock::manual();
        let cache = Cache::builder().name("values-background").clock(clock.clone());
        cache.build().unwrap().install();
        assert_eq!(load("word").await, 1);
        clock.advance(Duration::from_secs(1));
        assert_eq!(load("word").await, 1, "and it is refreshed");
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(LOADS.get(), 2);
        // The refreshed value is not stored, and takes the old one away.
        assert_eq!(load("word").await, 3);
    }

    #[tokio::test]
    async fn a_policy_of_a_batch_depends_on_the_arguments() {
        #[cached(each = "id in ids", policy = *policy, key = "each:{id}", skip(policy), cache = "values-batch")]
        async fn values(ids: &[u64], policy: &Policy) -> Vec<(u64, u64)> {
            ids.iter().map(|id| (*id, *id)).collect()
        }

        #[cached(each = "id in ids", ttl = *ttl, key = "ttl:{id}", skip(ttl), cache = "values-batch")]
        async fn of_ttl(ids: &[u64], ttl: &Duration) -> Vec<(u64, u64)> {
            ids.iter().map(|id| (*id, *id)).collect()
        }

        let cache = install("values-batch");
        values(&[1, 2], &POLICY).await;
        of_ttl(&[1, 2], &Duration::from_secs(8)).await;
        assert_eq!(seconds(cache.ttl("each:2").await.unwrap()), Some(40));
        assert_eq!(seconds(cache.ttl("ttl:2").await.unwrap()), Some(8));
        cache.evict_tag("shop").await.unwrap();
        assert_eq!(cache.ttl("each:2").await.unwrap(), None);
    }
}

mod backgrounds {
    use super::*;

    /// It cannot be copied.
    struct Source {
        name: String,
    }

    const SHORT: Policy = Policy::new().ttl(Duration::from_secs(20));
    const STALE: Policy = SHORT.stale(Duration::from_secs(20));

    #[tokio::test]
    async fn a_constant_policy_needs_copies_only_if_loads_go_on_in_the_background() {
        #[cached(policy = SHORT, key = "of:{source.name}", skip(words, maybe), cache = "values-foreground")]
        async fn of(source: &Source, words: &[&str], maybe: Option<&Source>) -> usize {
            source.name.len() + words.len() + maybe.map_or(0, |source| source.name.len())
        }

        #[cached(policy = STALE, stale = 0, key = "off:{source.name}", cache = "values-foreground")]
        async fn switched_off(source: &Source) -> usize {
            source.name.len()
        }

        #[cached(policy = SHORT, cache_if = |n| *n > source.name.len(), key = "if:{source.name}", cache = "values-foreground")]
        async fn with_condition(source: &Source) -> usize {
            source.name.len()
        }

        install("values-foreground");
        let source = Source { name: "a".into() };
        assert_eq!(of(&source, &["b"], Some(&source)).await, 3);
        assert_eq!(switched_off(&source).await, 1);
        assert_eq!(with_condition(&source).await, 1);
        assert_eq!(with_condition(&source).peek().await.unwrap(), None);
    }
}

mod constants {
    use super::*;

    const TTL: Duration = Duration::from_secs(90);
    const STALE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_time_may_be_a_constant_or_an_expression_of_constants() {
        #[cached(ttl = TTL, stale = STALE, stale_if_error = Duration::from_secs(20), cache = "values-constants")]
        async fn constant(id: u64) -> u64 {
            id
        }

        #[cached(ttl = Duration::from_secs(3 * 60), cache = "values-constants")]
        async fn made(id: u64) -> u64 {
            id
        }

        #[cached(ttl = computed(), cache = "values-constants")]
        async fn of_function(id: u64) -> u64 {
            id
        }

        fn computed() -> Option<&'static str> {
            Some("4m")
        }

        install("values-constants");
        for id in [1, 1] {
            constant(id).await;
            made(id).await;
            of_function(id).await;
        }
        assert_eq!(seconds(constant(1).expiry().await.unwrap()), Some(90));
        assert_eq!(seconds(made(1).expiry().await.unwrap()), Some(180));
        assert_eq!(seconds(of_function(1).expiry().await.unwrap()), Some(240));
    }

    #[tokio::test]
    async fn a_constant_of_the_type_works_in_generic_code() {
        trait Timed {
            const TTL: Duration;
        }
        struct Short;
        impl Timed for Short {
            const TTL: Duration = Duration::from_secs(3);
        }

        #[cached(ttl = T::TTL, key = "{T}", skip(_of), cache = "values-generic")]
        async fn get<T: Timed>(_of: &T) -> u64 {
            1
        }

        let cache = install("values-generic");
        get(&Short).await;
        assert_eq!(seconds(get(&Short).expiry().await.unwrap()), Some(3));
        assert_eq!(cache.count_keys("*").await.unwrap().memory, 1);
    }
}
