use larder::cached;

#[cached]
async fn get(id: u64) -> u64 {
    let name = id.to_string();
    std::thread::spawn(|| name.len());
    id
}

fn main() {
    let _ = get(1);
}
