//! What people made together: filmographies and their statistics. All of it sees only what the
//! viewer may list, and takes many people at once.

use std::collections::HashMap;

use super::model::{Content, CreditRole};
use super::service::ContentService;
use crate::domain::auth::Viewer;
use crate::foundation::page::{Page, Window};
use crate::foundation::{Id, Result, id};

/// The films of a person in figures. "Film" stands for an item of any kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FilmStatistics {
    /// How many.
    pub films: i64,
    /// The year of the first of those whose year is known.
    pub first_year: Option<i32>,
    /// The year of the last of those whose year is known.
    pub last_year: Option<i32>,
    /// The mean of the sources' mean ratings, 0 to 10.
    pub mean_rating: Option<f64>,
}

/// How many of a person's films are of a genre.
#[derive(Clone, Debug, PartialEq)]
pub struct GenreCount {
    /// The genre.
    pub genre: String,
    /// How many.
    pub films: i64,
}

/// Somebody with credits for the same films.
#[derive(Clone, Debug, PartialEq)]
pub struct Collaborator {
    /// Who.
    pub person: Id<id::Person>,
    /// How many films they share.
    pub films: i64,
    /// What the other one does for these films.
    pub roles: Vec<CreditRole>,
}

/// Which films of each person to list, and in which order of years.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FilmographyPage {
    /// Only those for which the person did one of these; all where it is not given.
    pub roles: Option<Vec<CreditRole>>,
    /// Whether the oldest come first.
    pub ascending: bool,
    /// Which page of it.
    pub window: Window,
}

type OfPeople<T> = Result<HashMap<Id<id::Person>, T>>;

impl ContentService {
    /// One page of the films of each of these people, by year.
    ///
    /// # Errors
    /// [`crate::foundation::Refusal::InvalidInput`] for a cursor of another order.
    pub async fn filmographies(
        &self,
        viewer: &Viewer,
        people: &[Id<id::Person>],
        which: &FilmographyPage,
    ) -> OfPeople<Page<Content>> {
        let mut films = self.store.filmographies(viewer, people, which).await?;
        let page = |person: &Id<id::Person>| {
            let rows = films.remove(person).unwrap_or_default();
            (*person, Page::cut(&which.window, rows))
        };
        Ok(people.iter().map(page).collect())
    }

    /// How many films [`ContentService::filmographies`] would list in all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_films(
        &self,
        viewer: &Viewer,
        people: &[Id<id::Person>],
        roles: Option<&[CreditRole]>,
    ) -> OfPeople<i64> {
        self.store.count_films(viewer, people, roles).await
    }

    /// The films of these people in figures; nothing for those without.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn film_statistics(
        &self,
        viewer: &Viewer,
        people: &[Id<id::Person>],
    ) -> OfPeople<FilmStatistics> {
        self.store.film_statistics(viewer, people).await
    }

    /// The genres of these people's films, the most frequent first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn film_genres(
        &self,
        viewer: &Viewer,
        people: &[Id<id::Person>],
    ) -> OfPeople<Vec<GenreCount>> {
        self.store.film_genres(viewer, people).await
    }

    /// The films of these people that the viewer may list, as pairs of a person and a film, in no order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn films_of(
        &self,
        viewer: &Viewer,
        people: &[Id<id::Person>],
    ) -> Result<Vec<(Id<id::Person>, Id<id::Content>)>> {
        self.store.films_of(viewer, people).await
    }

    /// Up to `most` others for each of these people, those with the most films in common first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn collaborators(
        &self,
        viewer: &Viewer,
        people: &[Id<id::Person>],
        most: usize,
    ) -> OfPeople<Vec<Collaborator>> {
        self.store.collaborators(viewer, people, most).await
    }
}
