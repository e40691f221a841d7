use larder::cached;

#[cached]
async fn get(id: u64) -> String {
    let mut text = id.to_string();
    text.write_str("x");
    text
}

fn main() {
    let _ = get(1);
}
