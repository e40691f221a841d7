//! `stampede`: where one load for each key applies: in all processes (`"fleet"`, the default), in one `"process"`, or nowhere
//! (`"off"`), for loads that may run twice and should not wait.

use larder::{cached, testing::Kit};

#[cached(ttl = "1m")]
async fn one(id: u64) -> u64 {
    tokio::task::yield_now().await;
    id
}

#[cached(ttl = "1m", stampede = "off")]
async fn each_caller(id: u64) -> u64 {
    tokio::task::yield_now().await;
    id
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    tokio::join!(one(7), one(7), one(7));
    kit.expect().loads(1).coalesced(2);
    kit.recount();
    tokio::join!(each_caller(7), each_caller(7), each_caller(7));
    kit.expect().loads(3);
    println!("    three callers: one load, or three");
    Ok(())
}
