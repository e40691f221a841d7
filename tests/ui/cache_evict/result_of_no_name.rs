use larder::cache_evict;

#[cache_evict(key = "user:{result}")]
fn opaque() -> impl std::fmt::Display {
    7
}

#[cache_evict(all, on = "ok")]
fn outcome() -> impl std::fmt::Display {
    7
}

fn main() {}
