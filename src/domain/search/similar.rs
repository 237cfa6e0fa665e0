//! Searches for what is like an item: "movies like Alien".

use std::sync::Arc;

use chrono::NaiveDate;

use super::index::{SearchIndex, blocking};
use super::lexical::{LexicalHit, LexicalMatches};
use super::model::{SearchMode, SearchRequest};
use super::query::likeness;
use super::retrieve::near;
use super::service::SearchService;
use super::titles::TitleMatch;
use crate::domain::content::catalogue::CatalogueIndex;
use crate::domain::embeddings::EmbeddingModel;
use crate::foundation::{Id, Result, id};
use ranking::text::{title_key, words};

/// So many people of the item are looked for.
const PEOPLE: usize = 12;
/// A name that is typed wrong in one of so many letters is still that name.
const LETTERS_AN_ERROR: usize = 5;

/// What words and meaning find.
type Found = (LexicalMatches, Vec<(u32, f32)>);

impl SearchService {
    /// What is like the item that the query names, if it asks for something like an item of the catalogue: by
    /// shared labels and people, and by meaning. `None` for other queries.
    pub(super) async fn like(
        &self,
        search_index: &Arc<SearchIndex>,
        catalogue: &CatalogueIndex,
        embedding: Option<&EmbeddingModel>,
        request: &SearchRequest,
        day: NaiveDate,
    ) -> Result<Option<Found>> {
        let Some(name) = likeness(&request.query) else {
            return Ok(None);
        };
        let titles = [request.query.clone(), name.to_owned()];
        let mut titled = self.titled(&titles).await?.into_iter();
        // "Some Like It Hot" is a film.
        if let Some(TitleMatch::Item(_)) = titled.next() {
            return Ok(None);
        }
        let about = match titled.next() {
            Some(TitleMatch::Item(item)) => item,
            Some(TitleMatch::Like(near)) => match nearly(catalogue, &near, name) {
                Some(item) => item,
                None => return Ok(None),
            },
            None => return Ok(None),
        };
        let mut found = LexicalMatches::default();
        if request.mode != SearchMode::Meaning {
            found.hits = shared(search_index, catalogue, about).await?;
        }
        let mut meant = Vec::new();
        if request.mode != SearchMode::Words
            && let Some(embedding) = embedding
        {
            let vectors = self.embeddings.vectors(&[about]).await?;
            // Another model may have come into service meanwhile.
            let vector = vectors
                .get(&about)
                .filter(|own| own.len() == embedding.dimensions);
            if let Some(vector) = vector {
                meant = near(catalogue, embedding, request, vector, Some(about), day).await?;
            }
        }
        Ok(Some((found, meant)))
    }
}

/// The first of these items whose title begins with the name, or is it but for typing errors.
fn nearly(
    catalogue: &CatalogueIndex,
    near: &[Id<id::Content>],
    name: &str,
) -> Option<Id<id::Content>> {
    let (catalogue, wanted) = (catalogue.read(), title_key(name));
    let errors = wanted.chars().count() / LETTERS_AN_ERROR;
    let fits = |item: &&Id<id::Content>| {
        catalogue.find(**item).is_some_and(|entry| {
            super::lexical::title_keys(&entry.title)
                .iter()
                .any(|title| {
                    title.starts_with(&wanted) || super::titles::distance(title, &wanted) <= errors
                })
        })
    };
    near.iter().find(fits).copied()
}

/// The items that share labels and people with one.
async fn shared(
    search_index: &Arc<SearchIndex>,
    catalogue: &CatalogueIndex,
    about: Id<id::Content>,
) -> Result<Vec<LexicalHit>> {
    let (labels, people, own) = {
        let catalogue = catalogue.read();
        let Some((slot, entry)) = catalogue.slot(about).zip(catalogue.find(about)) else {
            return Ok(Vec::new());
        };
        let strings = catalogue.strings();
        let labels = entry.genres.iter().chain(&entry.tags);
        let labels: Vec<String> = labels
            .map(|label| {
                words(strings.name(*label))
                    .into_iter()
                    .map(|word| word.folded)
                    .collect()
            })
            .collect();
        let names = search_index.names();
        let people = entry.people.iter().filter_map(|person| {
            let id: Id<id::Person> = uuid::Uuid::parse_str(strings.name(*person)).ok()?.into();
            Some(names.get(&id)?.words().map(str::to_owned).collect())
        });
        (
            labels,
            people.take(PEOPLE).collect::<Vec<Vec<String>>>(),
            slot,
        )
    };
    let search_index = Arc::clone(search_index);
    let mut hits = blocking(move || search_index.lexical().like(&labels, &people)).await?;
    hits.retain(|hit| hit.slot != own);
    Ok(hits)
}
