//! Functions in modules and bodies, from macros, and with raw names.

use larder::{cache_evict, cached, call};

use super::{send, served, served_sync};
use crate::{Loads, install};

static LOADS: Loads = Loads::new();

mod r#mod {
    pub(super) mod inner {
        use super::super::LOADS;

        #[larder::cached(cache = "forms-places")]
        pub(in super::super) async fn get(id: u64) -> u64 {
            LOADS.count();
            self::twice(id)
        }

        #[larder::cached(cache = "forms-places")]
        pub(in super::super) fn sync(id: u64) -> u64 {
            LOADS.count();
            self::twice(id)
        }

        #[larder::cached(ttl = "1m", stale = "1m", cache = "forms-places")]
        pub(in super::super) async fn refreshed(id: u64) -> u64 {
            LOADS.count();
            self::twice(id)
        }

        fn twice(id: u64) -> u64 {
            id * 2
        }
    }
}

#[cached(key = "match:{r#type}:{r#in}", cache = "forms-places")]
async fn r#match(r#type: u64, r#in: &str) -> u64 {
    LOADS.count();
    r#type + r#in.len() as u64
}

#[cached(skip(r#type), cache = "forms-places")]
fn r#fn(r#type: u64, r#in: u64) -> u64 {
    LOADS.count();
    r#in + r#type - r#type
}

#[cached(ttl = "1m", stale = "1m", cache = "forms-places")]
async fn r#loop(r#type: &str, r#in: u64) -> String {
    LOADS.count();
    format!("{type}{in}", r#type = r#type, r#in = r#in)
}

struct Raw {
    r#type: u64,
}

impl Raw {
    #[cached(key = "{self.r#type}", cache = "forms-places")]
    pub(crate) fn r#match(&self) -> u64 {
        LOADS.count();
        self.r#type
    }

    #[cache_evict(call!(self.r#match()), r#match(self.r#type, r#in))]
    async fn r#move(&self, r#in: &str) {}
}

macro_rules! functions {
    ($get:ident, $sync:ident, $change:ident, $arg:ident: $ty:ty, $ttl:literal, $body:expr, $of:ident) => {
        #[cached(ttl = $ttl, key = "made:{id}", cache = "forms-places")]
        async fn $get(id: u64) -> $ty {
            LOADS.count();
            id
        }

        #[cached(cache = "forms-places")]
        fn $sync($arg: $ty) -> $ty {
            LOADS.count();
            $body
        }

        #[cache_evict($get(id), call!($sync(id)))]
        async fn $change(id: u64) -> u64 {
            id
        }

        impl $of {
            #[cached(ttl = $ttl, stale = "1m", key = "made:{self.0}:{id}", cache = "forms-places")]
            async fn $get(&self, id: u64) -> $ty {
                LOADS.count();
                let this = self;
                this.0 + id + format!("{}", self.0).len() as u64
            }

            #[cached(key = "made-sync:{self.0}", cache = "forms-places")]
            fn $sync(&self) -> $ty {
                LOADS.count();
                self.0
            }
        }
    };
}

#[derive(Clone)]
struct Made(u64);
functions!(made, made_sync, made_change, n: u64, "1m", n + 1, Made);

#[tokio::test]
async fn modules_bodies_and_macros() {
    #[cached(cache = "forms-places")]
    async fn in_a_body(id: u64) -> u64 {
        LOADS.count();
        id
    }

    let cache = install("forms-places");
    served!(send(r#mod::inner::get(2)) => 4);
    served!(send(r#mod::inner::refreshed(2)) => 4);
    served_sync!(r#mod::inner::sync(2), call!(r#mod::inner::sync(2)) => 4);
    served!(send(in_a_body(2)) => 2);
    {
        #[cached(cache = "forms-places")]
        fn in_a_block(id: u64) -> u64 {
            LOADS.count();
            id
        }
        served_sync!(in_a_block(2), call!(in_a_block(2)) => 2);
    }
    let closure = || {
        #[cached(cache = "forms-places")]
        async fn in_a_closure(id: u64) -> u64 {
            LOADS.count();
            id
        }
        in_a_closure(2)
    };
    served!(send(closure()) => 2);

    served!(send(r#match(1, "a")) => 2);
    served_sync!(r#fn(1, 2), call!(r#fn(1, 2)) => 2);
    served!(send(r#loop("a", 2)) => "a2");
    served_sync!(Raw { r#type: 3 }.r#match(), call!(Raw { r#type: 3 }.r#match()) => 3);
    Raw { r#type: 1 }.r#move("a").await;
    assert_eq!(r#match(1, "a").peek().await.unwrap(), None);

    served!(send(made(2)) => 2);
    served_sync!(made_sync(2), call!(made_sync(2)) => 3);
    served!(send(Made(7).made(2)) => 10);
    assert_eq!((Made(7).made_sync(), Made(7).made_sync()), (7, 7));
    assert_eq!(made_change(2).await, 2);
    assert_eq!(
        (made(2).peek().await.unwrap(), call!(made_sync(2)).peek().await.unwrap()),
        (None, None)
    );
    assert!(cache.contains::<u64>("made-sync:7").await.unwrap());
}
