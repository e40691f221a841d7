//! Tables of fields that may be left out.

/// Inheritance of a field that is not set.
pub(crate) trait Inherit: Clone {
    fn over(&self, base: &Self) -> Self;
}

impl<T: Clone> Inherit for Option<T> {
    fn over(&self, base: &Self) -> Self {
        self.as_ref().or(base.as_ref()).cloned()
    }
}

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Declares a table of optional fields, with a setter for each. A named cache inherits the fields that it does not set.
/// `field: Type as Kind` reads the field as another [`Kind`](crate::read::Kind) than its type.
macro_rules! section {
    (
        $(#[$meta:meta])*
        pub struct $Name:ident {
            $( $(#[$about:meta])* $field:ident: $Type:ty $(as $Kind:ty)?, )*
        }
        $( sections { $( $(#[$above:meta])* $section:ident: $Section:ty, )* } )?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, ::serde::Serialize)]
        pub struct $Name {
            $(
                $(#[$about])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<$Type>,
            )*
            $( $(
                $(#[$above])*
                #[serde(skip_serializing_if = "crate::section::is_default")]
                pub $section: $Section,
            )* )?
        }

        impl $Name {
            /// The names of the fields.
            pub(crate) const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];

            $(
                /// The names of the tables in it.
                pub(crate) const TABLES: &'static [&'static str] = &[$(stringify!($section)),*];

                /// The names of the fields of one of these.
                pub(crate) fn fields_of(table: &str) -> Option<&'static [&'static str]> {
                    match table {
                        $( stringify!($section) => Some(<$Section>::FIELDS), )*
                        _ => None,
                    }
                }
            )?

            $(
                #[doc = concat!("Sets the field `", stringify!($field), "`.")]
                #[must_use]
                pub fn $field(mut self, value: impl Into<$Type>) -> Self {
                    self.$field = Some(value.into());
                    self
                }
            )*
            $( $(
                #[doc = concat!("Sets the fields of `", stringify!($section), "`.")]
                #[must_use]
                pub fn $section(mut self, section: $Section) -> Self {
                    self.$section = section;
                    self
                }
            )* )?

            /// The fields in which the two differ.
            #[allow(dead_code)] // in tables that are compared as a whole
            pub(crate) fn differing(&self, other: &Self) -> Vec<String> {
                let mut fields = Vec::new();
                $( if self.$field != other.$field {
                    fields.push(stringify!($field).to_owned());
                } )*
                $( $(
                    let below = self.$section.differing(&other.$section);
                    let path = |field| format!("{}.{field}", stringify!($section));
                    fields.extend(below.into_iter().map(path));
                )* )?
                fields
            }

            #[allow(dead_code)] // as well
            fn fields_over(&self, base: &Self) -> Self {
                use $crate::section::Inherit;
                Self {
                    $( $field: self.$field.over(&base.$field), )*
                    $( $( $section: self.$section.over(&base.$section), )* )?
                }
            }
        }

        impl $crate::read::Section for $Name {
            fn read(mut fields: $crate::read::Table, reader: &mut $crate::read::Reader) -> Self {
                let read = Self {
                    $( $field: reader.field::<$crate::section::kind!($Type $(, $Kind)?)>(
                        &mut fields,
                        stringify!($field),
                    ), )*
                    $( $( $section: reader.section_in(&mut fields, stringify!($section)), )* )?
                };
                let tables: &[&'static str] = &[$( $( stringify!($section), )* )?];
                reader.unknown(fields, &[Self::FIELDS, tables].concat());
                read
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $Name {
            fn deserialize<D: ::serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $crate::read::deserialize(from)
            }
        }
    };
}

/// The kind that a field is read as.
macro_rules! kind {
    ($Type:ty) => {
        $Type
    };
    ($Type:ty, $Kind:ty) => {
        $Kind
    };
}

pub(crate) use {kind, section};
