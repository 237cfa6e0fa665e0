//! Data loaders: keys that many fields of a request need are read in one statement.
//!
//! Each execution has its own set: a shared one would leak rows between viewers, and a longer-lived one would
//! return outdated rows to later events.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};

use super::batch_scheduler::{BatchScheduler, NoDelay};
use super::request_viewer::RequestViewer;
use crate::domain::Services;
use crate::domain::auth::ApiKey;
use crate::domain::channels::Channel;
use crate::domain::competition::Airing;
use crate::domain::content::Content;
use crate::domain::content::filmography::{
    Collaborator, FilmStatistics, FilmographyPage, GenreCount,
};
use crate::domain::content::model::{Credit, CreditRole, TagCount};
use crate::domain::experiments::{Experiment, ExperimentResults, ExperimentVariant};
use crate::domain::generation::Generated;
use crate::domain::interactions::Interaction;
use crate::domain::interactions::model::Ratings;
use crate::domain::jobs::Job;
use crate::domain::models::ModelVersion;
use crate::domain::people::Person;
use crate::domain::recommendations::model::ListPage;
use crate::domain::slates::{Selection, Slate};
use crate::domain::uploads::Upload;
use crate::domain::users::User;
use crate::foundation::page::{DEFAULT_SIZE, Page};
use crate::foundation::{Error, ExternalId, Id, id};

/// The context of loaders: the services and the viewer of the request.
pub struct LoaderContext {
    services: Arc<Services>,
    viewer: Arc<RequestViewer>,
}

/// A loader that is created on first use: most executions use few of them, and an event is executed for each
/// of thousands of subscribers.
pub struct LazyLoader<L> {
    reader: Arc<LoaderContext>,
    scheduler: BatchScheduler,
    loader: OnceLock<DataLoader<L, HashMapCache>>,
}

impl<L: From<Arc<LoaderContext>>> Deref for LazyLoader<L> {
    type Target = DataLoader<L, HashMapCache>;

    fn deref(&self) -> &Self::Target {
        self.loader.get_or_init(|| {
            DataLoader::with_cache(
                L::from(Arc::clone(&self.reader)),
                self.scheduler.clone(),
                NoDelay,
                HashMapCache::default(),
            )
            // A page of 100 films with 100 credits each is still one statement.
            .max_batch_size(20_000)
        })
    }
}

