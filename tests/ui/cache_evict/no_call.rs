use larder::cache_evict;

#[cache_evict("user:7")]
async fn text(id: u64) {
    let _ = id;
}

#[cache_evict(get_user)]
async fn name(id: u64) {
    let _ = id;
}

#[cache_evict(users::KEY)]
async fn path(id: u64) {
    let _ = id;
}

#[cache_evict(key = users::KEY)]
async fn key_of_no_text(id: u64) {
    let _ = id;
}

fn main() {}
