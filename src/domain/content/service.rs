//! The catalogue: reading, listing and changing content items.

use std::collections::{HashMap, HashSet};

use super::catalogue::{CatalogueIndex, LISTS_WITHIN, SEARCHES_WITHIN};
use super::model::{
    Content, ContentFilter, ContentOrder, Credit, Fields, ItemVisibility, NewCredit, TagCount,
    Visibility,
};
use super::store::Store;
use crate::domain::SchemaContext;
use crate::domain::auth::{Role, Scope, Viewer};
use crate::foundation::page::{Page, Window};
use crate::foundation::{Clock, Error, ExternalId, Findings, Id, Refusal, Result, Rng, id};
use crate::platform::config::ExternalIdSettings;

/// The most credits that an item may have.
const MAX_CREDITS: usize = 500;

/// The catalogue of one schema.
#[derive(Clone)]
pub struct ContentService {
    pub(super) store: Store,
    catalogue: CatalogueIndex,
    pub(super) clock: Clock,
    pub(super) rng: Rng,
    pub(super) external_ids: ExternalIdSettings,
}

impl ContentService {
    /// The catalogue of the schema of `ctx`.
    pub fn new(ctx: &SchemaContext) -> Self {
        let store = Store::new(ctx.db.clone());
        Self {
            catalogue: CatalogueIndex::new(store.clone(), ctx.cache.clone(), ctx.events.clone()),
            store,
            clock: ctx.clock.clone(),
            rng: ctx.rng.clone(),
            external_ids: ctx.settings.external_ids.of(ctx.db.schema()),
        }
    }

    /// The catalogue in memory. After a start it is waited for; of one that takes longer than 20 s to
    /// read there is a part, and later calls find more of it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while it cannot be read.
    pub async fn catalogue(&self) -> Result<&CatalogueIndex> {
        self.catalogue.load(LISTS_WITHIN).await?;
        Ok(&self.catalogue)
    }

    /// The same for who can say that a part is not all: it is waited for 5 s at most.
    ///
    /// # Errors
    /// Those of [`ContentService::catalogue`].
    pub async fn catalogue_so_far(&self) -> Result<&CatalogueIndex> {
        self.catalogue.load(SEARCHES_WITHIN).await?;
        Ok(&self.catalogue)
    }

    /// Waits until the whole catalogue is in memory, however long that takes: at the start of a server.
    pub async fn preload_catalogue(&self) {
        self.catalogue.preload().await;
    }

    /// To be called after others wrote to the catalogue past this service: imports, the demo.
    pub async fn written(&self) {
        self.catalogue.written().await;
    }

