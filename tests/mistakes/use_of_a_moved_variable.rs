use larder::cached;

#[cached]
async fn get(id: u64) -> usize {
    let name = id.to_string();
    drop(name);
    name.len()
}

fn main() {
    let _ = get(1);
}
