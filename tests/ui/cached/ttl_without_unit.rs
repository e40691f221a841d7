use larder::cached;

#[cached(ttl = "5")]
async fn get(id: u64) -> u64 {
    id
}

fn main() {}
