//! Lifetimes: named, elided, of types, bounded by one another.

use std::borrow::Cow;

use larder::{cache_evict, cached, call};

use super::{send, served, served_plainly, served_sync};
use crate::{Loads, install};

static LOADS: Loads = Loads::new();

#[derive(Clone, Copy, serde::Serialize)]
struct Context<'a, T> {
    tenant: &'a str,
    of: T,
}

impl<'a, T: Copy + serde::Serialize> Context<'a, T> {
    #[cached(key = "get:{self.tenant}:{id}", cache = "forms-lifetimes")]
    async fn get(&self, id: &str) -> String {
        LOADS.count();
        format!("{}{id}", self.tenant)
    }

    #[cached(cache = "forms-lifetimes")]
    async fn named<'b>(&'b self, ids: &'a [&'b str]) -> String
    where
        'a: 'b,
    {
        let first: &'b str = ids[0];
        LOADS.count();
        format!("{}{first}", self.tenant)
    }

    #[cached(key = "value:{self.tenant}", skip(_other), cache = "forms-lifetimes")]
    async fn value(self, _other: Context<'_, u8>) -> String
    where
        T: 'a,
    {
        LOADS.count();
        self.tenant.to_owned()
    }

    #[cached(key = "sync:{self.tenant}:{more}", cache = "forms-lifetimes")]
    pub(crate) fn sync<'b>(&'b self, more: Cow<'b, str>) -> String {
        LOADS.count();
        format!("{}{more}", self.tenant)
    }

    #[cache_evict(self.get(id), call!(self.sync(Cow::Borrowed(id))))]
    async fn change<'b>(&'b self, id: &'b str) -> &'b str {
        id
    }
}

#[cached(skip(db), cache = "forms-lifetimes")]
async fn elided(db: &Context<'_, u8>, text: Cow<'_, str>, pair: (&str, &u8)) -> String {
    LOADS.count();
    format!("{}{text}{pair:?}", db.tenant)
}

#[cached(skip(db), cache = "forms-lifetimes")]
async fn bounded<'long: 'short, 'short>(
    db: &'short Context<'long, u8>,
    text: &'long str,
) -> Box<str> {
    LOADS.count();
    let whole: &'short str = db.tenant;
    format!("{whole}{text}").into()
}

#[cached(ttl = "1m", stale = "1m", cache = "forms-lifetimes")]
async fn refreshed<'a, 'b>(text: &'a str, numbers: &'b [u64]) -> String {
    tokio::task::yield_now().await;
    let (text, numbers): (&'a str, &'b [u64]) = (text, numbers);
    LOADS.count();
    'a: {
        break 'a format!("{text}{numbers:?}");
    }
}

#[cached(key = "static:{text}", local, cache = "forms-lifetimes")]
async fn of_statics(text: &'static str) -> &'static str {
    LOADS.count();
    text
}

#[cached(key = "higher:{text}", skip(by, F), cache = "forms-lifetimes")]
async fn higher<F>(text: &str, by: F) -> usize
where
    F: for<'x> Fn(&'x str) -> &'x str,
{
    LOADS.count();
    by(text).len()
}

#[tokio::test]
async fn named_and_elided() {
    let cache = install("forms-lifetimes");
    let tenant = String::from("acme");
    let context = Context { tenant: &tenant, of: 3_u8 };
    served!(send(context.get("1")) => "acme1");
    served!(send(context.named(&["1"])) => "acme1");
    served!(send(context.value(context)) => "acme");
    served_sync!(context.sync("1".into()), call!(context.sync("1".into())) => "acme1");
    served!(send(elided(&context, "a".into(), ("b", &1))) => "acmea(\"b\", 1)");
    served!(send(bounded(&context, "a")) => Box::from("acmea"));
    served!(send(refreshed("a", &[1])) => "a[1]");
    served!(send(of_statics("a")) => "a");
    served!(higher("abc", |text| &text[1..]) => 2);
    let id = String::from("1");
    assert_eq!(context.change(&id).await, "1");
    served_plainly!(context.get("1").await, send(context.change(&id)).await => "acme1");
    let _ = (cache, context.of);
}
