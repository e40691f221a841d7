use larder::cached;

fn spawn<T>(_: impl Future<Output = T> + Send + 'static) {}

#[cached]
async fn get(id: u64) -> u64 {
    let shared = std::rc::Rc::new(id);
    tokio::task::yield_now().await;
    *shared
}

fn main() {
    spawn(get(1));
}
