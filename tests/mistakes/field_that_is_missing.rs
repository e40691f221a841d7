use larder::cached;

struct Shop {
    id: u64,
    size: u64,
}

#[cached]
async fn get(id: u64) -> u64 {
    let shop = Shop { id };
    shop.id + shop.size
}

fn main() {
    let _ = get(1);
}
