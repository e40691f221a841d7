use larder::cached;

#[cached]
async fn get(id: u64) -> u8 {
    let _ = id;
    256
}

fn main() {
    let _ = get(1);
}
