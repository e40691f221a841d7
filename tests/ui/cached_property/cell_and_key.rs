use larder::{CachedCell, cached_property};

struct Shop {
    city: String,
    stock: CachedCell,
}

impl Shop {
    #[cached_property(cell = self.stock, key = "stock:{self.city}", version = 2, local)]
    async fn stock(&self) -> usize {
        self.city.len()
    }
}

fn main() {}
