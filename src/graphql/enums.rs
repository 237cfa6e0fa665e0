//! GraphQL enums that follow from the one declaration of an enum: its values, names and descriptions.

use std::borrow::Cow;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::Field;
use async_graphql::registry::{EnumBuilder, MetaEnumValue, MetaTypeId, Registry};
use async_graphql::{
    ContextSelectionSet, InputType, InputValueError, InputValueResult, Name, OutputType,
    Positioned, ServerResult, Value,
};

use crate::foundation::TextEnum;

/// A [`TextEnum`] that the schema has, and its name there.
pub trait GraphqlEnum: TextEnum {
    /// The name in the schema.
    const NAME: &'static str;
}

/// A value of an enum that is declared elsewhere, as a value of GraphQL: Rust has the traits of a foreign crate
/// implemented for types of one's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enum<E>(pub E);

impl<E: GraphqlEnum> From<E> for Enum<E> {
    fn from(value: E) -> Self {
        Self(value)
    }
}

/// The values that a list of an argument names.
pub fn values<E>(given: Vec<Enum<E>>) -> Vec<E> {
    given.into_iter().map(|value| value.0).collect()
}

/// Makes a [`TextEnum`] a GraphQL enum of the given name, which is also the name of its [`Enum`] here. The two
/// convert into each other.
#[macro_export]
#[doc(hidden)]
macro_rules! __graphql_enum {
    ($module:ident :: $original:ident as $name:ident) => {
        #[doc = concat!("The enum `", stringify!($name), "` of the schema.")]
        pub type $name = $crate::graphql::enums::Enum<$module::$original>;

        impl $crate::graphql::enums::GraphqlEnum for $module::$original {
            const NAME: &'static str = stringify!($name);
        }

        impl From<$name> for $module::$original {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

pub use crate::__graphql_enum as graphql_enum;

impl<E: GraphqlEnum> InputType for Enum<E> {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed(E::NAME)
    }

    fn create_type_info(registry: &mut Registry) -> String {
        register::<E>(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        let value = value.unwrap_or_default();
        let name = match &value {
            Value::Enum(name) => name.as_str(),
            Value::String(name) => name,
            _ => return Err(InputValueError::expected_type(value)),
        };
        E::named(name).map(Self).ok_or_else(|| {
            InputValueError::custom(format_args!(
                "Enumeration type does not contain value \"{name}\"."
            ))
        })
    }

    fn to_value(&self) -> Value {
        Value::Enum(Name::new(self.0.name()))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}

impl<E: GraphqlEnum> OutputType for Enum<E> {
    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed(E::NAME)
    }

    fn create_type_info(registry: &mut Registry) -> String {
        register::<E>(registry)
    }

    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        Ok(self.to_value())
    }
}

/// Adds the enum to the schema, once, and answers how a field that cannot be null refers to it.
fn register<E: GraphqlEnum>(registry: &mut Registry) -> String {
    registry.create_input_type::<Enum<E>, _>(MetaTypeId::Enum, |_| {
        let values: IndexMap<String, MetaEnumValue> = E::VALUES
            .iter()
            .map(|value| {
                let mut described = MetaEnumValue::new(value.name());
                described.description = Some(text(value.description()));
                (value.name().to_owned(), described)
            })
            .collect();
        EnumBuilder::new(Cow::Borrowed(E::NAME), values)
            .description(Some(text(E::DESCRIPTION)))
            .rust_typename(std::any::type_name::<Enum<E>>())
            .build()
    })
}

/// Lines of documentation without the blanks that stand between `///` and the words.
fn text(documentation: &str) -> String {
    let lines: Vec<&str> = documentation.trim().lines().map(str::trim).collect();
    lines.join("\n")
}
