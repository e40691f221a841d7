use larder::{cached, function};

#[cached]
async fn find<const COLUMN: usize>(id: u64) -> u64 {
    id
}

fn main() {
    function(find);
}
