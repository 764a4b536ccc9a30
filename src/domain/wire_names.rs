//! Enumerations whose values have names on the wire.

/// Declares an enumeration together with the name and the description of each value, once for parsing, serialising,
/// storing and documenting it.
macro_rules! wire_names {
    ($(#[$doc:meta])* $name:ident { $($value:ident => $text:literal, $about:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $(#[serde(rename = $text)] $value,)* }

        impl $name {
            /// In the order of the documentation.
            pub const ALL: [Self; [$($text),*].len()] = [$(Self::$value),*];

            /// The names of all values, in the same order.
            pub const LIST: &'static [&'static str] = &[$($text),*];

            /// The names of all values, for messages.
            pub const NAMES: &'static str = $crate::domain::wire_names::listed!($($text)*);

            /// The name on the wire and in the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $text,)* }
            }

            /// The description in the documentation.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$value => $about,)* }
            }

            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|value| value.as_str() == text)
            }

            /// Parses what a request has.
            ///
            /// # Errors
            /// It is none of the names.
            pub fn parse_input(text: &str) -> std::result::Result<Self, $crate::domain::Violation> {
                Self::parse(text).ok_or($crate::domain::Violation::NotOneOf { allowed: Self::NAMES })
            }
        }
    };
}
pub(super) use wire_names;

/// Literals, separated by commas.
macro_rules! listed {
    ($first:literal $($rest:literal)*) => { concat!($first, $(", ", $rest),*) };
}
pub(super) use listed;