macro_rules! loaders {
    ($($(#[$doc:meta])* $field:ident: $loader:ident($key:ty => $value:ty) = |$reader:ident, $ids:ident| $load:expr;)*) => {
        /// The loaders of one request.
        pub struct Loaders {
            $($(#[$doc])* pub $field: LazyLoader<$loader>,)*
        }

        impl Loaders {
            /// Fresh loaders that read on behalf of `viewer`, as `scheduler` runs them.
            pub fn new(services: &Arc<Services>, viewer: &Arc<RequestViewer>, scheduler: &BatchScheduler) -> Self {
                let reader = Arc::new(LoaderContext {
                    services: Arc::clone(services),
                    viewer: Arc::clone(viewer),
                });
                Self {
                    $($field: LazyLoader {
                        reader: Arc::clone(&reader),
                        scheduler: scheduler.clone(),
                        loader: OnceLock::new(),
                    },)*
                }
            }

            /// Forgets what was read: a mutation has changed it, and the rest of its document
            /// shall see that.
            pub fn forget(&self) {
                $(if let Some(loader) = self.$field.loader.get() {
                    loader.clear::<$key>();
                })*
            }
        }

        $(
            $(#[$doc])*
            pub struct $loader(Arc<LoaderContext>);

            impl From<Arc<LoaderContext>> for $loader {
                fn from(reader: Arc<LoaderContext>) -> Self {
                    Self(reader)
                }
            }

            impl Loader<$key> for $loader {
                type Value = $value;
                type Error = Arc<Error>;

                async fn load(&self, $ids: &[$key]) -> Result<HashMap<$key, $value>, Arc<Error>> {
                    let $reader = &self.0;
                    $load.await.map_err(Arc::new)
                }
            }
        )*
    };
}

loaders! {
    /// Content items that the viewer may see.
    content: ContentById(Id<id::Content> => Content) =
        |reader, ids| reader.services.content.find_many(reader.viewer.current(), ids);
    /// The credits of content items.
    credits: CreditsOfContent(Id<id::Content> => Vec<Credit>) =
        |reader, ids| reader.services.content.credits(ids);
    /// How content items were generated, of those that the viewer may change.
    generated: GeneratedOfContent(Id<id::Content> => Generated) =
        |reader, ids| reader.services.generation.find_many(reader.viewer.current(), ids);
    /// The tags that users gave content items.
    user_tags: TagsOfContent(Id<id::Content> => Vec<TagCount>) =
        |reader, ids| reader.services.content.user_tags(ids);
    /// The names of content items in other catalogues.
    external_ids: ExternalIdsOfContent(Id<id::Content> => Vec<ExternalId>) =
        |reader, ids| reader.services.content.external_ids(ids);
    /// People of the catalogue.
    people: PersonById(Id<id::Person> => Person) =
        |reader, ids| reader.services.people.find_many(ids);
    /// Users that the viewer may see.
    users: UserById(Id<id::User> => User) =
        |reader, ids| reader.services.users.find_many(reader.viewer.current(), ids);
    /// API keys that the viewer may see.
    api_keys: ApiKeyById(Id<id::ApiKey> => ApiKey) =
        |reader, ids| reader.services.auth.find_api_keys(reader.viewer.current(), ids);
    /// Interactions that the viewer may read.
    interactions: InteractionById(Id<id::Interaction> => Interaction) =
        |reader, ids| reader.services.interactions.find_many(reader.viewer.current(), ids);
    /// How often users did something to content items.
    interaction_counts: InteractionsOfContent(Id<id::Content> => i64) =
        |reader, ids| reader.services.interactions.counts_of(ids);
    /// The stars that users gave content items.
    ratings: RatingsOfContent(Id<id::Content> => Ratings) =
        |reader, ids| reader.services.interactions.ratings_of(ids);
    /// Recommendation lists that the viewer may read, with the items of their first pages.
    lists: ListById(Id<id::List> => ListPage) = |reader, ids| {
        let service = &reader.services.recommendations;
        service.find_many(reader.viewer.current(), ids, DEFAULT_SIZE)
    };
    /// Trained models.
    models: ModelById(Id<id::Model> => ModelVersion) =
        |reader, ids| reader.services.models.find_many(reader.viewer.current(), ids);
    /// Slates that the viewer may see.
    slates: SlateById(Id<id::Slate> => Slate) =
        |reader, ids| reader.services.slates.find_many(reader.viewer.current(), ids);
    /// Selections from slates that the viewer may see.
    selections: SelectionById(Id<id::Selection> => Selection) =
        |reader, ids| reader.services.slates.find_selections(reader.viewer.current(), ids);
    /// The same by their slates.
    selections_of_slates: SelectionOfSlate(Id<id::Slate> => Selection) =
        |reader, ids| reader.services.slates.selections_of(reader.viewer.current(), ids);
    /// Jobs that the viewer may see.
    jobs: JobById(Id<id::Job> => Job) = |reader, ids| async {
        let jobs = reader.services.jobs.find_many(reader.viewer.current(), ids).await?;
        Ok(jobs.into_iter().map(|job| (job.id, job)).collect())
    };
    /// Uploaded files that the viewer may see.
    uploads: UploadById(Id<id::Upload> => Upload) =
        |reader, ids| reader.services.uploads.find_many(reader.viewer.current(), ids);
    /// Channels that the viewer may read.
    channels: ChannelById(Id<id::Channel> => Channel) =
        |reader, ids| reader.services.channels.find_many(reader.viewer.current(), ids);
    /// Airings that the viewer may read.
    airings: AiringById(Id<id::Airing> => Airing) =
        |reader, ids| reader.services.competition.find_many(reader.viewer.current(), ids);
    /// Experiments that the viewer may see.
    experiments: ExperimentById(Id<id::Experiment> => Experiment) =
        |reader, ids| reader.services.experiments.find_many(reader.viewer.current(), ids);
    /// Variants of experiments that the viewer may see.
    variants: VariantById(Id<id::Variant> => ExperimentVariant) =
        |reader, ids| reader.services.experiments.find_variants(reader.viewer.current(), ids);
    /// The results of experiments that the viewer may see.
    experiment_results: ResultsOfExperiment(Id<id::Experiment> => Arc<ExperimentResults>) =
        |reader, ids| reader.services.experiments.results(reader.viewer.current(), ids);
    /// Pages of what people made.
    filmographies: FilmsOfPerson((Id<id::Person>, FilmographyPage) => Page<Content>) =
        |reader, keys| async {
            let (content, mut found) = (&reader.services.content, HashMap::new());
            for (which, people) in by_arguments(keys) {
                let pages = content.filmographies(reader.viewer.current(), &people, which).await?;
                found.extend(with_arguments(pages, which));
            }
            Ok(found)
        };
    /// How many films people made.
    film_counts: FilmCountOfPerson((Id<id::Person>, Option<Vec<CreditRole>>) => i64) =
        |reader, keys| async {
            let (content, mut found) = (&reader.services.content, HashMap::new());
            for (roles, people) in by_arguments(keys) {
                let roles_only = roles.as_deref();
                let counts = content.count_films(reader.viewer.current(), &people, roles_only).await?;
                found.extend(with_arguments(counts, roles));
            }
            Ok(found)
        };
    /// The films of people in figures.
    film_statistics: StatisticsOfPerson(Id<id::Person> => FilmStatistics) =
        |reader, ids| reader.services.content.film_statistics(reader.viewer.current(), ids);
    /// The genres of people's films.
    film_genres: GenresOfPerson(Id<id::Person> => Vec<GenreCount>) =
        |reader, ids| reader.services.content.film_genres(reader.viewer.current(), ids);
    /// The stars that users gave people's films.
    film_ratings: RatingsOfPerson(Id<id::Person> => Ratings) =
        |reader, ids| reader.services.interactions.film_ratings(reader.viewer.current(), ids);
    /// Those whom people share films with, at most so many each.
    collaborators: CollaboratorsOfPerson((Id<id::Person>, usize) => Vec<Collaborator>) =
        |reader, keys| async {
            let (content, mut found) = (&reader.services.content, HashMap::new());
            for (most, people) in by_arguments(keys) {
                let others = content.collaborators(reader.viewer.current(), &people, *most).await?;
                found.extend(with_arguments(others, most));
            }
            Ok(found)
        };
}

/// The ids among `keys` for each of the arguments: a field is asked of many things with the same
/// arguments, and those are read together.
fn by_arguments<I: Copy, A: Eq + Hash>(keys: &[(I, A)]) -> HashMap<&A, Vec<I>> {
    let mut groups: HashMap<&A, Vec<I>> = HashMap::new();
    for (id, arguments) in keys {
        groups.entry(arguments).or_default().push(*id);
    }
    groups
}

/// The same values by id and arguments.
fn with_arguments<I, A: Clone, V>(
    values: HashMap<I, V>,
    arguments: &A,
) -> impl Iterator<Item = ((I, A), V)> {
    values
        .into_iter()
        .map(|(id, value)| ((id, arguments.clone()), value))
}
