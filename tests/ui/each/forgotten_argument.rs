use std::collections::HashMap;

use larder::cached;

#[cached(each = "id in ids", key = "name:{id}")]
async fn names(ids: &[u64], language: &str) -> HashMap<u64, String> {
    ids.iter().map(|id| (*id, format!("{id} {language}"))).collect()
}

fn main() {}
