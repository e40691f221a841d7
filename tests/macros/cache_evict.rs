//! `#[cache_evict]`: every kind of target, on every way out of the body.

use larder::{Cache, cache_evict, cached, call};

use crate::{Loads, install};

/// Stores an entry under each of `keys`.
async fn fill(cache: &Cache, keys: &[&str]) {
    for key in keys {
        cache.insert(*key, 0_u64).await.unwrap();
    }
}

async fn keys(cache: &Cache) -> Vec<String> {
    cache.keys("*").await.unwrap()
}

#[tokio::test]
async fn typed_targets() {
    static LOADS: Loads = Loads::new();

    #[derive(Clone, serde::Serialize)]
    struct Shop {
        city: String,
    }
    impl Shop {
        #[cached(cache = "evict-typed")]
        async fn stock(&self, id: u64) -> u64 {
            let _ = id;
            LOADS.count()
        }

        #[cache_evict(self.stock(id))]
        async fn sell(&mut self, id: u64) {
            self.city.push('!');
            let _ = id;
        }
    }
    #[cached(cache = "evict-typed")]
    async fn get(id: u64) -> u64 {
        let _ = id;
        LOADS.count()
    }
    #[cached(cache = "evict-typed")]
    fn sum(a: u64, b: u64) -> u64 {
        LOADS.count();
        a + b
    }
    #[cache_evict(get(id), get(id + 1), call!(sum(id, 1)))]
    async fn change(id: u64) {
        let _ = id;
    }

    install("evict-typed");
    let read = async || [get(1).await, get(2).await, get(3).await];
    assert_eq!((read().await, sum(1, 1)), ([1, 2, 3], 2));
    change(1).await;
    assert_eq!(read().await, [5, 6, 3]);
    assert_eq!(call!(sum(1, 1)).peek().await.unwrap(), None);

    // The target is evaluated before the body, from the original arguments.
    let mut shop = Shop { city: "Ghent".into() };
    let before = shop.clone();
    assert_eq!(shop.stock(7).await, 7);
    shop.sell(7).await;
    assert_eq!(before.stock(7).peek().await.unwrap(), None);
}

#[tokio::test]
async fn targets_by_name() {
    #[cache_evict(key = "user:{id}", cache = "evict-names")]
    async fn key(id: u64) {
        let _ = id;
    }
    #[cache_evict(keys = ["user:{id}", "users"], cache = "evict-names")]
    async fn keys_(id: u64) {
        let _ = id;
    }
    #[cache_evict(pattern = "page:{text}:*", cache = "evict-names")]
    async fn pattern(text: &str) {
        let _ = text;
    }
    #[cache_evict(all, cache = "evict-names")]
    async fn all() {}

    let cache = install("evict-names");
    fill(&cache, &["user:1", "user:2", "users", "page:a:1", "page:a:2", "page:b:1"]).await;
    key(1).await;
    assert_eq!(keys(&cache).await, ["page:a:1", "page:a:2", "page:b:1", "user:2", "users"]);
    keys_(2).await;
    assert_eq!(keys(&cache).await, ["page:a:1", "page:a:2", "page:b:1"]);
    // Text of an argument is never a wildcard.
    pattern("*").await;
    assert_eq!(keys(&cache).await, ["page:a:1", "page:a:2", "page:b:1"]);
    pattern("a").await;
    assert_eq!(keys(&cache).await, ["page:b:1"]);
    all().await;
    assert_eq!(keys(&cache).await, [""; 0]);
}

#[tokio::test]
async fn targets_by_tag() {
    #[cached(key = "user:{id}:{team}", tags = ["users", "team:{team}"], cache = "evict-tags")]
    async fn get(id: u64, team: u64) -> u64 {
        id + team
    }
    #[cache_evict(tags = ["team:{team}", "others"], cache = "evict-tags")]
    async fn change_team(team: u64) {
        let _ = team;
    }
    #[cache_evict(tags = ["users"], cache = "evict-tags")]
    async fn change_users() {}

    let cache = install("evict-tags");
    for id in 1..=4 {
        get(id, id % 2).await;
    }
    change_team(1).await;
    assert_eq!(keys(&cache).await, ["user:2:0", "user:4:0"]);
    change_users().await;
    assert_eq!(keys(&cache).await, [""; 0]);
}

