//! What a generation is about, and what of it goes into a new item.

use std::collections::HashMap;

use super::generator::Subject;
use super::model::{Commission, Medium, NewItem, Target};
use crate::domain::content::model::{Credit, CreditRole};
use crate::domain::content::{Content, ContentKind, Fields, Visibility};
use crate::domain::people::Person;
use crate::foundation::{Id, Result, id};

/// A title made of a prompt has at most so many characters, and a description of a text so many.
const TITLE: usize = 80;
const DESCRIPTION: usize = 20_000;
/// At most so many of a cast are told to a generator.
const CAST: usize = 8;

/// What is known of a subject.
pub(super) struct Known {
    pub(super) subject: Subject,
    /// The item that it is, if it is one.
    item: Option<Content>,
}

impl Commission {
    /// Whether whoever asked for it may change this item where it gets a poster, and else see it.
    pub(super) fn may_name(&self, item: &Content) -> bool {
        let theirs = item.creator.is_some() && item.creator == self.creator;
        let seen = match self.parameters.target {
            Target::Poster { .. } => false,
            Target::NewItem(_) => item.fields.visibility != Visibility::Private,
        };
        self.everything || theirs || seen
    }
}

/// What the parameters themselves say.
pub(super) fn of_prompt(commission: &Commission) -> Known {
    let prompt = commission.parameters.ask.prompt();
    let subject = match &commission.parameters.target {
        Target::NewItem(item) => Subject {
            title: item.title.clone().unwrap_or_else(|| clipped(prompt)),
            year: item.year,
            genres: item.genres.clone(),
            noun: noun(item.kind),
            ..Subject::default()
        },
        Target::Poster { .. } => Subject::default(),
    };
    Known {
        subject,
        item: None,
    }
}

/// What the catalogue says of an item.
pub(super) fn of_item(
    item: Content,
    credits: &[Credit],
    people: &HashMap<Id<id::Person>, Person>,
) -> Known {
    let named = |role: CreditRole, most: usize| -> Vec<String> {
        credits
            .iter()
            .filter(|credit| credit.role == role)
            .filter_map(|credit| Some(people.get(&credit.person)?.fields.name.clone()))
            .take(most)
            .collect()
    };
    let fields = &item.fields;
    let subject = Subject {
        title: fields.title.clone(),
        year: fields.year,
        genres: fields.genres.clone(),
        directors: named(CreditRole::Director, CAST),
        cast: named(CreditRole::Cast, CAST),
        description: fields.description.clone(),
        noun: noun(fields.kind),
    };
    Known {
        subject,
        item: Some(item),
    }
}

fn noun(kind: ContentKind) -> &'static str {
    match kind {
        ContentKind::Movie => "film",
        ContentKind::Product => "product",
        ContentKind::Text => "text",
        ContentKind::Image => "picture",
        ContentKind::Video => "video",
        ContentKind::Audio => "sound",
    }
}

/// The fields of the item that the `number`th thing becomes, as far as they are known before it is
/// made; for a poster, those of some item.
///
/// # Errors
/// [`crate::foundation::Refusal::InvalidInput`] for fields that no item may have.
pub(super) fn new_item(commission: &Commission, known: &Known, number: i32) -> Result<Fields> {
    let parameters = &commission.parameters;
    let Target::NewItem(new) = &parameters.target else {
        return Ok(Fields::new(ContentKind::Image, "a poster"));
    };
    let mut title = title(new, known, parameters.ask.medium());
    if parameters.ask.count() > 1 {
        title = format!("{title} ({number})");
    }
    let mut fields = Fields::new(new.kind, title);
    let (genres, year) = known.item.as_ref().map_or_else(Default::default, |item| {
        (item.fields.genres.clone(), item.fields.year)
    });
    fields.genres = if new.genres.is_empty() {
        genres
    } else {
        new.genres.clone()
    };
    fields.year = new.year.or(year);
    fields.visibility = new.visibility;
    // What is generated says so to everybody; how, only to those who may change it.
    fields.metadata = serde_json::json!({ "generator": parameters.generator });
    fields.tidy();
    fields.check()?;
    Ok(fields)
}

fn title(new: &NewItem, known: &Known, medium: Medium) -> String {
    match (&new.title, &known.item) {
        (Some(title), _) => title.clone(),
        (None, Some(item)) if medium == Medium::Text => {
            clipped(&format!("About “{}”", item.fields.title))
        }
        (None, _) => clipped(&known.subject.title),
    }
}

/// The first words of the first line, up to [`TITLE`] characters.
fn clipped(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default().trim();
    if line.chars().count() <= TITLE {
        return line.to_owned();
    }
    let start: String = line.chars().take(TITLE - 1).collect();
    let words = match start.rsplit_once(' ') {
        Some((words, _)) => words.trim_end(),
        None => &start,
    };
    format!("{words}…")
}

/// A text as the description of its item; the whole of it is its file.
pub(super) fn described(text: &str) -> String {
    text.replace('\0', "").chars().take(DESCRIPTION).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_cut_between_words() {
        assert_eq!(clipped(" A fox \nat night"), "A fox");
        let long = "A very long prompt about foxes ".repeat(5);
        let cut = clipped(&long);
        assert!(
            cut.chars().count() <= TITLE && cut.ends_with("very long…"),
            "{cut}"
        );
        assert_eq!(clipped(&"x".repeat(200)).chars().count(), TITLE);
    }
}
