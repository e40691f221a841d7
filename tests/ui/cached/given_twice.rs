use larder::cached;

#[cached(ttl = "5m", key = "user:{id}", ttl = "1h", key = "person:{id}")]
async fn get(id: u64) -> u64 {
    id
}

fn main() {}
