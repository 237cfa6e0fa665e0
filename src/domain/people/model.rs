//! What a person of the catalogue is.

use chrono::{DateTime, Utc};

use crate::foundation::filter::Text;
use crate::foundation::page::Cursor;
use crate::foundation::{Findings, Id, Refusal, Result, id, text_enum};
use crate::platform::web_address::{NO_WEB_ADDRESS, is_web_address};

/// Somebody who made or plays in a content item.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// Who.
    pub id: Id<id::Person>,
    /// Everything that can be written.
    pub fields: Fields,
    /// When they came into the catalogue.
    pub created_at: DateTime<Utc>,
    /// When their entry last changed.
    pub updated_at: DateTime<Utc>,
}

/// Everything of a person that can be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields {
    /// As credited, 1 to 200 characters.
    pub name: String,
    /// Where their picture is.
    pub photo_url: Option<String>,
    /// Who they are, in a few sentences.
    pub biography: Option<String>,
}

impl Fields {
    /// Checks everything that the database would refuse, and names the field that is wrong.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`].
    pub fn check(&self) -> Result<()> {
        let mut findings = Findings::default();
        for (field, text, most) in [
            ("name", Some(&self.name), 200),
            ("photoUrl", self.photo_url.as_ref(), 2000),
            ("biography", self.biography.as_ref(), 20_000),
        ] {
            let Some(text) = text else { continue };
            let message = "text may not contain the character U+0000";
            findings.require(!text.contains('\0'), field, message);
            let good = !text.trim().is_empty() && text.chars().count() <= most;
            findings.require(good, field, &format!("1 to {most} characters"));
        }
        // What is empty or has a NUL is told already.
        let photo = self
            .photo_url
            .as_deref()
            .filter(|url| !url.trim().is_empty());
        let photo = photo.filter(|url| !url.contains('\0'));
        let good = photo.is_none_or(is_web_address);
        findings.require(good, "photoUrl", NO_WEB_ADDRESS);
        Ok(findings.finish()?)
    }
}

/// Which people to list; what is not given does not filter.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "each is the filter on the field of that name")]
pub struct PersonFilter {
    pub name: Text,
}

text_enum! {
    /// Fields by which people can be ordered.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum PersonOrder {
        /// Name, compared by Unicode code points.
        Name = "NAME",
        /// Time when the person was created.
        CreatedAt = "CREATED_AT",
    }
}

impl Person {
    /// The person's place in the list that is ordered so.
    pub fn cursor(&self, by: PersonOrder, ascending: bool) -> Cursor {
        let (name, value) = match by {
            PersonOrder::Name => ("name", self.fields.name.clone().into()),
            PersonOrder::CreatedAt => ("createdAt", serde_json::json!(self.created_at)),
        };
        Cursor::new(name, ascending, value, self.id.uuid())
    }
}

/// How large a list of names in a filter may be.
const MAX_LISTED: usize = 1000;

impl PersonFilter {
    /// Refuses a filter that would cost the database more than a caller may ask for.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`].
    pub fn check(&self) -> Result<()> {
        if self.name.listed() > MAX_LISTED {
            let message = format!("a filter has at most {MAX_LISTED} values in its lists");
            return Err(Refusal::invalid("filter", message).into());
        }
        Ok(())
    }
}
