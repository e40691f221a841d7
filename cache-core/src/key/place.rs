//! Where a function stands, and for which types it was compiled: what the compiler's name of a closure in it says.
//!
//! Such a name is the function's path with all that it is generic over, also by an `impl` block or a trait around it, which
//! attributes cannot see: `shop::Repo<shop::User>::all::{{closure}}`, `<shop::Pg as shop::Find>::find<u8>::{{closure}}`.

use std::any::type_name;

use super::KeyBuf;

impl KeyBuf {
    /// What stands around the function in which `_closure` stands (a type with its arguments, an implementation of a trait,
    /// another function), unless it is just the module `around`. `whole` is the closure's name in that case.
    #[inline]
    pub fn place<F: Fn()>(&mut self, _closure: F, around: &'static str, whole: &'static str) {
        if type_name::<F>() != whole {
            self.unusual_place(enclosing(type_name::<F>()), around);
        }
    }

    fn unusual_place(&mut self, enclosing: &str, around: &str) {
        if enclosing != around {
            self.literal("<");
            self.escaped(enclosing);
            self.literal(">");
        }
    }

    /// The type of an argument: what `impl Trait` stands for.
    pub fn generic_of<T: ?Sized>(&mut self, _: &T) {
        self.generic::<T>();
    }
}

/// The name of what a function stands in, by the name of a closure in it: without the function, and without its own generics.
pub(crate) fn enclosing(closure: &'static str) -> &'static str {
    let function = closure.strip_suffix("::{{closure}}").unwrap_or(closure);
    let path = without_arguments(function);
    path.rsplit_once("::").map_or(path, |(around, _)| around)
}

/// `shop::Repo::all` of `shop::Repo<shop::User>::all<u8>`: what all instances of a function have in common. The type and the
/// trait of `<shop::Pg as shop::Find>::find` stay.
pub(crate) fn without_generics(path: &str) -> String {
    let mut short = String::with_capacity(path.len());
    // Of each bracket that is open: whether it is left out.
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

/// `f` of `f<A, B<C>>`.
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
    fn what_stands_around_a_function() {
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
    fn what_instances_have_in_common() {
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

    struct Of<T>(T);

    impl<T> Of<T> {
        fn key<U>(&self, _: U) -> KeyBuf {
            let mut key = KeyBuf::new();
            key.place(|| {}, module_path!(), "");
            key
        }
    }

    fn free<T>(_: T) -> KeyBuf {
        let mut key = KeyBuf::new();
        key.place(|| {}, module_path!(), concat!(module_path!(), "::free::{{closure}}"));
        key
    }

    #[test]
    fn the_compiler_names_functions_as_is_expected_of_it() {
        assert_eq!(free(3_u8).as_str(), "");
        let [eight, sixteen] = [Of(1_u8).key("a"), Of(1_u8).key(2)];
        assert_eq!(eight.as_str(), sixteen.as_str());
        assert!(eight.as_str().contains("Of%3Cu8%3E"), "{eight:?}");
        assert_ne!(eight.as_str(), Of(1_u16).key("a").as_str());
    }
}
