//! `call`: the name by which `call!` finds a sync function, if a module has the function's own name.

use larder::{cached, call, testing::Kit};

mod area {
    pub(super) const UNIT: &str = "m2";
}

#[cached(call = cached_area)]
fn area(width: u64, height: u64) -> u64 {
    width * height
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    println!("    {} {}", area(2, 3), area::UNIT);
    call!(cached_area(2, 3)).evict().await?;
    Ok(())
}
