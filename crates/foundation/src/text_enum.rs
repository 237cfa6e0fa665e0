//! Enums that are text in the database, in JSON and in the contract, each declared once.

/// An enum whose values have a name, the same in the database, in JSON and in the contract, and a description.
///
/// [`text_enum`] implements it; the GraphQL enum and the tests of the database's checks follow from it.
pub trait TextEnum: Copy + Eq + Send + Sync + 'static {
    /// What the enum is about, in the words of its documentation, as one line of text for each line there.
    const DESCRIPTION: &'static str;

    /// Every value, in the order of declaration.
    const VALUES: &'static [Self];

    /// The name of the value, in capital letters with underscores except for media types.
    fn name(self) -> &'static str;

    /// What the value means, in the words of its documentation, as one line of text for each line there.
    fn description(self) -> &'static str;

    /// The value of this name, or `None` if there is none.
    fn named(name: &str) -> Option<Self> {
        Self::VALUES
            .iter()
            .copied()
            .find(|value| value.name() == name)
    }
}

/// Declares an enum with the name of each value, and implements `as_str`, `ALL`, `FromStr`, serde's traits and
/// [`TextEnum`] for it. Its documentation is part of the contract: it is what clients read about it.
#[macro_export]
#[doc(hidden)]
macro_rules! __text_enum {
    (
        $(#[doc = $about:literal])+
        #[derive($($derived:ident),+ $(,)?)]
        $visible:vis enum $name:ident {
            $(
                $(#[doc = $description:literal])+
                $(#[default $($nothing:tt)*])?
                $variant:ident = $text:literal
            ),+ $(,)?
        }
    ) => {
        $(#[doc = $about])+
        #[derive($($derived),+)]
        $visible enum $name {
            $(
                $(#[doc = $description])+
                $(#[default $($nothing)*])?
                $variant
            ),+
        }

        impl $crate::TextEnum for $name {
            const DESCRIPTION: &'static str = concat!($($about, "\n"),+);
            const VALUES: &'static [Self] = Self::ALL;

            fn name(self) -> &'static str {
                self.as_str()
            }

            fn description(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($description, "\n"),+)),+
                }
            }
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in the database and in the contract.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|value| value.as_str() == text)
                    .ok_or_else(|| {
                        let names: Vec<&str> = Self::ALL.iter().map(|value| value.as_str()).collect();
                        format!("`{text}` is none of {}", names.join(", "))
                    })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub use crate::__text_enum as text_enum;
