use larder::cached;

#[cached(key = "page:{number}")]
async fn page(number: u32, language: &str) -> String {
    format!("{number} {language}")
}

fn main() {}
