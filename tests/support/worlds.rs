//! Who is there and what they did: a user in one line, and the world of two tastes.

use std::future::IntoFuture;

use futures::FutureExt;
use futures::future::BoxFuture;
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use marquee::foundation::{Id, id};

use super::TestApp;

/// A user who is made when this is awaited: `app.user("Ada").likes([film]).await` answers the viewer.
pub struct UserBuilder<'a> {
    app: &'a TestApp,
    name: String,
    role: Role,
    interactions: Vec<NewInteraction>,
}

impl TestApp {
    /// A user of this name, without a special role.
    pub fn user(&self, name: impl Into<String>) -> UserBuilder<'_> {
        UserBuilder {
            app: self,
            name: name.into(),
            role: Role::User,
            interactions: Vec::new(),
        }
    }
}

impl UserBuilder<'_> {
    /// The same with this role.
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// Who likes these items, from the moment that the clock shows.
    pub fn likes(self, items: impl IntoIterator<Item = Id<id::Content>>) -> Self {
        let like = |item| NewInteraction::new(item, InteractionKind::Like);
        self.did(items.into_iter().map(like))
    }

    /// Who did this, in that order.
    pub fn did(mut self, interactions: impl IntoIterator<Item = NewInteraction>) -> Self {
        self.interactions.extend(interactions);
        self
    }
}

impl<'a> IntoFuture for UserBuilder<'a> {
    type Output = Viewer;
    type IntoFuture = BoxFuture<'a, Viewer>;

    fn into_future(self) -> Self::IntoFuture {
        let Self {
            app,
            name,
            role,
            interactions,
        } = self;
        async move {
            let ctx = &app.ctx;
            let id: Id<id::User> = Id::new(&ctx.clock, &ctx.rng);
            sqlx::query(
                "INSERT INTO users (id, display_name, role, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $4)",
            )
            .bind(id.uuid())
            .bind(name)
            .bind(role.as_str())
            .bind(ctx.clock.now())
            .execute(ctx.db.pool())
            .await
            .unwrap();
            let session = Id::new(&ctx.clock, &ctx.rng);
            let viewer = Viewer::User { id, role, session };
            for new in interactions {
                let recorded = app.services.interactions.record(&viewer, new);
                recorded.await.unwrap();
            }
            viewer
        }
        .boxed()
    }
}

/// Users and films of two tastes that share nothing: those with even numbers, and those with odd ones.
pub struct TwoTastes {
    pub users: Vec<Id<id::User>>,
    pub items: Vec<Id<id::Content>>,
}

impl TwoTastes {
    /// Whether a user likes an item from the start: those of the own taste but for every fourth.
    pub fn likes(user: usize, item: usize) -> bool {
        user % 2 == item % 2 && !(user / 2 + item / 2).is_multiple_of(4)
    }

    /// Writes so many users and items, named `User 0` and `Item 0` and so on, and the likes.
    pub async fn fill(app: &TestApp, users: usize, items: usize) -> Self {
        let (clock, rng) = (&app.ctx.clock, &app.ctx.rng);
        let world = Self {
            users: (0..users).map(|_| Id::new(clock, rng)).collect(),
            items: (0..items).map(|_| Id::new(clock, rng)).collect(),
        };
        let insert_users = "INSERT INTO users (id, display_name, created_at, updated_at)
             SELECT id, 'User ' || (number - 1), $2, $2 FROM unnest($1::uuid[]) WITH ORDINALITY AS u (id, number)";
        let insert_items = "INSERT INTO content_items (id, kind, title, created_at, updated_at)
             SELECT id, 'MOVIE', 'Item ' || (number - 1), $2, $2 FROM unnest($1::uuid[]) WITH ORDINALITY AS c (id, number)";
        let user_ids: Vec<_> = world.users.iter().map(|id| id.uuid()).collect();
        let item_ids: Vec<_> = world.items.iter().map(|id| id.uuid()).collect();
        for (insert, ids) in [(insert_users, user_ids), (insert_items, item_ids)] {
            let insert = sqlx::query(insert).bind(ids).bind(clock.now());
            insert.execute(app.ctx.db.pool()).await.unwrap();
        }
        let pairs = (0..users).flat_map(|user| (0..items).map(move |item| (user, item)));
        let liked: Vec<(usize, usize)> = pairs
            .filter(|(user, item)| Self::likes(*user, *item))
            .collect();
        world.interact(app, &liked, "LIKE").await;
        world
    }

    /// Writes that users did something with items, by their numbers, all at the moment that the clock shows.
    pub async fn interact(&self, app: &TestApp, pairs: &[(usize, usize)], kind: &str) {
        let ctx = &app.ctx;
        let new = |_| Id::<id::Interaction>::new(&ctx.clock, &ctx.rng).uuid();
        let users = pairs.iter().map(|(user, _)| self.users[*user].uuid());
        let items = pairs.iter().map(|(_, item)| self.items[*item].uuid());
        sqlx::query(
            "INSERT INTO interactions (id, user_id, content_id, kind, occurred_at)
             SELECT id, user_id, content_id, $4, $5
               FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS i (id, user_id, content_id)",
        )
        .bind(pairs.iter().map(new).collect::<Vec<_>>())
        .bind(users.collect::<Vec<_>>())
        .bind(items.collect::<Vec<_>>())
        .bind(kind)
        .bind(ctx.clock.now())
        .execute(ctx.db.pool())
        .await
        .unwrap();
    }
}
