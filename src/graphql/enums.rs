//! GraphQL enums that follow from the one declaration of an enum: its values, names and descriptions.

use async_graphql::indexmap::IndexMap;
use async_graphql::registry::{EnumBuilder, MetaEnumValue, MetaTypeId, Registry};
use async_graphql::{InputType, InputValueError, InputValueResult, Name, Value};

use crate::foundation::TextEnum;

/// Makes a [`TextEnum`] a GraphQL enum of the given name, which is also the name it is used by here.
#[macro_export]
#[doc(hidden)]
macro_rules! __graphql_enum {
    ($module:ident :: $original:ident as $name:ident) => {
        pub use $module::$original as $name;

        impl async_graphql::InputType for $name {
            type RawValueType = Self;

            fn type_name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(stringify!($name))
            }

            fn create_type_info(registry: &mut async_graphql::registry::Registry) -> String {
                $crate::graphql::enums::register::<Self>(registry)
            }

            fn parse(value: Option<async_graphql::Value>) -> async_graphql::InputValueResult<Self> {
                $crate::graphql::enums::parse(value.unwrap_or_default())
            }

            fn to_value(&self) -> async_graphql::Value {
                $crate::graphql::enums::to_value(*self)
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }
        }

        impl async_graphql::OutputType for $name {
            fn type_name() -> std::borrow::Cow<'static, str> {
                <Self as async_graphql::InputType>::type_name()
            }

            fn create_type_info(registry: &mut async_graphql::registry::Registry) -> String {
                $crate::graphql::enums::register::<Self>(registry)
            }

            async fn resolve(
                &self,
                _: &async_graphql::ContextSelectionSet<'_>,
                _: &async_graphql::Positioned<async_graphql::parser::types::Field>,
            ) -> async_graphql::ServerResult<async_graphql::Value> {
                Ok($crate::graphql::enums::to_value(*self))
            }
        }
    };
}

pub use crate::__graphql_enum as graphql_enum;

/// Adds the enum to the schema, once, and answers how a field that cannot be null refers to it.
pub fn register<E: TextEnum + InputType>(registry: &mut Registry) -> String {
    registry.create_input_type::<E, _>(MetaTypeId::Enum, |_| {
        let values: IndexMap<String, MetaEnumValue> = E::VALUES
            .iter()
            .map(|value| {
                let mut described = MetaEnumValue::new(value.name());
                described.description = Some(text(value.description()));
                (value.name().to_owned(), described)
            })
            .collect();
        EnumBuilder::new(E::type_name(), values)
            .description(Some(text(E::DESCRIPTION)))
            .rust_typename(std::any::type_name::<E>())
            .build()
    })
}

/// The value that an argument names.
///
/// # Errors
/// The argument is no name, or no value has it.
pub fn parse<E: TextEnum + InputType>(value: Value) -> InputValueResult<E> {
    let name = match &value {
        Value::Enum(name) => name.as_str(),
        Value::String(name) => name,
        _ => return Err(InputValueError::expected_type(value)),
    };
    E::named(name).ok_or_else(|| {
        InputValueError::custom(format_args!(
            "Enumeration type does not contain value \"{name}\"."
        ))
    })
}

/// The value as a response or a default shows it.
pub fn to_value<E: TextEnum>(value: E) -> Value {
    Value::Enum(Name::new(value.name()))
}

/// Lines of documentation without the blanks that stand between `///` and the words.
fn text(documentation: &str) -> String {
    let lines: Vec<&str> = documentation.trim().lines().map(str::trim).collect();
    lines.join("\n")
}
