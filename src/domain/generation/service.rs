//! Who may generate what, and what becomes of it.

use std::collections::HashMap;
use std::ops::ControlFlow;

use bytes::Bytes;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::builtin::Builtin;
use super::comfyui::ComfyUi;
use super::generator::{GenerationError, Generator, GeneratorOutput, ProgressCallback};
use super::input::SEED;
use super::item_summary;
use super::model::{Generated, GenerationParameters, GenerationRequest, GeneratorInfo, Target};
use super::openai::OpenAi;
use super::store::{ContentChange, Store};
use crate::domain::SchemaContext;
use crate::domain::auth::{Scope, Viewer};
use crate::domain::content::service::{may_change, not_found};
use crate::domain::content::{Content, ContentService};
use crate::domain::people::PeopleService;
use crate::foundation::{Clock, Error, Findings, Id, Progress, Refusal, Result, Rng, id};
use crate::platform::config::SchemaName;
use crate::platform::objects::{ObjectName, Objects};

/// Every generator there is, and what it makes.
const GENERATORS: [(&str, &[super::MediaKind]); 3] = [
    (Builtin::NAME, Builtin::MEDIA),
    (OpenAi::NAME, OpenAi::MEDIA),
    (ComfyUi::NAME, ComfyUi::MEDIA),
];

/// Generated content of one schema.
#[derive(Clone)]
pub struct GenerationService {
    pub(super) store: Store,
    content: ContentService,
    people: PeopleService,
    pub(super) objects: Objects,
    pub(super) schema: SchemaName,
    generators: std::sync::Arc<[Box<dyn Generator>]>,
    open_to_users: bool,
    pub(super) clock: Clock,
    rng: Rng,
}

impl GenerationService {
    /// Generated content of the schema of `ctx`.
    pub fn new(ctx: &SchemaContext, content: ContentService, people: PeopleService) -> Self {
        let settings = &ctx.settings.generation;
        let mut generators: Vec<Box<dyn Generator>> = vec![Box::new(Builtin)];
        let (clock, rng) = (&ctx.clock, &ctx.rng);
        if !settings.openai.url.is_empty() {
            let openai = OpenAi::new(&settings.openai, clock.clone(), rng.clone());
            generators.push(Box::new(openai));
        }
        if !settings.comfyui.url.is_empty() {
            let comfyui = ComfyUi::new(&settings.comfyui, clock.clone(), rng.clone());
            generators.push(Box::new(comfyui));
        }
        Self {
            store: Store::new(ctx.db.clone()),
            content,
            people,
            objects: ctx.objects.clone(),
            schema: ctx.db.schema().clone(),
            generators: generators.into(),
            open_to_users: settings.open_to_users,
            clock: ctx.clock.clone(),
            rng: ctx.rng.clone(),
        }
    }

    /// All generators, including those that are not configured.
    pub fn list_generators(&self) -> Vec<GeneratorInfo> {
        let info = |(name, media): (&'static str, &'static [super::MediaKind])| GeneratorInfo {
            name,
            media,
            available: self.find(name).is_some(),
        };
        GENERATORS.map(info).to_vec()
    }

    fn find(&self, name: &str) -> Option<&dyn Generator> {
        let mut generators = self.generators.iter();
        let found = generators.find(|generator| generator.name() == name);
        found.map(AsRef::as_ref)
    }

    fn generator(&self, parameters: &GenerationParameters) -> Result<&dyn Generator> {
        let name = parameters.generator.as_str();
        let found = self.find(name).ok_or_else(|| {
            let names: Vec<&str> = self.generators.iter().map(|known| known.name()).collect();
            let name: String = name.chars().take(40).collect();
            let message = format!(
                "`{name}` is not set up here; there are {}",
                names.join(", ")
            );
            Refusal::invalid("generator", message)
        })?;
        if !found.media().contains(&parameters.input.media_kind()) {
            let media_kind = parameters.input.media_kind().as_str();
            let message = format!("`{name}` does not make {media_kind}");
            return Err(Refusal::invalid("generator", message).into());
        }
        Ok(found)
    }

    /// Checks that the viewer may use the generator: the built-in one is for all who may create content; the
    /// others are for curators, admins and API keys with CATALOGUE_WRITE, unless the settings open them.
    fn check_access(&self, viewer: &Viewer, parameters: &GenerationParameters) -> Result<()> {
        let open = self.open_to_users || parameters.generator == Builtin::NAME;
        if viewer.user().is_none() || !open {
            viewer.curator_or(Scope::CatalogueWrite)?;
        }
        Ok(())
    }

