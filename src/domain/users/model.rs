//! What a user is.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::domain::auth::Role;
use crate::foundation::filter::{Comparison, Text, TextList};
use crate::foundation::page::Cursor;
use crate::foundation::{Clock, Findings, Id, Refusal, Result, Rng, id, text_enum};

/// A person with an account, or an imported or anonymous one.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// Who.
    pub id: Id<id::User>,
    /// What they are called, 1 to 100 characters.
    pub display_name: String,
    /// Where they get mail; imported and anonymous users may have none.
    pub email: Option<Email>,
    /// What they may do.
    pub role: Role,
    /// Whether nobody knows who they are.
    pub anonymous: bool,
    /// What they say they like.
    pub preferences: Preferences,
    /// Where they were imported from, and their name there.
    pub source: Option<(String, String)>,
    /// Which user this one turned out to be.
    pub merged_into: Option<Id<id::User>>,
    /// Since when they may not sign in.
    pub disabled_at: Option<DateTime<Utc>>,
    /// When they came.
    pub created_at: DateTime<Utc>,
    /// When something of the above last changed.
    pub updated_at: DateTime<Utc>,
}

/// What a user says they like. Open by nature; what Marquee itself reads has a field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preferences {
    /// Genres, as the catalogue names them; at most 50.
    pub favourite_genres: Vec<String>,
    /// Languages, ISO 639; at most 50.
    pub languages: Vec<String>,
    /// Whatever else a client keeps here; at most 64 KiB.
    pub extra: Map<String, Value>,
}

/// An e-mail address in lower case, in the form that browsers accept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email(String);

/// A user to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// What they are called, 1 to 100 characters.
    pub display_name: String,
    /// Where they get mail.
    pub email: Option<Email>,
    /// What they may do.
    pub role: Role,
    /// Whether nobody knows who they are.
    pub anonymous: bool,
    /// What they like.
    pub preferences: Preferences,
}

/// Which users to list; what is not given does not filter.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "each is the filter on the field of that name")]
pub struct UserFilter {
    pub role: Comparison<Role>,
    pub display_name: Text,
    pub email: Text,
    pub external_id: Text,
    pub anonymous: Option<bool>,
    pub disabled: Option<bool>,
    pub favourite_genres: TextList,
    pub languages: TextList,
    pub created_at: Comparison<DateTime<Utc>>,
    /// All of these hold.
    pub and: Vec<UserFilter>,
    /// At least one of these holds; an empty list does not filter.
    pub or: Vec<UserFilter>,
    /// This does not hold.
    pub not: Option<Box<UserFilter>>,
}

/// How large a filter may be: parts that are nested or joined, and values in all its lists.
const MAX_PARTS: usize = 100;
const MAX_LISTED: usize = 2000;

impl UserFilter {
    /// Refuses a filter that would cost the database more than a caller may ask for.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`].
    pub fn check(&self) -> Result<()> {
        let (parts, listed) = self.size();
        if parts > MAX_PARTS || listed > MAX_LISTED {
            let message = format!(
                "a filter has at most {MAX_PARTS} parts and {MAX_LISTED} values in its lists"
            );
            return Err(Refusal::invalid("filter", message).into());
        }
        Ok(())
    }

    fn size(&self) -> (usize, usize) {
        let listed = self.role.listed()
            + self.display_name.listed()
            + self.email.listed()
            + self.external_id.listed()
            + self.favourite_genres.listed()
            + self.languages.listed()
            + self.created_at.listed();
        let parts = self.and.iter().chain(&self.or).chain(self.not.as_deref());
        parts
            .map(Self::size)
            .fold((1, listed), |(parts, listed), (more_parts, more_listed)| {
                (parts + more_parts, listed + more_listed)
            })
    }
}

text_enum! {
    /// Fields by which users can be ordered.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum UserOrder {
        /// Time when the user was created.
        CreatedAt = "CREATED_AT",
        /// Display name, compared by Unicode code points.
        DisplayName = "DISPLAY_NAME",
        /// E-mail address; users without one come last.
        Email = "EMAIL",
    }
}

impl User {
    /// The user's place in the list that is ordered so.
    pub fn cursor(&self, by: UserOrder, ascending: bool) -> Cursor {
        let (name, value) = match by {
            UserOrder::CreatedAt => ("createdAt", serde_json::json!(self.created_at)),
            UserOrder::DisplayName => ("displayName", self.display_name.clone().into()),
            UserOrder::Email => {
                let email = self.email.as_ref().map(ToString::to_string);
                ("email", email.into())
            }
        };
        Cursor::new(name, ascending, value, self.id.uuid())
    }
}

impl NewUser {
    /// A user of this name and nothing else.
    pub fn named(display_name: impl Into<String>) -> Self {
        Self {
            display_name: display_name.into(),
            email: None,
            role: Role::User,
            anonymous: false,
            preferences: Preferences::default(),
        }
    }

    /// Checks everything that the database would refuse.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`], for each field that is wrong.
    pub fn check(&self) -> Result<(), Refusal> {
        let mut findings = Findings::default();
        findings.take(check_name(&self.display_name));
        findings.take(self.preferences.check());
        findings.finish()
    }

