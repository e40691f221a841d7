use larder::cached;

struct Shop {
    city: String,
}

impl Shop {
    #[cached(key = "stock:{id}")]
    async fn stock(&self, id: u64) -> String {
        format!("{} {id}", self.city)
    }
}

fn main() {}
