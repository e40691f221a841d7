use larder::cached;

#[cached]
async fn get<T: serde::Serialize>(value: T) -> String {
    format!("{value}")
}

fn main() {
    let _ = get(1);
}