#[tokio::test]
async fn a_cache_by_handle() {
    #[cache_evict(key = "a", cache = cache)]
    async fn by_argument(cache: &Cache) {
        let _ = cache;
    }

    let cache = Cache::builder().build().unwrap();
    fill(&cache, &["a", "b"]).await;
    by_argument(&cache).await;
    assert_eq!(keys(&cache).await, ["b"]);
}

#[tokio::test]
async fn targets_that_need_the_result() {
    #[cached(key = "user:{id}", cache = "evict-result")]
    async fn get(id: u64) -> u64 {
        id
    }
    struct User {
        id: u64,
    }
    #[cache_evict(get(result.id), key = "always", cache = "evict-result")]
    async fn create(id: u64) -> Result<User, String> {
        if id == 0 { Err("zero".into()) } else { Ok(User { id }) }
    }
    #[cache_evict(keys = ["user:{result}", "x"], cache = "evict-result")]
    fn create_sync(id: u64) -> u64 {
        id
    }
    // `result` means the argument if there is one with this name.
    #[cache_evict(key = "user:{result}", cache = "evict-result")]
    async fn argument(result: u64) -> u64 {
        result + 1
    }

    let cache = install("evict-result");
    let all = ["always", "user:0", "user:1", "user:2"];
    fill(&cache, &all).await;
    assert_eq!(create(1).await.unwrap().id, 1);
    assert_eq!(keys(&cache).await, ["user:0", "user:2"]);
    // An `Err` names no user; targets that do not need the result are evicted anyway.
    fill(&cache, &all).await;
    assert!(create(0).await.is_err());
    assert_eq!(keys(&cache).await, ["user:0", "user:1", "user:2"]);
    assert_eq!(create_sync(2), 2);
    assert_eq!(keys(&cache).await, ["user:0", "user:1"]);
    assert_eq!(argument(0).await, 1);
    assert_eq!(keys(&cache).await, ["user:1"]);
}

#[tokio::test]
async fn before_the_body_or_after() {
    #[cache_evict(key = "a", cache = cache, before)]
    async fn before(cache: &Cache) -> Option<u64> {
        cache.get("a").await.ok()?
    }
    #[cache_evict(key = "a", cache = cache)]
    async fn after(cache: &Cache) -> Option<u64> {
        cache.get("a").await.ok()?
    }

    let cache = Cache::builder().build().unwrap();
    fill(&cache, &["a"]).await;
    assert_eq!((before(&cache).await, keys(&cache).await.len()), (None, 0));
    fill(&cache, &["a"]).await;
    assert_eq!((after(&cache).await, keys(&cache).await.len()), (Some(0), 0));
}

#[derive(Clone, Copy)]
enum Way {
    Return,
    Fail,
    Panic,
    Hang,
}

impl Way {
    fn go(self) -> Result<u64, String> {
        match self {
            Self::Return => Ok(7),
            Self::Fail => Err("failed".into()),
            _ => panic!("on purpose"),
        }
    }
}

#[tokio::test]
async fn every_way_out_evicts() {
    #[cache_evict(key = "a", cache = "evict-ways")]
    async fn leave(way: Way) -> Result<u64, String> {
        if let Way::Hang = way {
            std::future::pending::<()>().await;
        }
        let left = way.go()?;
        return Ok(left);
    }

    let cache = install("evict-ways");
    fill(&cache, &["a", "b"]).await;
    assert_eq!(leave(Way::Return).await, Ok(7));
    assert_eq!(keys(&cache).await, ["b"]);

    fill(&cache, &["a"]).await;
    assert_eq!(leave(Way::Fail).await, Err("failed".into()));
    assert_eq!(keys(&cache).await, ["b"]);

    fill(&cache, &["a"]).await;
    assert!(tokio::spawn(leave(Way::Panic)).await.unwrap_err().is_panic());
    assert_eq!(keys(&cache).await, ["b"]);

    fill(&cache, &["a"]).await;
    {
        let mut hanging = Box::pin(leave(Way::Hang));
        tokio::select! {
            biased;
            _ = &mut hanging => unreachable!("it hangs"),
            () = std::future::ready(()) => {}
        }
        assert_eq!(keys(&cache).await, ["a", "b"]);
    }
    assert_eq!(keys(&cache).await, ["b"]);

    // A future that was never polled has changed nothing.
    fill(&cache, &["a"]).await;
    drop(leave(Way::Hang));
    assert_eq!(keys(&cache).await, ["a", "b"]);
}

