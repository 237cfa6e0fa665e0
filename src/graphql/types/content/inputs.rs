//! What a change of content says.

use async_graphql::{InputObject, MaybeUndefined};
use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{ContentKind, CreditRole, Visibility};
use crate::domain::content::model::{Fields, NewCredit, PersonRef};
use crate::foundation::{Id, Refusal, Result, id};
use crate::graphql::number::single;

/// A credit to be written: the person by `personId`, or by `name`, found or made.
#[derive(Clone, Debug, InputObject)]
pub struct CreditInput {
    /// A person of the catalogue.
    person_id: Option<Id<id::Person>>,
    /// The name of a person; made if nobody of that name is known.
    name: Option<String>,
    /// What they did.
    role: CreditRole,
    /// Whom they play.
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

stored_as_it_is!(Decimal, NaiveDate, String, i32);

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
        /// A content item to be made.
        #[derive(Clone, Debug, InputObject)]
        pub struct CreateContentInput {
            $($(#[$r_doc])* $r: $r_type,)*
            $($(#[$p_doc])* $p: Option<$p_type>,)*
            $($(#[$o_doc])* $o: Option<$o_type>,)*
            /// Who made it, in the order of their places.
            pub(super) credits: Option<Vec<CreditInput>>,
        }

        impl CreateContentInput {
            pub(super) fn fields(self) -> Fields {
                let mut fields = Fields::new(self.kind.into(), self.title);
                $(if let Some(value) = self.$p { fields.$p = value.into(); })*
                $(fields.$o = self.$o.map(Stored::stored);)*
                fields
            }
        }

        /// A change of a content item: what is left out stays, what is null is emptied.
        #[derive(Clone, Debug, InputObject)]
        pub struct UpdateContentInput {
            /// Which.
            pub(super) id: Id<id::Content>,
            $($(#[$r_doc])* $r: MaybeUndefined<$r_type>,)*
            $($(#[$p_doc])* $p: MaybeUndefined<$p_type>,)*
            $($(#[$o_doc])* $o: MaybeUndefined<$o_type>,)*
            /// Who made it, in the order of their places; given, it replaces all credits.
            pub(super) credits: Option<Vec<CreditInput>>,
        }

        impl UpdateContentInput {
            pub(super) fn apply(self, fields: &mut Fields) {
                // What a required field would be emptied to is what it already is.
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
        /// What sort of thing it is.
        kind: ContentKind,
        /// What it is called, 1 to 500 characters.
        title: String,
    }
    plain {
        /// What it is about, at most 20,000 characters.
        description: String,
        /// Genres, at most 50.
        genres: Vec<String>,
        /// Key words, at most 200.
        tags: Vec<String>,
        /// The source's own measure, 0 and up; more is more popular.
        popularity: f64,
        /// The shelf, from the outermost category inwards.
        category_path: Vec<String>,
        /// Who may see it; everybody where left out.
        visibility: Visibility,
        /// Whatever else there is to say: a JSON object of at most 64 KiB.
        metadata: serde_json::Value,
    }
    optional {
        /// The title in the language it was made in.
        original_title: String,
        /// Year of release, 1800 to 2200.
        year: i32,
        /// Running time, in minutes, 1 to 10,000.
        duration_minutes: i32,
        /// Original language, ISO 639.
        language: String,
        /// Where its picture is.
        poster_url: String,
        /// The source's mean vote, 0 to 10.
        rating_average: f64,
        /// How many voted at the source.
        rating_count: i32,
        /// Who makes the product.
        brand: String,
        /// Who sells it.
        merchant: String,
        /// What it costs, in `currency`, with at most two decimals.
        price: Decimal,
        /// What it cost before, in `currency`.
        list_price: Decimal,
        /// ISO 4217; needed with a price.
        currency: String,
        /// Pieces at hand; null where stock is not counted.
        stock: i32,
        /// As people name it.
        color: String,
        /// First day it may be shown.
        rights_from: NaiveDate,
        /// Last day it may be shown.
        rights_until: NaiveDate,
        /// How often it may still be broadcast.
        broadcasts_left: i32,
        /// An editor's or a model's measure, 0 to 1.
        quality_score: f64,
    }
}

/// Which content item to delete.
#[derive(Clone, Debug, InputObject)]
pub struct DeleteContentInput {
    /// Which.
    pub(super) id: Id<id::Content>,
}
