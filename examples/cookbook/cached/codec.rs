//! `codec`: the format of a function's values in the remote tier. `json`, `messagepack` and `postcard` are larder's; any other is
//! a type with the trait `ValueCodec`, and the values then need no serde.

use larder::backend::MemoryBackend;
use larder::codec::{CodecError, ValueCodec};
use larder::{Cache, cached, testing::Kit};

#[cached(key = "names", codec = json)]
async fn names() -> Vec<String> {
    vec!["Ada".to_owned(), "Grace".to_owned()]
}

#[derive(Clone)]
struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

/// Colours as three bytes.
struct Rgb;

impl ValueCodec<Colour> for Rgb {
    const NAME: &'static str = "rgb";

    fn encode(colour: &Colour) -> Result<Vec<u8>, CodecError> {
        Ok(vec![colour.red, colour.green, colour.blue])
    }

    fn decode(bytes: &[u8]) -> Result<Colour, CodecError> {
        let [red, green, blue] = bytes.try_into()?;
        Ok(Colour { red, green, blue })
    }
}

#[cached(key = "colour:{name}", codec = Rgb)]
async fn colour(name: &str) -> Colour {
    Colour { red: 255, green: name.len() as u8, blue: 0 }
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    // A stand-in for Redis.
    Cache::builder().no_memory().remote(MemoryBackend::new()).build()?.install();
    for _ in 0..2 {
        names().await;
        let Colour { red, green, blue } = colour("tomato").await;
        println!("    tomato is #{red:02x}{green:02x}{blue:02x}");
    }
    for found in [names().inspect().await?, colour("tomato").inspect().await?] {
        let encoding = found.remote.and_then(|entry| entry.encoding).ok_or("nothing is stored")?;
        println!("    {}: {} bytes of {}", found.key, encoding.value_bytes, encoding.codec);
    }
    kit.expect().loads(2).remote_hits(2);
    Ok(())
}
