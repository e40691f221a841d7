use larder::cached;

#[derive(Debug)]
struct Failed;

#[cached(ttl = "1m", stale_if_error = "1m", stale_if = |_| true)]
async fn without_errors(id: u64) -> u64 {
    id
}

#[cached(err_ttl_with = |_: &Failed| "1s")]
async fn without_clone(id: u64) -> Result<u64, Failed> {
    Ok(id)
}

#[cached(ttl = "1m", stale_if_error = "1m", stale_if = |error: &Failed| 3)]
async fn with_another_condition(id: u64) -> Result<u64, Failed> {
    Ok(id)
}

#[cached(previous = old)]
async fn with_another_value(id: u64) -> Result<u64, Failed> {
    let old: Option<String> = old;
    Ok(id)
}

fn main() {}
