//! What channels show: type, schedule, and the mutations that import it.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, Result};

use super::channel::Channel;
use super::content::Content;
use super::job::changes::{JobWarning, job_created};
use super::job::parameters::within;
use super::job::{ApiJob, Job};
use crate::domain::competition::model::{self as domain, AiringFilter};
use crate::domain::imports::job::{ImportJob, ImportParameters, ImportSource};
use crate::domain::imports::sync::{CompetitionSyncJob, SyncParameters};
use crate::domain::jobs::JobParameters;
use crate::domain::jobs::model::{CreateOutcome, NewJob};
use crate::foundation::page::Window;
use crate::foundation::{Id, id};
use crate::graphql::connection::Connection;
use crate::graphql::enums::{graphql_enum, values};
use crate::graphql::filter::{StringFilter, or_none};
use crate::graphql::number::{double, int};
use crate::graphql::payload::{payload, payload_errors, settle};
use crate::graphql::scalars::DateTime;
use crate::graphql::{ContextExt, Query};

graphql_enum!(domain::AiringKind as AiringKind);
graphql_enum!(domain::AiringSource as AiringSource);

impl ApiJob for CompetitionSyncJob {
    const DESCRIPTION: &'static str =
        "Fetches the television guides that are configured on this server, and imports them.";
}

/// A programme on a channel. Visible to curators and admins.
#[derive(Clone, Debug)]
pub struct Airing(Arc<domain::Airing>);

impl From<domain::Airing> for Airing {
    fn from(airing: domain::Airing) -> Self {
        Self(Arc::new(airing))
    }
}

/// A programme on a channel. Visible to curators and admins.
#[Object]
impl Airing {
    /// Opaque, globally unique ID.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// Channel that shows the programme; null if it was deleted in the meantime.
    async fn channel(&self, ctx: &Context<'_>) -> Result<Option<Channel>> {
        let loader = &ctx.loaders().channels;
        Ok(loader.load_one(self.0.channel).await?.map(Into::into))
    }

    /// Title of the programme, as in the imported file.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// Year of production; null if the file does not say.
    async fn year(&self) -> Option<i32> {
        self.0.year
    }

    /// Kind of the programme, as the file marks it.
    async fn kind(&self) -> AiringKind {
        self.0.kind.into()
    }

    /// Time when the programme begins.
    async fn starts_at(&self) -> DateTime {
        DateTime(self.0.starts_at)
    }

    /// Time when the programme ends.
    async fn ends_at(&self) -> DateTime {
        DateTime(self.0.ends_at)
    }

    /// Length of the programme in minutes, with everything that is shown within it.
    async fn duration_minutes(&self) -> i32 {
        int((self.0.ends_at - self.0.starts_at).num_minutes())
    }

    /// Number of people who watched the programme; null if it is not known.
    async fn audience(&self) -> Option<f64> {
        self.0.audience.map(|people| people as f64)
    }

    /// Format of the file that the programme was imported from.
    async fn source(&self) -> AiringSource {
        self.0.source.into()
    }

    /// Item of the catalogue that the programme shows. Null if it was not recognised, and if the
    /// viewer may not see the item.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let Some(content) = self.0.content else {
            return Ok(None);
        };
        let found = ctx.loaders().content.load_one(content).await?;
        Ok(found.map(Into::into))
    }

    /// Confidence that the programme shows `content`, 0–1: 1 if the file names the item, otherwise
    /// an estimate from title, year and duration. Null if no item was recognised.
    async fn confidence(&self) -> Option<f64> {
        self.0.confidence.map(double)
    }
}

/// Queries of what channels show.
#[derive(Clone, Copy, Default)]
pub struct CompetitionQuery;

