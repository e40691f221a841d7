use larder::cached;

#[cached(cache = "", key_prefix = "", tags = ["users"])]
async fn get(id: u64) -> u64 {
    id
}

fn main() {}
