use larder::cached;

#[cached(ttl = "5m", blocking)]
async fn get(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", local, blocking)]
fn here(id: u64) -> u64 {
    id
}

fn main() {}
