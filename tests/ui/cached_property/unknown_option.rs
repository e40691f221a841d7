use larder::cached_property;

struct Shop {
    city: String,
}

impl Shop {
    #[cached_property(key = "stock:{self.city}", skip(self))]
    async fn skipped(&self) -> usize {
        self.city.len()
    }

    #[cached_property(kye = "stock:{self.city}")]
    async fn misspelt(&self) -> usize {
        self.city.len()
    }
}

fn main() {}
