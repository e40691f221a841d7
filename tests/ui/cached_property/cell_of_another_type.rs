use larder::cached_property;

struct Shop {
    stock: std::cell::OnceCell<usize>,
}

impl Shop {
    #[cached_property(cell = self.stock, ttl = "1m")]
    async fn stock(&self) -> usize {
        7
    }
}

fn main() {}