    /// The user, as of this moment.
    pub fn into_user(self, clock: &Clock, rng: &Rng) -> User {
        let now = clock.now();
        User {
            id: Id::new(clock, rng),
            display_name: self.display_name.trim().to_owned(),
            email: self.email,
            role: self.role,
            anonymous: self.anonymous,
            preferences: self.preferences,
            source: None,
            merged_into: None,
            disabled_at: None,
            created_at: now,
            updated_at: now,
        }
    }
}

/// Checks what a user is called.
///
/// # Errors
/// [`Refusal::InvalidInput`].
pub fn check_name(name: &str) -> Result<(), Refusal> {
    let length = name.trim().chars().count();
    if !(1..=100).contains(&length) || name.contains(char::is_control) {
        let message = "a name has 1 to 100 characters, and no line breaks or other controls";
        return Err(Refusal::invalid("displayName", message));
    }
    Ok(())
}

impl Preferences {
    /// Checks everything that the database would refuse.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`].
    pub fn check(&self) -> Result<(), Refusal> {
        let mut findings = Findings::default();
        let at = |field: &str, message: &str| {
            Refusal::invalid(field, message).under(["preferences".to_owned()])
        };
        for (field, texts) in [
            ("favouriteGenres", &self.favourite_genres),
            ("languages", &self.languages),
        ] {
            let good =
                |text: &String| (1..=200).contains(&text.chars().count()) && !text.contains('\0');
            if texts.len() > 50 || !texts.iter().all(good) {
                findings.note(at(field, "at most 50 entries of 1 to 200 characters each"));
            }
        }
        let extra = Value::Object(self.extra.clone());
        if extra.to_string().len() > 65_536 || has_nul(&extra) {
            let message = "a JSON object of at most 64 KiB, without the character U+0000";
            findings.note(at("extra", message));
        }
        findings.finish()
    }

    /// As the database keeps them.
    pub fn to_json(&self) -> Value {
        let mut all = Map::new();
        if !self.favourite_genres.is_empty() {
            all.insert(
                "favouriteGenres".to_owned(),
                self.favourite_genres.clone().into(),
            );
        }
        if !self.languages.is_empty() {
            all.insert("languages".to_owned(), self.languages.clone().into());
        }
        if !self.extra.is_empty() {
            all.insert("extra".to_owned(), Value::Object(self.extra.clone()));
        }
        Value::Object(all)
    }

    /// Reads what the database keeps; keys that are none of ours are `extra` too.
    pub fn from_json(json: Value) -> Self {
        let Value::Object(mut all) = json else {
            return Self::default();
        };
        let mut texts = |key: &str| match all.remove(key) {
            Some(Value::Array(members)) => members
                .into_iter()
                .filter_map(|member| member.as_str().map(ToOwned::to_owned))
                .collect(),
            _ => Vec::new(),
        };
        let (favourite_genres, languages) = (texts("favouriteGenres"), texts("languages"));
        let extra = match all.remove("extra") {
            Some(Value::Object(extra)) => extra.into_iter().chain(all).collect(),
            _ => all,
        };
        Self {
            favourite_genres,
            languages,
            extra,
        }
    }
}

/// Whether a text or key inside has the one character that Postgres has no form for.
fn has_nul(json: &Value) -> bool {
    match json {
        Value::String(text) => text.contains('\0'),
        Value::Array(members) => members.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(key, member)| key.contains('\0') || has_nul(member)),
        _ => false,
    }
}

impl Email {
    /// The address, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Email {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let local =
            |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let good = text.len() <= 254
            && text.split_once('@').is_some_and(|(mailbox, domain)| {
                (1..=64).contains(&mailbox.len())
                    && mailbox.bytes().all(local)
                    && domain.split('.').all(label)
            });
        good.then(|| Self(text.to_ascii_lowercase()))
            .ok_or("an e-mail address looks like name@example.org")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_in_lower_case() {
        let email: Email = " Ana.Lopez+films@Example.ORG ".parse().unwrap();
        assert_eq!(email.as_str(), "ana.lopez+films@example.org");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.org", "a".repeat(65));
        for text in [
            "",
            "@",
            "ana",
            "ana@",
            "@example.org",
            "a b@example.org",
            "ana@-x.org",
            "ana@x..org",
            "ana@exam\0ple.org",
            "ana@a@b",
            "anä@example.org",
            "ana@example.org\nBcc: x@y.z",
            &long,
        ] {
            assert!(text.parse::<Email>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn preferences_survive_the_way_in_and_out() {
        let json = serde_json::json!({
            "favouriteGenres": ["Drama"], "languages": ["ja"], "extra": { "theme": "dark" },
        });
        assert_eq!(Preferences::from_json(json.clone()).to_json(), json);
        let foreign =
            Preferences::from_json(serde_json::json!({ "theme": "dark", "languages": 7 }));
        assert_eq!(foreign.extra.get("theme"), Some(&"dark".into()));
        assert!(foreign.languages.is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,80}") {
            let _ = text.parse::<Email>();
        }
    }
}
