use larder::cached;

#[cached(local)]
async fn first(text: &str) -> &str {
    &text[..1]
}

fn main() {}
