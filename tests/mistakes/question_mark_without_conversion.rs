use larder::cached;

#[derive(Debug)]
struct Failed;

#[cached]
async fn get(text: String) -> Result<u64, Failed> {
    Ok(text.parse::<u64>()?)
}

fn main() {
    let _ = get("x".to_owned());
}
