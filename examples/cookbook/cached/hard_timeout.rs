//! `hard_timeout`: how long a caller waits in any case. The function's error is made from `larder::TimedOut`.

use std::time::Duration;

use larder::{TimedOut, cached, testing::Kit};

#[derive(Clone, Debug, PartialEq)]
enum ReportError {
    Late,
}

impl From<TimedOut> for ReportError {
    fn from(_: TimedOut) -> Self {
        Self::Late
    }
}

#[cached(ttl = "1m", hard_timeout = "2s")]
async fn report(id: u64) -> Result<u64, ReportError> {
    if id == 7 {
        std::future::pending::<()>().await; // a query that never ends
    }
    Ok(id)
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    let call = kit.spawn(async { report(7).await });
    tokio::task::yield_now().await;
    kit.advance(Duration::from_secs(3));
    let answer = call.await?;
    println!("    {answer:?}");
    assert_eq!(answer, Err(ReportError::Late));
    Ok(())
}
