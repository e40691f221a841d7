//! The place of a function: what surrounds it, and for which types it was compiled. The compiler's name of a
//! closure in the function has both.
//!
//! Such a name is the function's path with all its generic arguments, including those of an enclosing `impl`
//! block or trait, which attributes cannot see: `shop::Repo<shop::User>::all::{{closure}}`,
//! `<shop::Pg as shop::Find>::find<u8>::{{closure}}`.

use super::buf::KeyBuf;

/// The place of an attribute's function, as far as the attribute knows it.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The module.
    pub module: &'static str,
    /// What surrounds the function if it is directly in the module.
    pub around: &'static str,
    /// The name of a closure in the function in that case.
    pub whole: &'static str,
    /// Line, column and a hash of the function's text, to distinguish functions of one name.
    pub position: &'static str,
}

/// What a key contains about the place of its function, in addition to the function's path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// The type, trait or function around the function.
    pub(crate) around: Option<&'static str>,
    /// The position, if the name alone may be ambiguous.
    pub(crate) position: &'static str,
}

impl Place {
    /// For an automatic key, from the name of a closure in the function: what surrounds the function (a type
    /// with its arguments, an implementation of a trait, another function), unless that is just the module.
    pub(crate) fn written(&self, closure: &'static str) -> Written {
        let around = (closure != self.whole).then(|| enclosing(closure));
        let around = around.filter(|around| *around != self.around);
        let in_a_body = around.is_some_and(|around| is_in_a_body(around, self.module));
        Written { around, position: if in_a_body { self.position } else { "" } }
    }
}

impl Written {
    /// For a template, from the names of a closure and of an item in the function: the type of the method, if
    /// the type or the `impl` block is generic. Only the closure's name has the generic arguments. A generic
    /// trait is included.
    pub(crate) fn of_instance(closure: &'static str, item: &'static str) -> Self {
        let around = instance(closure, item).map(|(around, declared)| {
            match generic_trait(around, declared) {
                Some(_) => around,
                None => type_of(around),
            }
        });
        Self { around, position: "" }
    }

    /// For a template whose key already has the type: only the trait, if that is generic.
    pub(crate) fn of_trait(closure: &'static str, item: &'static str) -> Self {
        let around =
            instance(closure, item).and_then(|(around, declared)| generic_trait(around, declared));
        Self { around, position: "" }
    }
}

impl KeyBuf {
    /// Writes the place of the key's function.
    #[inline]
    pub(crate) fn place(&mut self, written: &Written) {
        if let Some(around) = written.around {
            self.literal("<");
            self.escaped(around);
            self.literal(written.position);
            self.literal(">");
        }
    }

    /// Writes the type of an argument, for `impl Trait`.
    pub fn generic_of<T: ?Sized>(&mut self, _: &T) {
        self.generic::<T>();
    }
}

/// What surrounds a function that is one of several instances, with and without generic arguments.
fn instance(closure: &'static str, item: &'static str) -> Option<(&'static str, &'static str)> {
    let function = closure.trim_end_matches(CLOSURE);
    let declared = item.rsplit_once("::").map_or(item, |(declared, _)| declared);
    let declared = declared.trim_end_matches(CLOSURE);
    if function == declared {
        return None;
    }
    let (around, declared) = (around(function), around(declared));
    (around != declared).then_some((around, declared))
}

