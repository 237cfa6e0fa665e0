//! What of an item is in the index, and how much each field counts.

use rustc_hash::FxHashSet;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{TantivyDocument, Term};

use crate::domain::content::ContentKind;
use ranking::text::{Word, fold, joined, normalised, stem, words};

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
    /// With typing errors in it.
    pub const TYPO: f32 = 0.5;
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
    /// The names of everybody credited.
    pub people: Vec<String>,
    /// Genres and tags.
    pub labels: Vec<String>,
    /// Brand, merchant, categories and colour.
    pub shop: Vec<String>,
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
    /// The title as one term.
    pub whole: Field,
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
        let listed = || text(IndexRecordOption::Basic, false);
        let positions = text(IndexRecordOption::WithFreqsAndPositions, true);
        let fields = Self {
            slot: schema.add_u64_field(SLOT, INDEXED | FAST),
            title: schema.add_text_field("title", positions),
            title_stem: schema.add_text_field("title_stem", scored()),
            original: schema.add_text_field("original", scored()),
            people: schema.add_text_field("people", scored()),
            labels: schema.add_text_field("labels", scored()),
            labels_stem: schema.add_text_field("labels_stem", scored()),
            shop: schema.add_text_field("shop", scored()),
            description_stem: schema.add_text_field("description_stem", scored()),
            whole: schema.add_text_field("whole", listed()),
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
        let all =
            |texts: &[&str]| -> Vec<Word> { texts.iter().flat_map(|text| split(text)).collect() };
        let each =
            |texts: &[String]| -> Vec<Word> { texts.iter().flat_map(|text| split(text)).collect() };
        add(self.title, Some(self.title_stem), all(&[&texts.title]));
        let original = texts.original_title.as_deref().unwrap_or_default();
        add(self.original, None, all(&[original]));
        add(self.people, None, each(&texts.people));
        let mut labels = each(&texts.labels);
        labels.extend(split(texts.kind.map_or("", common_name)));
        add(self.labels, Some(self.labels_stem), labels);
        add(self.shop, None, each(&texts.shop));
        let (field, description) = (self.description_stem, all(&[&texts.description]));
        add(field, Some(field), description);
        let whole = fold(&normalised(&texts.title));
        if !whole.is_empty() {
            document.add_pre_tokenized_text(self.whole, tokens([whole].into_iter()));
        }
        document.add_pre_tokenized_text(self.vocabulary, tokens(vocabulary.into_iter()));
        document
    }
}

/// The words of a text, and those that its hyphens and apostrophes join.
fn split(text: &str) -> Vec<Word> {
    let mut found = words(text);
    let more = joined(text, &found);
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
