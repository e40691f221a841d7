use larder::cached;

#[cached]
async fn get(id: Identifier) -> u64 {
    id.0
}

fn main() {}
