use larder::cache_evict;

#[cache_evict(all)]
enum Users {}

#[cache_evict(all)]
const fn seven() -> u64 {
    7
}

trait Save {
    #[cache_evict(all)]
    async fn save(&self);
}

fn main() {}
