use larder::{CachedCell, cached_property};

struct Shop {
    stock: CachedCell,
}

impl Shop {
    #[cached_property(cell = "stock")]
    async fn by_name(&self) -> usize {
        7
    }

    #[cached_property(cell)]
    async fn without_value(&self) -> usize {
        7
    }

    #[cached_property(cell = self.stokc)]
    async fn misspelt(&self) -> usize {
        7
    }
}

fn main() {}
