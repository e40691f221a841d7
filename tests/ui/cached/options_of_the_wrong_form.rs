use larder::cached;

#[cached(ttl, local = true, skip = db)]
async fn values(db: u64, id: u64) -> u64 {
    db + id
}

#[cached("user:{id}")]
async fn key_without_name(id: u64) -> u64 {
    id
}

#[cached(ttl: "5m")]
async fn colon(id: u64) -> u64 {
    id
}

#[cached(ttl = 5 * 60, tags("users"))]
async fn calculated(id: u64) -> u64 {
    id
}

#[cached(local ttl = "5m")]
async fn no_comma(id: u64) -> u64 {
    id
}

#[cached(crate = "larder")]
async fn path_as_text(id: u64) -> u64 {
    id
}

fn main() {}
