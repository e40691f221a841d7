//! Key templates as sets of keys: whether two templates have a key in common.

use std::fmt;
use std::fmt::Display;

use super::buf::plain;

/// A part of the keys of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text of the programmer.
    Text(&'static str),
    /// The path of the function.
    Path,
    /// The place of the function, in addition to its path.
    Place,
    /// A placeholder.
    Value,
    /// A placeholder that is the whole argument at this position of the call, counted from zero.
    Argument(usize),
    /// The name of a type.
    Type,
    /// The type around the function, if that is generic.
    Instance,
    /// The trait around the function, if that is generic.
    TraitInstance,
    /// All arguments, in the form of automatic keys. Equal to the arguments of another function; compared
    /// with nothing else.
    Arguments {
        /// Whether types come first.
        types: bool,
        /// The positions of the arguments in the call, as far as they are known.
        positions: &'static [usize],
    },
}

/// The text of an `Option` that is `None`. No other argument's text contains a `!`.
pub(crate) const NONE: &str = "!none";

/// The types whose names are plain words. All other names have a `%` in keys, because of `::`, brackets and
/// the like.
const WORDS: [&str; 17] = [
    "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64",
    "i128", "isize", "f32", "f64",
];

/// One step of a template's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Byte(u8),
    Value,
    Type,
    Arguments,
}

/// A template that can be compared with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Step>);

impl Template {
    pub(crate) fn new(parts: impl IntoIterator<Item = Part>) -> Self {
        let mut steps = Vec::new();
        for part in parts {
            match part {
                Part::Text(text) => steps.extend(text.bytes().map(Step::Byte)),
                Part::Value | Part::Argument(_) => steps.push(Step::Value),
                Part::Type => steps.push(Step::Type),
                Part::Arguments { .. } => steps.push(Step::Arguments),
                // Keys with the function's path are compared with none. `Site::keys` replaces instances.
                Part::Path | Part::Place | Part::Instance | Part::TraitInstance => {}
            }
        }
        Self(steps)
    }

    /// Whether two different templates have a key in common.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self != other && meet(&self.0, &other.0)
    }
}

/// Whether two templates have a key in common. Walks through both at the same time and visits each pair of
/// positions once.
fn meet(first: &[Step], second: &[Step]) -> bool {
    let width = second.len() + 1;
    let mut seen = vec![false; (first.len() + 1) * width];
    let mut open = vec![(0, 0)];
    while let Some((i, j)) = open.pop() {
        if std::mem::replace(&mut seen[i * width + j], true) {
            continue;
        }
        let (rest, others) = (&first[i..], &second[j..]);
        match (rest.first(), others.first()) {
            (None, None) => return true,
            (Some(Step::Byte(a)), Some(Step::Byte(b))) if a == b => open.push((i + 1, j + 1)),
            (Some(Step::Byte(_)), Some(Step::Byte(_)))
            | (Some(Step::Arguments), _)
            | (_, Some(Step::Arguments)) => {}
            _ => {
                open.extend(
                    steps(rest, others).into_iter().map(|(own, other)| (i + own, j + other)),
                );
                open.extend(
                    steps(others, rest).into_iter().map(|(own, other)| (i + other, j + own)),
                );
            }
        }
    }
    false
}

/// The ways to continue from a value or a type at the start of `own`, as the numbers of steps taken in it and
/// in `other`. It ends, or takes a byte of `other`, or is one of the words that it may be as a whole.
fn steps(own: &[Step], other: &[Step]) -> Vec<(usize, usize)> {
    let words: &[&str] = match own.first() {
        Some(Step::Value) => &[NONE],
        Some(Step::Type) => &WORDS,
        _ => return Vec::new(),
    };
    let words = words.iter().filter_map(|word| starts_with(other, word)).map(|taken| (1, taken));
    let mut ways: Vec<_> = words.collect();
    match (own.first(), other.first()) {
        (Some(Step::Type), Some(Step::Type)) => ways.push((1, 1)),
        // The type may be the whole value.
        (Some(Step::Type), Some(Step::Value)) => ways.push((1, 0)),
        // A type's name is not empty, and the text of a template is no type's name.
        (Some(Step::Type), _) => {}
        _ => {
            ways.push((1, 0));
            ways.extend(taken(other).map(|taken| (0, taken)));
        }
    }
    ways
}

