//! Types that serialize and deserialize differently: never a wrong value, and an error that names a fix.

use std::fmt::Debug;

use larder::testing::assert_round_trip;
use larder::testing::bytes::{Forged, encode, forge, read};
use larder::{Error, RemoteValue, codec::Codec};
use serde::{Deserialize, Serialize};

use crate::stored::Store;

const ALL: [Codec; 3] = [Codec::Postcard, Codec::Json, Codec::MessagePack];

/// As in a release build: an encoded value decodes as the same value, or encoding fails.
fn is_honest<T: RemoteValue + PartialEq + Debug>(value: &T) {
    for codec in ALL {
        if let Ok(payload) = encode(codec, value) {
            let length = payload.len() as u64;
            let forged = Forged { codec, compression: 0, length, payload: &payload };
            let place = ("ns", "value");
            let read = read::<T>(place, &forge::<T>(place, &forged));
            assert_eq!(read.as_ref(), Some(value), "{codec:?}: {payload:?}");
        }
    }
}

/// A stored value comes back, whatever codec represents it.
async fn kept<T: RemoteValue + PartialEq + Debug>(value: T) {
    is_honest(&value);
    for codec in ALL {
        let store = Store::default();
        let cache = store.cache(|builder| builder.codec(codec));
        cache.insert("value", value.clone()).await.unwrap();
        assert_eq!(cache.get::<T>("value").await.unwrap(), Some(value.clone()), "{codec:?}");
    }
}

/// Nothing is stored, and the error contains all of `words`.
async fn refused<T: RemoteValue + PartialEq + Debug>(value: T, words: &[&str]) {
    is_honest(&value);
    for codec in ALL {
        let store = Store::default();
        let cache = store.cache(|builder| builder.codec(codec));
        let error = cache.insert("value", value.clone()).await.expect_err("it would be lost");
        assert!(matches!(error, Error::Encode { .. }), "{error:?}");
        for word in words {
            assert!(error.to_string().contains(word), "{codec:?}: no {word:?} in {error}");
        }
        assert!(store.is_empty("ns:value").await);
        assert_eq!(cache.stats().refused, 1);
        assert_eq!(cache.stats().stores, 0, "nothing has it");
    }
}

/// Serde includes skipped variants in the numbers that it writes, and excludes them from those that it reads.
#[tokio::test]
async fn a_variant_is_skipped() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Amount {
        #[serde(skip)]
        Unknown,
        Credit(u64),
        Debit(u64),
    }
    kept(Amount::Credit(5)).await;
    kept(Amount::Debit(5)).await;
    kept(vec![Some(Amount::Debit(0))]).await;
    refused(Amount::Unknown, &[]).await;
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Last {
        Credit(u64),
        #[serde(skip_deserializing)]
        Unknown,
    }
    kept(Last::Credit(5)).await;
    refused(Last::Unknown, &["`Unknown`", "skip_deserializing"]).await;
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Units {
        #[serde(skip_deserializing)]
        A,
        B,
        C,
    }
    kept(Units::B).await;
    kept(Units::C).await;
    refused(Units::A, &["`A`"]).await;
}

