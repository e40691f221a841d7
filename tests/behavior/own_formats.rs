//! A function, or an entry by hand, chooses the format of its values in the remote tier: one of larder's, or one of the user's
//! own, for types without serde.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use larder::backend::MemoryBackend;
use larder::codec::{CodecError, Json, MessagePack, Optional, ValueCodec};
use larder::redis::Redis;
use larder::testing::Kit;
use larder::{Cache, Error, Source, cache_put, cached, cached_impl};

use crate::stored::Store;
use crate::support::Server;

/// Has no serde.
#[derive(Clone, Debug, PartialEq)]
struct Point {
    x: i32,
    y: i32,
}

struct Text;

impl ValueCodec<Point> for Text {
    const NAME: &'static str = "x,y";

    fn encode(value: &Point) -> Result<Vec<u8>, CodecError> {
        match value.x {
            14 => panic!("an encoder that panics"),
            13 => Err("13 brings bad luck".into()),
            _ => Ok(format!("{},{}", value.x, value.y).into_bytes()),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Point, CodecError> {
        let (x, y) = std::str::from_utf8(bytes)?.split_once(',').ok_or("no comma")?;
        assert_ne!(x, "666", "a decoder that panics");
        Ok(Point { x: x.parse()?, y: y.parse()? })
    }
}

/// The same bytes as those of `Text`, in its next version.
struct Next;

impl ValueCodec<Point> for Next {
    const NAME: &'static str = "x,y 2";

    fn schema() -> std::borrow::Cow<'static, str> {
        <Text as ValueCodec<Point>>::schema()
    }

    fn encode(value: &Point) -> Result<Vec<u8>, CodecError> {
        Text::encode(value)
    }

    fn decode(bytes: &[u8]) -> Result<Point, CodecError> {
        Text::decode(bytes)
    }
}

/// Loses `y`.
struct Lossy;

impl ValueCodec<Point> for Lossy {
    const NAME: &'static str = "lossy";

    fn encode(value: &Point) -> Result<Vec<u8>, CodecError> {
        Text::encode(value)
    }

    fn decode(bytes: &[u8]) -> Result<Point, CodecError> {
        Ok(Point { y: 0, ..Text::decode(bytes)? })
    }
}

#[cached(key = "point:{id}", codec = Text)]
async fn point(id: i32) -> Point {
    Point { x: id, y: -id }
}

#[cached(key = "point:{id}", codec = Optional<Text>)]
async fn found(id: i32) -> Result<Option<Point>, Error> {
    Ok((id > 0).then_some(Point { x: id, y: 0 }))
}

#[cached(key = "report:{id}", codec = json)]
async fn report(id: u32) -> (u32, String) {
    (id, "text".to_owned())
}

fn without_memory(store: &MemoryBackend) -> Cache {
    Cache::builder().namespace("ns").no_memory().remote(store.clone()).build().unwrap()
}

#[tokio::test]
async fn a_type_without_serde_is_stored() {
    let kit = Kit::new();
    kit.run(async {
        let store = MemoryBackend::new();
        without_memory(&store).install();
        assert_eq!(point(3).await, Point { x: 3, y: -3 });
        let again = point(3).traced().await;
        assert_eq!((again.value, again.source), (Point { x: 3, y: -3 }, Source::Remote));
        let inspection = point(3).inspect().await.unwrap();
        let encoding = inspection.remote.unwrap().encoding.unwrap();
        assert_eq!((encoding.codec.as_str(), encoding.value_bytes), ("own format", 4));
    })
    .await;
}

#[tokio::test]
async fn redis_has_the_bytes_of_the_format() {
    let server = Server::start();
    let redis = Redis::connect(&server.url()).await.unwrap();
    let cache = Cache::builder().namespace("ns").no_memory().remote(redis).build().unwrap();
    cache.entry("p").codec::<Text>().insert(Point { x: 10, y: 20 }).await.unwrap();
    let found = cache.entry("p").codec::<Text>().get().await.unwrap();
    assert_eq!(found, Some(Point { x: 10, y: 20 }));
    let bytes = server.bytes("ns:p").unwrap();
    assert!(bytes.windows(5).any(|part| part == b"10,20"), "{bytes:?}");
}

#[tokio::test]
async fn memory_and_remote_work_together() {
    let store = MemoryBackend::new();
    let two = Cache::builder().namespace("ns").remote(store.clone()).build().unwrap();
    two.entry("p").codec::<Text>().insert(Point { x: 1, y: 2 }).await.unwrap();
    let other = without_memory(&store);
    assert_eq!(other.entry("p").codec::<Text>().get().await.unwrap(), Some(Point { x: 1, y: 2 }));
    assert!(other.remove("p").await.unwrap());
    assert_eq!(two.entry("p").codec::<Text>().get().await.unwrap(), None::<Point>);
}

#[tokio::test]
async fn another_name_or_format_is_a_counted_miss() {
    let cache = without_memory(&MemoryBackend::new());
    let foreign = || cache.stats().foreign;
    cache.entry("p").codec::<Text>().insert(Point { x: 1, y: 2 }).await.unwrap();
    assert_eq!(cache.entry("p").codec::<Next>().get().await.unwrap(), None::<Point>);
    assert_eq!(foreign(), 1);
    assert_eq!(cache.get::<String>("p").await.unwrap(), None, "by serde");
    assert_eq!(foreign(), 2);
    let none = cache.entry("p").codec::<Optional<Text>>().get::<Option<Point>>().await.unwrap();
    assert_eq!((none, foreign()), (None, 3));

    cache.insert("s", "1,2".to_owned()).await.unwrap();
    assert_eq!(cache.entry("s").codec::<Text>().get().await.unwrap(), None::<Point>);
    assert_eq!(foreign(), 4);
    assert_eq!(cache.stats().remote_errors, 0);
}

/// One format for many types must not read one as the other.
struct Same;

impl<const N: usize> ValueCodec<[u8; N]> for Same {
    const NAME: &'static str = "bytes";