#[tokio::test]
async fn every_way_out_of_a_sync_function_evicts() {
    #[cache_evict(key = "a", cache = "evict-sync")]
    fn leave(way: Way) -> Result<u64, String> {
        let left = way.go()?;
        Ok(left)
    }
    #[cache_evict(key = "a", cache = "evict-sync", before)]
    fn leave_before(way: Way) -> Result<u64, String> {
        way.go()
    }

    let cache = install("evict-sync");
    for way in [Way::Return, Way::Fail, Way::Panic] {
        for leave in [leave, leave_before] {
            fill(&cache, &["a", "b"]).await;
            let left = std::panic::catch_unwind(|| leave(way));
            assert_eq!(left.is_err(), matches!(way, Way::Panic));
            assert_eq!(keys(&cache).await, ["b"]);
        }
    }
}

#[tokio::test]
async fn attributes_can_be_stacked() {
    #[cache_evict(key = "a:{id}", cache = "evict-stacked")]
    #[cache_evict(key = "b:{id}", cache = "evict-stacked-other")]
    #[cache_evict(key = "c:{result}", cache = "evict-stacked")]
    async fn change(id: u64) -> Result<u64, String> {
        if id == 0 { Err("zero".into()) } else { Ok(id) }
    }

    let (one, two) = (install("evict-stacked"), install("evict-stacked-other"));
    let all = ["a:0", "a:1", "b:0", "b:1", "c:0", "c:1"];
    fill(&one, &all).await;
    fill(&two, &all).await;
    change(1).await.unwrap();
    assert_eq!(keys(&one).await, ["a:0", "b:0", "b:1", "c:0"]);
    assert_eq!(keys(&two).await, ["a:0", "a:1", "b:0", "c:0", "c:1"]);
    change(0).await.unwrap_err();
    assert_eq!(keys(&one).await, ["b:0", "b:1", "c:0"]);
}

#[tokio::test]
async fn on_ok_evicts_after_an_ok_only() {
    #[cache_evict(key = "a", on = "ok", cache = "evict-on-ok")]
    #[cache_evict(key = "always", on = "always", cache = "evict-on-ok")]
    async fn leave(way: Way) -> Result<u64, String> {
        if let Way::Hang = way {
            std::future::pending::<()>().await;
        }
        way.go()
    }
    type Answer = Result<u64, String>;
    #[cache_evict(key = "a", on = "ok", cache = "evict-on-ok")]
    fn leave_sync(way: Way) -> Answer {
        way.go()
    }
    // Any other output counts as an `Ok`.
    #[cache_evict(key = "a", on = "ok", cache = "evict-on-ok")]
    async fn nothing() {}

    let cache = install("evict-on-ok");
    let all = ["a", "always", "b"];
    fill(&cache, &all).await;
    leave(Way::Fail).await.unwrap_err();
    assert_eq!(keys(&cache).await, ["a", "b"]);
    fill(&cache, &all).await;
    assert!(tokio::spawn(leave(Way::Panic)).await.unwrap_err().is_panic());
    assert_eq!(keys(&cache).await, ["a", "b"]);
    fill(&cache, &all).await;
    let hanging = tokio::time::timeout(std::time::Duration::from_millis(5), leave(Way::Hang));
    assert!(hanging.await.is_err());
    assert_eq!(keys(&cache).await, ["a", "b"]);
    leave(Way::Return).await.unwrap();
    assert_eq!(keys(&cache).await, ["b"]);

    fill(&cache, &all).await;
    leave_sync(Way::Fail).unwrap_err();
    assert!(std::panic::catch_unwind(|| leave_sync(Way::Panic)).is_err());
    assert_eq!(keys(&cache).await, all);
    leave_sync(Way::Return).unwrap();
    assert_eq!(keys(&cache).await, ["always", "b"]);
    fill(&cache, &all).await;
    nothing().await;
    assert_eq!(keys(&cache).await, ["always", "b"]);
}

