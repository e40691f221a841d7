use larder::cached_property;

struct Shop {
    city: String,
}

impl Shop {
    #[cached_property(key = "stock:{self.city}")]
    async fn of_mutable(&mut self) -> usize {
        self.city.len()
    }

    #[cached_property(key = "size:{self.city}")]
    async fn of_none() -> usize {
        7
    }
}

fn main() {}
