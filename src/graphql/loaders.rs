//! Loaders: what many fields of one request ask for is read in one statement.
//!
//! Each request has its own set, since a shared one would carry one viewer's rows to another.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use async_graphql::runtime::{TokioSpawner, TokioTimer};

use crate::domain::Services;
use crate::domain::auth::{ApiKey, Viewer};
use crate::domain::content::Content;
use crate::domain::content::model::{Credit, ExternalId, TagCount};
use crate::domain::people::Person;
use crate::domain::users::User;
use crate::foundation::{Error, Id, id};

/// What a loader reads with: the services, on behalf of the request's viewer.
#[derive(Clone)]
pub struct Reader {
    services: Arc<Services>,
    viewer: Viewer,
}

macro_rules! loaders {
    ($($(#[$doc:meta])* $field:ident: $loader:ident($key:ty => $value:ty) = |$reader:ident, $ids:ident| $load:expr;)*) => {
        /// The loaders of one request.
        pub struct Loaders {
            $($(#[$doc])* pub $field: DataLoader<$loader, HashMapCache>,)*
        }

        impl Loaders {
            /// Fresh loaders that read on behalf of `viewer`.
            pub fn new(services: &Arc<Services>, viewer: &Viewer) -> Self {
                let reader = Reader {
                    services: Arc::clone(services),
                    viewer: viewer.clone(),
                };
                Self {
                    $($field: DataLoader::with_cache(
                        $loader(reader.clone()),
                        TokioSpawner::current(),
                        TokioTimer::default(),
                        HashMapCache::default(),
                    ),)*
                }
            }

            /// Forgets what was read: a mutation has changed it, and the rest of its document
            /// shall see that.
            pub fn forget(&self) {
                $(self.$field.clear::<$key>();)*
            }
        }

        $(
            $(#[$doc])*
            pub struct $loader(Reader);

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
        |reader, ids| reader.services.content.find_many(&reader.viewer, ids);
    /// The credits of content items.
    credits: CreditsOfContent(Id<id::Content> => Vec<Credit>) =
        |reader, ids| reader.services.content.credits(ids);
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
        |reader, ids| reader.services.users.find_many(&reader.viewer, ids);
    /// API keys that the viewer may see.
    api_keys: ApiKeyById(Id<id::ApiKey> => ApiKey) =
        |reader, ids| reader.services.auth.find_api_keys(&reader.viewer, ids);
}
