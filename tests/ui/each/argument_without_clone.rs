use std::collections::HashMap;

use larder::cached;

struct Db;

#[cached(each = "id in ids", key = "user:{id}", skip(db))]
async fn users(db: Db, ids: &[u64]) -> HashMap<u64, u64> {
    let _ = db;
    ids.iter().map(|id| (*id, *id)).collect()
}

fn main() {}
