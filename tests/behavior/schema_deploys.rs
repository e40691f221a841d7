//! A release changes a type, and one of its fields rejects every made-up value. Both forms have the same name, path,
//! size and alignment, as in two builds of one program: an entry of the old build is never read as another value.

use std::any::type_name;
use std::collections::HashMap;
use std::fmt::Debug;

use larder::{Cache, RemoteValue, codec::Codec};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::stored::Store;

/// Deserializes only ids with the prefix of its own service: `usr_` and a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
struct Id(String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let number = text.strip_prefix("usr_").and_then(|number| number.parse::<u64>().ok());
        number.map(|_| Self(text)).ok_or_else(|| D::Error::custom("no id of a user"))
    }
}

fn id() -> Id {
    Id("usr_7".to_owned())
}

/// A derived `Serialize` with a `Deserialize` that rejects most values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "u16")]
struct Year(u16);

impl TryFrom<u16> for Year {
    type Error = String;
    fn try_from(year: u16) -> Result<Self, String> {
        (3_000..3_010).contains(&year).then_some(Self(year)).ok_or_else(|| year.to_string())
    }
}

/// An entry of the old build is a miss in the new one, or reads as the same text.
async fn deployed<Old: RemoteValue + Debug, New: RemoteValue + Debug>(old: Old, new: New) {
    assert_eq!(type_name::<Old>(), type_name::<New>());
    assert_eq!((size_of::<Old>(), align_of::<Old>()), (size_of::<New>(), align_of::<New>()));
    for codec in [Codec::Postcard, Codec::Json, Codec::MessagePack] {
        let cache = Store::default().cache(|builder| builder.codec(codec));
        read_elsewhere::<Old, New>(&cache, old.clone()).await;
        read_elsewhere::<New, Old>(&cache, new.clone()).await;
    }
}

async fn read_elsewhere<Old: RemoteValue + Debug, New: RemoteValue + Debug>(
    cache: &Cache,
    value: Old,
) {
    cache.insert("key", value.clone()).await.unwrap();
    let again = cache.get::<Old>("key").await.unwrap();
    assert_eq!(format!("{again:?}"), format!("{:?}", Some(&value)), "its own build reads it");
    if let Some(other) = cache.get::<New>("key").await.unwrap() {
        assert_eq!(text(&other), text(&value), "read as something else");
    }
}

/// The contents of a value, whatever the order of its fields is.
fn text<T: Debug>(value: &T) -> Vec<u8> {
    let mut text: Vec<u8> = format!("{value:?}").into();
    text.sort_unstable();
    text
}

