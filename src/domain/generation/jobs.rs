//! The jobs that generate content: texts and images.

use serde_json::{Value, json};

use super::generator::GenerationError;
use super::model::GenerationRequest;
use super::service::GenerationService;
use crate::domain::auth::Viewer;
use crate::domain::job_handler::{JobContext, JobFailure, JobHandler, JobKind};
use crate::foundation::Result;

/// Generates a text as a content item.
pub struct TextJob {
    pub(in crate::domain) generation: GenerationService,
}

/// Generates images, as content items or as a poster.
pub struct ImageJob {
    pub(in crate::domain) generation: GenerationService,
}

impl JobHandler for TextJob {
    const KIND: JobKind = JobKind::new("CONTENT_TEXT");
    const JOINS_RUNNING: bool = true;
    /// Checked when it was prepared: see [`GenerationService::prepare`].
    type Parameters = GenerationRequest;

    fn check_access(&self, viewer: &Viewer, request: &GenerationRequest) -> Result<()> {
        self.generation.check_access_to(viewer, request)
    }

    async fn run(
        &self,
        request: GenerationRequest,
        context: JobContext,
    ) -> Result<Value, JobFailure> {
        generate(&self.generation, &request, &context).await
    }
}

impl JobHandler for ImageJob {
    const KIND: JobKind = JobKind::new("CONTENT_IMAGE");
    const JOINS_RUNNING: bool = true;
    /// Checked when it was prepared: see [`GenerationService::prepare`].
    type Parameters = GenerationRequest;

    fn check_access(&self, viewer: &Viewer, request: &GenerationRequest) -> Result<()> {
        self.generation.check_access_to(viewer, request)
    }

    async fn run(
        &self,
        request: GenerationRequest,
        context: JobContext,
    ) -> Result<Value, JobFailure> {
        generate(&self.generation, &request, &context).await
    }
}

async fn generate(
    service: &GenerationService,
    request: &GenerationRequest,
    context: &JobContext,
) -> Result<Value, JobFailure> {
    let mut observe = |at| context.report(at);
    let job = Some(context.job().uuid());
    let made = service
        .generate(request, job, &mut observe, context.token())
        .await?;
    let made = made.iter().map(|made| {
        json!({ "content": made.content, "file": made.file.to_string(), "bytes": made.bytes, "seed": made.seed })
    });
    Ok(json!({ "generated": made.collect::<Vec<_>>() }))
}

impl From<GenerationError> for JobFailure {
    fn from(error: GenerationError) -> Self {
        match error {
            GenerationError::Retry { message, after } => Self::Retry {
                reason: message,
                after,
            },
            GenerationError::Refused { message } => Self::Permanent(message),
            GenerationError::Stopped => Self::stopped(),
            GenerationError::Server(error) => error.into(),
        }
    }
}
