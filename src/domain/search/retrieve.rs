//! What a search is ranked from: what words find, what meaning finds, and what the user likes.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use rustc_hash::FxHashMap;

use super::index::{SearchIndex, blocking};
use super::lexical::{LexicalContext, LexicalMatches, LexicalQuery, Offered};
use super::model::{SearchMode, SearchRequest};
use super::query::Synonyms;
use super::service::SearchService;
use crate::domain::content::catalogue::CatalogueIndex;
use crate::domain::embeddings::EmbeddingModel;
use crate::engine::catalogue::Catalogue;
use crate::engine::eligibility::Rules;
use crate::engine::history::Profile;
use crate::foundation::{Id, Result, id};

/// Meaning finds at most so many items.
const MEANT: usize = 200;
/// What is less similar than this (a cosine) is not about the query.
const LEAST_SIMILAR: f32 = 0.4;

impl SearchService {
    pub(super) async fn by_words(
        &self,
        search_index: &Arc<SearchIndex>,
        catalogue: &CatalogueIndex,
        request: &SearchRequest,
        day: NaiveDate,
    ) -> Result<Option<LexicalMatches>> {
        if request.is_empty() {
            return Ok(None);
        }
        let wanted = LexicalQuery {
            text: request.query.clone(),
            open: true,
        };
        let search_index = Arc::clone(search_index);
        let (catalogue, synonyms) = (catalogue.clone(), self.synonyms.clone());
        let mut found = blocking(move || {
            with_context(&search_index, &catalogue, &synonyms, day, |context, _| {
                search_index.lexical().find(&wanted, context)
            })
        })
        .await?;
        if request.mode == SearchMode::Meaning {
            // The words are still good for putting the query right and for marking.
            found.hits.clear();
            found.codes.clear();
        }
        Ok(Some(found))
    }

    /// In one space from the text to its neighbours, whatever is taken into service meanwhile.
    pub(super) async fn by_meaning(
        &self,
        catalogue: &CatalogueIndex,
        embedding: Option<&EmbeddingModel>,
        request: &SearchRequest,
        found: Option<&LexicalMatches>,
        day: NaiveDate,
    ) -> Result<Vec<(u32, f32)>> {
        let Some(found) = found.filter(|_| request.mode != SearchMode::Words) else {
            return Ok(Vec::new());
        };
        let Some(embedding) = embedding else {
            return Ok(Vec::new());
        };
        let mut text = found.corrected.as_ref().unwrap_or(&request.query).clone();
        for synonym in &found.synonyms {
            text.push(' ');
            text.push_str(synonym);
        }
        let Some(vector) = embedding.query(&text).await? else {
            return Ok(Vec::new());
        };
        near(catalogue, embedding, request, &vector, None, day).await
    }

    /// How well the items in these slots suit the user, in [0, 1]; those that it is not known of are left out.
    pub(super) async fn affinities(
        &self,
        catalogue: &CatalogueIndex,
        profile: &Profile,
        slots: Vec<u32>,
    ) -> Result<Vec<(u32, f32)>> {
        let indices: FxHashMap<Id<id::Content>, u32> = {
            let catalogue = catalogue.read();
            let entries = slots
                .into_iter()
                .filter_map(|slot| Some((catalogue.entry(slot)?.id, slot)));
            entries.collect()
        };
        let ids: Vec<_> = indices.keys().copied().collect();
        let affinities = self.profiles.affinities(profile, &ids).await?.long_term;
        let affinity = |(content, affinities): (Id<id::Content>, f32)| {
            let fit = (1.0 + affinities) / 2.0;
            Some((*indices.get(&content)?, fit.clamp(0.0, 1.0)))
        };
        Ok(affinities.into_iter().filter_map(affinity).collect())
    }
}

/// What is near a vector, eligible, matches the filter and is not `but`, with cosines.
pub(super) async fn near(
    catalogue: &CatalogueIndex,
    embedding: &EmbeddingModel,
    request: &SearchRequest,
    vector: &[f32],
    but: Option<Id<id::Content>>,
    day: NaiveDate,
) -> Result<Vec<(u32, f32)>> {
    let eligible = |content: Id<id::Content>| {
        let catalogue = catalogue.read();
        let rules = Rules::on(day).matching(&request.filter);
        but != Some(content) && rules.within(&catalogue).is_eligible_content(content)
    };
    let nearest = embedding.nearest(vector, MEANT, &eligible).await?;
    let catalogue = catalogue.read();
    let similar = nearest.iter().filter(|near| near.cosine >= LEAST_SIMILAR);
    Ok(similar
        .filter_map(|near| Some((catalogue.slot(near.content)?, near.cosine)))
        .collect())
}

/// Does `work` with what queries are read by: the catalogue as it is on `day`.
///
/// # Errors
/// Those of `work`.
pub(super) fn with_context<T>(
    search_index: &SearchIndex,
    catalogue: &CatalogueIndex,
    synonyms: &Synonyms,
    day: NaiveDate,
    work: impl FnOnce(&LexicalContext<'_>, &Catalogue) -> Result<T>,
) -> Result<T> {
    let signals = search_index.signals();
    let catalogue = catalogue.read();
    let rules = Rules::on(day).within(&catalogue);
    let context = LexicalContext {
        offered: Offered {
            is: &|slot| rules.is_eligible(slot),
            state: u64::from(day.num_days_from_ce().unsigned_abs()),
        },
        synonyms,
        languages: &signals.languages,
    };
    work(&context, &catalogue)
}
