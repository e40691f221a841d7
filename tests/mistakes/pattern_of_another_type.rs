use larder::cached;

#[cached]
async fn get(id: u64) -> u64 {
    match id {
        "seven" => 7,
        other => other,
    }
}

fn main() {
    let _ = get(1);
}
