use larder::cached;

#[cached(stale = "1m")]
async fn get(id: u64) -> u64 {
    id
}

fn main() {}
