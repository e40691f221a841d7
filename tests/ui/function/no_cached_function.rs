use std::future::Future;
use std::pin::Pin;

use larder::{cached, function};

#[cached]
fn of_a_sync_function(id: u64) -> u64 {
    id
}

async fn not_cached(id: u64) -> u64 {
    id
}

#[cached]
fn in_a_box(id: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move { id })
}

fn main() {
    function(of_a_sync_function);
    function(not_cached);
    function(in_a_box);
    function(7);
}
