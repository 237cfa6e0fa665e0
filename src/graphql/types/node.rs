//! What has an id of its own.

use async_graphql::Interface;

use super::content::Content;
use super::interaction::Interaction;
use super::person::Person;

/// Whatever has an id of its own and can be fetched by it.
#[derive(Clone, Interface)]
#[graphql(field(
    name = "id",
    ty = "async_graphql::ID",
    desc = "The id, opaque and unique across all kinds."
))]
#[expect(missing_docs, reason = "each variant is the type of its name")]
pub enum Node {
    Content(Content),
    Person(Person),
    Interaction(Interaction),
}
