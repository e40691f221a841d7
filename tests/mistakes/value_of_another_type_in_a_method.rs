use larder::cached;

struct Shop;

impl Shop {
    #[cached(skip(self))]
    async fn get(&self, id: u64) -> u64 {
        let _ = id;
        "seven"
    }
}

fn main() {
    let _ = Shop.get(1);
}