#[tokio::test]
async fn when_decides_after_the_body() {
    #[cache_evict(key = "a", when = *result == Ok(1), cache = "evict-when")]
    async fn leave(way: Way, value: u64) -> Result<u64, String> {
        if let Way::Hang = way {
            std::future::pending::<()>().await;
        }
        way.go().map(|_| value)
    }
    #[cache_evict(key = "a", when = names.len() > 1, cache = "evict-when")]
    fn rename(names: Vec<String>) -> usize {
        names.into_boxed_slice().len()
    }
    #[cache_evict(key = "a", on = "ok", when = matches!(result, Ok(1) | Err(_)), cache = "evict-when")]
    fn both(value: Result<u64, String>) -> Result<u64, String> {
        value
    }

    let cache = install("evict-when");
    let gone = async || {
        let gone = cache.get::<u64>("a").await.unwrap().is_none();
        fill(&cache, &["a"]).await;
        gone
    };
    gone().await;
    leave(Way::Return, 2).await.unwrap();
    leave(Way::Fail, 1).await.unwrap_err();
    assert!(!gone().await);
    leave(Way::Return, 1).await.unwrap();
    assert!(gone().await);
    // Without an output the condition cannot be evaluated, so the call evicts.
    assert!(tokio::spawn(leave(Way::Panic, 2)).await.unwrap_err().is_panic());
    assert!(gone().await);
    let hanging = tokio::time::timeout(std::time::Duration::from_millis(5), leave(Way::Hang, 2));
    assert!(hanging.await.is_err());
    assert!(gone().await);

    rename(vec!["one".into()]);
    assert!(!gone().await);
    rename(vec!["one".into(), "two".into()]);
    assert!(gone().await);

    both(Ok(2)).unwrap();
    both(Err("failed".into())).unwrap_err();
    assert!(!gone().await);
    both(Ok(1)).unwrap();
    assert!(gone().await);
}

#[tokio::test]
async fn arguments_that_the_body_consumes_next_to_the_result() {
    #[derive(Clone)]
    struct User {
        team: String,
    }
    /// Not `Clone`: a template needs only a part of it.
    struct Draft {
        team: String,
    }
    #[cached(key = "{team}:{id}", cache = "evict-mixed")]
    async fn get(team: &str, id: u64) -> u64 {
        let _ = team;
        id
    }
    #[cache_evict(get(&user.team, *result), cache = "evict-mixed")]
    async fn save(user: User) -> Result<u64, String> {
        let User { team } = user;
        if team.is_empty() { Err(team) } else { Ok(team.len() as u64) }
    }
    #[cache_evict(
        keys = ["{draft.team}:{result}", "{draft.team}"],
        when = result.is_ok(),
        cache = "evict-mixed"
    )]
    fn publish(draft: Draft) -> Result<u64, Draft> {
        if draft.team.is_empty() { Err(draft) } else { Ok(draft.team.len() as u64) }
    }
    struct Shop(Vec<u64>);
    impl Shop {
        #[cache_evict(key = "{name}:{result}", tags = ["shop:{result}"], cache = "evict-mixed")]
        async fn add(&mut self, name: String) -> usize {
            self.0.push(name.len() as u64);
            drop(name);
            self.0.len()
        }
    }

    let cache = install("evict-mixed");
    let all = ["a", "a:1", "a:2", "bb:2"];
    fill(&cache, &all).await;
    assert_eq!(save(User { team: "a".into() }).await, Ok(1));
    assert_eq!(keys(&cache).await, ["a", "a:2", "bb:2"]);
    fill(&cache, &all).await;
    save(User { team: String::new() }).await.unwrap_err();
    assert_eq!(keys(&cache).await, all);
    assert!(publish(Draft { team: String::new() }).is_err());
    assert_eq!(keys(&cache).await, all);
    assert!(publish(Draft { team: "a".into() }).is_ok());
    assert_eq!(keys(&cache).await, ["a:2", "bb:2"]);
    assert_eq!(Shop(vec![0]).add("bb".into()).await, 2);
    assert_eq!(keys(&cache).await, ["a:2"]);
}

