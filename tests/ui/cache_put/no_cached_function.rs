use larder::cache_put;

async fn get(id: u64) -> u64 {
    id
}

#[cache_put(get(id))]
async fn save(id: u64) -> u64 {
    id
}

fn main() {}
