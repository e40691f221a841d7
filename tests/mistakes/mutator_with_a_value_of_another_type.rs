use larder::cache_evict;

#[cache_evict(tags = ["users"])]
async fn save(id: u64) -> u64 {
    let _ = id;
    "seven"
}

fn main() {
    let _ = save(1);
}