#[tokio::test]
async fn arguments_may_have_the_names_of_generated_variables() {
    #[cache_evict(key = "{key}:{when}", when = result == 1, on = "ok", cache = "evict-hygiene")]
    async fn change(result: u64, key: u64, when: u64, output: u64) -> u64 {
        result + key + when + output
    }

    let cache = install("evict-hygiene");
    fill(&cache, &["1:1"]).await;
    assert_eq!(change(2, 1, 1, 1).await, 5);
    assert_eq!(keys(&cache).await, ["1:1"]);
    assert_eq!(change(1, 1, 1, 1).await, 4);
    assert_eq!(keys(&cache).await, [""; 0]);
}

#[tokio::test]
async fn a_body_that_is_send_but_not_sync() {
    /// `Send`, but not `Sync`.
    #[derive(Clone)]
    struct Id(std::cell::Cell<u64>);

    #[cache_evict(key = "{result}", when = id.0.get() > 0, cache = "evict-send")]
    async fn change(id: Id) -> u64 {
        tokio::task::yield_now().await;
        id.0.get()
    }

    let cache = install("evict-send");
    fill(&cache, &["1"]).await;
    assert_eq!(tokio::spawn(change(Id(1.into()))).await.unwrap(), 1);
    assert_eq!(keys(&cache).await, [""; 0]);
}

/// With `soft`, all targets stay for failed loads.
#[tokio::test]
async fn soft_targets() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static FAILS: AtomicBool = AtomicBool::new(false);

    #[cached(
        cache = "evict-softly",
        key = "{group}:{id}",
        tags = ["{group}"],
        ttl = "1m",
        stale_if_error = "1m",
        throttle = "1ms"
    )]
    async fn get(group: &str, id: u64) -> Result<u64, ()> {
        if FAILS.load(Ordering::Relaxed) { Err(()) } else { Ok(id) }
    }
    #[cache_evict(get("call", id), key = "key:{result}", tags = ["tag"], pattern = "pattern:*", cache = "evict-softly", soft)]
    async fn change(id: u64) -> u64 {
        id
    }
    #[cache_evict(all, cache = "evict-softly", soft)]
    async fn change_all() {}
    #[cache_evict(get("call", 1).mark_stale(), key = "key:1", cache = "evict-softly")]
    async fn change_one() {}

    const GROUPS: [&str; 5] = ["call", "key", "tag", "pattern", "other"];
    let cache = install("evict-softly");
    let fill = async || {
        FAILS.store(false, Ordering::Relaxed);
        for group in GROUPS {
            assert_eq!(get(group, 1).refresh().await, Ok(1));
        }
        FAILS.store(true, Ordering::Relaxed);
    };
    fill().await;
    change(1).await;
    assert_eq!(keys(&cache).await, ["other:1"], "the others are old");
    for group in GROUPS {
        assert_eq!(get(group, 1).await, Ok(1), "{group}: but kept");
    }
    fill().await;
    change_all().await;
    assert_eq!(keys(&cache).await, Vec::<String>::new());
    assert_eq!(get("other", 1).await, Ok(1));
    fill().await;
    change_one().await;
    assert_eq!((get("call", 1).await, get("key", 1).await), (Ok(1), Err(())));
    fill().await;
    assert!(get("call", 1).mark_stale().await.unwrap());
    assert!(cache.entry("key:1").mark_stale().await.unwrap());
    assert_eq!((get("call", 1).peek().await.unwrap(), get("call", 1).await), (None, Ok(1)));
    assert_eq!((get("key", 1).peek().await.unwrap(), get("key", 1).await), (None, Ok(1)));
}
