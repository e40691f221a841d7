use larder::cached;

#[cached(ttl = "5m", soft_timeout = "100ms", throttle = "5s")]
async fn get(id: u64) -> u64 {
    id
}

fn main() {}
