//! People: type, queries and mutations.

use std::sync::Arc;

use async_graphql::{Context, InputObject, MaybeUndefined, Object, Result};

use super::content::CreditRole;
use super::filmography::{FilmographyItem, PersonStatistics, filmography};
use crate::domain::people::model::{self as domain, Fields, PersonFilter as Filter};
use crate::foundation::page::Window;
use crate::foundation::{Error, Id, Refusal, id};
use crate::graphql::ContextExt;
use crate::graphql::connection::{Connection, order_input};
use crate::graphql::enums::graphql_enum;
use crate::graphql::filter::{OrderDirection, StringFilter, or_none};
use crate::graphql::payload::{not_removable, payload, payload_errors};
use crate::graphql::scalars::DateTime;

/// A person who is credited for content items.
#[derive(Clone, Debug)]
pub struct Person(pub Arc<domain::Person>);

impl From<domain::Person> for Person {
    fn from(person: domain::Person) -> Self {
        Self(Arc::new(person))
    }
}

/// A person who is credited for content items.
#[Object]
impl Person {
    /// Opaque, globally unique ID.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// Name of the person, as in the credits.
    async fn name(&self) -> &str {
        &self.0.fields.name
    }

    /// URL of a photo; null if there is none.
    async fn photo_url(&self, ctx: &Context<'_>) -> Option<String> {
        let address = self.0.fields.photo_url.as_deref();
        address.map(|address| ctx.absolute(address))
    }

    /// Short biography; null if there is none.
    async fn biography(&self) -> Option<&str> {
        self.0.fields.biography.as_deref()
    }

    /// Time when the person was created in this catalogue.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Time when the person was last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }

    /// Lists the content items of any kind that the person is credited for and that the viewer may
    /// list, ordered by year.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn filmography(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Return only items in which the person has one of these roles (default: all roles)."
        )]
        roles: Option<Vec<CreditRole>>,
        #[graphql(
            desc = "Direction of the order by year. Items without a year come last in both directions.",
            default_with = "OrderDirection::Desc"
        )]
        direction: OrderDirection,
        #[graphql(
            desc = "Number of items to return from the start of the list, 1–100 (default 20). Not allowed together with `last` or `before`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Return the items after this cursor, from `edges.cursor` or `pageInfo.endCursor`."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Number of items to return from the end of the list, 1–100 (default 20 if `before` is given)."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Return the items before this cursor, from `edges.cursor` or `pageInfo.startCursor`."
        )]
        before: Option<String>,
    ) -> Result<Connection<FilmographyItem>> {
        let window = Window::read(first, after, last, before)?;
        filmography(ctx, self.0.id, roles, direction, window).await
    }

    /// Statistics of the content items that the person is credited for and that the viewer may
    /// list.
    #[graphql(complexity = "5 + child_complexity")]
    async fn statistics(&self) -> PersonStatistics {
        PersonStatistics(self.0.id)
    }
}

/// A filter for people. All given conditions must hold; omitted ones do not restrict the result.
#[derive(Clone, Debug, Default, InputObject)]
#[graphql(name = "PersonFilter")]
pub struct PersonFilterInput {
    /// Conditions on the name.
    name: Option<StringFilter>,
}

impl TryFrom<PersonFilterInput> for Filter {
    type Error = Refusal;

    fn try_from(input: PersonFilterInput) -> Result<Self, Refusal> {
        Ok(Self {
            name: or_none("name", input.name)?,
        })
    }
}

graphql_enum!(domain::PersonOrder as PersonOrderField);

order_input! {
    /// Order of a list of people.
    PersonOrder(domain::PersonOrder)
}

/// Queries of people.
#[derive(Clone, Copy, Default)]
pub struct PersonQuery;

/// Queries of people.
#[Object]
impl PersonQuery {
    /// Fetches a person either by ID or by name. Null if the person does not exist. If several
    /// people have the same name, the one with the most credits is returned. No authentication
    /// required.
    async fn person(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the person. Either `id` or `name` is required.")] id: Option<
            Id<id::Person>,
        >,
        #[graphql(desc = "Full name of the person; case-insensitive.")] name: Option<String>,
    ) -> Result<Option<Person>> {
        let person = match (id, name) {
            (Some(id), None) => ctx.loaders().people.load_one(id).await?,
            (None, Some(name)) => ctx.services().people.named(&name).await?,
            _ => {
                let refusal = Refusal::invalid("id", "give either `id` or `name`");
                return Err(Error::from(refusal).into());
            }
        };
        Ok(person.map(Into::into))
    }

