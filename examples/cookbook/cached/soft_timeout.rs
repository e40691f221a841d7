//! `soft_timeout`: how long a caller waits for a load if there is an old value. The load goes on in the background.

use std::sync::Arc;
use std::time::Duration;

use larder::{Source, cached, testing::Kit};
use tokio::sync::Semaphore;

#[cached(ttl = "1m", stale_if_error = "1h", soft_timeout = "100ms", skip(database))]
async fn report(database: Arc<Semaphore>) -> Result<String, String> {
    let answer = database.acquire().await.map(drop);
    answer.map(|()| "new".to_owned()).map_err(|error| error.to_string())
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    let database = Arc::new(Semaphore::new(0)); // does not answer
    report(Arc::clone(&database)).put("old".to_owned()).await?;
    kit.advance(Duration::from_secs(61));

    let call = kit.spawn({
        let database = Arc::clone(&database);
        async { report(database).traced().await }
    });
    tokio::task::yield_now().await;
    kit.advance(Duration::from_millis(101));
    let answer = call.await?;
    println!("    after 100 ms: {:?} ({:?})", answer.value, answer.source);
    assert_eq!((answer.value, answer.source), (Ok("old".to_owned()), Source::FailSafe));

    database.add_permits(1);
    kit.settled().await;
    assert_eq!(report(database).await?, "new", "the load has ended in the background");
    Ok(())
}
