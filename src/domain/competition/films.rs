//! Which film of the catalogue a programme shows.

use rustc_hash::{FxHashMap, FxHashSet};
use uuid::Uuid;
use xmltv::{CatalogueTitle, Match, Programme, ProgrammeKind, TitleIndex, TitleQuery};

/// A film of the catalogue.
#[derive(Clone, Debug)]
pub struct Film {
    /// Its id.
    pub id: Uuid,
    /// Its title.
    pub title: String,
    /// Its title in the language of its production.
    pub original_title: Option<String>,
    /// The year of production.
    pub year: Option<i32>,
    /// The duration in minutes.
    pub minutes: Option<i32>,
}

/// The films of the catalogue by title, and by their ids in other catalogues.
#[derive(Clone, Debug)]
pub struct FilmIndex {
    titles: TitleIndex<Uuid>,
    external: FxHashMap<(String, String), Uuid>,
    ids: FxHashSet<Uuid>,
}

impl FilmIndex {
    /// Indexes films, and their ids in other catalogues: the source, the id there, and the film.
    pub(super) fn new(films: Vec<Film>, external: Vec<(String, String, Uuid)>) -> Self {
        let ids = films.iter().map(|film| film.id).collect();
        let titles = films.into_iter().flat_map(|film| {
            let entry = |title: String| CatalogueTitle {
                key: film.id,
                title,
                year: film.year,
                minutes: film.minutes,
            };
            let original = film.original_title.map(entry);
            std::iter::once(entry(film.title)).chain(original)
        });
        Self {
            titles: TitleIndex::new(titles.collect::<Vec<_>>()),
            external: external
                .into_iter()
                .map(|(source, id, film)| ((source, id), film))
                .collect(),
            ids,
        }
    }

    /// The film that a programme of a guide shows, with the confidence from 0 to 1: 1 where the guide gives its id
    /// in another catalogue, else by title, year and duration.
    pub fn find(&self, programme: &Programme) -> Option<(Uuid, f32)> {
        let named = programme
            .film_ids()
            .find_map(|(source, id)| self.by_external_id(source, id));
        named
            .map(|film| (film, 1.0))
            .or_else(|| self.find_title(&TitleQuery::of(programme)))
    }

    /// The film of this title that fits best in year and duration, for a programme that is a film.
    pub fn find_film(&self, title: &str, year: Option<i32>, minutes: i64) -> Option<(Uuid, f32)> {
        self.find_title(&TitleQuery {
            titles: vec![title],
            year,
            minutes,
            kind: ProgrammeKind::Film,
        })
    }

    /// Whether there is a film of this id.
    pub fn contains(&self, film: Uuid) -> bool {
        self.ids.contains(&film)
    }

    /// The film of this id in another catalogue.
    pub fn by_external_id(&self, source: &str, id: &str) -> Option<Uuid> {
        let key = (source.to_owned(), id.to_owned());
        self.external.get(&key).copied()
    }

    fn find_title(&self, query: &TitleQuery<'_>) -> Option<(Uuid, f32)> {
        let Match { key, confidence } = self.titles.find(query)?;
        Some((key, confidence))
    }
}
