//! `access`: whether the cached value is read and stored. `"read_only"`: a miss loads, and stores nothing. `"write_only"`: each call
//! loads and stores, as in a job that fills the cache for others. A call can choose another one.

use larder::{Access, cached, testing::Kit};

#[cached(ttl = "1m", access = "read_only")]
async fn preview(page: u64) -> u64 {
    page
}

#[cached(ttl = "1d", access = "write_only")]
async fn report(day: u64) -> u64 {
    day
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    preview(1).await;
    preview(1).await;
    kit.expect().loads(2);
    preview(1).access(Access::ReadWrite).await;
    preview(1).await;
    kit.expect().loads(3);
    report(7).await;
    report(7).await;
    println!("    a reader of the report gets {:?}", report(7).access(Access::ReadOnly).await);
    kit.expect().loads(5);
    Ok(())
}
