use std::collections::HashMap;

use larder::cached;

#[cached(each = "id in ids", skip(ids))]
async fn without_list(ids: Vec<u64>) -> HashMap<u64, u64> {
    ids.into_iter().map(|id| (id, id)).collect()
}

#[cached(each = "id in ids", each = "name in names", key = "{id}")]
async fn twice(ids: Vec<u64>, names: Vec<u64>) -> HashMap<u64, u64> {
    ids.into_iter().zip(names).collect()
}

fn main() {}
