//! Errors that borrow from an argument: they are returned to their caller and never shared.

use std::borrow::Cow;
use std::error::Error;
use std::pin::Pin;

use larder::{Source, cached};

use crate::{Loads, install};

#[derive(Clone, Debug, PartialEq)]
struct Failed<'a>(&'a str);

type Outcome<'a> = Result<u8, Failed<'a>>;

#[cached]
async fn a_reference(text: &str) -> Result<u8, &str> {
    text.parse().map_err(|_| text)
}

#[cached]
async fn a_struct<'a>(text: &'a str) -> Result<u8, Failed<'a>> {
    text.parse().map_err(|_| Failed(text))
}

#[cached]
async fn a_cow(text: &str) -> Result<u8, Cow<'_, str>> {
    text.parse().map_err(|_| Cow::Borrowed(text))
}

#[cached]
async fn a_box<'a>(text: &'a str) -> Result<u8, Box<dyn Error + Send + Sync + 'a>> {
    text.parse().map_err(|_| Box::from(text.to_owned()))
}

#[cached]
async fn an_alias(text: &str) -> Outcome<'_> {
    text.parse().map_err(|_| Failed(text))
}

#[cached]
fn a_future<'a>(text: &'a str) -> impl Future<Output = Result<u8, Failed<'a>>> + Send + 'a {
    async move { text.parse().map_err(|_| Failed(text)) }
}

#[cached]
fn a_boxed_future<'a>(text: &'a str) -> Pin<Box<dyn Future<Output = Outcome<'a>> + Send + 'a>> {
    Box::pin(async move { text.parse().map_err(|_| Failed(text)) })
}

#[cached]
fn a_reference_sync(text: &str) -> Result<u8, &str> {
    text.parse().map_err(|_| text)
}

#[cached]
fn a_struct_sync<'a>(text: &'a str) -> Result<u8, Failed<'a>> {
    text.parse().map_err(|_| Failed(text))
}

#[cached]
fn a_cow_sync(text: &str) -> Result<u8, Cow<'_, str>> {
    text.parse().map_err(|_| Cow::Borrowed(text))
}

#[cached]
fn a_box_sync<'a>(text: &'a str) -> Result<u8, Box<dyn Error + 'a>> {
    text.parse().map_err(|_| Box::from(text.to_owned()))
}

struct Table(String);

impl Table {
    #[cached(skip(self))]
    async fn row(&self, id: u8) -> Result<u8, &str> {
        if id > 3 { Ok(id) } else { Err(&self.0) }
    }

    #[cached(skip(self))]
    fn row_sync(&self, id: u8) -> Result<u8, &str> {
        if id > 3 { Ok(id) } else { Err(&self.0) }
    }

    #[cached(skip(self))]
    pub(crate) fn row_for_all(&self, id: u8) -> Result<u8, Failed<'_>> {
        if id > 3 { Ok(id) } else { Err(Failed(&self.0)) }
    }
}

#[tokio::test]
async fn the_caller_gets_the_error_and_others_the_value() {
    let text = String::from("x");
    assert_eq!(a_reference(&text).await, Err("x"));
    assert_eq!(a_struct(&text).await, Err(Failed("x")));
    assert_eq!(a_cow(&text).await, Err("x".into()));
    assert_eq!(a_box(&text).await.unwrap_err().to_string(), "x");
    assert_eq!(an_alias(&text).await, Err(Failed("x")));
    assert_eq!(a_future(&text).await, Err(Failed("x")));
    assert_eq!(a_boxed_future(&text).await, Err(Failed("x")));
    assert_eq!(a_reference_sync(&text), Err("x"));
    assert_eq!(a_struct_sync(&text), Err(Failed("x")));
    assert_eq!(a_cow_sync(&text), Err("x".into()));
    assert_eq!(a_box_sync(&text).unwrap_err().to_string(), "x");

    let table = Table(text);
    assert_eq!(table.row(1).await, Err("x"));
    assert_eq!(table.row_sync(1), Err("x"));
    assert_eq!(table.row_for_all(1), Err(Failed("x")));
    assert_eq!((table.row(4).await, table.row_sync(4)), (Ok(4), Ok(4)));

    assert_eq!(a_reference("7").await, Ok(7));
    let text = String::from("7");
    let again = a_reference(&text).traced().await;
    assert_eq!((again.value, again.source), (Ok(7), Source::Memory));
}

#[tokio::test]
async fn waiters_load_for_themselves() {
    static LOADS: Loads = Loads::new();

    #[cached(cache = "borrowed-errors", key = "row:{id}", skip(name))]
    async fn row<'a>(id: u8, name: &'a str) -> Result<u8, Failed<'a>> {
        LOADS.count();
        tokio::task::yield_now().await;
        if id > 3 { Ok(id) } else { Err(Failed(name)) }
    }

    install("borrowed-errors");
    let (a, b) = (String::from("a"), String::from("b"));
    let both = tokio::join!(row(1, &a), row(1, &b));
    assert_eq!((both, LOADS.get()), ((Err(Failed("a")), Err(Failed("b"))), 2));
    let both = tokio::join!(row(4, &a), row(4, &b));
    assert_eq!((both, LOADS.get()), ((Ok(4), Ok(4)), 3));
}