    fn encode(value: &[u8; N]) -> Result<Vec<u8>, CodecError> {
        Ok(value.to_vec())
    }

    fn decode(bytes: &[u8]) -> Result<[u8; N], CodecError> {
        Ok(std::array::from_fn(|at| bytes.get(at).copied().unwrap_or(0)))
    }
}

#[tokio::test]
async fn a_value_of_another_type_is_a_miss() {
    let cache = without_memory(&MemoryBackend::new());
    cache.entry("b").codec::<Same>().insert([1, 2]).await.unwrap();
    assert_eq!(cache.entry("b").codec::<Same>().get::<[u8; 2]>().await.unwrap(), Some([1, 2]));
    assert_eq!(cache.entry("b").codec::<Same>().get::<[u8; 3]>().await.unwrap(), None);
    assert_eq!(cache.stats().foreign, 1);
    // As an `Option`, the same bytes would be another value.
    let optional = cache.entry("b").codec::<Optional<Same>>().get::<Option<[u8; 2]>>().await;
    assert_eq!((optional.unwrap(), cache.stats().foreign), (None, 2));
}

#[tokio::test]
async fn a_value_without_a_representation_is_refused() {
    let kit = Kit::new();
    kit.run(async {
        let cache = without_memory(&MemoryBackend::new());
        let insert = |x| cache.entry("p").codec::<Text>().insert(Point { x, y: 0 });
        let error = insert(13).await.unwrap_err();
        assert!(matches!(error, Error::Encode { .. }), "{error:?}");
        assert!(error.to_string().contains("its format \"x,y\": 13 brings bad luck"), "{error}");

        cache.install();
        assert_eq!(point(13).await.x, 13);
        assert_eq!(point(13).traced().await.source, Source::Loaded, "nothing is stored");
    })
    .await;
    kit.expect().loads(2);
}

#[tokio::test]
async fn an_encoder_that_panics_is_an_error() {
    let cache = without_memory(&MemoryBackend::new());
    let entry = || cache.entry("p").codec::<Text>();
    let bad = Point { x: 14, y: 0 };
    let inserted = entry().insert(bad.clone()).await.map(|()| true);
    let updated =
        entry().update(|_: Option<Point>| Some(Point { x: 14, y: 0 })).await.map(|_| true);
    for error in [inserted, updated, entry().insert_if_absent(bad).await] {
        let error = error.unwrap_err().to_string();
        assert!(error.contains("its format \"x,y\" panicked"), "{error}");
    }
    entry().insert(Point { x: 1, y: 0 }).await.unwrap();
    assert_eq!(entry().get().await.unwrap(), Some(Point { x: 1, y: 0 }));
}

/// Two formats of one name must not read each other's bytes.
struct Shifted<const N: i32>;

impl<const N: i32> ValueCodec<i32> for Shifted<N> {
    const NAME: &'static str = "shifted";

