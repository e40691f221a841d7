use larder::cached;

#[cached(each = "id in ids", key = "user:{id}")]
async fn users(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

fn main() {}
