use larder::cached;

#[cached(ttl = "5m", early_refresh, hard_timeout = "2s", skip(log))]
async fn get(log: &mut Vec<u64>, id: u64) -> Result<u64, larder::TimedOut> {
    log.push(id);
    Ok(id)
}

fn main() {}
