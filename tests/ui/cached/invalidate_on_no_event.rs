use larder::cached;

struct Saved<T>(T);

#[cached(invalidate_on = ["saved"])]
async fn by_text(id: u64) -> u64 {
    id
}

#[cached(invalidate_on = [Saved<T>], skip(T))]
async fn by_an_instance<T>(id: u64) -> u64 {
    id
}

fn main() {
    let _ = Saved(());
}
