//! A dashboard of caches, keys and tags with hostile names, for `scripts/dashboard.sh`: `/admin/cache` permits everything,
//! `/reader` only reading, and `/closed` nothing. Prints its address, and ends with its standard input.

use std::time::Duration;

use axum::Router;
use larder::backend::MemoryBackend;
use larder::dashboard::{Dashboard, Permission};
use larder::testing::Faulty;
use larder::{Cache, cached};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::sleep;

const NAME: &str = "</script><img src=x onerror=\"document.title='hacked'\">\"'`&\u{202e}κόσμε";

#[cached(key = "user:{id}", ttl = "500ms")]
async fn user(id: u64) -> Result<u64, String> {
    sleep(Duration::from_millis(id)).await;
    if id == 7 { Err("unlucky".to_owned()) } else { Ok(id) }
}

fn dashboard(permission: Option<Permission>) -> Router {
    let dashboard = Dashboard::new().interval(Duration::from_millis(500));
    let dashboard = dashboard.authorize(move |asked, _| async move {
        permission.is_none_or(|granted| granted == asked)
    });
    dashboard.router()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Faulty::new(MemoryBackend::new());
    let faults = store.faults();
    Cache::builder().namespace("shop").remote(store).build()?.install();
    let hostile = Cache::builder().name(NAME).namespace("hostile").build()?;
    hostile.install();
    for key in [NAME, "plain", "<b>bold</b>", &"long-".repeat(40)] {
        hostile.entry(key).tag(NAME).insert("the secret value".to_owned()).await?;
    }
    hostile.insert_many((0..60).map(|id| (format!("page:{id:02}"), id))).await?;
    hostile.tenant("acme")?.insert("plain", 1_u64).await?;

    tokio::spawn(async move {
        for round in 0_u64.. {
            let _ = user(round % 9).await;
            // An outage begins after three seconds, and lasts as long.
            faults.outage((300..600).contains(&round));
            sleep(Duration::from_millis(8)).await;
        }
    });
    let app = Router::new()
        .nest_service("/admin/cache", dashboard(None))
        .nest_service("/reader", dashboard(Some(Permission::Read)))
        .nest_service("/closed", Dashboard::new().router());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    let _ = tokio::io::stdin().read(&mut [0; 1]).await?;
    Ok(())
}
