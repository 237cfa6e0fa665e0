//! People: type, queries and mutations.

use std::sync::Arc;

use async_graphql::{Context, Enum, InputObject, MaybeUndefined, Object, Result};
use chrono::{DateTime, Utc};

use super::content::CreditRole;
use super::filmography::{FilmographyItem, PersonStatistics, filmography};
use crate::domain::people::model::{self as domain, Fields, PersonFilter as Filter};
use crate::foundation::page::Window;
use crate::foundation::{Error, Id, Refusal, id};
use crate::graphql::ContextExt;
use crate::graphql::connection::{Connection, order_input};
use crate::graphql::filter::{OrderDirection, StringFilter, or_none};
use crate::graphql::payload::{payload, payload_errors};

/// Somebody who made or plays in a content item.
#[derive(Clone, Debug)]
pub struct Person(pub Arc<domain::Person>);

impl From<domain::Person> for Person {
    fn from(person: domain::Person) -> Self {
        Self(Arc::new(person))
    }
}

/// Somebody who made or plays in a content item.
#[Object]
impl Person {
    /// Opaque and unique.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// As credited.
    async fn name(&self) -> &str {
        &self.0.fields.name
    }

    /// Where their picture is.
    async fn photo_url(&self) -> Option<&str> {
        self.0.fields.photo_url.as_deref()
    }

    /// Who they are, in a few sentences.
    async fn biography(&self) -> Option<&str> {
        self.0.fields.biography.as_deref()
    }

    /// When they came into the catalogue.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When their entry last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }

    /// What they made, of any kind, by year: the newest first unless asked otherwise. Only what the
    /// viewer may list.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn filmography(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only that for which they did one of these.")] roles: Option<
            Vec<CreditRole>,
        >,
        #[graphql(
            desc = "Which way round the years go; what has none comes last either way.",
            default_with = "OrderDirection::Desc"
        )]
        direction: OrderDirection,
        #[graphql(desc = "So many from the start, 1 to 100; 20 where left out.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only those behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<FilmographyItem>> {
        let window = Window::read(first, after, last, before)?;
        let roles = roles.map(|roles| roles.into_iter().map(Into::into).collect());
        filmography(ctx, self.0.id, roles, direction, window).await
    }

    /// What they made, in figures. Only what the viewer may list counts.
    #[graphql(complexity = "5 + child_complexity")]
    async fn statistics(&self) -> PersonStatistics {
        PersonStatistics(self.0.id)
    }
}

/// Which people to list. All that is given must hold; what is left out does not filter.
#[derive(Clone, Debug, Default, InputObject)]
#[graphql(name = "PersonFilter")]
pub struct PersonFilterInput {
    /// Conditions on the name.
    name: Option<StringFilter>,
}

impl From<PersonFilterInput> for Filter {
    fn from(input: PersonFilterInput) -> Self {
        Self {
            name: or_none(input.name),
        }
    }
}

/// By what people are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::PersonOrder")]
pub enum PersonOrderField {
    /// The name, by the letters' code points.
    Name,
    /// When they came into the catalogue.
    CreatedAt,
}

order_input! {
    /// An order of people.
    PersonOrder(PersonOrderField => domain::PersonOrder)
}

/// Queries about people.
#[derive(Clone, Copy, Default)]
pub struct PersonQuery;

/// Queries about people.
#[Object]
impl PersonQuery {
    /// One person, by `id` or by `name`; null if there is none. Of several of the same name it is
    /// the one with the most credits.
    async fn person(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] id: Option<Id<id::Person>>,
        #[graphql(desc = "As credited, whatever the case.")] name: Option<String>,
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

    /// The people of the catalogue, by name unless ordered otherwise.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn people(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] filter: Option<PersonFilterInput>,
        #[graphql(desc = "In which order.")] order_by: Option<PersonOrder>,
        #[graphql(desc = "So many from the start, 1 to 100; 20 where left out.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only those behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Person>> {
        let window = Window::read(first, after, last, before)?;
        let filter: Filter = or_none(filter);
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
        Ok(Connection::new(page, cursor, total))
    }
}

