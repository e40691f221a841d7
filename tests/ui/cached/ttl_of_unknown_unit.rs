use larder::cached;

#[cached(ttl = "2 weeks")]
async fn get(id: u64) -> u64 {
    id
}

fn main() {}
