use larder::cached_property;

#[cached_property(key = "shop:{self.city}")]
struct Shop {
    city: String,
}

fn main() {
    let _ = Shop { city: String::new() }.city;
}
