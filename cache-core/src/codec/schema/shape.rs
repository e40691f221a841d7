//! The shapes that a type reads, for a comparison with its output.

use std::collections::HashMap;

use super::beyond::Refusals;
use super::kind::{Kind, Names};
use super::trace::Found;

/// How postcard writes a value without parts. Two types with the same form are read as each other without an
/// error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Bool,
    U8,
    I8,
    Unsigned,
    Signed,
    F32,
    F64,
    /// Texts, characters and bytes: a length, then the bytes.
    Bytes,
}

impl Wire {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "bool" => Self::Bool,
            "u8" => Self::U8,
            "i8" => Self::I8,
            "u16" | "u32" | "u64" | "u128" => Self::Unsigned,
            "i16" | "i32" | "i64" | "i128" => Self::Signed,
            "f32" => Self::F32,
            "f64" => Self::F64,
            "text" | "char" | "bytes" => Self::Bytes,
            _ => return None,
        })
    }
}

/// What the type reads at one place; its parts are given by their numbers.
#[derive(Debug)]
pub(crate) enum Shape {
    Unknown,
    Leaf(Wire),
    Unit,
    Option(usize),
    List(usize),
    Map(usize, usize),
    Parts(Parts),
    Enum { name: &'static str, variants: Names, contents: Vec<usize> },
}

/// The fields of a struct or a variant, or the parts of a tuple.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The names of fields, aliases included.
    pub(in crate::codec) names: Option<Names>,
    pub(in crate::codec) each: Vec<usize>,
    /// How many are read, if that is known.
    pub(in crate::codec) count: Option<usize>,
    /// How many of the names may be aliases, as far as is known.
    pub(in crate::codec) unsure: usize,
}

impl Parts {
    /// The shape of the part at `index`, in the order of `names` or of the parts.
    pub(in crate::codec) fn at(&self, index: usize) -> usize {
        self.each.get(index).copied().unwrap_or(Shapes::UNKNOWN)
    }

    /// Whether each name belongs to a different field.
    pub(in crate::codec) fn has_no_aliases(&self) -> bool {
        self.names.is_none_or(|names| self.count == Some(names.len())) && self.unsure == 0
    }
}

/// All shapes of a type.
#[derive(Debug)]
pub(crate) struct Shapes {
    all: Vec<Shape>,
    root: usize,
}

impl Shapes {
    pub(in crate::codec) const UNKNOWN: usize = 0;

    pub(super) fn of(found: &Found, refusals: &Refusals) -> Self {
        let all = vec![Shape::Unknown];
        let mut maker = Maker { found, refusals, all, known: HashMap::new() };
        let root = maker.at("root");
        Self { all: maker.all, root }
    }

    pub(in crate::codec) fn root(&self) -> usize {
        self.root
    }

    pub(in crate::codec) fn get(&self, index: usize) -> &Shape {
        self.all.get(index).unwrap_or(&Shape::Unknown)
    }
}

struct Maker<'a> {
    found: &'a Found,
    refusals: &'a Refusals,
    all: Vec<Shape>,
    known: HashMap<String, usize>,
}

impl Maker<'_> {
    /// The number of the shape at `place`.
    fn at(&mut self, place: &str) -> usize {
        if let Some(known) = self.known.get(place) {
            return *known;
        }
        let kind = self.found.kinds.get(place).copied().flatten();
        // A place that only refers to another one gets the other's number; a cycle of such places is unknown.
        self.known.insert(place.to_owned(), Shapes::UNKNOWN);
        let number = match kind {
            None => return Shapes::UNKNOWN,
            Some(Kind::Node(node)) => self.at(&format!("#{node}")),
            Some(Kind::Newtype(_) | Kind::NewtypeVariant) => self.at(&format!("{place}.0")),
            Some(kind) => {
                let number = self.all.len();
                self.all.push(Shape::Unknown);
                // Inserted before its parts, because they may contain it again.
                self.known.insert(place.to_owned(), number);
                self.all[number] = self.shape(place, kind);
                number
            }
        };
        self.known.insert(place.to_owned(), number);
        number
    }

    fn shape(&mut self, place: &str, kind: Kind) -> Shape {
        match kind {
            Kind::Leaf(name) => Wire::of(name).map_or(Shape::Unknown, Shape::Leaf),
            Kind::Unit | Kind::UnitStruct(_) | Kind::UnitVariant => Shape::Unit,
            Kind::Option => Shape::Option(self.at(&format!("{place}.some"))),
            Kind::List => Shape::List(self.at(&format!("{place}.each"))),
            Kind::Map => {
                let key = self.at(&format!("{place}.key"));
                Shape::Map(key, self.at(&format!("{place}.value")))
            }
            Kind::Struct(_, names) | Kind::StructVariant(names) => {
                Shape::Parts(self.parts(place, Some(names), names.len()))
            }
            Kind::Tuple(len) | Kind::TupleStruct(_, len) | Kind::TupleVariant(len) => {
                Shape::Parts(self.parts(place, None, len))
            }
            Kind::Enum(name, variants) => {
                let contents = (0..variants.len()).map(|way| self.at(&format!("{place}.{way}")));
                Shape::Enum { name, variants, contents: contents.collect() }
            }
            Kind::Node(_) | Kind::Newtype(_) | Kind::NewtypeVariant => Shape::Unknown,
            Kind::Anything | Kind::FieldsOfAnything | Kind::Name | Kind::Tag(_) => Shape::Unknown,
        }
    }

    fn parts(&mut self, place: &str, names: Option<Names>, len: usize) -> Parts {
        let by_name = self.refusals.reorder(place);
        let count = match by_name {
            true => Some(len - self.refusals.aliases(place).min(len)),
            false => self.found.parts.get(place).copied(),
        };
        let each = (0..len).map(|index| self.at(&format!("{place}.{index}"))).collect();
        Parts { names, each, count, unsure: self.refusals.unsure(place) }
    }
}
