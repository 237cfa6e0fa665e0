//! The summary of the item that a generation is about, and the fields of a new item.

use std::collections::HashMap;

use super::generator::ItemSummary;
use super::model::{GenerationRequest, MediaKind, NewItem, Target};
use crate::domain::content::model::{Credit, CreditRole};
use crate::domain::content::{Content, ContentKind, Fields, Visibility};
use crate::domain::people::Person;
use crate::foundation::{Id, Result, id};

/// A title made of a prompt has at most so many characters, and a description of a text so many.
const TITLE: usize = 80;
const DESCRIPTION: usize = 20_000;
/// At most so many of a cast are told to a generator.
const CAST: usize = 8;

/// The summary for a generator, with the item if there is one.
pub(super) struct ResolvedItem {
    pub(super) summary: ItemSummary,
    /// The item, if the generation is about one.
    item: Option<Content>,
}

impl GenerationRequest {
    /// Whether whoever asked for it may change this item where it gets a poster, and else see it.
    pub(super) fn may_use(&self, item: &Content) -> bool {
        let theirs = item.creator.is_some() && item.creator == self.creator;
        let seen = match self.parameters.target {
            Target::Poster { .. } => false,
            Target::NewItem(_) => item.fields.visibility != Visibility::Private,
        };
        let kept = item.fields.visibility == Visibility::Private && item.creator.is_some();
        theirs || self.hidden || !kept && (self.everything || seen)
    }
}

/// A summary from the parameters of the request.
pub(super) fn of_prompt(request: &GenerationRequest) -> ResolvedItem {
    let prompt = request.parameters.input.prompt();
    let summary = match &request.parameters.target {
        Target::NewItem(item) => ItemSummary {
            title: item.title.clone().unwrap_or_else(|| clipped(prompt)),
            year: item.year,
            genres: item.genres.clone(),
            noun: noun(item.kind),
            ..ItemSummary::default()
        },
        Target::Poster { .. } => ItemSummary::default(),
    };
    ResolvedItem {
        summary,
        item: None,
    }
}

/// A summary from the catalogue.
pub(super) fn of_item(
    item: Content,
    credits: &[Credit],
    people: &HashMap<Id<id::Person>, Person>,
) -> ResolvedItem {
    let named = |role: CreditRole, most: usize| -> Vec<String> {
        credits
            .iter()
            .filter(|credit| credit.role == role)
            .filter_map(|credit| Some(people.get(&credit.person)?.fields.name.clone()))
            .take(most)
            .collect()
    };
    let fields = &item.fields;
    let summary = ItemSummary {
        title: fields.title.clone(),
        year: fields.year,
        genres: fields.genres.clone(),
        directors: named(CreditRole::Director, CAST),
        cast: named(CreditRole::Cast, CAST),
        description: fields.description.clone(),
        noun: noun(fields.kind),
    };
    ResolvedItem {
        summary,
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
pub(super) fn new_item(
    request: &GenerationRequest,
    resolved: &ResolvedItem,
    number: i32,
) -> Result<Fields> {
    let parameters = &request.parameters;
    let Target::NewItem(new) = &parameters.target else {
        return Ok(Fields::new(ContentKind::Image, "a poster"));
    };
    let mut title = title(new, resolved, parameters.input.media_kind());
    if parameters.input.count() > 1 {
        title = format!("{title} ({number})");
    }
    let mut fields = Fields::new(new.kind, title);
    let (genres, year) = resolved
        .item
        .as_ref()
        .map_or_else(Default::default, |item| {
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

fn title(new: &NewItem, resolved: &ResolvedItem, media_kind: MediaKind) -> String {
    match (&new.title, &resolved.item) {
        (Some(title), _) => title.clone(),
        (None, Some(item)) if media_kind == MediaKind::Text => {
            clipped(&format!("About “{}”", item.fields.title))
        }
        (None, _) => clipped(&resolved.summary.title),
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

/// A text as the description of its item; the file contains the whole text.
pub(super) fn description_of(text: &str) -> String {
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