    /// Checks that the viewer may execute a request that was prepared earlier, maybe for another viewer.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Error::Forbidden`] for who may not.
    pub fn check_access_to(&self, viewer: &Viewer, request: &GenerationRequest) -> Result<()> {
        self.check_access(viewer, &request.parameters)?;
        if request.everything {
            viewer.admin_or(Scope::CatalogueWrite)?;
        }
        if request.hidden {
            viewer.admin()?;
        }
        Ok(())
    }

    /// Validates a generation and the rights of `viewer`. The returned request can be executed now or later,
    /// by anybody.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Error::Forbidden`] for who may not,
    /// [`Refusal::InvalidInput`] for what cannot be made, [`Refusal::NotFound`] for an item that is
    /// not there or not visible.
    pub async fn prepare(
        &self,
        viewer: &Viewer,
        parameters: GenerationParameters,
    ) -> Result<GenerationRequest> {
        self.check_access(viewer, &parameters)?;
        let mut findings = Findings::default();
        findings.take_refused(self.generator(&parameters))?;
        findings.take_refused(parameters.check())?;
        findings.finish()?;
        let request = GenerationRequest {
            parameters,
            creator: viewer.user(),
            everything: viewer.admin_or(Scope::CatalogueWrite).is_ok(),
            hidden: viewer.is_admin(),
        };
        if let Target::Poster { content } = request.parameters.target {
            self.content.changeable(viewer, content).await?;
        }
        // Whatever could not be kept is refused before it is made.
        let summary = self.summary(&request).await?;
        item_summary::new_item(&request, &summary, 1)
            .map_err(|error| error.under(["item".to_owned()]))?;
        Ok(request)
    }

