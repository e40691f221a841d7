use larder::cached;

struct Shop {
    id: u64,
}

#[cached]
async fn get(id: u64) -> u64 {
    let shop = Shop { id };
    shop.name
}

fn main() {
    let _ = get(1);
}
