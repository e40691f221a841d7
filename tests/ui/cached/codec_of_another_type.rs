use larder::cached;
use larder::codec::{CodecError, ValueCodec};

#[derive(Clone)]
struct NoSerde;

struct Numbers;

impl ValueCodec<u64> for Numbers {
    const NAME: &'static str = "numbers";

    fn encode(value: &u64) -> Result<Vec<u8>, CodecError> {
        Ok(value.to_be_bytes().to_vec())
    }

    fn decode(bytes: &[u8]) -> Result<u64, CodecError> {
        Ok(u64::from_be_bytes(bytes.try_into()?))
    }
}

#[cached(key = "a", codec = Numbers)]
async fn not_its_type() -> String {
    String::new()
}

#[cached(key = "b", codec = messagepack)]
async fn without_serde() -> NoSerde {
    NoSerde
}

#[cached(key = "c", codec = Numbers)]
async fn optional() -> Option<u64> {
    None
}

#[cached(key = "d", codec = NoSerde)]
async fn no_codec() -> u64 {
    1
}

fn main() {}
