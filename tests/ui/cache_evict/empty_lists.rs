use larder::cache_evict;

#[cache_evict(tags = [])]
async fn tags(id: u64) {
    let _ = id;
}

#[cache_evict(keys = [])]
async fn keys(id: u64) {
    let _ = id;
}

#[cache_evict(events = [])]
async fn events(id: u64) {
    let _ = id;
}

#[cache_evict(before)]
async fn before(id: u64) {
    let _ = id;
}

fn main() {}
