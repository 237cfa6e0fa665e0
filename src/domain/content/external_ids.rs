//! Items by the ids that other systems give them.

use std::collections::HashMap;

use super::model::{Content, ContentKind, Fields, NewCredit};
use super::service::{ContentService, not_found};
use crate::domain::auth::{Scope, Viewer};
use crate::foundation::{ExternalId, Id, Reference, Refusal, Result, id};

/// The most external ids that an item is created with.
const MAX_NAMES: usize = 20;

/// What a creation led to.
#[derive(Clone, Debug, PartialEq)]
pub struct Created {
    /// The item.
    pub content: Content,
    /// Whether it was there before, with one of the external ids; nothing was changed then.
    pub repeated: bool,
}

impl ContentService {
    /// The items that these ids name, whoever may see them; of several that one id names, the one that came first.
    /// Deleted items are named by nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn named_by(
        &self,
        ids: &[ExternalId],
    ) -> Result<HashMap<ExternalId, Id<id::Content>>> {
        self.store.named_by(ids).await
    }

    /// The id of an item that a caller names. Whether they may see it is not asked.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for an external id that names no item.
    pub async fn resolve(&self, reference: &Reference<id::Content>) -> Result<Id<id::Content>> {
        match reference {
            Reference::Id(id) => Ok(*id),
            Reference::External(external) => {
                let found = self.named_by(std::slice::from_ref(external)).await?;
                found.get(external).copied().ok_or_else(not_found)
            }
        }
    }

    /// Whether an interaction that names an unknown item creates it.
    pub fn creates_unknown(&self) -> bool {
        self.external_ids.create.items()
    }

    /// Creates public items of the kind `PRODUCT` for those of `ids` that name none; their titles are the external
    /// ids until an import or an update says more. Answers the items of all ids.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`](crate::foundation::Error::Unauthenticated) and
    /// [`Error::Forbidden`](crate::foundation::Error::Forbidden) for all but admins and apps that record
    /// interactions or write the catalogue.
    pub async fn create_unknown(
        &self,
        viewer: &Viewer,
        ids: Vec<ExternalId>,
    ) -> Result<HashMap<ExternalId, Id<id::Content>>> {
        viewer
            .admin_or(Scope::CatalogueWrite)
            .or_else(|_| viewer.admin_or(Scope::InteractionsWrite))?;
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let now = self.clock.now();
        let wanted = ids.into_iter().map(|name| {
            let content = Content {
                id: Id::new(&self.clock, &self.rng),
                fields: Fields::new(ContentKind::Product, name.value.clone()),
                creator: None,
                created_at: now,
                updated_at: now,
            };
            (name, content)
        });
        let done = self.store.create_missing(wanted.collect()).await;
        self.written().await;
        done
    }

    /// Adds an item with the ids that other systems give it. Where one of them names an item already, that item is
    /// answered as it is, so that a repeated creation is harmless. For admins and apps with `CATALOGUE_WRITE`.
    ///
    /// # Errors
    /// Those of [`ContentService::create`]; [`Refusal::InvalidInput`] for two ids of one source,
    /// [`Refusal::Conflict`] where the ids name different items.
    pub async fn create_named(
        &self,
        viewer: &Viewer,
        fields: Fields,
        credits: Vec<NewCredit>,
        names: Vec<ExternalId>,
    ) -> Result<Created> {
        if names.is_empty() {
            let content = self.create(viewer, fields, credits).await?;
            return Ok(Created {
                content,
                repeated: false,
            });
        }
        // Who names items decides which one an interaction with this id is about.
        viewer.admin_or(Scope::CatalogueWrite)?;
        check_names(&names)?;
        let content = self.new_content(viewer, fields, &credits)?;
        let done = self
            .store
            .insert_named(content.clone(), credits, names, self.rng.clone())
            .await;
        self.written().await;
        let known: Vec<Id<id::Content>> = done?.into_values().collect();
        let Some(first) = known.first() else {
            return Ok(Created {
                content,
                repeated: false,
            });
        };
        if known.iter().any(|id| id != first) {
            let message =
                "these external ids name different items; give those of one item".to_owned();
            return Err(Refusal::Conflict { message }.at("externalIds").into());
        }
        let content = self.find_many(viewer, &[*first]).await?.remove(first);
        Ok(Created {
            content: content.ok_or_else(not_found)?,
            repeated: true,
        })
    }
}

fn check_names(names: &[ExternalId]) -> Result<(), Refusal> {
    if names.len() > MAX_NAMES {
        let message = format!("an item has at most {MAX_NAMES} external ids");
        return Err(Refusal::invalid("externalIds", message));
    }
    for (index, name) in names.iter().enumerate() {
        if names[..index]
            .iter()
            .any(|other| other.source == name.source)
        {
            let message = format!(
                "an item has one external id of each source; `{}` comes twice",
                name.source
            );
            let refusal = Refusal::invalid("source", message);
            return Err(refusal.under(["externalIds".to_owned(), index.to_string()]));
        }
    }
    Ok(())
}
