use larder::cached;

#[cached(each = "id in ids", key = "points:{id}")]
async fn points((a, b): (u64, u64), ids: &[u64]) -> Vec<(u64, u64)> {
    ids.iter().map(|id| (*id, a + b)).collect()
}

fn main() {}
