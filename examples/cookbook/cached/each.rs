//! `each`: caches each item of a list, and loads all missing ones at once, so that there are no N+1 queries.

use std::collections::HashMap;

use larder::{cached, testing::Kit};

#[cached(ttl = "1m", key = "name:{id}", each = "id in ids")]
async fn names(ids: &[u64]) -> HashMap<u64, String> {
    println!("    one query for {ids:?}");
    ids.iter().map(|id| (*id, format!("user {id}"))).collect()
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    names(&[1, 2, 3]).await;
    let names = names(&[2, 3, 4]).await;
    assert_eq!(names.len(), 3);
    kit.expect().hits(2).misses(4);
    Ok(())
}
