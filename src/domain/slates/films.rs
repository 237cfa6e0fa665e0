//! The films of the catalogue as the signals see them, made once and kept while the catalogue stays the same.

use std::sync::Arc;

use parking_lot::Mutex;
use ranking::slate_signals::{DiversityFeatures, DiversityScales, FilmFeatures};

use crate::engine::catalogue::{Catalogue, ContentKind, IndexedItem};

/// A film as the signals see it.
#[derive(Debug)]
pub(super) struct Film {
    pub(super) features: FilmFeatures,
    pub(super) diversity: DiversityFeatures,
}

/// All films of a catalogue, by slot.
#[derive(Debug, Default)]
pub(super) struct Films {
    /// The number of the catalogue's next change when they were read.
    change: u64,
    /// As long as the catalogue; `None` for what is no film.
    by_slot: Vec<Option<Film>>,
}

impl Films {
    fn of(catalogue: &Catalogue) -> Self {
        let features = |item: &IndexedItem| {
            let film = item.kind == ContentKind::Movie && !item.deleted;
            film.then(|| features(item, catalogue))
        };
        let features: Vec<Option<FilmFeatures>> =
            catalogue.iter().map(|(_, item)| features(item)).collect();
        let known: Vec<&FilmFeatures> = features.iter().flatten().collect();
        let scales = DiversityScales::fit(&known);
        let film = |features: FilmFeatures| Film {
            diversity: DiversityFeatures::of(&features, &scales),
            features,
        };
        Self {
            change: catalogue.change(),
            by_slot: features
                .into_iter()
                .map(|features| features.map(film))
                .collect(),
        }
    }

    /// All films by slot; `None` for what is no film.
    pub(super) fn by_slot(&self) -> &[Option<Film>] {
        &self.by_slot
    }

    /// The film in a slot.
    pub(super) fn get(&self, slot: u32) -> Option<&Film> {
        self.by_slot.get(slot as usize)?.as_ref()
    }
}

fn features(item: &IndexedItem, catalogue: &Catalogue) -> FilmFeatures {
    let strings = catalogue.strings();
    let genres = item
        .genres
        .iter()
        .map(|genre| strings.name(*genre).to_owned());
    FilmFeatures {
        year: item.year,
        language: item
            .language
            .map(|language| strings.name(language).to_owned()),
        genres: genres.collect(),
        duration_minutes: item.duration_minutes.map(f64::from),
        rating: item.rating_average.map(f64::from),
        votes: item.rating_count.map(f64::from),
        popularity: Some(item.popularity).filter(|popularity| *popularity > 0.0),
        revenue: item.revenue.filter(|revenue| *revenue > 0.0),
    }
}

/// The films of one schema, read again when the catalogue has changed.
#[derive(Debug, Default)]
pub(super) struct FilmCache(Mutex<Arc<Films>>);

impl FilmCache {
    /// The films of the catalogue as it is now. Ten thousand take some 20 ms.
    pub(super) fn of(&self, catalogue: &Catalogue) -> Arc<Films> {
        let mut films = self.0.lock();
        if films.change != catalogue.change() || films.by_slot.len() != catalogue.len() {
            *films = Arc::new(Films::of(catalogue));
        }
        Arc::clone(&films)
    }
}
