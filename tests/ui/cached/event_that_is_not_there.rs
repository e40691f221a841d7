use larder::cached;

#[cached(invalidate_on = [UserSaved])]
async fn get(id: u64) -> u64 {
    id
}

fn main() {}