/// One step, if an argument's text may have this byte. (After a `%` an argument has two digits. This is not
/// checked, because few templates contain a `%`.)
fn taken(steps: &[Step]) -> Option<usize> {
    matches!(steps.first(), Some(Step::Byte(byte)) if plain(*byte) || *byte == b'%').then_some(1)
}

/// The number of steps of `word`, if they come next.
fn starts_with(steps: &[Step], word: &str) -> Option<usize> {
    let next = steps.iter().zip(word.bytes()).filter(|(step, byte)| **step == Step::Byte(*byte));
    (next.count() == word.len()).then_some(word.len())
}

/// Formats the template as an attribute has it, without the names of placeholders.
impl Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        for step in &self.0 {
            match step {
                Step::Byte(byte) => text.push(*byte),
                Step::Value | Step::Type => text.extend_from_slice(b"{}"),
                Step::Arguments => text.extend_from_slice(b".."),
            }
        }
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{}` is a value.
    fn template(text: &'static str) -> Template {
        let mut parts = Vec::new();
        for (at, text) in text.split("{}").enumerate() {
            parts.extend((at > 0).then_some(Part::Value));
            parts.push(Part::Text(text));
        }
        Template::new(parts)
    }

    #[test]
    fn what_overlaps() {
        for (first, second) in [
            ("users:{}", "users:all"),
            ("{}:{}", "secret:{}"),
            ("{}", "all"),
            ("{}", ""),
            ("user:get:{}", "user:get:"),
            ("{}-b:{}", "a-{}:c"),
            ("a{}b{}c", "abbc"),
            ("{}:{}:{}", "a:{}:{}"),
            ("page:{}", "page:!none"),
            ("page:{}:{}", "page:!none:{}"),
            ("{}/é", "é/{}"),
            ("{}%3A", "{}"),
        ] {
            assert!(template(first).overlaps(&template(second)), "{first} {second}");
            assert!(template(second).overlaps(&template(first)), "{second} {first}");
        }
    }

    #[test]
    fn what_does_not() {
        for (first, second) in [
            ("users:{}", "users:{}"),
            ("users:{}", "users"),
            ("users:{}", "users:{}:posts"),
            ("users:{}", "users:all/"),
            ("user:{}", "users:{}"),
            ("{}", "{}:{}"),
            ("{}:{}", "all"),
            ("{}#1", "{}#2"),
            ("v1/{}", "v2/{}"),
            ("by-id:{}<{}>", "by-id:{}"),
            ("page:{}", "page:!other"),
            ("a{}b", "a{}c"),
        ] {
            assert!(!template(first).overlaps(&template(second)), "{first} {second}");
            assert!(!template(second).overlaps(&template(first)), "{second} {first}");
        }
    }

    #[test]
    fn a_type_is_a_word_or_no_text() {
        let typed = |text| Template::new([Part::Type, Part::Text(text), Part::Value]);
        assert!(!typed(":").overlaps(&template("count:{}")));
        assert!(!typed(":").overlaps(&template(":{}")));
        assert!(typed(":").overlaps(&template("u8:{}")));
        assert!(typed(":").overlaps(&template("{}:{}")));
        assert!(!typed(":").overlaps(&typed(":")));
        assert!(typed(":").overlaps(&Template::new([Part::Type, Part::Text(":a")])));
    }

    #[test]
    fn arguments_overlap_with_nothing_else() {
        let arguments = Part::Arguments { types: false, positions: &[] };
        let model = |text| Template::new([Part::Text(text), arguments]);
        assert_eq!(model("user:get:"), model("user:get:"));
        assert!(!model("user:get:").overlaps(&template("user:get:{}")));
        assert!(!model("user:get:").overlaps(&model("user:list:")));
    }

    #[test]
    fn long_templates_are_compared_quickly() {
        let many: &'static str = ("a{}".repeat(60) + &"a".repeat(60)).leak();
        let others: &'static str = ("{}a".repeat(60) + "b").leak();
        assert!(!template(many).overlaps(&template(others)));
    }

    #[test]
    fn a_template_is_displayed_as_it_is_written() {
        assert_eq!(template("a:{}:é{}").to_string(), "a:{}:é{}");
    }
}
