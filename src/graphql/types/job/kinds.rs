//! The kinds of jobs in the API. Their enum and their inputs are made of the handlers that are registered, so
//! that a new kind needs no change here.

use std::borrow::Cow;
use std::future::Future;
use std::sync::LazyLock;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::Field;
use async_graphql::registry::{EnumBuilder, MetaEnumValue, MetaTypeId, Registry};
use async_graphql::resolver_utils::{EnumItem, EnumType, enum_value, parse_enum};
use async_graphql::{
    ContextSelectionSet, InputType, InputValueResult, OutputType, Positioned, ServerResult, Value,
};

use super::parameters::ParsedInput;
use crate::domain::auth::Viewer;
use crate::domain::job_handler::{self as domain, JobHandler, NoParameters};
use crate::domain::jobs::JobParameters;
use crate::domain::{Services, job_handlers};
use crate::foundation::{Error, Result};

/// How a kind of job appears in the API. Implemented for its handler, beside the other types of its module.
pub trait ApiJob: JobHandler {
    /// Description of the kind in the enum `JobKind`.
    const DESCRIPTION: &'static str;

    /// How `createGenerationJob` creates a job of this kind; by default not at all: only a schedule or a
    /// mutation of its own does.
    fn creation() -> Creation {
        Creation(CreationForm::Elsewhere)
    }
}

/// The input of a kind of job that has parameters.
pub trait JobInput: InputType + 'static {
    /// The handler of the kind.
    type Job: JobHandler;

    /// Reads the parameters. What they check themselves is checked after this.
    ///
    /// # Errors
    /// [`crate::foundation::Refusal::InvalidInput`] with the path below this input, and the errors of the
    /// services that are asked.
    fn read(
        self,
        viewer: &Viewer,
        services: &Services,
    ) -> impl Future<Output = Result<<Self::Job as JobHandler>::Parameters>> + Send;
}

/// How `createGenerationJob` creates a job of a kind.
#[derive(Clone, Copy)]
pub struct Creation(CreationForm);

#[derive(Clone, Copy)]
enum CreationForm {
    Elsewhere,
    Plain(PlainForm),
    Input(InputForm),
}

/// A kind without parameters.
#[derive(Clone, Copy)]
struct PlainForm {
    description: &'static str,
    parameters: fn() -> JobParameters,
}

/// A field of `JobParametersInput`.
#[derive(Clone, Copy)]
pub(super) struct InputForm {
    pub(super) field: &'static str,
    pub(super) description: &'static str,
    /// Registers the type of the field and returns its name.
    pub(super) create_type_info: fn(&mut Registry) -> String,
    pub(super) parse: fn(&'static str, Value) -> ParsedInput,
}

impl Creation {
    /// A value of the enum `PlainJob`, with this description. For kinds without parameters.
    pub fn plain<H: JobHandler<Parameters = NoParameters>>(description: &'static str) -> Self {
        Self(CreationForm::Plain(PlainForm {
            description,
            parameters: || JobParameters::of::<H>(NoParameters {}),
        }))
    }

    /// A field of `JobParametersInput` of the type `I`, with this name and description.
    pub fn input<I: JobInput>(field: &'static str, description: &'static str) -> Self {
        Self(CreationForm::Input(InputForm {
            field,
            description,
            create_type_info: <Option<I> as InputType>::create_type_info,
            parse: super::parameters::parse::<I>,
        }))
    }
}

/// A kind as it appears in the API.
struct ListedKind {
    name: &'static str,
    description: &'static str,
    creation: Creation,
}

impl ListedKind {
    fn of<H: ApiJob>() -> Self {
        Self {
            name: const { &H::KIND }.as_str(),
            description: H::DESCRIPTION,
            creation: H::creation(),
        }
    }
}

/// All kinds, in the order of their registration.
static KINDS: LazyLock<Vec<ListedKind>> = LazyLock::new(|| {
    macro_rules! listed {
        ($($handler:path { $($service:ident),* })*) => {
            vec![$(ListedKind::of::<$handler>()),*]
        };
    }
    job_handlers!(listed)
});

/// The kinds with an input, in the order of their registration.
pub(super) fn inputs() -> impl Iterator<Item = InputForm> {
    KINDS.iter().filter_map(|kind| match kind.creation.0 {
        CreationForm::Input(form) => Some(form),
        _ => None,
    })
}

/// The kinds without parameters with their descriptions, in the order of their registration.
fn plain() -> impl Iterator<Item = (PlainJob, &'static str)> {
    KINDS.iter().filter_map(|kind| match kind.creation.0 {
        CreationForm::Plain(form) => {
            let job = PlainJob {
                name: kind.name,
                parameters: form.parameters,
            };
            Some((job, form.description))
        }
        _ => None,
    })
}

/// Kind of work that a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobKind {
    name: &'static str,
}