    /// The items of these ids that `viewer` may see: public and unlisted ones, their own, and for
    /// admins all. Deleted ones are gone for everybody.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_many(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::Content>],
    ) -> Result<HashMap<Id<id::Content>, Content>> {
        let found = self.store.find_many(ids).await?;
        Ok(found
            .into_iter()
            .filter(|content| may_see(viewer, content.visibility_and_creator()))
            .map(|content| (content.id, content))
            .collect())
    }

    /// Those of `pairs` in which the user may see the item: the viewer with all that they may see,
    /// others as ordinary users.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn visible_to(
        &self,
        viewer: &Viewer,
        pairs: &[(Id<id::User>, Id<id::Content>)],
    ) -> Result<HashSet<(Id<id::User>, Id<id::Content>)>> {
        let visibilities = self
            .store
            .visibilities(pairs.iter().map(|(_, item)| *item))
            .await?;
        let visible = pairs.iter().filter(|(user, item)| {
            visibilities
                .get(item)
                .is_some_and(|visibility_and_creator| {
                    if viewer.user() == Some(*user) {
                        may_see(viewer, *visibility_and_creator)
                    } else {
                        visibility_and_creator.0 != Visibility::Private
                            || visibility_and_creator.1 == Some(*user)
                    }
                })
        });
        Ok(visible.copied().collect())
    }

    /// One page of the items that `viewer` may list: public ones, their own, and for admins all.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for a cursor of another order or a filter too large.
    pub async fn list(
        &self,
        viewer: &Viewer,
        filter: &ContentFilter,
        order: (ContentOrder, bool),
        window: &Window,
    ) -> Result<Page<Content>> {
        filter.check()?;
        let rows = self.store.list(viewer, filter, order, window).await?;
        Ok(Page::cut(window, rows))
    }

    /// How many items [`ContentService::list`] would list in all.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for a filter too large.
    pub async fn count(&self, viewer: &Viewer, filter: &ContentFilter) -> Result<u64> {
        filter.check()?;
        self.store.count(viewer, filter).await
    }

    /// Adds an item. A signed-in user becomes its creator.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Refusal::InvalidInput`] for what cannot be stored,
    /// [`Refusal::NotFound`] for a credit of an unknown person.
    pub async fn create(
        &self,
        viewer: &Viewer,
        fields: Fields,
        credits: Vec<NewCredit>,
    ) -> Result<Content> {
        let content = self.new_content(viewer, fields, &credits)?;
        let done = self
            .store
            .insert(content.clone(), credits, self.rng.clone())
            .await;
        self.written().await;
        done.map(|()| content)
    }

    /// An item that `viewer` may create, with what it must hold to.
    pub(super) fn new_content(
        &self,
        viewer: &Viewer,
        mut fields: Fields,
        credits: &[NewCredit],
    ) -> Result<Content> {
        let creator = viewer.user();
        if creator.is_none() {
            viewer.admin_or(Scope::CatalogueWrite)?;
        }
        fields.tidy();
        fields.check()?;
        check_credits(credits)?;
        if is_ordinary(viewer) {
            check_claims(None, &fields, !credits.is_empty())?;
        }
        let now = self.clock.now();
        Ok(Content {
            id: Id::new(&self.clock, &self.rng),
            fields,
            creator,
            created_at: now,
            updated_at: now,
        })
    }

    /// Changes an item: `change` edits its present fields; `credits`, if given, replace all.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for an item that is not there or not visible, [`Error::Forbidden`] for
    /// somebody else's, [`Refusal::InvalidInput`] for what cannot be stored.
    pub async fn update(
        &self,
        viewer: &Viewer,
        id: Id<id::Content>,
        credits: Option<Vec<NewCredit>>,
        change: impl FnOnce(&mut Fields) + Send + 'static,
    ) -> Result<Content> {
        self.changeable(viewer, id).await?;
        if let Some(credits) = &credits {
            check_credits(credits)?;
        }
        let ordinary = is_ordinary(viewer);
        let credited = match &credits {
            Some(credits) => !credits.is_empty(),
            None if ordinary => {
                let present = self.store.credits(&[id]).await?;
                present.values().any(|credits| !credits.is_empty())
            }
            None => false,
        };
        let new_credits = credits.is_some();
        let done = self
            .store
            .update(
                id,
                credits,
                self.clock.now(),
                self.rng.clone(),
                move |fields| {
                    let before = fields.clone();
                    change(fields);
                    fields.tidy();
                    fields.check()?;
                    if ordinary {
                        // What is there already was there before others could see it, or before this rule.
                        let shown = before.visibility == Visibility::Private;
                        check_claims(Some(&before), fields, credited && (new_credits || shown))?;
                    }
                    Ok(())
                },
            )
            .await;
        self.written().await;
        done
    }

    /// Hides an item everywhere from the next statement on. Lists of the past keep its row.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for an item that is not there or not visible, [`Error::Forbidden`] for
    /// somebody else's.
    pub async fn delete(&self, viewer: &Viewer, id: Id<id::Content>) -> Result<()> {
        self.changeable(viewer, id).await?;
        let done = self.store.delete(id, self.clock.now()).await;
        self.written().await;
        if done? { Ok(()) } else { Err(not_found()) }
    }

    /// The credits of these items, each item's by role and position.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn credits(
        &self,
        items: &[Id<id::Content>],
    ) -> Result<HashMap<Id<id::Content>, Vec<Credit>>> {
        self.store.credits(items).await
    }

    /// The tags that users gave these items, the most given first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn user_tags(
        &self,
        items: &[Id<id::Content>],
    ) -> Result<HashMap<Id<id::Content>, Vec<TagCount>>> {
        self.store.user_tags(items).await
    }

    /// What other catalogues call these items.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn external_ids(
        &self,
        items: &[Id<id::Content>],
    ) -> Result<HashMap<Id<id::Content>, Vec<ExternalId>>> {
        self.store.external_ids(items).await
    }

    /// An item that `viewer` may change.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for an item that is not there or not visible, [`Error::Forbidden`] for
    /// somebody else's.
    pub async fn changeable(&self, viewer: &Viewer, id: Id<id::Content>) -> Result<Content> {
        let content = self
            .store
            .find_many(&[id])
            .await?
            .pop()
            .filter(|content| may_see(viewer, content.visibility_and_creator()))
            .ok_or_else(not_found)?;
        may_change(viewer, content.creator)?;
        Ok(content)
    }
}

