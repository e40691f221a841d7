use larder::cached;

#[cached(ttl = "5m", stale = "1m")]
fn get(id: u64) -> u64 {
    id
}

fn main() {}
