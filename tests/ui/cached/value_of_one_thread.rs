use std::rc::Rc;

use larder::cached;

#[cached(local)]
async fn get(id: u64) -> Rc<u64> {
    Rc::new(id)
}

fn main() {}
