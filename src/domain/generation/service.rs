//! Who may generate what, and what becomes of it.

use std::collections::HashMap;
use std::ops::ControlFlow;

use bytes::Bytes;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::ask::SEED;
use super::builtin::Builtin;
use super::comfyui::ComfyUi;
use super::generator::{GenerationError, Generator, Made, Observe, Progress};
use super::model::{Commission, Generated, GenerationParameters, Offer, Target};
use super::openai::OpenAi;
use super::store::{Becomes, Store};
use super::subject;
use crate::domain::SchemaContext;
use crate::domain::auth::{Scope, Viewer};
use crate::domain::content::service::{may_change, not_found};
use crate::domain::content::{Content, ContentService};
use crate::domain::people::PeopleService;
use crate::foundation::{Clock, Error, Id, Refusal, Result, Rng, id};
use crate::platform::config::SchemaName;
use crate::platform::objects::{ObjectName, Objects};

/// Every generator there is, and what it makes.
const GENERATORS: [(&str, &[super::Medium]); 3] = [
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

    /// Every generator, also those that are not set up.
    pub fn offers(&self) -> Vec<Offer> {
        let offer = |(name, media): (&'static str, &'static [super::Medium])| Offer {
            name,
            media,
            available: self.find(name).is_some(),
        };
        GENERATORS.map(offer).to_vec()
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
        if !found.media().contains(&parameters.ask.medium()) {
            let medium = parameters.ask.medium().as_str();
            let message = format!("`{name}` does not make {medium}");
            return Err(Refusal::invalid("generator", message).into());
        }
        Ok(found)
    }

    /// Lets those pass who may ask for this: the built-in generator is for whoever may create
    /// content; the others are for curators, admins and apps with CATALOGUE_WRITE, unless the
    /// settings open them.
    fn may_ask(&self, viewer: &Viewer, parameters: &GenerationParameters) -> Result<()> {
        let open = self.open_to_users || parameters.generator == Builtin::NAME;
        if viewer.user().is_none() || !open {
            viewer.curator_or(Scope::CatalogueWrite)?;
        }
        Ok(())
    }

    /// Lets those pass who may still have carried out what was commissioned, maybe long ago and by
    /// somebody else.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Error::Forbidden`] for who may not.
    pub fn may_have(&self, viewer: &Viewer, commission: &Commission) -> Result<()> {
        self.may_ask(viewer, &commission.parameters)?;
        if commission.everything {
            viewer.admin_or(Scope::CatalogueWrite)?;
        }
        Ok(())
    }

    /// Checks a generation and whether `viewer` may ask for it; what comes back can be carried out,
    /// now or later, and by others.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Error::Forbidden`] for who may not,
    /// [`Refusal::InvalidInput`] for what cannot be made, [`Refusal::NotFound`] for an item that is
    /// not there or not visible.
    pub async fn commission(
        &self,
        viewer: &Viewer,
        parameters: GenerationParameters,
    ) -> Result<Commission> {
        self.may_ask(viewer, &parameters)?;
        self.generator(&parameters)?;
        parameters.check()?;
        let commission = Commission {
            parameters,
            creator: viewer.user(),
            everything: viewer.admin_or(Scope::CatalogueWrite).is_ok(),
        };
        if let Target::Poster { content } = commission.parameters.target {
            self.content.changeable(viewer, content).await?;
        }
        // Whatever could not be kept is refused before it is made.
        let subject = self.subject(&commission).await?;
        subject::new_item(&commission, &subject, 1)?;
        Ok(commission)
    }

    /// Carries a commission out: makes the things, keeps their files and makes the items, or sets
    /// the poster. A second run for the same job makes nothing and answers what the first one made.
    /// What names no seed gets one by its job: another attempt of that makes the same.
    ///
    /// `observe` hears how far it is and may stop it, and `stop` stops it whatever it waits for.
    /// Nothing of a stopped generation is kept.
    ///
    /// # Errors
    /// [`GenerationError`]: whether another try makes sense.
    pub async fn generate(
        &self,
        commission: &Commission,
        job: Option<Uuid>,
        observe: Observe<'_>,
        stop: &CancellationToken,
    ) -> Result<Vec<Generated>, GenerationError> {
        if let Some(job) = job {
            let known = self.store.of_job(job).await?;
            if !known.is_empty() {
                return Ok(known);
            }
        }
        let commission = &self.seeded(commission, job);
        let parameters = &commission.parameters;
        let generator = self.generator(parameters)?;
        let subject = self.subject(commission).await?;
        let mut furthest = 0.0_f64;
        let mut onwards = |progress: Progress| -> ControlFlow<()> {
            furthest = furthest.max(progress.fraction);
            observe(Progress {
                fraction: furthest,
                ..progress
            })
        };
        let work = generator.generate(&parameters.ask, &subject.subject, &mut onwards);
        let made = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(GenerationError::Stopped),
            made = work => made?,
        };
        if stop.is_cancelled() {
            return Err(GenerationError::Stopped);
        }
        self.keep(commission, job, &subject, made).await
    }

    /// The commission with its seed, or else with that of its job: the last 53 bits of the job's id,
    /// which are random. Not drawn before the job is made, since two who ask for the same would ask
    /// for two things.
    fn seeded(&self, commission: &Commission, job: Option<Uuid>) -> Commission {
        let random = job.map_or_else(|| self.rng.seed(), |job| job.as_u64_pair().1);
        let mut commission = commission.clone();
        let ask = &mut commission.parameters.ask;
        *ask = ask
            .clone()
            .seeded((random & SEED.end().cast_unsigned()).cast_signed());
        commission
    }

    /// Keeps the files, then the items.
    async fn keep(
        &self,
        commission: &Commission,
        job: Option<Uuid>,
        subject: &subject::Known,
        made: Vec<Made>,
    ) -> Result<Vec<Generated>, GenerationError> {
        let parameters = &commission.parameters;
        let asked = serde_json::to_value(parameters).map_err(anyhow::Error::from);
        let asked = asked.map_err(Error::Internal)?;
        let now = self.clock.now();
        let mut kept = Vec::with_capacity(made.len());
        for (made, number) in made.into_iter().zip(1..) {
            let bytes = i64::try_from(made.bytes.len()).unwrap_or(i64::MAX);
            let file = self.objects.put(&self.schema, made.bytes, made.media_type);
            let file = file.await?;
            let url = self.objects.address(&self.schema, &file);
            let becomes = match &parameters.target {
                Target::Poster { content } => Becomes::Poster(*content, url),
                Target::NewItem(_) => {
                    let mut fields = subject::new_item(commission, subject, number)?;
                    match made.text {
                        Some(text) => fields.description = subject::described(&text),
                        None => fields.poster_url = Some(url),
                    }
                    fields.check()?;
                    Becomes::Item(Box::new(Content {
                        id: Id::new(&self.clock, &self.rng),
                        fields,
                        creator: commission.creator,
                        created_at: now,
                        updated_at: now,
                    }))
                }
            };
            let content = match &becomes {
                Becomes::Item(content) => content.id,
                Becomes::Poster(item, _) => *item,
            };
            let generated = Generated {
                content,
                generator: parameters.generator.clone(),
                prompt: parameters.ask.prompt().to_owned(),
                parameters: asked.clone(),
                details: storable(made.details),
                job,
                number,
                seed: made.seed,
                file,
                bytes,
                created_at: now,
            };
            kept.push((becomes, generated));
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

    /// What is known of what a commission is about.
    async fn subject(&self, commission: &Commission) -> Result<subject::Known> {
        let parameters = &commission.parameters;
        let about = match parameters.target {
            Target::Poster { content } => Some(content),
            Target::NewItem(_) => parameters.about,
        };
        let Some(about) = about else {
            return Ok(subject::of_prompt(commission));
        };
        let item = self.item(commission, about).await?;
        let credits = self.content.credits(&[about]).await?;
        let credits = credits.into_values().next().unwrap_or_default();
        let ids: Vec<Id<id::Person>> = credits.iter().map(|credit| credit.person).collect();
        let people = self.people.find_many(&ids).await?;
        Ok(subject::of_item(item, &credits, &people))
    }

    /// An item that the commission names, looked at again when it is carried out: it may have become
    /// private meanwhile, or be gone.
    async fn item(&self, commission: &Commission, id: Id<id::Content>) -> Result<Content> {
        let mut found = self.content.find_many(&Viewer::Command, &[id]).await?;
        let item = found.remove(&id).ok_or_else(not_found)?;
        if commission.may_name(&item) {
            Ok(item)
        } else {
            Err(not_found())
        }
    }

    /// How these items were generated, of those that `viewer` may change.
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

    /// Where clients find a file.
    pub fn address(&self, file: &ObjectName) -> String {
        self.objects.address(&self.schema, file)
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
