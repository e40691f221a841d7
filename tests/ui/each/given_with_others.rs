use std::collections::HashMap;

use larder::cached;

#[cached(each = "id in ids", key_with = id.to_string())]
async fn by_expression(ids: Vec<u64>) -> HashMap<u64, u64> {
    ids.into_iter().map(|id| (id, id)).collect()
}

#[cached(each = "id in ids", skip(ids))]
async fn without_list(ids: Vec<u64>) -> HashMap<u64, u64> {
    ids.into_iter().map(|id| (id, id)).collect()
}

#[cached(each = "id in ids", skip_if = id == 7)]
async fn condition_on_an_item(ids: Vec<u64>) -> HashMap<u64, u64> {
    ids.into_iter().map(|id| (id, id)).collect()
}

fn main() {}
