//! What of an item is in the index, and how much each field counts.

use rustc_hash::FxHashSet;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{TantivyDocument, Term};

use crate::domain::content::ContentKind;
use ranking::text::{Word, joined, plain, stem, title_key, words};

/// The name of the field that holds the slot.
pub(super) const SLOT: &str = "slot";

/// How much a word counts by where it stands.
pub mod boosts {
    /// In the title: most queries look for a thing by its name.
    pub const TITLE: f32 = 4.0;
    /// In the title of the language it was made in.
    pub const ORIGINAL: f32 = 3.0;
    /// In the name of somebody credited.
    pub const PEOPLE: f32 = 3.0;
    /// Among genres and key words, and the common words for the item's kind.
    pub const LABELS: f32 = 2.0;
    /// In brand, merchant, category or colour.
    pub const SHOP: f32 = 2.0;
    /// In the description, as a form of the same word.
    pub const DESCRIPTION: f32 = 1.0;
    /// In another form of the word (`robot` for `robots`), against the very word.
    pub const STEM: f32 = 0.8;
    /// As the beginning of a longer word.
    pub const PREFIX: f32 = 0.5;
    /// As the end of a longer word (`helm` in `Fahrradhelm`).
    pub const ENDING: f32 = 0.4;
    /// With typing errors in it.
    pub const TYPO: f32 = 0.5;
    /// A fact of the item: its year, decade, language or kind.
    pub const FACT: f32 = 3.0;
    /// Another word for the same, against the very word.
    pub const SYNONYM: f32 = 0.9;
    /// The words of a term apart from each other, against side by side.
    pub const APART: f32 = 0.5;
    /// The query is the whole title.
    pub const WHOLE_TITLE: f32 = 8.0;
    /// The words of the query stand in the title side by side.
    pub const PHRASE: f32 = 4.0;
}

/// The texts of an item that search looks into.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "each is the field of that name")]
pub struct ItemTexts {
    pub kind: Option<ContentKind>,
    pub title: String,
    pub original_title: Option<String>,
    pub description: String,
    pub year: Option<i32>,
    /// An ISO 639-1 code.
    pub language: Option<String>,
    /// The names of everybody credited.
    pub people: Vec<String>,
    /// Genres and tags.
    pub labels: Vec<String>,
    /// Brand, merchant, categories and colour.
    pub shop: Vec<String>,
    /// The ids that other systems give it: article numbers, bar codes.
    pub codes: Vec<String>,
}

/// The fields of the index.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    pub slot: Field,
    pub title: Field,
    pub title_stem: Field,
    pub original: Field,
    pub people: Field,
    pub labels: Field,
    pub labels_stem: Field,
    pub shop: Field,
    pub description_stem: Field,
    /// The title as one term, with and without an article.
    pub whole: Field,
    /// Ids of other systems, each as one term.
    pub codes: Field,
    /// Year, decade, language and kind.
    pub facts: Field,
    /// Longer words from behind, for what they end with.
    pub reversed: Field,
    /// Every word of every field: what can be typed wrong.
    pub vocabulary: Field,
}

impl Fields {
    pub fn new() -> (Schema, Self) {
        let mut schema = Schema::builder();
        let text = |record, norms| {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer("raw") // texts come in as tokens
                .set_index_option(record)
                .set_fieldnorms(norms);
            TextOptions::default().set_indexing_options(indexing)
        };
        let scored = || text(IndexRecordOption::WithFreqs, true);
        // A film with fifty names is no less one of each of them, nor is a long title less about its words.
        let listed = || text(IndexRecordOption::Basic, false);
        let positions = text(IndexRecordOption::WithFreqsAndPositions, false);
        let fields = Self {
            slot: schema.add_u64_field(SLOT, INDEXED | FAST),
            title: schema.add_text_field("title", positions),
            title_stem: schema.add_text_field("title_stem", listed()),
            original: schema.add_text_field("original", listed()),
            people: schema.add_text_field("people", listed()),
            labels: schema.add_text_field("labels", listed()),
            labels_stem: schema.add_text_field("labels_stem", listed()),
            shop: schema.add_text_field("shop", listed()),
            description_stem: schema.add_text_field("description_stem", scored()),
            whole: schema.add_text_field("whole", listed()),
            codes: schema.add_text_field("codes", listed()),
            facts: schema.add_text_field("facts", listed()),
            reversed: schema.add_text_field("reversed", listed()),
            vocabulary: schema.add_text_field("vocabulary", listed()),
        };
        (schema.build(), fields)
    }

