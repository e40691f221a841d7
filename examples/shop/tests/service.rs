//! The whole service over real connections. Each test has a database and a cache of its own, so they run in parallel.
//!
//! The layer of the kit carries the kit into the handling of each request: see `serve`.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use larder::backend::MemoryBackend;
use larder::testing::{Faulty, Kit};
use serde_json::json;
use shop::client::Client;
use shop::config::Settings;
use shop::metrics::Metrics;
use shop::rates::{Mood, Rate, Rates};
use shop::{App, Database, ShopError, dashboard, http};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

fn app() -> Result<App, Box<dyn Error + Send + Sync>> {
    Ok(App::new(Database::temporary()?, Metrics::install()?))
}

/// Starts the service on a free port. It ends with the runtime of the test.
async fn serve(app: &App, kit: &Kit) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = http::router(app.clone()).layer(kit.layer());
    tokio::spawn(async move { axum::serve(listener, service).await });
    Ok(address)
}

#[tokio::test]
async fn a_second_read_needs_no_query() -> Outcome {
    let (app, kit) = (app()?, Kit::new());
    let mut client = Client::connect(serve(&app, &kit).await?, "demo").await?;
    assert_eq!(client.get("/products/7").await?.json()["product"]["name"], "Product 7");
    assert_eq!(app.database.queries(), 4, "the tenant, the product, its rating, its reviews");
    kit.recount();
    client.get("/products/7").await?;
    kit.expect().loads(0).hits(4);
    assert_eq!(app.database.queries(), 4);
    assert_eq!(client.get("/products/9999").await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn a_page_of_the_catalogue_is_two_queries() -> Outcome {
    let (app, kit) = (app()?, Kit::new());
    let mut client = Client::connect(serve(&app, &kit).await?, "demo").await?;
    client.get("/products/3").await?;
    let before = app.database.queries();
    let page = client.get("/catalogue/0").await?.json();
    assert_eq!(page["products"].as_array().map(Vec::len), Some(20));
    assert_eq!(app.database.queries() - before, 2, "the ids, and the products without number 3");
    assert_eq!(client.get("/catalogue/0").await?.json(), page);
    assert_eq!(app.database.queries() - before, 2);
    Ok(())
}

#[tokio::test]
async fn writes_evict_what_they_make_old() -> Outcome {
    let (app, kit) = (app()?, Kit::new());
    let mut client = Client::connect(serve(&app, &kit).await?, "demo").await?;
    client.get("/products/7").await?;
    assert_eq!(client.send("PUT", "/products/7/price", r#"{"cents":5}"#).await?.status, 204);
    assert_eq!(client.get("/products/7").await?.json()["product"]["cents"], 5);

    let page = client.get("/products/7").await?.json();
    assert_eq!((&page["rating"], &page["reviews"]), (&json!(null), &json!([])));
    let review = r#"{"stars":4,"text":"fine"}"#;
    assert_eq!(client.send("POST", "/products/7/reviews", review).await?.status, 201);
    let page = client.get("/products/7").await?.json();
    assert_eq!((&page["rating"], &page["reviews"][0]["text"]), (&json!(4.0), &json!("fine")));

    client.get("/catalogue/0").await?;
    assert_eq!(client.send("DELETE", "/products/7", "").await?.status, 204);
    assert_eq!(client.get("/products/7").await?.status, 404);
    let page = client.get("/catalogue/0").await?.json();
    assert!(page["products"].as_array().is_some_and(|rows| rows.iter().all(|row| row["id"] != 7)));
    Ok(())
}

#[tokio::test]
async fn a_new_product_is_a_hit_even_if_it_was_missing() -> Outcome {
    let (app, kit) = (app()?, Kit::new());
    let mut client = Client::connect(serve(&app, &kit).await?, "demo").await?;
    assert_eq!(client.get("/products/2001").await?.status, 404);
    let before = app.database.queries();
    assert_eq!(client.get("/products/2001").await?.status, 404);
    assert_eq!(app.database.queries(), before, "that it does not exist is cached");

    let new = r#"{"name":"Tea","cents":250,"stock":3}"#;
    assert_eq!(client.send("POST", "/products", new).await?.json()["id"], 2001);
    let before = app.database.queries();
    assert_eq!(client.get("/products/2001/price/USD").await?.json()["cents"], 270.0);
    assert_eq!(app.database.queries(), before, "`add` has stored the product");
    Ok(())
}

#[tokio::test]
async fn an_order_evicts_after_its_commit_or_not_at_all() -> Outcome {
    let (app, kit) = (app()?, Kit::new());
    let mut client = Client::connect(serve(&app, &kit).await?, "demo").await?;
    let new = r#"{"name":"Rare","cents":900,"stock":1}"#;
    let rare = client.send("POST", "/products", new).await?.json()["id"].clone();
    let stock = client.get("/products/1").await?.json()["product"]["stock"].as_u64();
    client.get(&format!("/products/{rare}")).await?;
    assert_eq!(client.get("/customers/ada/orders").await?.json()["orders"], json!([]));

    let order = json!({ "customer": "ada", "lines": [
        { "product": 1, "count": 2 }, { "product": rare, "count": 1 },
    ] });
    let placed = client.send("POST", "/orders", &order.to_string()).await?;
    assert_eq!(placed.status, 201, "{}", placed.body);
    let one = client.get("/products/1").await?.json();
    assert_eq!(one["product"]["stock"].as_u64(), stock.map(|stock| stock - 2));
    let orders = client.get("/customers/ada/orders").await?.json();
    assert_eq!(orders["orders"][0]["lines"][1]["count"], 1);
    assert_eq!(orders["names"][rare.to_string()], "Rare");

    // The second line fails: the first one is rolled back, and its eviction is dropped.
    client.get(&format!("/products/{rare}")).await?;
    kit.recount();
    assert_eq!(client.send("POST", "/orders", &order.to_string()).await?.status, 409);
    assert_eq!(client.get("/products/1").await?.json()["product"], one["product"]);
    kit.expect().removals(1); // the list of ada's orders, which is evicted after every outcome
    Ok(())
}

#[tokio::test]
async fn tenants_do_not_see_each_other() -> Outcome {
    let (app, kit) = (app()?, Kit::new());
    let address = serve(&app, &kit).await?;
    let mut demo = Client::connect(address, "demo").await?;
    let mut acme = Client::connect(address, "acme").await?;
    assert_eq!(demo.get("/products/7").await?.status, 200);
    assert_eq!(acme.get("/products/7").await?.status, 404);
    assert_eq!(acme.get("/").await?.body, "Acme Tools has 1000 products\n");
    assert_eq!(demo.get("/").await?.body, "The demo shop has 1000 products\n");

    let keys = async |tenant| kit.cache().tenant(tenant)?.keys("*").await;
    assert_eq!(keys("acme").await?, ["front", "product:7"]);
    assert_eq!(acme.send("DELETE", "/admin/cache", "").await?.status, 204);
    assert!(keys("acme").await?.is_empty());
    assert!(!keys("demo").await?.is_empty());

    let mut stranger = Client::connect(address, "nobody").await?;
    assert_eq!(stranger.get("/products/7").await?.status, 404);
    Ok(())
}

/// Time is the kit's: no test waits for a ttl.
#[tokio::test]
async fn rates_outlive_the_bank() -> Outcome {
    let (app, kit) = (app()?, Kit::manual());
    let mut client = Client::connect(serve(&app, &kit).await?, "demo").await?;
    let first = client.get("/products/7/price/USD").await?;
    app.bank.set(Mood::Away);
    kit.advance(Duration::from_secs(60));
    assert_eq!(client.get("/products/7/price/USD").await?.body, first.body);
    assert_eq!(client.get("/products/7/price/JPY").await?.status, 502, "never asked before");
    kit.advance(Duration::from_secs(2 * 3600));
    assert_eq!(client.get("/products/7/price/USD").await?.status, 502, "too old");
    Ok(())
}

/// Handlers know only the trait.
#[tokio::test]
async fn a_test_can_have_rates_of_its_own() -> Outcome {
    struct Fixed;

    #[async_trait::async_trait]
    impl Rates for Fixed {
        async fn rate(&self, _: &str) -> Result<Rate, ShopError> {
            Ok(Rate { per_euro: 2.0, quoted_at: 0 })
        }
    }

    let kit = Kit::new();
    let app = App { rates: Arc::new(Fixed), ..app()? };
    let mut client = Client::connect(serve(&app, &kit).await?, "demo").await?;
    assert_eq!(client.get("/products/7/price/XXX").await?.json()["cents"], 214.0);
    Ok(())
}

/// A file overrides what the program wants, field by field.
#[tokio::test]
async fn the_caches_are_built_as_the_file_says() -> Outcome {
    let file = std::env::temp_dir().join(format!("shop-{}.toml", std::process::id()));
    std::fs::write(&file, "default_ttl = '1m'\n[redis]\nurl = 'redis://127.0.0.1:1'\n")?;
    let address = "127.0.0.1:0".parse()?;
    let settings = Settings { address, database: None, config: Some(file.clone()), password: None };
    let config = settings.caches();
    std::fs::remove_file(file)?;
    // Redis is not asked before the first operation, so the service starts without it.
    let caches = config?.build().await?;
    let cache = caches.get(None).ok_or("there is no default cache")?;
    assert_eq!(cache.default_ttl(), Some(Duration::from_secs(60)));
    assert!(cache.health().remote.is_some());
    assert_eq!(cache.health().namespace, "shop");
    Ok(())
}

/// A remote tier that fails on command takes the place of Redis.
#[tokio::test]
async fn without_its_remote_tier_the_shop_is_degraded_and_right() -> Outcome {
    let store = Faulty::new(MemoryBackend::new());
    let faults = store.faults();
    let kit = Kit::builder().caches(move |_, builder| builder.remote(store.clone())).build();
    let app = app()?;
    let mut client = Client::connect(serve(&app, &kit).await?, "demo").await?;
    client.get("/products/7").await?;
    assert_eq!(client.get("/health").await?.json()[0]["status"], "up");

    faults.outage(true);
    assert_eq!(client.send("PUT", "/products/7/price", r#"{"cents":5}"#).await?.status, 204);
    assert_eq!(client.get("/products/7").await?.json()["product"]["cents"], 5);
    let health = client.get("/health").await?;
    assert_eq!((health.status, &health.json()[0]["status"]), (200, &json!("degraded")));
    Ok(())
}

#[tokio::test]
async fn figures_and_probes() -> Outcome {
    let (app, kit) = (app()?, Kit::new());
    let mut client = Client::connect(serve(&app, &kit).await?, "demo").await?;
    for _ in 0..3 {
        client.get("/catalogue/0").await?;
    }
    assert_eq!(client.get("/live").await?.body, "alive\n");
    let metrics = client.get("/metrics").await?.body;
    assert!(metrics.contains(r#"function="shop::products::Products::page""#), "{metrics}");
    let stats = client.get("/stats").await?.json();
    assert!(stats["total"]["hit_rate"].as_f64() > Some(0.5), "{stats}");
    assert_eq!(stats["queries"], 3, "the tenant, the ids, the products");
    Ok(())
}

#[tokio::test]
async fn the_dashboard_needs_the_password() -> Outcome {
    let ask = async |password, header: &str| -> std::io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut connection = TcpStream::connect(listener.local_addr()?).await?;
        tokio::spawn(async move { axum::serve(listener, dashboard::router(password)).await });
        let path = "/admin/dashboard/api/caches";
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n{header}\r\n");
        connection.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await?;
        Ok(answer)
    };
    // operator:secret, and operator:guess.
    let [right, wrong] = ["b3BlcmF0b3I6c2VjcmV0", "b3BlcmF0b3I6Z3Vlc3M="]
        .map(|login| format!("authorization: Basic {login}\r\n"));
    assert!(ask(Some("secret"), &right).await?.starts_with("HTTP/1.1 200"));
    for header in ["", &wrong] {
        let answer = ask(Some("secret"), header).await?;
        assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("www-authenticate: Basic"));
    }
    assert!(ask(None, &right).await?.starts_with("HTTP/1.1 403"));
    Ok(())
}