/// Two forms of types that are declared in one function, so the compiler gives both the same names.
macro_rules! deploys {
    ($($(#[$doc:meta])* $name:ident: { $($old:item)* } = $was:expr, { $($new:item)* } = $is:expr;)*) => { $(
        $(#[$doc])*
        #[tokio::test]
        async fn $name() {
            let old = {
                $(#[derive(Clone, Debug, Serialize, Deserialize)] #[allow(dead_code)] $old)*
                $was
            };
            let new = {
                $(#[derive(Clone, Debug, Serialize, Deserialize)] #[allow(dead_code)] $new)*
                $is
            };
            deployed(old, new).await;
        }
    )* };
}

deploys! {
    variants_are_reordered:
        { struct User { id: Id, role: Role } enum Role { Guest, Admin } }
            = User { id: id(), role: Role::Guest },
        { struct User { id: Id, role: Role } enum Role { Admin, Guest } }
            = User { id: id(), role: Role::Guest };
    fields_are_swapped:
        { struct User { id: Id, low: u32, high: u32 } } = User { id: id(), low: 1, high: 22 },
        { struct User { id: Id, high: u32, low: u32 } } = User { id: id(), high: 22, low: 1 };
    unsigned_becomes_signed:
        { struct User { id: Id, balance: u32 } } = User { id: id(), balance: 2 },
        { struct User { id: Id, balance: i32 } } = User { id: id(), balance: 2 };
    a_field_is_renamed:
        { struct User { id: Id, cents: u32 } } = User { id: id(), cents: 2 },
        { struct User { id: Id, euros: u32 } } = User { id: id(), euros: 2 };
    a_year_comes_first:
        { struct Film { year: Year, kind: Kind } enum Kind { Short, Long } }
            = Film { year: Year(3_001), kind: Kind::Short },
        { struct Film { year: Year, kind: Kind } enum Kind { Long, Short } }
            = Film { year: Year(3_001), kind: Kind::Short };
    two_that_refuse:
        { struct User { id: Id, year: Year, a: u16, b: u16 } }
            = User { id: id(), year: Year(3_001), a: 1, b: 22 },
        { struct User { id: Id, year: Year, b: u16, a: u16 } }
            = User { id: id(), year: Year(3_001), b: 22, a: 1 };
    in_a_list_of_structs:
        { struct Page { users: Vec<User>, total: u64 } struct User { id: Id, role: Role } enum Role { Guest, Admin } }
            = Page { users: vec![User { id: id(), role: Role::Guest }], total: 1 },
        { struct Page { users: Vec<User>, total: u64 } struct User { id: Id, role: Role } enum Role { Admin, Guest } }
            = Page { users: vec![User { id: id(), role: Role::Guest }], total: 1 };
    behind_a_struct_that_refuses:
        { struct Page { user: User, total: u32 } struct User { id: Id, age: u8 } }
            = Page { user: User { id: id(), age: 1 }, total: 2 },
        { struct Page { user: User, total: i32 } struct User { id: Id, age: u8 } }
            = Page { user: User { id: id(), age: 1 }, total: 2 };
    in_a_variant:
        { enum Event { Moved { id: Id, from: u8, to: u8 }, Gone } }
            = Event::Moved { id: id(), from: 1, to: 22 },
        { enum Event { Moved { id: Id, to: u8, from: u8 }, Gone } }
            = Event::Moved { id: id(), to: 22, from: 1 };
    variants_that_hold_it:
        { enum Owner { User(Id), Team(Id), Nobody } } = Owner::User(id()),
        { enum Owner { Team(Id), User(Id), Nobody } } = Owner::User(id());
    in_an_option:
        { struct Order { buyer: Option<Id>, state: State } enum State { Open, Paid } }
            = Order { buyer: Some(id()), state: State::Open },
        { struct Order { buyer: Option<Id>, state: State } enum State { Paid, Open } }
            = Order { buyer: Some(id()), state: State::Open };
    /// The schema behind a key or in a tuple stays unknown, so a codec with names must be used.
    behind_a_key:
        { struct Roles { by_id: HashMap<Id, Role> } enum Role { Guest, Admin } }
            = Roles { by_id: [(id(), Role::Guest)].into() },
        { struct Roles { by_id: HashMap<Id, Role> } enum Role { Admin, Guest } }
            = Roles { by_id: [(id(), Role::Guest)].into() };
    in_a_tuple:
        { struct Member(Id, Role); enum Role { Guest, Admin } } = Member(id(), Role::Guest),
        { struct Member(Id, Role); enum Role { Admin, Guest } } = Member(id(), Role::Guest);
    unsigned_becomes_signed_in_a_tuple:
        { struct Member(Id, u32); } = Member(id(), 2),
        { struct Member(Id, i32); } = Member(id(), 2);
    fields_are_swapped_within_a_tuple:
        { struct Member(Id, Limits); struct Limits { low: u32, high: u32 } }
            = Member(id(), Limits { low: 1, high: 22 }),
        { struct Member(Id, Limits); struct Limits { high: u32, low: u32 } }
            = Member(id(), Limits { high: 22, low: 1 });
}

/// A schema that is known in spite of the rejecting field needs no other codec.
#[tokio::test]
async fn the_fast_codec_is_kept() {
    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct User {
        id: Id,
        year: Option<Year>,
        name: String,
    }
    let user = User { id: id(), year: Some(Year(3_001)), name: "a".to_owned() };
    assert!(larder::testing::bytes::encode(Codec::Postcard, &user).is_ok());
    let error = larder::testing::bytes::encode(Codec::Postcard, &(id(), 7u8));
    assert!(error.unwrap_err().contains("not all of its schema"));
}
