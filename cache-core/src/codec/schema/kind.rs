//! What a type requests at one place.

use std::fmt;

/// The names of fields or variants, aliases included.
pub(crate) type Names = &'static [&'static str];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The node with this number.
    Node(usize),
    /// A value without parts, by its name in Rust.
    Leaf(&'static str),
    Unit,
    UnitStruct(&'static str),
    Newtype(&'static str),
    Tuple(usize),
    TupleStruct(&'static str, usize),
    Struct(&'static str, Names),
    Enum(&'static str, Names),
    Option,
    List,
    Map,
    UnitVariant,
    NewtypeVariant,
    TupleVariant(usize),
    StructVariant(Names),
    /// Any value that the bytes contain.
    Anything,
    /// The fields of a value that accepted anything, by the number of its place.
    FieldsOfAnything,
    /// The name of a variant among the values; the variants, if they are known.
    Name,
    Tag(Names),
}

/// A line of the text of which the fingerprint is a hash: changing these words makes every entry a miss once.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(number) => write!(f, "#{number}"),
            Self::Leaf(name) => f.write_str(name),
            Self::Unit | Self::UnitVariant => f.write_str("unit"),
            Self::UnitStruct(name) => write!(f, "unit {name}"),
            Self::Newtype(name) => write!(f, "newtype {name}"),
            Self::Tuple(len) | Self::TupleVariant(len) => write!(f, "tuple of {len}"),
            Self::TupleStruct(name, len) => write!(f, "tuple {name} of {len}"),
            Self::Struct(name, fields) => write!(f, "struct {name} {fields:?}"),
            Self::Enum(name, variants) => write!(f, "enum {name} {variants:?}"),
            Self::Option => f.write_str("option"),
            Self::List => f.write_str("list"),
            Self::Map => f.write_str("map"),
            Self::NewtypeVariant => f.write_str("newtype"),
            Self::StructVariant(fields) => write!(f, "struct {fields:?}"),
            Self::Anything => f.write_str("anything"),
            Self::FieldsOfAnything => f.write_str("fields"),
            Self::Name => f.write_str("name"),
            Self::Tag(names) => write!(f, "tag {names:?}"),
        }
    }
}