/// Queries of what channels show.
#[Object]
impl CompetitionQuery {
    /// Lists the programmes of channels that run within a period, ordered by start. By default
    /// those of all competitors; programmes of the operator's own channels are listed if the channels
    /// are named. Requires the role CURATOR or ADMIN.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn competition_schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Start of the period. Programmes that run at this time are included.")]
        from: DateTime,
        #[graphql(desc = "End of the period, at most 400 days after `from`; exclusive.")]
        to: DateTime,
        #[graphql(
            desc = "Keys of the channels, at most 200 (default: all channels of competitors)."
        )]
        channels: Option<Vec<String>>,
        #[graphql(desc = "Return only programmes of these kinds (default: all kinds).")]
        kinds: Option<Vec<AiringKind>>,
        #[graphql(desc = "Return only programmes that show this item of the catalogue.")]
        content_id: Option<Id<id::Content>>,
        #[graphql(
            desc = "If true, return only programmes that show an item of the catalogue; if false, only the others (default: both)."
        )]
        matched: Option<bool>,
        #[graphql(desc = "Conditions on the title of the programme.")] title: Option<StringFilter>,
        #[graphql(
            desc = "Number of programmes to return from the start of the list, 1–100 (default 20). Not allowed together with `last` or `before`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Return the programmes after this cursor, from `edges.cursor` or `pageInfo.endCursor`."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Number of programmes to return from the end of the list, 1–100 (default 20 if `before` is given)."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Return the programmes before this cursor, from `edges.cursor` or `pageInfo.startCursor`."
        )]
        before: Option<String>,
    ) -> Result<Option<Connection<Airing>>> {
        let window = Window::read(first, after, last, before)?;
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer().clone());
        let mut filter = AiringFilter {
            kinds: kinds.map(values),
            content: content_id,
            matched,
            title: or_none("title", title)?,
            ..AiringFilter::of(from.0, to.0)
        };
        if let Some(keys) = channels {
            let found = services.channels.by_keys(&viewer, &keys).await?;
            filter.channels = Some(found.into_iter().map(|channel| channel.id).collect());
        }
        let page = services
            .competition
            .schedule(&viewer, &filter, &window)
            .await?;
        let total = move || {
            let (services, viewer) = (Arc::clone(&services), viewer.clone());
            let filter = filter.clone();
            async move { services.competition.count(&viewer, &filter).await }
        };
        let cursor = |airing: &Airing| airing.0.cursor();
        Ok(Some(Connection::new(page, cursor, total)))
    }
}

/// Television guides to import.
#[derive(Clone, Debug, InputObject)]
pub struct ImportCompetitionInput {
    /// IDs of 1–20 guides in XMLTV, plain or gzipped, that were uploaded by
    /// `POST /uploads/{schema}`, all with different names.
    upload_ids: Vec<Id<id::Upload>>,
    /// Time zone of channels that are not known yet, and of their times without an offset, as a name
    /// of the IANA database (default: `UTC`). Channels that are known have a time zone of their own.
    time_zone: Option<String>,
    /// Maximum ratio of the decompressed to the compressed size of a file, for files of more than 1
    /// GiB when decompressed, 1–1,000,000.
    #[graphql(default = 200)]
    max_ratio: i32,
}

/// How the configured television guides are fetched.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct SyncCompetitionInput {
    /// Whether guides are fetched and imported even if they have not changed since the last time.
    #[graphql(default)]
    force: bool,
}

payload_errors! {
    /// Errors that `importCompetition` may return.
    ImportCompetitionError: InvalidInput, NotFound, Conflict
}

payload_errors! {
    /// Errors that `syncCompetition` may return.
    SyncCompetitionError: InvalidInput, NotFound, Conflict
}

job_created! {
    /// Result of `importCompetition`.
    ImportCompetitionPayload(ImportCompetitionError)
}

job_created! {
    /// Result of `syncCompetition`.
    SyncCompetitionPayload(SyncCompetitionError)
}

/// Mutations of what channels show.
#[derive(Clone, Copy, Default)]
pub struct CompetitionMutation;

/// Mutations of what channels show.
#[Object]
impl CompetitionMutation {
    /// Creates a job that imports uploaded television guides. Channels that are not known are created
    /// as those of competitors. The programmes of a guide replace those of earlier guides in the
    /// period that it covers. The result of the job counts added, updated, unchanged, duplicate,
    /// overlapping, removed and refused programmes, with the reasons of refusals. Requires the role
    /// ADMIN.
    async fn import_competition(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The guides to import.")] input: ImportCompetitionInput,
    ) -> Result<Option<ImportCompetitionPayload>> {
        let (services, viewer) = (ctx.services(), ctx.viewer());
        let asked = async {
            viewer.admin()?;
            let uploads = &services.uploads;
            uploads.find_for_import(viewer, &input.upload_ids).await?;
            let parameters = ImportParameters {
                max_ratio: within(input.max_ratio, 1..=1_000_000, "maxRatio")?,
                time_zone: input.time_zone,
                ..ImportParameters::new(ImportSource::Xmltv, input.upload_ids)
            };
            let new = NewJob::now(JobParameters::of::<ImportJob>(parameters));
            services.jobs.create(viewer, new).await
        };
        ImportCompetitionPayload::of(asked.await)
    }

    /// Creates a job that fetches the television guides whose addresses are configured on this server
    /// (`competition.sources`), and imports those that have changed. Requires the role ADMIN.
    async fn sync_competition(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How the guides are fetched.")] input: SyncCompetitionInput,
    ) -> Result<Option<SyncCompetitionPayload>> {
        let parameters = SyncParameters { force: input.force };
        let new = NewJob::now(JobParameters::of::<CompetitionSyncJob>(parameters));
        let asked = ctx.services().jobs.create(ctx.viewer(), new).await;
        SyncCompetitionPayload::of(asked)
    }
}