impl JobKind {
    /// The kind in the API.
    ///
    /// # Errors
    /// [`Error::Unavailable`] for a kind that only another version of the program knows.
    pub fn of(kind: &domain::JobKind) -> Result<Self> {
        let known = KINDS.iter().find(|known| known.name == kind.as_str());
        known
            .map(|known| Self { name: known.name })
            .ok_or_else(|| Error::Unavailable(kind.unknown()))
    }
}

impl From<JobKind> for domain::JobKind {
    fn from(kind: JobKind) -> Self {
        Self::new(kind.name)
    }
}

/// A job without parameters.
#[derive(Clone, Copy)]
pub struct PlainJob {
    name: &'static str,
    /// Its parameters, which are none.
    pub(super) parameters: fn() -> JobParameters,
}

impl PartialEq for PlainJob {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for PlainJob {}

/// Declares the GraphQL enum of a type with a name, of its values with their descriptions.
macro_rules! named_enum {
    ($type:ident, $description:literal, $values:expr) => {
        impl EnumType for $type {
            fn items() -> &'static [EnumItem<Self>] {
                static ITEMS: LazyLock<Vec<EnumItem<$type>>> = LazyLock::new(|| {
                    let items = $values.map(|(value, _)| EnumItem {
                        name: value.name,
                        value,
                    });
                    items.collect()
                });
                &ITEMS
            }
        }

        impl InputType for $type {
            type RawValueType = Self;

            fn type_name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($type))
            }

            fn create_type_info(registry: &mut Registry) -> String {
                registry.create_input_type::<Self, _>(MetaTypeId::Enum, |_| {
                    let values = $values.map(|(value, description): (Self, &str)| {
                        let mut meta = MetaEnumValue::new(value.name);
                        meta.description = Some(description.to_owned());
                        (value.name.to_owned(), meta)
                    });
                    EnumBuilder::new(stringify!($type), values.collect::<IndexMap<_, _>>())
                        .description(Some($description.to_owned()))
                        .rust_typename(std::any::type_name::<Self>())
                        .build()
                })
            }

            fn parse(value: Option<Value>) -> InputValueResult<Self> {
                parse_enum(value.unwrap_or_default())
            }

            fn to_value(&self) -> Value {
                enum_value(*self)
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }
        }

        impl OutputType for $type {
            fn type_name() -> Cow<'static, str> {
                <Self as InputType>::type_name()
            }

            fn create_type_info(registry: &mut Registry) -> String {
                <Self as InputType>::create_type_info(registry)
            }

            async fn resolve(
                &self,
                _: &ContextSelectionSet<'_>,
                _: &Positioned<Field>,
            ) -> ServerResult<Value> {
                Ok(enum_value(*self))
            }
        }
    };
}

named_enum!(
    JobKind,
    "Kind of work that a job does.",
    KINDS
        .iter()
        .map(|kind| (JobKind { name: kind.name }, kind.description))
);
named_enum!(PlainJob, "Jobs without parameters.", plain());

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_kind_has_a_name_and_every_input_a_field_of_its_own() {
        let names: HashSet<_> = KINDS.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), KINDS.len());
        let fields: HashSet<_> = inputs().map(|input| input.field).collect();
        assert_eq!(fields.len(), inputs().count());
        assert!(!fields.contains("plain"), "the field of `PlainJob`");
    }

    #[test]
    fn a_kind_of_another_version_is_named_in_the_error() {
        let kind = domain::JobKind::from("TELEPATHY".to_owned());
        let error = JobKind::of(&kind).unwrap_err();
        assert!(
            matches!(&error, Error::Unavailable(why) if why.contains("TELEPATHY")),
            "{error:?}"
        );
    }
}
