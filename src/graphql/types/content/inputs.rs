//! What a change of content says.

use async_graphql::{InputObject, MaybeUndefined};

use super::{ContentKind, CreditRole, Visibility};
use crate::domain::content::model::{Fields, NewCredit, PersonRef};
use crate::foundation::{Id, Refusal, Result, id};
use crate::graphql::number::single;
use crate::graphql::payload::not_removable;
use crate::graphql::scalars::{Date, Decimal, Json};
use crate::graphql::types::references::ExternalIdInput;

/// A credit to store. The person is given either by `personId` or by `name`.
#[derive(Clone, Debug, InputObject)]
pub struct CreditInput {
    /// ID of the credited person.
    person_id: Option<Id<id::Person>>,
    /// Name of the credited person, 1–200 characters. The person is created if no person has this
    /// name.
    name: Option<String>,
    /// Role of the person.
    role: CreditRole,
    /// Name of the character that a cast member plays, at most 500 characters.
    character: Option<String>,
}

/// Reads credits to be written.
pub(super) fn credits(inputs: Vec<CreditInput>) -> Result<Vec<NewCredit>> {
    let read = |(index, input): (usize, CreditInput)| {
        let person = match (input.person_id, input.name) {
            (Some(id), None) => PersonRef::Id(id),
            (None, Some(name)) => PersonRef::Name(name),
            _ => {
                let outer = ["credits".to_owned(), index.to_string()];
                let message = "give either `personId` or `name`";
                return Err(Refusal::invalid("personId", message).under(outer).into());
            }
        };
        Ok(NewCredit {
            person,
            role: input.role.into(),
            character: input.character,
        })
    };
    inputs.into_iter().enumerate().map(read).collect()
}

/// How a value that may be missing is stored.
trait Stored<T> {
    fn stored(self) -> T;
}

/// As it comes.
macro_rules! stored_as_it_is {
    ($($kind:ty),*) => {
        $(impl Stored<$kind> for $kind {
            fn stored(self) -> $kind {
                self
            }
        })*
    };
}

stored_as_it_is!(String, i32);

impl Stored<rust_decimal::Decimal> for Decimal {
    fn stored(self) -> rust_decimal::Decimal {
        self.0
    }
}

impl Stored<chrono::NaiveDate> for Date {
    fn stored(self) -> chrono::NaiveDate {
        self.0
    }
}

impl Stored<f32> for f64 {
    fn stored(self) -> f32 {
        single(self)
    }
}

