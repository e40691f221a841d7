use larder::cached;

#[cached]
async fn get(name: String) -> u64 {
    drop(name);
    name.len() as u64
}

fn main() {
    let _ = get("x".to_owned());
}
