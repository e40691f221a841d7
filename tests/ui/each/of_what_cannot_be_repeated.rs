use std::collections::HashMap;

use larder::cached;

#[cached(each = "id in ids", key = "user:{id}", skip(log))]
fn sync(log: &mut Vec<u64>, ids: &[u64]) -> HashMap<u64, u64> {
    log.extend(ids);
    ids.iter().map(|id| (*id, *id)).collect()
}

#[cached(each = "id in ids", key = "user:{id}", skip(log))]
async fn logging(log: &mut Vec<u64>, ids: &[u64]) -> HashMap<u64, u64> {
    log.extend(ids);
    ids.iter().map(|id| (*id, *id)).collect()
}

fn main() {}
