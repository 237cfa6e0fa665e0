//! The parameters of a job to create: one input of many, one for each kind.

use std::borrow::Cow;

use async_graphql::indexmap::IndexMap;
use async_graphql::registry::{MetaInputValue, MetaType, MetaTypeId, Registry};
use async_graphql::{
    InputObjectType, InputType, InputValueError, InputValueResult, Name, OneofObjectType, Value,
};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::kinds::{JobInput, PlainJob, inputs};
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::jobs::JobParameters;
use crate::foundation::{Error, Refusal, Result};

/// Kind and parameters of a job. Exactly one field must be set.
pub struct JobParametersInput {
    /// The field that is set.
    field: &'static str,
    input: Box<dyn AnyInput>,
}

/// The field for kinds without parameters.
const PLAIN: &str = "plain";

/// The input of one kind of job.
pub(super) type ParsedInput = InputValueResult<JobParametersInput>;

/// [`JobInput`] without its type.
trait AnyInput: Send + Sync {
    fn read<'a>(
        self: Box<Self>,
        viewer: &'a Viewer,
        services: &'a Services,
    ) -> BoxFuture<'a, Result<JobParameters>>;
    fn to_value(&self) -> Value;
}

struct OfKind<I>(I);

impl<I: JobInput> AnyInput for OfKind<I> {
    fn read<'a>(
        self: Box<Self>,
        viewer: &'a Viewer,
        services: &'a Services,
    ) -> BoxFuture<'a, Result<JobParameters>> {
        async move {
            let parameters = self.0.read(viewer, services).await?;
            Ok(JobParameters::of::<I::Job>(parameters))
        }
        .boxed()
    }

    fn to_value(&self) -> Value {
        self.0.to_value()
    }
}

impl AnyInput for PlainJob {
    fn read<'a>(
        self: Box<Self>,
        _: &'a Viewer,
        _: &'a Services,
    ) -> BoxFuture<'a, Result<JobParameters>> {
        async move { Ok((self.parameters)()) }.boxed()
    }

    fn to_value(&self) -> Value {
        InputType::to_value(self)
    }
}

/// Parses the value of a field of the type `I`.
pub(super) fn parse<I: JobInput>(field: &'static str, value: Value) -> ParsedInput {
    let input = I::parse(Some(value)).map_err(InputValueError::propagate)?;
    Ok(JobParametersInput {
        field,
        input: Box::new(OfKind(input)),
    })
}

impl InputType for JobParametersInput {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed("JobParametersInput")
    }

    fn create_type_info(registry: &mut Registry) -> String {
        registry.create_input_type::<Self, _>(MetaTypeId::InputObject, |registry| {
            let mut input_fields = IndexMap::new();
            let mut add = |field: &str, description: &str, of: String| {
                let mut value = MetaInputValue::new(field, of);
                value.description = Some(description.to_owned());
                input_fields.insert(field.to_owned(), value);
            };
            for input in inputs() {
                add(
                    input.field,
                    input.description,
                    (input.create_type_info)(registry),
                );
            }
            let plain = <Option<PlainJob> as InputType>::create_type_info(registry);
            add(PLAIN, "Do a job that has no parameters.", plain);
            MetaType::InputObject {
                name: Self::type_name().into_owned(),
                description: Some(
                    "Kind and parameters of a job. Exactly one field must be set.".to_owned(),
                ),
                input_fields,
                visible: None,
                inaccessible: false,
                tags: Vec::new(),
                rust_typename: Some(std::any::type_name::<Self>()),
                oneof: true,
                directive_invocations: Vec::new(),
            }
        })
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        let Some(Value::Object(mut fields)) = value else {
            return Err(InputValueError::expected_type(value.unwrap_or_default()));
        };
        if fields.len() == 1 {
            if let Some(plain) = fields.swap_remove(PLAIN) {
                let plain = PlainJob::parse(Some(plain)).map_err(InputValueError::propagate)?;
                return Ok(Self {
                    field: PLAIN,
                    input: Box::new(plain),
                });
            }
            for input in inputs() {
                if let Some(value) = fields.swap_remove(input.field) {
                    return (input.parse)(input.field, value);
                }
            }
        }
        Err(InputValueError::expected_type(Value::Object(fields)))
    }

    fn to_value(&self) -> Value {
        let field = Name::new(self.field);
        Value::Object(std::iter::once((field, self.input.to_value())).collect())
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}

impl InputObjectType for JobParametersInput {}
impl OneofObjectType for JobParametersInput {}

impl JobParametersInput {
    /// The checked parameters. Who may have content generated, and whether the files of an import are there, is
    /// asked here: only then is there a job.
    ///
    /// # Errors
    /// Those of [`JobInput::read`], and [`Refusal::InvalidInput`] for parameters out of range.
    pub async fn read(self, viewer: &Viewer, services: &Services) -> Result<JobParameters> {
        let field = self.field;
        let read = async {
            let parameters = self.input.read(viewer, services).await?;
            // Here already, so that the refusal tells the place in the input.
            parameters.check()?;
            Ok(parameters)
        };
        read.await
            .map_err(|error: Error| error.under([field.to_owned()]))
    }
}

/// A number in a range.
pub(in crate::graphql::types) fn within<T: TryFrom<i32>>(
    number: i32,
    range: std::ops::RangeInclusive<i32>,
    field: &str,
) -> Result<T, Refusal> {
    let refused = || {
        let message = format!("a number between {} and {}", range.start(), range.end());
        Refusal::invalid(field, message)
    };
    if !range.contains(&number) {
        return Err(refused());
    }
    T::try_from(number).map_err(|_| refused())
}
