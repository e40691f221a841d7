use std::pin::Pin;

use larder::cached;

trait Stream {
    type Item;
}

struct Numbers;

impl Stream for Numbers {
    type Item = u64;
}

type BoxStream<'a, T> = Pin<Box<dyn Stream<Item = T> + Send + 'a>>;

#[cached]
fn opaque() -> impl Stream<Item = u64> {
    Numbers
}

#[cached]
async fn in_a_result() -> Result<BoxStream<'static, u64>, String> {
    Ok(Box::pin(Numbers))
}

#[cached]
async fn in_a_box() -> Pin<Box<dyn Stream<Item = u64> + Send>> {
    Box::pin(Numbers)
}

fn main() {}
