//! user
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
#![deny(missing_debug_implementations, unreachable_pub, single_use_lifetimes)]
#![allow(clippy::missing_errors_doc)]
use larder::{cache_evict, cache_put, cached, cached_property, Cache};
/// db
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Db {
    /// tenant
    pub tenant: u64,
}
/// user
#[derive(Clone, Debug)]
pub struct User {
    /// id
    pub id: u64,
}
type Res<T> = Result<T, std::num::ParseIntError>;
/// gets
#[cached(ttl = "5m", key = "user:{id}", tags = ["users", "user:{id}"], skip(db))]
pub async fn get_user(db: &Db, id: u64) -> Res<User> {
    use std::str::FromStr;
    let n = u64::from_str("7")?;
    let _ = db;
    if n == 9 {
        return Ok(User { id: 3 });
    }
    Ok(User { id: id + n })
}
/// one line
#[cached]
pub async fn one(n: u64) -> u64 {
    n
}
/// hygiene
#[cached(ttl = 300)]
pub async fn hygiene(key: String, shape: u32, tags: u8) -> Vec<String> {
    vec![key, shape.to_string(), tags.to_string()]
}
/// generics
#[cached(ttl = 300)]
pub async fn generic<T, const N: usize>(t: &T, (a, _b): (u8, u8), mut s: String) -> Vec<T>
where
    T: Send + serde::Serialize + Clone,
{
    s.push('x');
    let _ = (a, s, N);
    vec![t.clone()]
}
/// stale
#[cached(ttl = "1s", stale = "1m", key = "s:{name}:{id}", skip(db))]
pub async fn stale(db: &Db, name: &str, id: u64) -> Res<String> {
    let _ = db;
    std::future::ready(()).await;
    Ok(format!("{name}{id}"))
}
/// stale generic
#[cached(ttl = "1s", stale = "1m")]
pub async fn stale_generic<T: serde::Serialize + Clone + Send + Sync + 'static>(
    t: &T,
    mut n: u64,
    (x, y): (u8, u8),
) -> T {
    n += u64::from(x + y);
    std::future::ready(n).await;
    t.clone()
}
/// stale none
#[cached(ttl = "1s", stale = "1m", local)]
pub async fn stale_none() -> u64 {
    std::future::ready(()).await;
    3
}
/// fib
#[cached]
pub fn fib(n: u64) -> u64 {
    if n < 2 {
        n
    } else {
        fib(n - 1) + fib(n - 2)
    }
}
/// sync str
#[cached(key = "x:{a}", skip(c, f), cache = c)]
pub fn sync_str(mut a: String, c: &Cache, f: impl Fn(&str) -> u8) -> Res<u64> {
    a.push('1');
    let _ = f("a");
    let _ = c;
    let n = a.parse()?;
    Ok(n)
}
/// sync gen
#[cached(local)]
pub fn sync_gen<T: serde::Serialize>(t: &T) -> usize {
    let _ = t;
    std::mem::size_of::<T>()
}
/// svc
#[derive(Clone, Debug)]
pub struct Svc<'x> {
    tenant: &'x str,
    pair: (u64, u64),
}
/// svc
#[derive(Clone, Debug)]
pub struct Owned {
    tenant: String,
}
impl Svc<'_> {
    /// get
    #[cached(ttl = "5m", key = "user:{id}:{self.pair.0}")]
    pub async fn get(&self, id: u64) -> Res<User> {
        let _ = self.tenant;
        std::future::ready(()).await;
        Ok(User { id })
    }
    /// property
    #[cached_property(ttl = "1m", key = "tenant:{self.tenant}:users", cache = "people")]
    pub async fn count(&self) -> u64 {
        self.pair.0
    }
    /// sync
    #[cached(skip(self))]
    pub fn total(&self, n: u64) -> u64 {
        if n == 0 {
            0
        } else {
            self.pair.0 + self.total(n - 1)
        }
    }
    /// assoc
    #[cached]
    #[must_use]
    pub fn assoc(n: u64) -> u64 {
        if n == 0 {
            0
        } else {
            Self::assoc(n - 1)
        }
    }
    /// evicts
    #[cache_evict(self.get(id), pattern = "user:*:{self.tenant}", all)]
    pub async fn update(&mut self, id: u64) -> Result<&str, std::num::ParseIntError> {
        self.pair.0 = id;
        std::future::ready(()).await;
        Ok(self.tenant)
    }
}
impl Owned {
    /// stale method
    #[cached(ttl = "1s", stale = "2s", key = "t:{self.tenant}:{n}")]
    pub async fn refreshed(&self, n: u64) -> Option<String> {
        std::future::ready(n).await;
        Some(self.tenant.clone())
    }
}
/// trait
#[allow(async_fn_in_trait)]
pub trait Repo {
    /// find
    async fn find(&self, id: u64) -> Option<u64>;
    /// with default
    #[cached(skip(self))]
    async fn default_find(&self, id: u64) -> Option<u64> {
        Some(id)
    }
}
impl Repo for Owned {
    #[cached(ttl = 5, key = "find:{id}", skip(self))]
    async fn find(&self, id: u64) -> Option<u64> {
        Some(id)
    }
}
/// evict
#[cache_evict(get_user(db, id))]
#[cache_evict(tags = ["users", "user:{id}"], pattern = "users:page:*", cache = "people")]
pub async fn update_user(db: &Db, id: u64, patch: String) -> Res<User> {
    let n = patch.parse::<u64>()?;
    std::future::ready(()).await;
    let _ = db;
    Ok(User { id: id + n })
}
/// evict result
#[cache_evict(key = "user:{result.id}:{tenant}", get_user(db, result.id), tags = ["t"])]
pub async fn create_user(db: &Db, tenant: String) -> Res<User> {
    std::future::ready(()).await;
    let _ = (db, &tenant);
    Ok(User { id: 1 })
}
/// evict unit
#[cache_evict(larder::call!(fib(n)), keys = ["a", "b:{n}"], before)]
pub fn reset(n: u64) {
    let _ = n;
}
/// evict unit after
#[cache_evict(larder::call!(fib(n)))]
pub fn reset_after(n: u64) {
    if n == 3 {
        return;
    }
    let _ = n;
}
/// evict unit async
#[cache_evict(all)]
pub async fn reset_async() {
    std::future::ready(()).await;
}
/// evict impl
#[cache_evict(all)]
pub async fn evict_impl(n: u64) -> impl Iterator<Item = u64> {
    std::future::ready(()).await;
    0..n
}
/// put
#[cache_put(get_user(db, user.id))]
pub async fn save_user(db: &Db, user: User) -> Res<User> {
    let n: u64 = "3".parse()?;
    std::future::ready(()).await;
    let _ = (db, n);
    Ok(user)
}
/// put result
#[cache_put(get_user(db, result.id))]
pub async fn insert_user(db: &Db, user: User) -> Res<User> {
    std::future::ready(()).await;
    let _ = db;
    Ok(user)
}
/// put sync
#[cache_put(larder::call!(fib(n)))]
pub fn put_fib(n: u64) -> u64 {
    n
}
fn outer() -> String {
    #[cached]
    async fn inner(n: u64) -> u64 {
        n
    }
    inner(3).key_text().to_owned()
}
fn send<T: Send>(t: T) -> T {
    t
}
/// trips
pub async fn uses(db: &Db) {
    send(async {
        let _ = get_user(db, 7).await;
        let _ = get_user(db, 7).evict().await;
        let _ = save_user(db, User { id: 3 }).await;
        let _ = stale(db, "a", 3).await;
    })
    .await;
    println!("{}", get_user(db, 7).key_text());
    println!("{}", one(7).key_text());
    println!("{}", generic::<u8, 4>(&3, (1, 2), String::new()).key_text());
    println!("{}", larder::call!(fib(7)).key_text());
    println!("{}", larder::call!(sync_gen::<u8>(&7)).key_text());
    println!("{}", outer());
    let svc = Svc { tenant: "acme", pair: (1, 2) };
    println!("{}", svc.get(4).key_text());
    println!("{}", svc.count().key_text());
    println!("{}", larder::call!(svc.total(3)).key_text());
    println!("{}", larder::call!(Svc::assoc(3)).key_text());
    let owned = Owned { tenant: "o".to_owned() };
    println!("{}", owned.refreshed(3).key_text());
    println!("{}", owned.default_find(3).await.is_some());
    let _ = create_user(db, "acme".to_owned()).await;
    println!("{:?}", stale_generic(&3_u8, 1, (1, 2)).await);
    println!("{}", fib(20));
    println!("{}", sync_str("4".to_owned(), &Cache, |_| 3).is_ok());
}
#[test]
fn go() {
    larder::__private::block(uses(&Db::default()));
}
/// more
pub mod more {
    use super::{Db, Res, User};
    use larder::{cache_evict, cached};
    use std::cell::Cell;
    use std::error::Error;
    use std::sync::Arc;
    macro_rules! make {
        ($name:ident, $arg:ident) => {
            /// made
            #[cached(key = "made:{id}:{n}", tags = ["t:{id}"])]
            #[must_use]
            pub fn $name(id: u64, n: u64) -> u64 {
                id + n
            }
            /// made too
            #[cache_evict(key = "made:{result}:{id}")]
            #[must_use]
            pub fn $arg(id: u64) -> u64 {
                id
            }
        };
    }
    make!(made, made_too);
    /// repo
    #[derive(Clone, Debug)]
    pub struct Repo<T> {
        /// inner
        pub inner: T,
    }
    impl<T: Clone + Send + Sync + std::fmt::Display + 'static> Repo<T> {
        /// get
        #[cached(ttl = "1s", skip(self, _x))]
        pub async fn get<'a>(
            &'a self,
            id: u64,
            _x: &'a str,
        ) -> Result<u64, Box<dyn Error + Send + Sync>> {
            std::future::ready(()).await;
            let n: u64 = "3".parse()?;
            if n > 4 {
                return Err("four".into());
            }
            Ok(n + id)
        }
        /// arc
        #[cached(ttl = "1s", stale = "1s", key = "x:{self.inner}:{id}", local)]
        pub async fn arc(self: Arc<Self>, id: u64) -> T {
            std::future::ready(id).await;
            self.inner.clone()
        }
        /// where
        #[cached(skip(self))]
        pub async fn bounded<K>(&self, key: &K) -> String
        where
            Self: Sized,
            K: serde::Serialize + Sync + ?Sized,
        {
            std::future::ready(()).await;
            std::any::type_name_of_val(key).to_owned()
        }
        /// raw
        #[cached(key = "{r#type}", skip(self))]
        pub fn r#match(&self, r#type: u64) -> u64 {
            r#type
        }
    }
    /// cell
    #[cached(key = "x", skip(c))]
    pub async fn cell(c: Cell<u8>) -> u8 {
        std::future::ready(()).await;
        c.get()
    }
    /// wild
    #[cached(skip(s))]
    pub async fn wild(_: u8, s: &'static str, d: &dyn erased::Ser) -> &'static str {
        std::future::ready(d.length()).await;
        s
    }
    /// ser
    pub mod erased {
        /// ser
        pub trait Ser: Sync {
            /// len
            fn length(&self) -> usize;
        }
        impl serde::Serialize for dyn Ser + '_ {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_unit()
            }
        }
    }
    /// consumes
    #[cached(key = "u:{id}:{pair.0}:{user.id}", tags = ["u:{id}"])]
    pub async fn consumes(id: String, pair: (String, u8), user: User) -> Res<(String, u8, u64)> {
        std::future::ready(()).await;
        let pair = pair;
        Ok((id + &pair.0, pair.1, user.id))
    }
    /// send evict
    #[cache_evict(key = "u:{id}")]
    #[cache_evict(consumes(id.clone(), (String::new(), 1), User { id: 1 }))]
    pub async fn send_evict(id: String, c: Cell<u8>, db: &Db) -> Option<String> {
        std::future::ready(()).await;
        let _ = (c, db);
        Some(id)
    }
    /// spawns
    pub fn spawns(db: &'static Db, repo: &'static Repo<u8>) {
        drop(super::send(cell(Cell::new(1))));
        drop(super::send(repo.get(1, "a")));
        drop(super::send(repo.bounded("a")));
        drop(super::send(Arc::new(repo.clone()).arc(3)));
        drop(super::send(send_evict(String::new(), Cell::new(1), db)));
        let text = String::from("abc");
        let call = super::stale(db, &text, 3);
        drop(call);
        println!("{} {}", made(3, 4), larder::call!(made(3, 4)).key_text());
        println!("{}", repo.get(1, "a").key_text());
        println!("{}", repo.bounded("a").key_text());
        println!("{}", made_too(3));
        println!("{}", larder::call!(repo.r#match(3)).key_text());
    }
    #[test]
    fn go() {
        spawns(Box::leak(Box::new(Db { tenant: 1 })), Box::leak(Box::new(Repo { inner: 3 })));
    }
}