/// The trait around the function, unless it is declared with the same arguments for all instances.
fn generic_trait(around: &'static str, declared: &str) -> Option<&'static str> {
    trait_of(around).filter(|of_trait| !declared.contains(of_trait))
}

const CLOSURE: &str = "::{{closure}}";

/// What surrounds a function, from the name of a closure in it: without the function and its own generic
/// arguments.
pub(crate) fn enclosing(closure: &'static str) -> &'static str {
    around(closure.trim_end_matches(CLOSURE))
}

fn around(function: &'static str) -> &'static str {
    let path = without_arguments(function);
    path.rsplit_once("::").map_or(path, |(around, _)| around)
}

/// `shop::Find<u8>` for `<shop::Pg as shop::Find<u8>>` and for
/// `shop::far::<impl shop::Find<u8> for shop::Pg>`.
fn trait_of(around: &str) -> Option<&str> {
    type_and_trait(around).1
}

/// `shop::Pg` for the same names, for `shop::far::<impl shop::Pg>`, and for `shop::Pg`.
fn type_of(around: &str) -> &str {
    type_and_trait(around).0
}

fn type_and_trait(around: &str) -> (&str, Option<&str>) {
    let group = around.find('<').filter(|at| is_qualified(around, *at));
    match group.and_then(|at| group_of(&around[at..])) {
        Some((inside, _)) => members(inside),
        None => (around, None),
    }
}

/// Splits `A as B`, `impl B for A` or `impl A` into `A` and, if there is one, `B`.
fn members(inside: &str) -> (&str, Option<&str>) {
    match inside.strip_prefix("impl ") {
        Some(implementation) => match split(implementation, " for ") {
            Some((of_trait, of_type)) => (of_type, Some(of_trait)),
            None => (implementation, None),
        },
        None => match split(inside, " as ") {
            Some((of_type, of_trait)) => (of_type, Some(of_trait)),
            None => (inside, None),
        },
    }
}

/// Whether a path in `around` leads through the body of a function of `module`. The compiler does not name
/// the block in a body, so two functions or types in it may have one name. (Case distinguishes functions from
/// types. Where it does not, a key has a superfluous position or lacks one; without it only one of two
/// functions is cached.)
fn is_in_a_body(around: &str, module: &str) -> bool {
    let path = around.trim_start_matches(['&', '[', '(']);
    if path.starts_with('<') {
        return is_group_in_a_body(path, module);
    }
    let Some(mut rest) = path.strip_prefix(module) else { return false };
    while let Some(segment) = rest.strip_prefix("::") {
        if segment.starts_with('<') {
            return is_group_in_a_body(segment, module);
        }
        if segment.starts_with(|c: char| c.is_lowercase() || c == '_' || c == '{') {
            return true;
        }
        rest = segment.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
        if rest.starts_with('<') {
            let Some((_, behind)) = group_of(rest) else { return false };
            rest = behind;
        }
    }
    false
}

/// The same for `<A as B>` and similar groups. A function follows such a group.
fn is_group_in_a_body(group: &str, module: &str) -> bool {
    let Some((inside, behind)) = group_of(group) else { return false };
    let (of_type, of_trait) = members(inside);
    let of_trait = of_trait.unwrap_or_default();
    !behind.is_empty() || is_in_a_body(of_type, module) || is_in_a_body(of_trait, module)
}

/// Whether the bracket at `at` begins a qualified path and not generic arguments.
fn is_qualified(path: &str, at: usize) -> bool {
    at == 0 || path[..at].ends_with("::")
}

/// The text inside the brackets at the start of `text`, and the text after them.
fn group_of(text: &str) -> Option<(&str, &str)> {
    let end = outside(text).find(|(at, depth, c)| *c == '>' && *depth == 0 && *at > 0)?.0;
    Some((text.get(1..end)?, text.get(end + 1..)?))
}

/// Splits `text` at the first `separator` outside brackets.
fn split<'t>(text: &'t str, separator: &str) -> Option<(&'t str, &'t str)> {
    let at =
        outside(text).find(|(at, depth, _)| *depth == 0 && text[*at..].starts_with(separator))?;
    Some((&text[..at.0], &text[at.0 + separator.len()..]))
}

/// The characters of `text`, each with the number of brackets that are open after it.
fn outside(text: &str) -> impl Iterator<Item = (usize, usize, char)> {
    let (mut depth, mut last) = (0_usize, ' ');
    text.char_indices().map(move |(at, c)| {
        // The arrow of `fn() -> T` closes nothing.
        match (c, std::mem::replace(&mut last, c)) {
            ('<', _) => depth += 1,
            ('>', before) if before != '-' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (at, depth, c)
    })
}

/// `shop::Repo::all` for `shop::Repo<shop::User>::all<u8>`: the common path of all instances of a function.
/// The type and the trait of `<shop::Pg as shop::Find>::find` stay.
pub(crate) fn without_generics(path: &str) -> String {
    let mut short = String::with_capacity(path.len());
    // For each open bracket: whether it is left out.
    let (mut open, mut last) = (Vec::new(), ' ');
    for c in path.chars() {
        // The arrow of `fn() -> T` closes nothing.
        let arrow = std::mem::replace(&mut last, c) == '-';
        match c {
            '<' => {
                let inside = open.last() == Some(&true);
                let arguments = short.ends_with(|c: char| c.is_alphanumeric() || c == '_');
                open.push(inside || arguments);
            }
            '>' if open.last() == Some(&true) && !arrow => {
                open.pop();
                continue;
            }
            _ => {}
        }
        if open.last() != Some(&true) {
            short.push(c);
            if c == '>' && !arrow {
                open.pop();
            }
        }
    }
    short
}

/// `f` for `f<A, B<C>>`.
fn without_arguments(function: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in function.char_indices().rev() {
        match c {
            // The arrow of `fn() -> T` opens nothing.
            '>' if function[..at].ends_with('-') => {}
            '>' => depth += 1,
            '<' if depth > 0 => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return if c == '<' { &function[..at] } else { function };
        }
    }
    function
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surroundings_of_a_function() {
        for (closure, around) in [
            ("shop::get::{{closure}}", "shop"),
            ("shop::get<u8, &str>::{{closure}}", "shop"),
            ("shop::Repo<u8>::all<3>::{{closure}}", "shop::Repo<u8>"),
            (
                "<shop::Repo<u16> as shop::Find<u8>>::find::{{closure}}",
                "<shop::Repo<u16> as shop::Find<u8>>",
            ),
            (
                "shop::far::<impl shop::Repo<u8>>::away::{{closure}}",
                "shop::far::<impl shop::Repo<u8>>",
            ),
            ("shop::get<fn(u8) -> a::B<u8>>::{{closure}}", "shop"),
            ("shop::outer::{{closure}}::get::{{closure}}", "shop::outer::{{closure}}"),
            ("odd<u8>>::{{closure}}", "odd<u8>>"),
        ] {
            assert_eq!(enclosing(closure), around);
        }
    }

    #[test]
    fn the_common_path_of_instances() {
        for (path, short) in [
            ("shop::get", "shop::get"),
            ("shop::get<u8, &str>", "shop::get"),
            ("shop::Repo<shop::User<u8>>::all<3>", "shop::Repo::all"),
            ("<shop::Repo<u16> as shop::Find<u8>>::find", "<shop::Repo as shop::Find>::find"),
            ("shop::far::<impl shop::Repo<u8>>::away", "shop::far::<impl shop::Repo>::away"),
            ("shop::get<fn(u8) -> a::B<u8>>", "shop::get"),
            ("odd<u8>>", "odd>"),
        ] {
            assert_eq!(without_generics(path), short);
        }
    }

    #[test]
    fn bodies_are_distinguished_from_modules_and_types() {
        for (around, expected) in [
            ("shop::m::outer", true),
            ("shop::m::Type", false),
            ("shop::m::Repo<shop::m::outer::Local>", false),
            ("shop::m::outer::Local", true),
            ("shop::m::Type<u8>::method", true),
            ("shop::m::outer::{{closure}}", true),
            ("shop::m::{{closure}}", true),
            ("shop::m::<impl shop::far::Type>", false),
            ("shop::m::outer::<impl shop::far::Type>", true),
            ("<shop::m::Type as shop::m::Find>", false),
            ("<shop::m::Type as shop::m::Find>::find", true),
            ("<shop::m::outer::Local as shop::m::Find<u8>>", true),
            ("<&shop::m::outer::Local as shop::m::Find>", true),
            ("<u8 as shop::m::outer::Find>", true),
            ("<alloc::vec::Vec<u8> as shop::m::Find>", false),
            ("<fn(u8) -> shop::B<u8> as shop::m::Find>", false),
            ("shop::m::<impl shop::far::Find for shop::far::a::B>", false),
            ("odd<u8>>", false),
            ("<odd", false),
        ] {
            assert_eq!(is_in_a_body(around, "shop::m"), expected, "{around}");
        }
    }

    #[test]
    fn the_type_and_the_trait_of_an_implementation() {
        for (around, of_type, of_trait) in [
            ("<shop::Pg as shop::Find<u8>>", "shop::Pg", Some("shop::Find<u8>")),
            ("<shop::Pg<fn() -> u8> as shop::Find>", "shop::Pg<fn() -> u8>", Some("shop::Find")),
            ("shop::far::<impl shop::Find<u8> for shop::Pg>", "shop::Pg", Some("shop::Find<u8>")),
            ("shop::far::<impl shop::Pg<u8>>", "shop::Pg<u8>", None),
            ("shop::Pg<u8>", "shop::Pg<u8>", None),
            ("shop", "shop", None),
        ] {
            assert_eq!(type_and_trait(around), (of_type, of_trait), "{around}");
        }
    }

    macro_rules! written {
        ($of:ident) => {{
            enum Item {}
            fn name<T>() -> &'static str {
                std::any::type_name::<T>()
            }
            fn closure<F: Fn()>(_: F) -> &'static str {
                name::<F>()
            }
            Written::$of(closure(|| {}), name::<Item>())
                .around
                .map(|around| around.replace("cache_core::key::place::tests", "m"))
        }};
    }

    struct Of<T>(T);
    trait Find<D> {
        fn default(&self) -> [Option<String>; 2] {
            [written!(of_instance), written!(of_trait)]
        }
        fn find(&self) -> [Option<String>; 2];
    }

    impl<T> Of<T> {
        fn method<U>(&self, _: U) -> [Option<String>; 2] {
            [written!(of_instance), written!(of_trait)]
        }
    }
    impl Of<&'static str> {
        fn of_one(&self) -> [Option<String>; 2] {
            [written!(of_instance), written!(of_trait)]
        }
    }
    impl<T, D> Find<D> for Of<T> {
        fn find(&self) -> [Option<String>; 2] {
            [written!(of_instance), written!(of_trait)]
        }
    }
    impl Find<u8> for u8 {
        fn find(&self) -> [Option<String>; 2] {
            [written!(of_instance), written!(of_trait)]
        }
    }

    mod far {
        use super::*;
        impl<T> Of<T> {
            pub(super) fn elsewhere(&self) -> [Option<String>; 2] {
                [written!(of_instance), written!(of_trait)]
                    .map(|of| of.map(|of| of.replace("::far", "")))
            }
        }
    }

    fn free<T>(_: T) -> [Option<String>; 2] {
        [written!(of_instance), written!(of_trait)]
    }

    #[test]
    fn instances_are_told_from_what_has_one() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(free(3_u8), [None, None]);
        assert_eq!(Of("a").of_one(), [None, None]);
        assert_eq!(Of(1_u8).method("a"), [some("m::Of<u8>"), None]);
        assert_eq!(Of(1_u8).method(2), Of(1_u8).method("a"));
        assert_eq!(Of(1_u8).elsewhere(), [some("m::Of<u8>"), None]);
        let find = [some("<m::Of<u8> as m::Find<i8>>"), some("m::Find<i8>")];
        assert_eq!(Find::<i8>::find(&Of(1_u8)), find);
        assert_eq!(Find::<i8>::default(&Of(1_u8)), find);
        assert_eq!(Find::<u8>::find(&1_u8), [None, None]);
    }
}