    fn encode(value: &i32) -> Result<Vec<u8>, CodecError> {
        Ok((value + N).to_be_bytes().to_vec())
    }

    fn decode(bytes: &[u8]) -> Result<i32, CodecError> {
        Ok(i32::from_be_bytes(bytes.try_into()?) - N)
    }
}

#[tokio::test]
async fn a_value_of_another_instance_of_a_format_is_a_miss() {
    let cache = without_memory(&MemoryBackend::new());
    cache.entry("n").codec::<Shifted<1>>().insert(5).await.unwrap();
    assert_eq!(cache.entry("n").codec::<Shifted<1>>().get().await.unwrap(), Some(5));
    assert_eq!(cache.entry("n").codec::<Shifted<2>>().get::<i32>().await.unwrap(), None);
}

#[tokio::test]
async fn a_lossy_format_is_noticed() {
    let cache = without_memory(&MemoryBackend::new());
    let insert = |y| cache.entry("p").codec::<Lossy>().insert(Point { x: 1, y });
    insert(0).await.unwrap();
    let error = insert(5).await.unwrap_err().to_string();
    assert!(error.contains("is not read back as the same value"), "{error}");
}

#[tokio::test]
async fn bytes_that_are_no_value_are_a_miss() {
    let store = Store::default();
    let cache = store.plain();
    for other in ["666,0", "no,no", "1;234"] {
        cache.entry("p").codec::<Text>().insert(Point { x: 111, y: 0 }).await.unwrap();
        let bytes = store.bytes("ns:p").await;
        // The length of the payload is part of the header, so the false value has the same.
        let sound = larder::testing::bytes::resum(("ns", "p"), &replaced(&bytes, b"111,0", other));
        store.put("ns:p", &sound).await;
        assert_eq!(cache.entry("p").codec::<Text>().get().await.unwrap(), None::<Point>, "{other}");
    }
    assert_eq!(cache.stats().foreign, 3);
}

/// The contents of a stored value, with other text as its payload.
fn replaced(stored: &[u8], payload: &[u8], by: &str) -> Vec<u8> {
    let contents = &stored[5..stored.len() - 16];
    let head = contents.strip_suffix(payload).unwrap();
    [head, by.as_bytes()].concat()
}

#[tokio::test]
async fn an_absent_value_is_cached_too() {
    let kit = Kit::new();
    kit.run(async {
        without_memory(&MemoryBackend::new()).install();
        for _ in 0..2 {
            assert_eq!(found(0).await.unwrap(), None);
            assert_eq!(found(1).await.unwrap(), Some(Point { x: 1, y: 0 }));
        }
    })
    .await;
    kit.expect().loads(2).remote_hits(2);
}

#[tokio::test]
async fn a_function_chooses_a_format_of_larder() {
    let kit = Kit::new();
    kit.run(async {
        let cache = without_memory(&MemoryBackend::new());
        cache.install();
        report(7).await;
        let inspection = report(7).inspect().await.unwrap();
        assert_eq!(inspection.remote.unwrap().encoding.unwrap().codec, "json");
        // A stored value names its codec, so a read by hand needs no choice.
        let found = cache.get::<(u32, String)>("report:7").await.unwrap();
        assert_eq!(found, Some((7, "text".to_owned())));
    })
    .await;
}

#[tokio::test]
async fn an_entry_chooses_a_format_of_larder() {
    let cache = without_memory(&MemoryBackend::new());
    let codec = async |key| {
        let inspection = cache.inspect(key).await;
        inspection.remote.unwrap().encoding.unwrap().codec
    };
    cache.entry("j").codec::<Json>().insert(1u8).await.unwrap();
    cache.entry("m").codec::<MessagePack>().or_load(async || Ok::<_, Error>(1u8)).await.unwrap();
    cache.insert("p", 1u8).await.unwrap();
    assert_eq!(
        [codec("j").await, codec("m").await, codec("p").await],
        ["json", "messagepack", "postcard"]
    );
    // JSON has no such number.
    cache.entry("n").codec::<Json>().insert(f64::INFINITY).await.unwrap();
    assert_eq!(codec("n").await, "messagepack");
}

#[test]
fn larders_formats_can_be_used_in_others() {
    assert_eq!(Json::encode(&[1, 2]).unwrap(), b"[1,2]");
    assert_eq!(<Json as ValueCodec<Vec<u8>>>::decode(b"[1,2]").unwrap(), [1, 2]);
    let error = <Json as ValueCodec<Vec<u8>>>::decode(b"[1,").unwrap_err();
    assert_eq!(error.to_string(), "the bytes are no value in json");
}

static LOADS: AtomicU32 = AtomicU32::new(0);

#[cached(key = "sync:{id}", blocking, codec = Text)]
fn of_a_sync_function(id: i32) -> Point {
    LOADS.fetch_add(1, Ordering::Relaxed);
    Point { x: id, y: id }
}

#[cached(key = "each:{id}", each = "id in ids", codec = Text)]
async fn points(ids: Vec<i32>) -> std::collections::HashMap<i32, Point> {
    ids.into_iter().map(|id| (id, Point { x: id, y: 0 })).collect()
}

#[cache_put(point(value.x), value = value.clone())]
async fn moved(value: Point) {}

struct Repository;

#[cached_impl(codec = Text)]
impl Repository {
    #[cached(key = "of-impl:{id}", skip(self))]
    async fn get(&self, id: i32) -> Point {
        Point { x: id, y: 1 }
    }