/// Lets those pass who may change an item that is `creator`'s, or nobody's.
///
/// # Errors
/// [`Error::Unauthenticated`] for nobody, [`Error::Forbidden`] for everybody else.
pub fn may_change(viewer: &Viewer, creator: Option<Id<id::User>>) -> Result<()> {
    match creator {
        Some(creator) => viewer.may_act_for(creator, Scope::CatalogueWrite),
        None => viewer.admin_or(Scope::CatalogueWrite),
    }
}

/// What is said of an item that is not there, or not for this viewer.
pub fn not_found() -> Error {
    Refusal::NotFound {
        thing: "content item",
    }
    .into()
}

fn may_see(viewer: &Viewer, (visibility, creator): ItemVisibility) -> bool {
    match visibility {
        Visibility::Public | Visibility::Unlisted => true,
        Visibility::Private => match creator {
            Some(creator) => viewer.user() == Some(creator) || viewer.is_admin(),
            // What an app keeps for itself.
            None => viewer.admin_or(Scope::CatalogueWrite).is_ok(),
        },
    }
}

/// Whether the viewer speaks for nobody but themselves.
fn is_ordinary(viewer: &Viewer) -> bool {
    matches!(
        viewer,
        Viewer::User {
            role: Role::User,
            ..
        }
    )
}

/// Refuses what an ordinary user may not say of an item that others see: how popular it is, how others rated it, and
/// who made it. Those figures order lists and searches, and credits are part of filmographies. What `before` had
/// already, seen by others, stays.
fn check_claims(before: Option<&Fields>, fields: &Fields, credited: bool) -> Result<(), Refusal> {
    if fields.visibility == Visibility::Private {
        return Ok(());
    }
    let seen = before.filter(|before| before.visibility != Visibility::Private);
    let blank = Fields::new(fields.kind, String::new());
    let known = seen.unwrap_or(&blank);
    let mut findings = Findings::default();
    let message = "only curators, admins and apps say this of an item that others see; leave it out, or make the item \
                   PRIVATE";
    for (field, unchanged) in [
        ("popularity", fields.popularity == known.popularity),
        (
            "ratingAverage",
            fields.rating_average == known.rating_average,
        ),
        ("ratingCount", fields.rating_count == known.rating_count),
        ("credits", !credited),
    ] {
        findings.require(unchanged, field, message);
    }
    findings.finish()
}

fn check_credits(credits: &[NewCredit]) -> Result<(), Refusal> {
    use super::model::PersonRef;
    if credits.len() > MAX_CREDITS {
        let message = format!("an item has at most {MAX_CREDITS} credits");
        return Err(Refusal::invalid("credits", message));
    }
    let mut findings = Findings::default();
    for (index, credit) in credits.iter().enumerate() {
        let at = |field: &str, message: &str| {
            let outer = ["credits".to_owned(), index.to_string()];
            Refusal::invalid(field, message).under(outer)
        };
        if let PersonRef::Name(name) = &credit.person
            && (!(1..=200).contains(&name.trim().chars().count()) || name.contains('\0'))
        {
            findings.note(at("name", "a name has 1 to 200 characters"));
        }
        if credit
            .character
            .as_ref()
            .is_some_and(|name| name.chars().count() > 500 || name.contains('\0'))
        {
            findings.note(at("character", "a character has at most 500 characters"));
        }
    }
    findings.finish()
}
