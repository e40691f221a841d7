use larder::cached;

#[cached(version = 2, key_prefix = "users", on_error = "fail", each = "id in ids")]
async fn get(ids: Vec<u64>) -> u64 {
    ids[0]
}

fn main() {}