    /// Lists the people of the catalogue. No authentication required.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn people(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Return only people that match this filter (default: all people).")]
        filter: Option<PersonFilterInput>,
        #[graphql(desc = "Order of the people (default: by `NAME`, ascending).")] order_by: Option<
            PersonOrder,
        >,
        #[graphql(
            desc = "Number of people to return from the start of the list, 1–100 (default 20). Not allowed together with `last` or `before`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Return the people after this cursor, from `edges.cursor` or `pageInfo.endCursor`."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Number of people to return from the end of the list, 1–100 (default 20 if `before` is given)."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Return the people before this cursor, from `edges.cursor` or `pageInfo.startCursor`."
        )]
        before: Option<String>,
    ) -> Result<Option<Connection<Person>>> {
        let window = Window::read(first, after, last, before)?;
        let filter: Filter = or_none("filter", filter)?;
        let usual = (domain::PersonOrder::Name, true);
        let (by, ascending) = order_by.map_or(usual, Into::into);
        let services = Arc::clone(ctx.services());
        let page = services
            .people
            .list(&filter, (by, ascending), &window)
            .await?;
        let total = move || {
            let (services, filter) = (Arc::clone(&services), filter.clone());
            async move { services.people.count(&filter).await }
        };
        let cursor = move |person: &Person| person.0.cursor(by, ascending);
        Ok(Some(Connection::new(page, cursor, total)))
    }
}

/// Properties of a new person.
#[derive(Clone, Debug, InputObject)]
pub struct CreatePersonInput {
    /// Name of the person, 1–200 characters.
    name: String,
    /// URL of a photo, at most 2,000 characters.
    photo_url: Option<String>,
    /// Short biography, at most 20,000 characters.
    biography: Option<String>,
}

/// Changes to a person. Fields that are omitted remain unchanged; null removes the value.
#[derive(Clone, Debug, InputObject)]
pub struct UpdatePersonInput {
    /// ID of the person to change.
    id: Id<id::Person>,
    /// Name of the person, 1–200 characters. It cannot be removed: null is an error.
    name: MaybeUndefined<String>,
    /// URL of a photo, at most 2,000 characters; null removes it.
    photo_url: MaybeUndefined<String>,
    /// Short biography, at most 20,000 characters; null removes it.
    biography: MaybeUndefined<String>,
}

impl UpdatePersonInput {
    /// The change of the present fields.
    fn read(self) -> Result<impl FnOnce(&mut Fields) + Send + 'static, Refusal> {
        let name = not_removable("name", self.name)?;
        Ok(|fields: &mut Fields| {
            if let Some(name) = name {
                fields.name = name;
            }
            self.photo_url.update_to(&mut fields.photo_url);
            self.biography.update_to(&mut fields.biography);
        })
    }
}

/// The person to delete.
#[derive(Clone, Debug, InputObject)]
pub struct DeletePersonInput {
    /// ID of the person to delete.
    id: Id<id::Person>,
}

payload_errors! {
    /// Errors that `createPerson` may return.
    CreatePersonError: InvalidInput, Conflict
}

payload_errors! {
    /// Errors that `updatePerson` may return.
    UpdatePersonError: InvalidInput, NotFound, Conflict
}

payload_errors! {
    /// Errors that `deletePerson` may return.
    DeletePersonError: NotFound, Conflict
}

payload! {
    /// Result of `createPerson`.
    CreatePersonPayload(
        /// Why the person was not created; empty if they were.
        CreatePersonError
    ) {
        /// The new person; null if there are errors.
        person: Option<Person>,
    }
}

payload! {
    /// Result of `updatePerson`.
    UpdatePersonPayload(
        /// Why the person was not changed; empty if they were.
        UpdatePersonError
    ) {
        /// The changed person; null if there are errors.
        person: Option<Person>,
    }
}

payload! {
    /// Result of `deletePerson`.
    DeletePersonPayload(
        /// Why the person was not deleted; empty if they were.
        DeletePersonError
    ) {
        /// ID of the deleted person; null if there are errors.
        deleted_id: Option<Id<id::Person>>,
    }
}

/// Mutations of people.
#[derive(Clone, Copy, Default)]
pub struct PersonMutation;

/// Mutations of people.
#[Object]
impl PersonMutation {
    /// Creates a person in the catalogue. Requires the role ADMIN or an API key with the scope
    /// CATALOGUE_WRITE.
    async fn create_person(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Properties of the new person.")] input: CreatePersonInput,
    ) -> Result<Option<CreatePersonPayload>> {
        let fields = Fields {
            name: input.name,
            photo_url: input.photo_url,
            biography: input.biography,
        };
        let made = ctx.services().people.create(ctx.viewer(), fields).await;
        ctx.loaders().forget();
        CreatePersonPayload::settle(made)
    }

    /// Changes a person. Fields that are omitted from the input remain unchanged. Requires the role
    /// ADMIN or an API key with the scope CATALOGUE_WRITE.
    async fn update_person(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes to make.")] input: UpdatePersonInput,
    ) -> Result<Option<UpdatePersonPayload>> {
        let changed = async {
            let (viewer, service, id) = (ctx.viewer(), &ctx.services().people, input.id);
            service.update(viewer, id, input.read()?).await
        };
        let changed = changed.await;
        ctx.loaders().forget();
        UpdatePersonPayload::settle(changed)
    }

    /// Deletes a person who has no credits. Requires the role ADMIN or an API key with the scope
    /// CATALOGUE_WRITE.
    async fn delete_person(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person to delete.")] input: DeletePersonInput,
    ) -> Result<Option<DeletePersonPayload>> {
        let done = ctx.services().people.delete(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        DeletePersonPayload::settle(done.map(|()| input.id))
    }
}
