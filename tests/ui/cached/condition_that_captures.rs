use larder::cached;

#[cached(cache_if = |user| *user != id)]
async fn get(id: u64) -> u64 {
    id
}

fn main() {}
