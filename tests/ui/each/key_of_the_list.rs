use std::collections::HashMap;

use larder::cached;

#[cached(each = "id in ids", key = "users")]
async fn forgotten(ids: Vec<u64>) -> HashMap<u64, u64> {
    ids.into_iter().map(|id| (id, id)).collect()
}

#[cached(each = "id in ids", key = "users:{ids}")]
async fn of_all(ids: Vec<u64>) -> HashMap<u64, u64> {
    ids.into_iter().map(|id| (id, id)).collect()
}

#[cached(each = "id in ids", skip(id))]
async fn skipped(ids: Vec<u64>) -> HashMap<u64, u64> {
    ids.into_iter().map(|id| (id, id)).collect()
}

fn main() {}
