//! The function behind a call, as a type: what is known about it without a call.

use std::any::type_name;

use super::batch::LoadEach;
use super::load::Load;
use super::{Batch, Call};
use crate::engine::{Inside, LeadTexts, Site};

/// A function with an attribute. Each expansion has a type of its own that implements this.
pub trait Described {
    /// How many leading arguments of a call can be part of a pattern of its keys.
    const LEADS: usize;
    /// Whether its values are in cells.
    const IN_CELLS: bool = false;
    /// Whether the arguments of a call tell its cache.
    const BY_HANDLE: bool = false;
    /// Its static data.
    fn site() -> &'static Site;
}

/// What a cached function returns: a call, from whose type the function follows.
pub trait Returned {
    /// The function.
    type Function: Described;
    /// The compiler's name of a closure in this instance of the function.
    fn closure() -> &'static str;
}

impl<L: Load> Returned for Call<L> {
    type Function = L::Function;
    fn closure() -> &'static str {
        L::closure()
    }
}

impl<L: LoadEach> Returned for Batch<L> {
    type Function = L::Function;
    fn closure() -> &'static str {
        L::closure()
    }
}

/// The names in the function of `R`.
pub(crate) fn inside<R: Returned>() -> Inside {
    Inside { closure: R::closure(), item: type_name::<R::Function>() }
}

/// A cached function: one with `#[cached]`, whose parameters are `Args`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a cached function",
    label = "a `#[cached]` async function is expected here",
    note = "a `#[cached]` sync function is written `call!(f)`",
    note = "a function that returns a boxed future, as `#[async_trait]` makes them, tells nothing about its cache: evict by `key`, `pattern` \
            or `tags`"
)]
pub trait CachedFunction<Args> {
    #[doc(hidden)]
    type Returned: Returned;
}

/// The parameters of a function.
pub trait Parameters {
    #[doc(hidden)]
    type First;
    #[doc(hidden)]
    type Rest;
}

/// The type of an argument for which the function has no parameter.
#[derive(Debug)]
pub enum NoSuchParameter {}

impl Parameters for () {
    type First = NoSuchParameter;
    type Rest = ();
}

macro_rules! functions {
    ($(($($arg:ident)*))*) => { $(
        impl<F, R, $($arg),*> CachedFunction<($($arg,)*)> for F
        where
            F: Fn($($arg),*) -> R,
            R: Returned,
        {
            type Returned = R;
        }
    )* };
}

macro_rules! parameters {
    ($(($first:ident $($rest:ident)*))*) => { $(
        impl<$first, $($rest),*> Parameters for ($first, $($rest,)*) {
            type First = $first;
            type Rest = ($($rest,)*);
        }
    )* };
}

functions! {
    () (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E G) (A B C D E G H) (A B C D E G H I) (A B C D E G H I J)
    (A B C D E G H I J K) (A B C D E G H I J K L) (A B C D E G H I J K L M)
}

parameters! {
    (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E G) (A B C D E G H) (A B C D E G H I) (A B C D E G H I J)
    (A B C D E G H I J K) (A B C D E G H I J K L) (A B C D E G H I J K L M)
}

/// A leading argument of a call. Expansions call `(&&&Lead(&id)).template()` and `(&Lead(&id)).automatic()`, and method
/// resolution finds the first implementation that the type of the argument allows.
#[derive(Debug)]
pub struct Lead<'a, T: ?Sized>(pub &'a T);

mod lead {
    use std::fmt::Display;

    use serde::Serialize;

    use super::Lead;
    use crate::key::{Field, KeyBuf, PushExact};

    /// An argument that may be in an automatic key.
    pub trait LeadSerialize {
        /// Its text.
        fn automatic(&self) -> Option<KeyBuf>;
    }

    impl<T: Serialize + ?Sized> LeadSerialize for Lead<'_, T> {
        fn automatic(&self) -> Option<KeyBuf> {
            let mut text = KeyBuf::new();
            text.arg(self.0);
            Some(text)
        }
    }

    /// An argument that is in no automatic key.
    pub trait LeadSkipped {
        /// Nothing.
        fn automatic(&self) -> Option<KeyBuf> {
            None
        }
    }

    impl<T: ?Sized> LeadSkipped for &Lead<'_, T> {}

    /// An argument with a form of its own in templates.
    pub trait LeadExact {
        /// Its text.
        fn template(&self) -> Option<KeyBuf>;
    }

    impl<'a, T: ?Sized> LeadExact for &&Lead<'a, T>
    where
        Field<'a, T>: PushExact,
    {
        fn template(&self) -> Option<KeyBuf> {
            let mut text = KeyBuf::new();
            Field(self.0).push(&mut text);
            Some(text)
        }
    }

    /// An argument that may be in a template.
    pub trait LeadDisplay {
        /// Its text.
        fn template(&self) -> Option<KeyBuf>;
    }

    impl<T: Display + ?Sized> LeadDisplay for &Lead<'_, T> {
        fn template(&self) -> Option<KeyBuf> {
            let mut text = KeyBuf::new();
            text.display(self.0);
            Some(text)
        }
    }

    /// An argument that is in no template.
    pub trait LeadUnwritten {
        /// Nothing.
        fn template(&self) -> Option<KeyBuf> {
            None
        }
    }

    impl<T: ?Sized> LeadUnwritten for Lead<'_, T> {}
}
pub use lead::{LeadDisplay, LeadExact, LeadSerialize, LeadSkipped, LeadUnwritten};

/// The texts of a leading argument.
pub fn lead_texts(
    automatic: Option<crate::key::KeyBuf>,
    template: Option<crate::key::KeyBuf>,
) -> LeadTexts {
    LeadTexts { automatic, template }
}