#[tokio::test]
async fn fields_that_are_only_written_or_only_read() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Row {
        #[serde(skip_deserializing)]
        id: u64,
        balance: u64,
        #[serde(skip_serializing, default)]
        limit: u64,
    }
    refused(Row { id: 1, balance: 2, limit: 3 }, &["`Row`", "skip_serializing", "#[serde(skip)]"])
        .await;
    refused(vec![Row { id: 0, balance: 0, limit: 3 }], &["limit"]).await;
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct User {
        name: String,
        #[serde(skip_serializing, default)]
        password_hash: String,
    }
    let user = User { name: "a".to_owned(), password_hash: "b".to_owned() };
    refused(Some(user), &["password_hash", "#[serde(skip)]"]).await;
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Numbered {
        name: String,
        #[serde(skip_deserializing)]
        id: u64,
    }
    refused(Numbered { name: "a".to_owned(), id: 7 }, &["`id`", "skip_deserializing"]).await;
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Event {
        Moved {
            from: u8,
            #[serde(skip_serializing, default)]
            to: u8,
        },
        Pair(u8, #[serde(skip_serializing, default)] u8),
        Gone,
    }
    kept(Event::Gone).await;
    refused(Event::Moved { from: 1, to: 2 }, &["`Moved`", "to"]).await;
    refused(Event::Pair(1, 2), &["`Pair`"]).await;
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Pair(#[serde(skip_deserializing)] u8, u8, u8);
    refused(Pair(1, 2, 3), &["`Pair`"]).await;
}

/// Fields written by hand, or by another type than the one that reads them.
#[tokio::test]
async fn other_fields_are_written_than_read() {
    #[derive(Clone, Debug, PartialEq, Deserialize)]
    struct Swapped {
        a: u8,
        b: u8,
    }
    impl Serialize for Swapped {
        fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeStruct;
            let mut to = to.serialize_struct("Swapped", 2)?;
            to.serialize_field("b", &self.b)?;
            to.serialize_field("a", &self.a)?;
            to.end()
        }
    }
    kept(Swapped { a: 1, b: 2 }).await;
    fn as_text<S: serde::Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&number.to_string())
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Text {
        #[serde(serialize_with = "as_text")]
        number: u64,
        other: u64,
    }
    refused(Text { number: 12, other: 1 }, &[]).await;
    fn as_signed<S: serde::Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(i64::try_from(*number).unwrap())
    }
    /// A signed number is read as an unsigned one.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Signed {
        #[serde(serialize_with = "as_signed")]
        number: u64,
    }
    kept(Signed { number: 12 }).await;
}

/// Types that look different but are not.
#[tokio::test]
async fn values_that_survive_a_round_trip_are_stored() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Aliased {
        #[serde(alias = "identifier", alias = "aa")]
        id: u64,
        #[serde(default)]
        kind: Kind,
        #[serde(skip)]
        seen: bool,
        #[serde(alias = "z")]
        last: Option<String>,
    }
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    enum Kind {
        #[default]
        #[serde(alias = "first", alias = "zero")]
        A,
        B(u8),
        #[serde(alias = "third")]
        C {
            x: u8,
        },
        #[serde(skip)]
        #[allow(dead_code)]
        Never,
    }
    for kind in [Kind::A, Kind::B(1), Kind::C { x: 1 }] {
        kept(Aliased { id: 1, kind, seen: false, last: None }).await;
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type")]
    struct Tagged {
        a: u8,
    }
    kept(Tagged { a: 1 }).await;
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Upstream {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        nickname: Option<String>,
        tags: std::collections::HashSet<u64>,
        by_id: std::collections::HashMap<u64, (u8, String)>,
    }
    let tags = (0..50).collect();
    let by_id = (0..50).map(|id| (id, (1, id.to_string()))).collect();
    kept(Upstream { nickname: None, tags, by_id }).await;
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(into = "(u8, String)", from = "(u8, String)")]
    struct Into(u8, String);
    impl From<(u8, String)> for Into {
        fn from((number, text): (u8, String)) -> Self {
            Self(number, text)
        }
    }
    impl From<Into> for (u8, String) {
        fn from(Into(number, text): Into) -> Self {
            (number, text)
        }
    }
    kept(Into(1, "a".to_owned())).await;
}

/// The names differ but the order is the same, so only a codec with names cannot represent the value.
#[tokio::test]
async fn a_field_has_another_name_when_it_is_read() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Account {
        #[serde(rename(deserialize = "accountId"))]
        id: u64,
        name: String,
    }
    kept(Account { id: 7, name: "a".to_owned() }).await;
}

/// The test kit's assertion detects differences that the bytes do not show.
#[test]
fn the_assertion_compares_values() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Skipping {
        name: String,
        #[serde(skip)]
        seen: bool,
    }
    let fresh = Skipping { name: "a".to_owned(), seen: false };
    assert_round_trip(&fresh);
    let seen = Skipping { seen: true, ..fresh };
    let lost = std::panic::catch_unwind(|| assert_round_trip(&seen)).unwrap_err();
    let message = lost.downcast_ref::<String>().unwrap();
    assert!(message.contains("another value") && message.contains("seen: false"), "{message}");
    let refused = std::panic::catch_unwind(|| assert_round_trip(&Mixed::Large { number: 1 }));
    refused.expect_err("no codec can represent it");
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Mixed {
    Large { number: u128 },
}