macro_rules! content_input {
    (
        required { $($(#[$r_doc:meta])* $r:ident: $r_type:ty,)* }
        plain { $($(#[$p_doc:meta])* $p:ident: $p_type:ty,)* }
        optional { $($(#[$o_doc:meta])* $o:ident: $o_type:ty,)* }
    ) => {
        /// Properties of a new content item.
        #[derive(Clone, Debug, InputObject)]
        pub struct CreateContentInput {
            $($(#[$r_doc])* $r: $r_type,)*
            $($(#[$p_doc])* $p: Option<$p_type>,)*
            $($(#[$o_doc])* $o: Option<$o_type>,)*
            /// Credits of the item, at most 500, in order of importance within each role.
            pub(super) credits: Option<Vec<CreditInput>>,
            /// IDs of the item in other systems, at most 20, one of each system. If an item has one of them
            /// already, it is returned as it is. Requires the role ADMIN or an API key with the scope
            /// CATALOGUE_WRITE.
            pub(super) external_ids: Option<Vec<ExternalIdInput>>,
        }

        impl CreateContentInput {
            pub(super) fn fields(self) -> Fields {
                let mut fields = Fields::new(self.kind.into(), self.title);
                $(if let Some(value) = self.$p { fields.$p = value.into(); })*
                $(fields.$o = self.$o.map(Stored::stored);)*
                fields
            }
        }

        /// Changes to a content item. Fields that are omitted remain unchanged; null removes the
        /// value or resets it to the default. `kind` and `title` cannot be removed: null is an
        /// error.
        #[derive(Clone, Debug, InputObject)]
        pub struct UpdateContentInput {
            /// ID of the item to change. Either this or `externalId` is required.
            pub(super) id: Option<Id<id::Content>>,
            /// ID of the item to change in another system, 1–200 characters.
            pub(super) external_id: Option<String>,
            /// Name of the other system (default: the setting `external_ids.source` of the server). Only
            /// together with `externalId`.
            pub(super) source: Option<String>,
            $($(#[$r_doc])* $r: MaybeUndefined<$r_type>,)*
            $($(#[$p_doc])* $p: MaybeUndefined<$p_type>,)*
            $($(#[$o_doc])* $o: MaybeUndefined<$o_type>,)*
            /// Credits of the item, at most 500, in order of importance within each role. They
            /// replace all existing credits; null removes them.
            pub(super) credits: MaybeUndefined<Vec<CreditInput>>,
        }

        impl UpdateContentInput {
            /// Refuses to remove what every item has.
            pub(super) fn check(&self) -> Result<(), Refusal> {
                $(if self.$r.is_null() {
                    not_removable::<()>(stringify!($r), MaybeUndefined::Null)?;
                })*
                Ok(())
            }

            pub(super) fn apply(self, fields: &mut Fields) {
                $(if let MaybeUndefined::Value(value) = self.$r { fields.$r = value.into(); })*
                let empty = Fields::new(fields.kind, "");
                $(match self.$p {
                    MaybeUndefined::Value(value) => fields.$p = value.into(),
                    MaybeUndefined::Null => fields.$p = empty.$p,
                    MaybeUndefined::Undefined => {}
                })*
                $(match self.$o {
                    MaybeUndefined::Value(value) => fields.$o = Some(value.stored()),
                    MaybeUndefined::Null => fields.$o = None,
                    MaybeUndefined::Undefined => {}
                })*
            }
        }
    };
}

content_input! {
    required {
        /// Kind of the item.
        kind: ContentKind,
        /// Title of the item, 1–500 characters.
        title: String,
    }
    plain {
        /// Description of the item, at most 20,000 characters (default: empty).
        description: String,
        /// Genres of the item, at most 50 of 1–200 characters each.
        genres: Vec<String>,
        /// Keywords of the item, at most 200 of 1–200 characters each.
        tags: Vec<String>,
        /// Popularity according to the data source, 0 or more (default 0). The scale is that of the
        /// source.
        popularity: f64,
        /// Categories that the item belongs to, from the broadest to the most specific, at most 20
        /// of 1–200 characters each.
        category_path: Vec<String>,
        /// Who may see the item (default PUBLIC).
        visibility: Visibility,
        /// Additional properties, as a JSON object of at most 64 KiB (default: empty).
        metadata: Json,
    }
    optional {
        /// Title in the original language, if it differs from `title`.
        original_title: String,
        /// Year of release, 1800–2200.
        year: i32,
        /// Running time in minutes, 1–10,000.
        duration_minutes: i32,
        /// Original language, as an ISO 639 code.
        language: String,
        /// URL of the poster or product image.
        poster_url: String,
        /// Mean rating according to the data source, 0–10.
        rating_average: f64,
        /// Number of ratings at the data source, 0 or more.
        rating_count: i32,
        /// Brand of the product.
        brand: String,
        /// Merchant who sells the product.
        merchant: String,
        /// Price in `currency`, 0 or more, with at most two decimals.
        price: Decimal,
        /// Former or recommended price in `currency`, 0 or more, with at most two decimals.
        list_price: Decimal,
        /// Currency of `price` and `listPrice`, as an ISO 4217 code of three capital letters.
        /// Required with either of them.
        currency: String,
        /// Number of pieces in stock, 0 or more; null if stock is not tracked. Items with 0 are not
        /// recommended.
        stock: i32,
        /// Colour of the product.
        color: String,
        /// First day of the rights period; null if it has no start.
        rights_from: Date,
        /// Last day of the rights period, not before `rightsFrom`; null if it has no end.
        rights_until: Date,
        /// Number of broadcasts that the rights still allow, 0 or more; null if it is not limited.
        broadcasts_left: i32,
        /// Quality of the item as judged by editors or a model, 0–1.
        quality_score: f64,
    }
}

/// The content item to delete.
#[derive(Clone, Debug, InputObject)]
pub struct DeleteContentInput {
    /// ID of the item to delete.
    pub(super) id: Id<id::Content>,
}
