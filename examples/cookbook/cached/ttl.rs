//! `ttl`: how long a value is fresh. Text, seconds, a constant, or an expression over the arguments.

use std::time::Duration;

use larder::{cached, testing::Kit};

const HOUR: Duration = Duration::from_secs(3_600);

#[cached(ttl = "90s")]
async fn rate(currency: &str) -> f64 {
    if currency == "EUR" { 1.0 } else { 1.08 }
}

#[cached(ttl = HOUR)]
async fn country(code: &str) -> String {
    format!("country {code}")
}

#[cached(ttl = keep, skip(keep))]
async fn page(path: &str, keep: Duration) -> String {
    format!("<h1>{path}</h1>")
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    rate("USD").await;
    country("no").await;
    page("/", 10 * HOUR).await;
    kit.advance(Duration::from_secs(91));
    rate("USD").await;
    country("no").await;
    page("/", 10 * HOUR).await;
    kit.expect().loads(4).hits(2);
    println!("    of three values only the rate was loaded again after 91 s");
    Ok(())
}
