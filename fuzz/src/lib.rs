//! The common part of the targets.

use std::collections::BTreeMap;
use std::time::Duration;

use cache_core::__testing::bytes::{Forged, encode, forge, read};
use cache_core::{Codec, RemoteValue};
use serde::{Deserialize, Serialize};

/// The namespace and key of the values.
pub const PLACE: (&str, &str) = ("fuzz", "key");

/// Examples of all data types of serde.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Shape {
    Nothing,
    Numbers(u8, i16, u32, i64, u128),
    Floats([f32; 2], f64),
    Text { text: String, letter: char, flag: bool },
    List(Vec<Shape>),
    Named(BTreeMap<String, Option<Shape>>),
    Keyed(BTreeMap<i32, Duration>),
    Boxed(Box<(Shape, Shape)>),
    Outcome(Result<u8, String>),
}

/// A type that contains itself directly.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Chain(Option<Box<Chain>>);

/// A type that serde reads by its content.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Either {
    Number(i64),
    Text(String),
    List(Vec<Either>),
    Tagged(Tagged),
}

/// Another such type.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Tagged {
    One { x: u8 },
    Two { next: Option<Box<Either>> },
}

/// Reads a payload of `codec` as several types.
pub fn payload(codec: Codec, payload: &[u8]) {
    settled::<Shape>(codec, payload);
    settled::<Vec<Shape>>(codec, payload);
    settled::<Chain>(codec, payload);
    settled::<Vec<()>>(codec, payload);
    if codec != Codec::Postcard {
        settled::<Either>(codec, payload);
    }
}

/// A value that can be read and written must be the same when it is read again.
fn settled<T: RemoteValue>(codec: Codec, payload: &[u8]) {
    let reading = |payload: &[u8]| {
        let forged = Forged { codec, compression: 0, length: payload.len() as u64, payload };
        read::<T>(PLACE, &forge::<T>(PLACE, &forged))
    };
    let Some(value) = reading(payload) else { return };
    let Ok(written) = encode(codec, &value) else { return };
    let again = reading(&written).expect("a written value can be read");
    assert_eq!(encode(codec, &again), Ok(written), "the value changed");
}