    /// The fields that hold words as they were written, each with its boost.
    pub fn exact(&self) -> [(Field, f32); 5] {
        [
            (self.title, boosts::TITLE),
            (self.original, boosts::ORIGINAL),
            (self.people, boosts::PEOPLE),
            (self.labels, boosts::LABELS),
            (self.shop, boosts::SHOP),
        ]
    }

    /// The fields that hold stems, each with its boost.
    pub fn stems(&self) -> [(Field, f32); 3] {
        [
            (self.title_stem, boosts::TITLE * boosts::STEM),
            (self.labels_stem, boosts::LABELS * boosts::STEM),
            (self.description_stem, boosts::DESCRIPTION),
        ]
    }

    pub fn slot_term(&self, slot: u32) -> Term {
        Term::from_field_u64(self.slot, u64::from(slot))
    }

    pub fn document(&self, slot: u32, texts: &ItemTexts) -> TantivyDocument {
        let mut document = TantivyDocument::default();
        document.add_u64(self.slot, u64::from(slot));
        let mut vocabulary = FxHashSet::default();
        let mut add = |field: Field, stems: Option<Field>, found: Vec<Word>| {
            if found.is_empty() {
                return;
            }
            if let Some(stems) = stems {
                let forms = found.iter().map(|word| stem(&word.folded));
                document.add_pre_tokenized_text(stems, tokens(forms));
            }
            vocabulary.extend(found.iter().map(|word| word.folded.clone()));
            if field != self.description_stem {
                let forms = found.into_iter().map(|word| word.folded);
                document.add_pre_tokenized_text(field, tokens(forms));
            }
        };
        let each =
            |texts: &[String]| -> Vec<Word> { texts.iter().flat_map(|text| split(text)).collect() };
        let title = split(&texts.title);
        let original = split(texts.original_title.as_deref().unwrap_or_default());
        let mut labels = each(&texts.labels);
        labels.extend(split(texts.kind.map_or("", common_name)));
        let mut shop = each(&texts.shop);
        // Beside other words, and in part, only what can be nothing else than a code.
        let codes = texts.codes.iter().flat_map(|code| words(code));
        shop.extend(codes.filter(|word| is_mixed(&word.folded)));
        let named = [&title, &original, &labels, &shop].into_iter().flatten();
        let long = named.filter(|word| ends_words(&word.folded));
        let reversed: FxHashSet<String> = long.map(|word| reversed(&word.folded)).collect();
        add(self.title, Some(self.title_stem), title);
        add(self.original, None, original);
        add(self.people, None, each(&texts.people));
        add(self.labels, Some(self.labels_stem), labels);
        add(self.shop, None, shop);
        let (field, description) = (self.description_stem, split(&plain(&texts.description)));
        add(field, Some(field), description);
        document.add_pre_tokenized_text(self.vocabulary, tokens(vocabulary.into_iter()));
        // Labels of several words as one, which no dictionary tells of.
        for (field, names) in [(self.labels, &texts.labels), (self.shop, &texts.shop)] {
            let terms = names.iter().filter_map(|name| term(name));
            document.add_pre_tokenized_text(field, tokens(terms));
        }
        document.add_pre_tokenized_text(self.whole, tokens(title_keys(&texts.title).into_iter()));
        let codes = texts.codes.iter().filter_map(|code| code_key(code));
        document.add_pre_tokenized_text(self.codes, tokens(codes));
        document.add_pre_tokenized_text(self.facts, tokens(facts(texts).into_iter()));
        document.add_pre_tokenized_text(self.reversed, tokens(reversed.into_iter()));
        document
    }
}

/// Words of fewer letters are no compounds.
const LEAST_COMPOUND: usize = 7;

/// Whether a word is long enough, of letters alone, to have others at its end.
fn ends_words(folded: &str) -> bool {
    folded.chars().count() >= LEAST_COMPOUND && folded.chars().all(char::is_alphabetic)
}

/// A word from behind.
pub(super) fn reversed(folded: &str) -> String {
    folded.chars().rev().collect()
}