    /// Executes a request: generates the outputs, stores their files, and creates the items or sets the
    /// poster. A second run for the same job generates nothing and returns the outputs of the first one.
    /// Without a seed, the seed derives from the job, so that another attempt generates the same.
    ///
    /// `observe` receives the progress and may stop the work; `stop` stops it at once. Nothing of a stopped
    /// generation is stored.
    ///
    /// # Errors
    /// [`GenerationError`], which says whether a retry makes sense.
    pub async fn generate(
        &self,
        request: &GenerationRequest,
        job: Option<Uuid>,
        observe: ProgressCallback<'_>,
        stop: &CancellationToken,
    ) -> Result<Vec<Generated>, GenerationError> {
        if let Some(job) = job {
            let known = self.store.of_job(job).await?;
            if !known.is_empty() {
                return Ok(known);
            }
        }
        let request = &self.seeded(request, job);
        let parameters = &request.parameters;
        let generator = self.generator(parameters)?;
        let summary = self.summary(request).await?;
        let mut furthest = 0.0_f32;
        let mut onwards = |progress: Progress| -> ControlFlow<()> {
            furthest = progress
                .fraction
                .map_or(furthest, |done| furthest.max(done));
            observe(Progress {
                fraction: Some(furthest),
                ..progress
            })
        };
        let work = generator.generate(&parameters.input, &summary.summary, &mut onwards);
        let made = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(GenerationError::Stopped),
            made = work => made?,
        };
        if stop.is_cancelled() {
            return Err(GenerationError::Stopped);
        }
        self.keep(request, job, &summary, made).await
    }

    /// The request with its seed, or else with that of its job: the last 53 bits of the job's id,
    /// which are random. Not drawn before the job is made, since two who ask for the same would ask
    /// for two things.
    fn seeded(&self, request: &GenerationRequest, job: Option<Uuid>) -> GenerationRequest {
        let random = job.map_or_else(|| self.rng.seed(), |job| job.as_u64_pair().1);
        let mut request = request.clone();
        let input = &mut request.parameters.input;
        *input = input
            .clone()
            .seeded((random & SEED.end().cast_unsigned()).cast_signed());
        request
    }

    /// Keeps the files, then the items.
    async fn keep(
        &self,
        request: &GenerationRequest,
        job: Option<Uuid>,
        summary: &item_summary::ResolvedItem,
        made: Vec<GeneratorOutput>,
    ) -> Result<Vec<Generated>, GenerationError> {
        let parameters = &request.parameters;
        let asked = serde_json::to_value(parameters).map_err(anyhow::Error::from);
        let asked = asked.map_err(Error::Internal)?;
        let now = self.clock.now();
        let mut kept = Vec::with_capacity(made.len());
        for (made, number) in made.into_iter().zip(1..) {
            let bytes = i64::try_from(made.bytes.len()).unwrap_or(i64::MAX);
            let file = self.objects.put(&self.schema, made.bytes, made.media_type);
            let file = file.await?;
            let url = self.objects.address(&self.schema, &file);
            let change = match &parameters.target {
                Target::Poster { content } => ContentChange::Poster(*content, url),
                Target::NewItem(_) => {
                    let mut fields = item_summary::new_item(request, summary, number)?;
                    match made.text {
                        Some(text) => fields.description = item_summary::description_of(&text),
                        None => fields.poster_url = Some(url),
                    }
                    fields.check()?;
                    ContentChange::Item(Box::new(Content {
                        id: Id::new(&self.clock, &self.rng),
                        fields,
                        creator: request.creator,
                        created_at: now,
                        updated_at: now,
                    }))
                }
            };
            let content = match &change {
                ContentChange::Item(content) => content.id,
                ContentChange::Poster(item, _) => *item,
            };
            let generated = Generated {
                content,
                generator: parameters.generator.clone(),
                prompt: parameters.input.prompt().to_owned(),
                parameters: asked.clone(),
                details: storable(made.details),
                job,
                number,
                seed: made.seed,
                file,
                bytes,
                created_at: now,
            };
            kept.push((change, generated));
        }
        let all: Vec<Generated> = kept
            .iter()
            .map(|(_, generated)| generated.clone())
            .collect();
        let first = self.store.keep(job, kept, now).await?;
        self.content.written().await;
        match job {
            Some(job) if !first => Ok(self.store.of_job(job).await?),
            _ => Ok(all),
        }
    }

    /// The summary of the item that a request is about.
    async fn summary(&self, request: &GenerationRequest) -> Result<item_summary::ResolvedItem> {
        let parameters = &request.parameters;
        let about = match parameters.target {
            Target::Poster { content } => Some(content),
            Target::NewItem(_) => parameters.about,
        };
        let Some(about) = about else {
            return Ok(item_summary::of_prompt(request));
        };
        let item = self.item(request, about).await?;
        let credits = self.content.credits(&[about]).await?;
        let credits = credits.into_values().next().unwrap_or_default();
        let ids: Vec<Id<id::Person>> = credits.iter().map(|credit| credit.person).collect();
        let people = self.people.find_many(&ids).await?;
        Ok(item_summary::of_item(item, &credits, &people))
    }

    /// An item that the request names, read again when it is executed: it may have become
    /// private meanwhile, or be gone.
    async fn item(&self, request: &GenerationRequest, id: Id<id::Content>) -> Result<Content> {
        let mut found = self.content.find_many(&Viewer::Command, &[id]).await?;
        let item = found.remove(&id).ok_or_else(not_found)?;
        if request.may_use(&item) {
            Ok(item)
        } else {
            Err(not_found())
        }
    }

    /// The provenance of these items, of those that `viewer` may change.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_many(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::Content>],
    ) -> Result<HashMap<Id<id::Content>, Generated>> {
        if *viewer == Viewer::Nobody {
            return Ok(HashMap::new());
        }
        let found = self.store.find_many(ids).await?;
        let named: Vec<Id<id::Content>> = found.iter().map(|one| one.content).collect();
        let items = self.content.find_many(viewer, &named).await?;
        let theirs = |generated: &Generated| {
            let item = items.get(&generated.content);
            item.is_some_and(|item| may_change(viewer, item.creator).is_ok())
        };
        Ok(found
            .into_iter()
            .filter(theirs)
            .map(|generated| (generated.content, generated))
            .collect())
    }

    /// Where this server has a file for clients.
    pub fn address(&self, file: &ObjectName) -> String {
        self.objects.address(&self.schema, file)
    }

    /// Where this server has the file of this name for clients; `None` for what is no name of a file.
    pub fn address_of(&self, name: &str) -> Option<String> {
        Some(self.address(&name.parse().ok()?))
    }

    /// The bytes of a file, for whoever knows its name; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the object store does not answer.
    pub async fn file(&self, name: &ObjectName) -> Result<Option<Bytes>> {
        self.objects.get(&self.schema, name).await
    }
}

/// What Postgres can hold of a value from outside: text without the character U+0000.
fn storable(value: Value) -> Value {
    match value {
        Value::String(text) => text.replace('\0', "").into(),
        Value::Array(members) => members.into_iter().map(storable).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            let fields = fields.map(|(name, value)| (name.replace('\0', ""), storable(value)));
            Value::Object(fields.collect())
        }
        other => other,
    }
}
