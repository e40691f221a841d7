use larder::cached;

#[cached]
async fn get(text: String) -> u64 {
    text.parse()?
}

fn main() {
    let _ = get("x".to_owned());
}
