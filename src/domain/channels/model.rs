//! What a channel is.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::json;

use crate::foundation::page::Cursor;
use crate::foundation::{Findings, Id, Refusal, Result, id};

/// The most channels of a schema.
pub const MAX_CHANNELS: usize = 10_000;
/// The longest key, in characters.
pub const MAX_KEY: usize = 60;
/// The longest name, in characters.
pub const MAX_NAME: usize = 200;
/// The most ids in guides that a channel may have.
pub const MAX_GUIDE_IDS: usize = 20;
/// The longest id in a guide, in characters.
pub const MAX_GUIDE_ID: usize = 200;

/// A television channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// The id of the channel.
    pub id: Id<id::Channel>,
    /// Everything that can be written.
    pub fields: Fields,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// Everything of a channel that can be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields {
    /// The short name that commands and arguments use: 1 to 60 lower-case letters, digits and hyphens, no
    /// hyphen first. Unique.
    pub key: String,
    /// The name, 1 to 200 characters.
    pub name: String,
    /// The time zone of its schedule, as the IANA database names it.
    pub time_zone: String,
    /// Whether it is ours, and not a competitor's.
    pub own: bool,
    /// Its ids in guides (XMLTV): up to 20, each of 1 to 200 characters, which no other channel has.
    pub guide_ids: Vec<String>,
}

impl Channel {
    /// The place of the channel in the list by key.
    pub fn cursor(&self) -> Cursor {
        Cursor::new("key", true, json!(self.fields.key), self.id.uuid())
    }

    /// Its time zone. A name that this program no longer knows is UTC.
    pub fn zone(&self) -> Tz {
        self.fields.time_zone.parse().unwrap_or(Tz::UTC)
    }
}

/// The time zone of this name.
///
/// # Errors
/// [`Refusal::InvalidInput`] at `field` for a name that the IANA database does not have.
pub fn time_zone(field: &str, name: &str) -> Result<Tz, Refusal> {
    name.parse().map_err(|_| {
        let message = "this is no time zone of the IANA database; write it as Europe/Berlin or UTC";
        Refusal::invalid(field, message)
    })
}

impl Fields {
    /// Removes the blanks around texts, and ids in guides that come up twice.
    pub(super) fn tidy(&mut self) {
        self.name = self.name.trim().to_owned();
        let mut seen = BTreeSet::new();
        for id in &mut self.guide_ids {
            *id = id.trim().to_owned();
        }
        self.guide_ids.retain(|id| seen.insert(id.clone()));
    }

    /// Checks everything that the database would refuse, and names the field that is wrong.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`].
    pub fn check(&self) -> Result<()> {
        let mut findings = Findings::default();
        let message =
            format!("1 to {MAX_KEY} lower-case letters (a–z), digits and hyphens, no hyphen first");
        findings.require(is_key(&self.key), "key", &message);
        let good = |text: &str, most: usize| {
            !text.contains('\0') && (1..=most).contains(&text.chars().count())
        };
        let message = format!("1 to {MAX_NAME} characters");
        findings.require(good(&self.name, MAX_NAME), "name", &message);
        findings.take(time_zone("timeZone", &self.time_zone));
        let message =
            format!("at most {MAX_GUIDE_IDS} ids, each of 1 to {MAX_GUIDE_ID} characters");
        let all_good = self.guide_ids.iter().all(|id| good(id, MAX_GUIDE_ID));
        let good = all_good && self.guide_ids.len() <= MAX_GUIDE_IDS;
        findings.require(good, "guideIds", &message);
        Ok(findings.finish()?)
    }
}

fn is_key(key: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=MAX_KEY).contains(&key.len())
        && key.bytes().all(|byte| letter(byte) || byte == b'-')
        && key.bytes().next().is_some_and(letter)
}

/// A key for a channel of this name that is not among `taken`: its letters and digits in lower case, with a
/// number behind it where that is needed.
pub fn free_key(name: &str, taken: &std::collections::HashSet<String>) -> String {
    let mut key = String::new();
    for letter in name.chars().flat_map(char::to_lowercase) {
        if letter.is_ascii_alphanumeric() {
            key.push(letter);
        } else if !key.is_empty() && !key.ends_with('-') {
            key.push('-');
        }
        if key.len() >= MAX_KEY - 8 {
            break;
        }
    }
    let key = key.trim_end_matches('-');
    let key = if key.is_empty() { "channel" } else { key };
    if !taken.contains(key) {
        return key.to_owned();
    }
    // Beyond the small ones, a number that is most likely free: a guide may have very many of one name.
    let mut numbers = (2..20).chain(taken.len() + 20..);
    numbers
        .find_map(|number| Some(format!("{key}-{number}")).filter(|key| !taken.contains(key)))
        .unwrap_or_else(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn fields() -> Fields {
        Fields {
            key: "one".to_owned(),
            name: "One".to_owned(),
            time_zone: "Europe/London".to_owned(),
            own: true,
            guide_ids: vec!["one.uk".to_owned()],
        }
    }

    #[test]
    fn a_field_that_is_wrong_is_named() {
        assert!(fields().check().is_ok());
        type Change = fn(&mut Fields);
        let wrong: [(&str, Change); 8] = [
            ("key", |fields| fields.key.clear()),
            ("key", |fields| fields.key = "-one".to_owned()),
            ("key", |fields| fields.key = "One".to_owned()),
            ("key", |fields| fields.key = "o".repeat(61)),
            ("name", |fields| fields.name.clear()),
            ("timeZone", |fields| {
                fields.time_zone = "Europe/Atlantis".to_owned();
            }),
            ("guideIds", |fields| fields.guide_ids.push(String::new())),
            ("guideIds", |fields| {
                fields.guide_ids = (0..21).map(|number| number.to_string()).collect();
            }),
        ];
        for (field, change) in wrong {
            let mut fields = fields();
            change(&mut fields);
            let error = fields.check().unwrap_err();
            let foundation::Error::Refused(refusal) = error else {
                panic!("{field}");
            };
            assert_eq!(refusal.path(), [field]);
        }
    }

    #[test]
    fn a_key_is_made_of_any_name_and_is_never_taken() {
        let taken = HashSet::from(["sport-1".to_owned(), "channel".to_owned()]);
        assert_eq!(free_key("BBC One.uk", &taken), "bbc-one-uk");
        assert_eq!(free_key(" Sport 1 @", &taken), "sport-1-2");
        assert_eq!(free_key("映画", &taken), "channel-2");
        let long = free_key(&"x".repeat(500), &taken);
        assert!(is_key(&long), "{long}");
    }

    proptest::proptest! {
        #[test]
        fn every_name_has_a_good_key(name in ".{0,80}") {
            proptest::prop_assert!(is_key(&free_key(&name, &HashSet::new())));
        }
    }
}