/// Whether a word has both letters and digits, as article numbers have.
fn is_mixed(folded: &str) -> bool {
    folded.chars().any(char::is_numeric) && folded.chars().any(char::is_alphabetic)
}

/// What two codes share that are the same but for case, spaces, signs and leading zeros: `fj5089` for
/// `FJ-5089`, `12345678` for `0012345678`.
pub(super) fn code_key(code: &str) -> Option<String> {
    let key: String = words(code).into_iter().map(|word| word.folded).collect();
    let key = match key.bytes().all(|byte| byte.is_ascii_digit()) {
        true => key.trim_start_matches('0').to_owned(),
        false => key,
    };
    (!key.is_empty()).then_some(key)
}

/// A label of several words as one.
fn term(name: &str) -> Option<String> {
    let words = words(name);
    (words.len() > 1).then(|| words.into_iter().map(|word| word.folded).collect())
}

/// The keys by which a title is the whole query: with its article, and without one at either end.
pub(in super::super) fn title_keys(title: &str) -> Vec<String> {
    let key = title_key(title);
    if key.is_empty() {
        return Vec::new();
    }
    let bare = title_key(without_article(title));
    match bare == key || bare.is_empty() {
        true => vec![key],
        false => vec![key, bare],
    }
}

/// A title without an article at either end, since catalogues write both `The Searchers` and
/// `Searchers, The`.
pub(in super::super) fn without_article(title: &str) -> &str {
    const ARTICLES: &[&str] = &[
        "a", "an", "the", "der", "die", "das", "ein", "eine", "le", "la", "les", "l", "un", "une",
        "el", "los", "las", "una", "il", "lo", "gli", "i", "o", "os", "as", "um", "uma", "de",
        "het", "een",
    ];
    let found = words(title);
    let article = |word: &Word| ARTICLES.contains(&&*word.folded);
    match found.as_slice() {
        [first, second, ..] if article(first) => &title[second.at.start..],
        // Behind a comma only: `A Bout de Souffle, Le`, and not `Carnival of Souls: The`.
        [.., before, last]
            if article(last) && title[before.at.end..last.at.start].contains(',') =>
        {
            &title[..before.at.end]
        }
        _ => title,
    }
}

fn facts(texts: &ItemTexts) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(year) = texts.year {
        facts.push(year_fact(year));
        facts.push(decade_fact(year));
    }
    facts.extend(texts.language.as_deref().map(language_fact));
    facts.extend(texts.kind.map(kind_fact));
    facts
}

pub(super) fn year_fact(year: i32) -> String {
    format!("year {year}")
}

/// The fact of the ten years that a year is one of.
pub(super) fn decade_fact(year: i32) -> String {
    format!("decade {}", year.div_euclid(10) * 10)
}

pub(super) fn language_fact(code: &str) -> String {
    let code = code.split(['-', '_']).next().unwrap_or_default();
    format!("language {}", code.to_lowercase())
}

pub(super) fn kind_fact(kind: ContentKind) -> String {
    format!("kind {}", kind.as_str())
}

/// The words of a text, those that its hyphens and apostrophes join, and those whose last letter an apostrophe
/// stands for (`singing` for `Singin'`).
fn split(text: &str) -> Vec<Word> {
    let mut found = words(text);
    let mut more = joined(text, &found);
    for word in &found {
        if word.folded.len() > 3
            && word.folded.ends_with("in")
            && text[word.at.end..].starts_with(['\'', '’'])
        {
            more.push(Word {
                folded: format!("{}g", word.folded),
                at: word.at.clone(),
            });
        }
    }
    found.extend(more);
    found
}

/// What people call things of a kind.
fn common_name(kind: ContentKind) -> &'static str {
    match kind {
        ContentKind::Movie => "film movie",
        ContentKind::Product => "product",
        ContentKind::Text => "text",
        ContentKind::Image => "image picture",
        ContentKind::Video => "video",
        ContentKind::Audio => "audio",
    }
}

fn tokens(forms: impl Iterator<Item = String>) -> PreTokenizedString {
    let token = |(position, text): (usize, String)| Token {
        offset_from: 0,
        offset_to: 0,
        position,
        text,
        position_length: 1,
    };
    PreTokenizedString {
        text: String::new(),
        tokens: forms.enumerate().map(token).collect(),
    }
}
