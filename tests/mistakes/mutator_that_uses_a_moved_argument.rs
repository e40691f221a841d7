use larder::cache_evict;

#[cache_evict(key = "user:{name}")]
async fn save(name: String) -> usize {
    drop(name);
    name.len()
}

fn main() {
    let _ = save("x".to_owned());
}
