//! How callers name users and items by ids of their own.

use async_graphql::{Context, InputObject};

use crate::foundation::id::{self, Kind};
use crate::foundation::{ExternalId, Id, Reference, Refusal};
use crate::graphql::ContextExt;

/// An ID that another system gives to an item or a user.
#[derive(Clone, Debug, InputObject)]
pub struct ExternalIdInput {
    /// The ID in the other system, 1–200 characters without blanks around it.
    value: String,
    /// Name of the other system, 1–40 lower-case letters, digits, `_` and `-` (default: the setting
    /// `external_ids.source` of the server).
    source: Option<String>,
}

impl ExternalIdInput {
    /// The external id that this describes.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`].
    pub fn read(self, ctx: &Context<'_>) -> Result<ExternalId, Refusal> {
        let read = ctx.services().external_ids.read(self.value, self.source);
        read.map_err(as_value)
    }
}

/// A content item, named either by `id` or by `externalId`.
#[derive(Clone, Debug, InputObject)]
pub struct ContentReferenceInput {
    /// ID of the item in this server.
    id: Option<Id<id::Content>>,
    /// ID of the item in another system, 1–200 characters.
    external_id: Option<String>,
    /// Name of the other system (default: the setting `external_ids.source` of the server). Only together
    /// with `externalId`.
    source: Option<String>,
}

/// A user, named either by `id` or by `externalId`.
#[derive(Clone, Debug, InputObject)]
pub struct UserReferenceInput {
    /// ID of the user in this server.
    id: Option<Id<id::User>>,
    /// ID of the user in another system, 1–200 characters.
    external_id: Option<String>,
    /// Name of the other system (default: the setting `external_ids.source` of the server). Only together
    /// with `externalId`.
    source: Option<String>,
}

impl ContentReferenceInput {
    /// The reference that this describes.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] unless exactly one of both is given.
    pub fn read(self, ctx: &Context<'_>) -> Result<Reference<id::Content>, Refusal> {
        reference(ctx, self.id, self.external_id, self.source)
    }
}

impl UserReferenceInput {
    /// The reference that this describes.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] unless exactly one of both is given.
    pub fn read(self, ctx: &Context<'_>) -> Result<Reference<id::User>, Refusal> {
        reference(ctx, self.id, self.external_id, self.source)
    }
}

/// Reads a reference from the arguments `id`, `externalId` and `source`.
///
/// # Errors
/// [`Refusal::InvalidInput`] unless exactly one of `id` and `externalId` is given.
pub fn reference<K: Kind>(
    ctx: &Context<'_>,
    id: Option<Id<K>>,
    external_id: Option<String>,
    source: Option<String>,
) -> Result<Reference<K>, Refusal> {
    match (id, external_id, source) {
        (Some(id), None, None) => Ok(id.into()),
        (None, Some(value), source) => Ok(Reference::External(
            ctx.services().external_ids.read(value, source)?,
        )),
        (Some(_), None, Some(_)) => Err(Refusal::invalid(
            "source",
            "a source goes with `externalId`; leave it out",
        )),
        _ => Err(Refusal::invalid(
            "externalId",
            "give either `id` or `externalId`",
        )),
    }
}

/// Reads a reference that may also be given by an ID alone: exactly one of both, or neither.
///
/// # Errors
/// [`Refusal::InvalidInput`] at `field` where both are given.
pub fn either<K: Kind>(
    id: Option<Id<K>>,
    reference: Option<Reference<K>>,
    field: &str,
) -> Result<Option<Reference<K>>, Refusal> {
    match (id, reference) {
        (Some(_), Some(_)) => Err(Refusal::invalid(
            field,
            format!("give either `{field}` or `{field}Id`"),
        )),
        (Some(id), None) => Ok(Some(id.into())),
        (None, reference) => Ok(reference),
    }
}

/// An [`ExternalIdInput`] calls it `value`.
fn as_value(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::InvalidInput { path, message } if path == ["externalId"] => {
            Refusal::invalid("value", message)
        }
        Refusal::Several(refusals) => {
            Refusal::Several(refusals.into_iter().map(as_value).collect())
        }
        other => other,
    }
}
