//! Items as input of embedding models, and the results of training and search.

use chrono::{DateTime, Utc};

use rustc_hash::FxHashMap;

use crate::domain::models::ModelVersion;
use crate::foundation::{Id, Progress, id};
use ranking::Document;

/// A nearest neighbour of an item or a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// The item.
    pub content: Id<id::Content>,
    /// The cosine similarity, in [-1, 1].
    pub cosine: f32,
}

/// The vectors of some items in one allocation: a request needs about a thousand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VectorTable {
    dimensions: usize,
    offsets: FxHashMap<Id<id::Content>, usize>,
    numbers: Vec<f32>,
}

impl VectorTable {
    /// A table with capacity for `count` vectors of `dimensions` dimensions.
    pub fn with_capacity(dimensions: usize, count: usize) -> Self {
        Self {
            dimensions,
            offsets: FxHashMap::with_capacity_and_hasher(count, <_>::default()),
            numbers: Vec::with_capacity(dimensions * count),
        }
    }

    /// Inserts the vector of an item once; a vector of other dimensions is ignored.
    pub fn insert(&mut self, item: Id<id::Content>, vector: &[f32]) {
        if vector.len() == self.dimensions && !self.offsets.contains_key(&item) {
            self.offsets.insert(item, self.numbers.len());
            self.numbers.extend_from_slice(vector);
        }
    }

    /// The vector of an item, if present.
    pub fn get(&self, item: &Id<id::Content>) -> Option<&[f32]> {
        let from = *self.offsets.get(item)?;
        Some(&self.numbers[from..from + self.dimensions])
    }

    /// All vectors, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Id<id::Content>, &[f32])> {
        let offsets = self.offsets.iter();
        offsets.map(|(item, from)| (*item, &self.numbers[*from..from + self.dimensions]))
    }

    /// The number of vectors.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether the table is empty.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }
}

/// The steps of a training, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reading the items to learn from.
    Read,
    /// Training the model.
    Train,
    /// Embedding all items and storing their vectors.
    Store,
}

impl Step {
    /// The name in [`Progress::step`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "reading items",
            Self::Train => "learning what they are about",
            Self::Store => "storing the vectors of items",
        }
    }

    /// The progress of the whole when `done` of `of` units of the step are done; `of` is 0 if unknown.
    pub(super) fn progress(self, done: usize, of: usize) -> Progress {
        let share = match self {
            Self::Read => (0.0, 0.25),
            Self::Train => (0.25, 0.75),
            Self::Store => (0.75, 1.0),
        };
        Progress::counted(self.name(), done as u64, of as u64).within(share)
    }
}

/// The result of a training.
#[derive(Clone, Debug)]
pub struct TrainingResult {
    /// The model, now active.
    pub model: ModelVersion,
    /// The number of dimensions.
    pub dimensions: usize,
    /// The number of items with a vector.
    pub items: usize,
    /// The duration in seconds.
    pub seconds: f64,
}

/// The text and metadata of an item.
#[derive(Clone, Debug, Default)]
pub(super) struct Item {
    pub(super) id: uuid::Uuid,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) title: String,
    pub(super) original_title: Option<String>,
    pub(super) description: String,
    pub(super) genres: Vec<String>,
    pub(super) tags: Vec<String>,
    /// Tags that users gave, the most given first.
    pub(super) user_tags: Vec<String>,
    pub(super) category_path: Vec<String>,
    pub(super) brand: Option<String>,
    pub(super) directors: Vec<String>,
    /// The first of the cast.
    pub(super) cast: Vec<String>,
    /// Writers, composers and others behind the camera.
    pub(super) crew: Vec<String>,
}

/// What a word of a title weighs. A word of a title that many share ("Love") outweighed the genre
/// where little else is said of an item; a rare one ("Godfather") still counts by its rarity.
const TITLE: f32 = 0.25;

impl Item {
    /// What latent semantic analysis reads. The weights were chosen on 4,803 films with ratings:
    /// with them an item's ten nearest are those that the same people like most. What editors
    /// name (genres, directors, key words) tells more than running text, and the words of a
    /// person's name next to nothing beside the whole name.
    ///
    /// Of the title: on MovieLens small, where titles are nearly all the text there is, the cosine
    /// of the likes of a film and of its ten nearest is .238 with a weight of 1 and .252 with
    /// [`TITLE`]; on the 4,803 films with descriptions .258 and .257.
    pub(super) fn document(&self) -> Document {
        let mut document = Document::new()
            .text(&*self.title, TITLE)
            .text(&*self.description, 1.0);
        if let Some(title) = &self.original_title {
            document = document.text(&**title, 0.5 * TITLE);
        }
        for (names, weight, words) in [
            (&self.genres, 2.0, 0.5),
            (&self.tags, 1.5, 0.5),
            (&self.user_tags, 1.0, 0.5),
            (&self.category_path, 1.5, 0.5),
            (&self.directors, 3.0, 0.2),
            (&self.cast, 0.5, 0.1),
            (&self.crew, 0.5, 0.0),
        ] {
            for name in names {
                document = document.name(&**name, weight, words);
            }
        }
        match &self.brand {
            Some(brand) => document.name(&**brand, 1.0, 0.5),
            None => document,
        }
    }

    /// What a transformer reads: the same as one text, what tells most first, since a transformer
    /// stops reading after some hundred words.
    pub(super) fn text(&self) -> String {
        let mut text = self.title.clone();
        let mut say = |what: &str| {
            if !what.is_empty() {
                text.push_str(". ");
                text.push_str(what);
            }
        };
        say(&self.genres.join(", "));
        say(&self.category_path.join(", "));
        say(&self.description);
        say(&self.tags.join(", "));
        say(&self.directors.join(", "));
        say(&self.cast.join(", "));
        say(self.brand.as_deref().unwrap_or_default());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_the_title_does_not_decide_what_is_like_what() {
        // Twenty films of each genre; four of each are called "Love …".
        let mut items = Vec::new();
        for index in 0..80 {
            let genre = ["Comedy", "Romance", "War", "Western"][index / 20];
            let other = ["Stone", "River", "Winter", "Garden"][index % 4];
            let love = if index % 20 < 4 { "Love " } else { "" };
            items.push(Item {
                title: format!("{love}{other}{}", index % 10),
                genres: vec![genre.to_owned()],
                ..Item::default()
            });
        }
        let documents: Vec<Document> = items.iter().map(Item::document).collect();
        let embedding =
            ranking::Lsa::fit(&documents, &ranking::LsaSettings::default(), &mut |_| {
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        let vectors: Vec<Vec<f32>> = documents
            .iter()
            .flat_map(|it| embedding.embed(it))
            .collect();
        let cosine =
            |other: &Vec<f32>| -> f32 { other.iter().zip(&vectors[0]).map(|(a, b)| a * b).sum() };
        let scored = (1_usize..).zip(vectors[1..].iter().map(cosine));
        let near = ranking::top::best_of(scored, 10);
        let like = |index: usize| items[index].genres == items[0].genres;
        let same = near.iter().filter(|(index, _)| like(*index)).count();
        assert_eq!(same, 10, "{near:?}");
    }

    #[test]
    fn a_transformer_reads_what_there_is_and_no_empty_sentence() {
        let item = Item {
            title: "Ran".to_owned(),
            genres: vec!["Drama".to_owned(), "War".to_owned()],
            directors: vec!["Akira Kurosawa".to_owned()],
            ..Item::default()
        };
        assert_eq!(item.text(), "Ran. Drama, War. Akira Kurosawa");
    }
}
