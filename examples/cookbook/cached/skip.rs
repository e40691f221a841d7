//! `skip`: arguments that do not affect the value.

use larder::{cached, testing::Kit};

struct Database;

#[cached(ttl = "1m", skip(database, trace))]
async fn user(database: &Database, id: u64, trace: &str) -> String {
    let Database = database;
    format!("user {id}, loaded for {trace}")
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    let first = user(&Database, 7, "request 1").await;
    let second = user(&Database, 7, "request 2").await;
    assert_eq!(first, second);
    println!("    {second}");
    kit.expect().loads(1);
    Ok(())
}