/// A person to be made.
#[derive(Clone, Debug, InputObject)]
pub struct CreatePersonInput {
    /// As credited, 1 to 200 characters.
    name: String,
    /// Where their picture is.
    photo_url: Option<String>,
    /// Who they are, at most 20,000 characters.
    biography: Option<String>,
}

/// A change of a person: what is left out stays, what is null is emptied.
#[derive(Clone, Debug, InputObject)]
pub struct UpdatePersonInput {
    /// Who.
    id: Id<id::Person>,
    /// As credited, 1 to 200 characters; a name cannot be emptied, so that null leaves it.
    name: MaybeUndefined<String>,
    /// Where their picture is.
    photo_url: MaybeUndefined<String>,
    /// Who they are, at most 20,000 characters.
    biography: MaybeUndefined<String>,
}

impl UpdatePersonInput {
    fn apply(self, fields: &mut Fields) {
        if let MaybeUndefined::Value(name) = self.name {
            fields.name = name;
        }
        self.photo_url.update_to(&mut fields.photo_url);
        self.biography.update_to(&mut fields.biography);
    }
}

/// Which person to delete.
#[derive(Clone, Debug, InputObject)]
pub struct DeletePersonInput {
    /// Who.
    id: Id<id::Person>,
}

payload_errors! {
    /// Why `createPerson` did not do it.
    CreatePersonError: InvalidInput, Conflict
}

payload_errors! {
    /// Why `updatePerson` did not do it.
    UpdatePersonError: InvalidInput, NotFound, Conflict
}

payload_errors! {
    /// Why `deletePerson` did not do it.
    DeletePersonError: NotFound, Conflict
}

payload! {
    /// What became of `createPerson`.
    CreatePersonPayload(
        /// Why they were not added.
        CreatePersonError
    ) {
        /// The new person; null if there are errors.
        person: Option<Person>,
    }
}

payload! {
    /// What became of `updatePerson`.
    UpdatePersonPayload(
        /// Why nothing was changed.
        UpdatePersonError
    ) {
        /// The changed person; null if there are errors.
        person: Option<Person>,
    }
}

payload! {
    /// What became of `deletePerson`.
    DeletePersonPayload(
        /// Why they were not deleted.
        DeletePersonError
    ) {
        /// The id of the person who is gone; null if there are errors.
        deleted_id: Option<Id<id::Person>>,
    }
}

/// Mutations of people.
#[derive(Clone, Copy, Default)]
pub struct PersonMutation;

/// Mutations of people. For admins and apps with the scope CATALOGUE_WRITE.
#[Object]
impl PersonMutation {
    /// Adds a person to the catalogue. For admins and apps with the scope CATALOGUE_WRITE.
    async fn create_person(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person.")] input: CreatePersonInput,
    ) -> Result<CreatePersonPayload> {
        let fields = Fields {
            name: input.name,
            photo_url: input.photo_url,
            biography: input.biography,
        };
        let made = ctx.services().people.create(ctx.viewer(), fields).await;
        ctx.loaders().forget();
        CreatePersonPayload::settle(made)
    }

    /// Changes a person: what is left out of the input stays as it is. For admins and apps with the
    /// scope CATALOGUE_WRITE.
    async fn update_person(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The change.")] input: UpdatePersonInput,
    ) -> Result<UpdatePersonPayload> {
        let (viewer, service, id) = (ctx.viewer(), &ctx.services().people, input.id);
        let changed = service.update(viewer, id, move |fields| input.apply(fields));
        let changed = changed.await;
        ctx.loaders().forget();
        UpdatePersonPayload::settle(changed)
    }

    /// Deletes a person; refused while there are credits of theirs. For admins and apps with the
    /// scope CATALOGUE_WRITE.
    async fn delete_person(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who.")] input: DeletePersonInput,
    ) -> Result<DeletePersonPayload> {
        let done = ctx.services().people.delete(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        DeletePersonPayload::settle(done.map(|()| input.id))
    }
}