    /// Its values stay in memory, so the format is not for it.
    #[cached(key = "name:{id}", skip(self), local)]
    async fn name(&self, id: i32) -> String {
        id.to_string()
    }

    #[cached(key = "number:{id}", skip(self), codec = messagepack)]
    async fn number(&self, id: i32) -> i32 {
        id
    }
}

#[tokio::test]
async fn every_kind_of_function_can_choose() {
    let kit = Kit::new();
    kit.run(async {
        without_memory(&MemoryBackend::new()).install();
        for _ in 0..2 {
            assert_eq!(points(vec![1, 2]).await[&2], Point { x: 2, y: 0 });
            assert_eq!(Repository.get(1).await, Point { x: 1, y: 1 });
            assert_eq!(Repository.number(1).await, 1);
        }
        moved(Point { x: 50, y: 51 }).await;
        assert_eq!(point(50).await, Point { x: 50, y: 51 });
        assert_eq!(point(50).peek().await.unwrap(), Some(Point { x: 50, y: 51 }));
        assert_eq!(Repository.name(1).await, "1");
    })
    .await;
    kit.expect().loads(5).remote_hits(5);
}

#[test]
fn blocking_callers_can_choose() {
    let store = MemoryBackend::new();
    let cache = without_memory(&store);
    let blocking = cache.blocking();
    blocking.entry("p").codec::<Text>().insert(Point { x: 1, y: 1 }).unwrap();
    assert_eq!(blocking.entry("p").codec::<Text>().get().unwrap(), Some(Point { x: 1, y: 1 }));
    let kit = Kit::new();
    kit.run_sync(|| {
        cache.install();
        assert_eq!(of_a_sync_function(4), of_a_sync_function(4));
    });
    assert_eq!(LOADS.load(Ordering::Relaxed), 1);
}

/// Shared values: a format for the `Arc`.
impl ValueCodec<Arc<Point>> for Text {
    const NAME: &'static str = "shared x,y";

    fn encode(value: &Arc<Point>) -> Result<Vec<u8>, CodecError> {
        Self::encode(&**value)
    }

    fn decode(bytes: &[u8]) -> Result<Arc<Point>, CodecError> {
        <Self as ValueCodec<Point>>::decode(bytes).map(Arc::new)
    }
}

#[tokio::test]
async fn one_format_serves_several_types() {
    let cache = without_memory(&MemoryBackend::new());
    let shared = Arc::new(Point { x: 8, y: 9 });
    cache.entry("s").codec::<Text>().insert(Arc::clone(&shared)).await.unwrap();
    assert_eq!(cache.entry("s").codec::<Text>().get().await.unwrap(), Some(shared));
}
