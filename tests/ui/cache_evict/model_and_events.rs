use larder::cache_evict;

#[cache_evict(op = "list")]
async fn without_model(id: u64) {
    let _ = id;
}

#[cache_evict(model = "user", op = "list all", events = ["saved"])]
async fn without_names(id: u64) {
    let _ = id;
}

fn main() {}
