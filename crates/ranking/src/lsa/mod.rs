//! Latent semantic analysis: what a catalogue's own words say about what is like what.
//!
//! After Deerwester, Dumais, Furnas, Landauer, Harshman, "Indexing by latent semantic analysis"
//! (JASIS 41, 1990). A table of documents by terms is weighed by `tf·idf` with a logarithmic term
//! frequency, its rows are brought to length 1, and its strongest directions are found. Terms that
//! occur in the company of the same terms lie in the same direction, so that a text about robots is
//! near one about androids although they share no word.
//!
//! A document with the weighed row `x` has the vector `x V Σ^(−e)`, brought to length 1: for those
//! the model was trained on that is their row of `U Σ^(1−e)`, and for any other text it is the
//! folding-in of Deerwester et al. So one formula serves what was there at training, what came
//! later, and what people type.

use rayon::prelude::*;
use thiserror::Error;

use super::matrix::{Interactions, MatrixError, Repeats};
use super::symmetric::Observer;

mod bytes;
mod dense;
mod document;
pub mod svd;
#[cfg(test)]
mod tests;
mod tokenizer;

pub use bytes::LsaBytesError;
pub use document::Document;
use document::Vocabulary;

/// The most dimensions that a space may have.
pub const MOST_DIMENSIONS: usize = 512;

/// What a space is learnt with.
#[derive(Clone, Debug, PartialEq)]
pub struct LsaSettings {
    /// How many numbers a vector has at most, 1 to [`MOST_DIMENSIONS`]. Of `n` documents no more
    /// than `2√n` directions are taken: those beyond tell one document from another rather than
    /// what several have in common, and a small catalogue would find only what shares words.
    pub dimensions: usize,
    /// How many terms are known at most, at least 1: the most frequent ones stay.
    pub vocabulary: usize,
    /// A term must occur in so many documents, at least 1; of fewer than 100 documents each term
    /// counts.
    pub least_documents: u32,
    /// A term that occurs in a larger share of the documents says nothing, above 0 to 1; of
    /// fewer than 20 documents each term counts.
    pub largest_share: f32,
    /// `e`, 0 to 1: how far the strength of a direction is taken out of the vectors. At 0 the few
    /// strongest directions decide alone, at 1 all count alike.
    pub exponent: f32,
    /// How often the basis is refined, at least 1.
    pub iterations: usize,
    /// Decides the random basis. Equal seeds, settings and documents give equal vectors on one
    /// kind of processor, whatever the number of threads.
    pub seed: u64,
}

impl Default for LsaSettings {
    fn default() -> Self {
        Self {
            dimensions: 128,
            vocabulary: 100_000,
            least_documents: 2,
            largest_share: 0.5,
            exponent: 0.25,
            iterations: 5,
            seed: 0,
        }
    }
}

impl LsaSettings {
    /// Checks every range.
    ///
    /// # Errors
    /// [`LsaError::Settings`] with the first setting that is out of range.
    pub fn check(&self) -> Result<(), LsaError> {
        let complaint = if !(1..=MOST_DIMENSIONS).contains(&self.dimensions) {
            "dimensions must be from 1 to 512"
        } else if !(1..=10_000_000).contains(&self.vocabulary) {
            "the vocabulary must be from 1 to 10 million"
        } else if self.least_documents == 0 {
            "a term must occur in at least 1 document"
        } else if !(self.largest_share > 0.0 && self.largest_share <= 1.0) {
            "the largest share of documents must be above 0 and at most 1"
        } else if !(0.0..=1.0).contains(&self.exponent) {
            "the exponent must be from 0 to 1"
        } else if self.iterations == 0 {
            "there must be at least 1 iteration"
        } else {
            return Ok(());
        };
        Err(LsaError::Settings(complaint))
    }
}

/// Why there is no space.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum LsaError {
    /// A setting is out of range; the text says which and what it may be.
    #[error("{0}")]
    Settings(&'static str),
    /// No document has a term that may be learnt from.
    #[error("no document has words to learn from")]
    NoWords,
    /// The observer said so.
    #[error("the training was stopped")]
    Stopped,
    /// More documents or terms than can be numbered.
    #[error(transparent)]
    Matrix(#[from] MatrixError),
}

/// A space that was learnt from a catalogue.
#[derive(Clone, Debug, PartialEq)]
pub struct Lsa {
    documents: u64,
    vocabulary: Vocabulary,
    strengths: Vec<f32>,
    /// The vector of each term, `V Σ^(−e)`, in whole numbers; a term's own scale brings them back.
    /// That is what is stored, so that a model read again gives the same vectors to the last bit.
    directions: Vec<i16>,
    scales: Vec<f32>,
}

impl Lsa {
    /// Learns a space from `documents`. Beside them it takes some 30 bytes an occurrence of a
    /// term, 6 bytes a dimension and document and 9 bytes a dimension and term; of a very large
    /// catalogue a sample of a hundred thousand documents teaches as well as the whole.
    ///
    /// `observe` receives the fraction that is done, in [0, 1], and may stop it.
    ///
    /// # Errors
    /// [`LsaError`], which says what stands against it.
    pub fn fit(
        documents: &[Document],
        settings: &LsaSettings,
        observe: &mut Observer,
    ) -> Result<Self, LsaError> {
        settings.check()?;
        let batches = documents.len().div_ceil(document::BATCH);
        let of = 3 * batches + settings.iterations + 1;
        let mut done = 0;
        let mut tick = || {
            done += 1;
            observe(done as f32 / of as f32)
        };
        let vocabulary =
            document::learn(documents, settings, &mut tick).ok_or(LsaError::Stopped)?;
        let mut rows: Vec<(u32, u32, f32)> = Vec::new();
        for (batch, documents) in documents.chunks(document::BATCH).enumerate() {
            let read: Vec<_> = documents
                .par_iter()
                .map(|one| vocabulary.read(one))
                .collect();
            for (at, terms) in read.into_iter().enumerate() {
                let row = u32::try_from(batch * document::BATCH + at)
                    .map_err(|_| LsaError::Settings("at most 4 billion documents"))?;
                let length = terms.iter().map(|(_, w)| w * w).sum::<f32>().sqrt();
                rows.extend(
                    terms
                        .iter()
                        .map(|(term, weight)| (row, *term, weight / length)),
                );
            }
            if tick().is_break() {
                return Err(LsaError::Stopped);
            }
        }
        if rows.is_empty() {
            return Err(LsaError::NoWords);
        }
        let terms = vocabulary.terms.len();
        let table = Interactions::from_triplets(
            documents.len(),
            terms,
            rows.iter().copied(),
            Repeats::Sum,
        )?;
        drop(rows);
        let telling = (2.0 * (documents.len() as f64).sqrt()) as usize;
        let rank = settings.dimensions.min(terms).min(telling);
        let found = svd::truncated(
            &table,
            rank,
            settings.iterations,
            settings.seed,
            &mut |_| tick(),
        );
        let found = found.ok_or(LsaError::Stopped)?;
        // A last word, so that the end is heard of.
        if tick().is_break() {
            return Err(LsaError::Stopped);
        }
        Ok(Self::of(
            documents.len() as u64,
            vocabulary,
            found,
            settings.exponent,
        ))
    }

    fn of(
        documents: u64,
        vocabulary: Vocabulary,
        mut found: svd::Decomposition,
        exponent: f32,
    ) -> Self {
        let width = found.strengths.len();
        let strongest = found.strengths.first().copied().unwrap_or(1.0);
        let factors: Vec<f32> = found
            .strengths
            .iter()
            .map(|strength| (strength / strongest).powf(-exponent))
            .collect();
        let mut scales = Vec::with_capacity(found.right.rows());
        let mut directions = Vec::with_capacity(found.right.values().len());
        for row in found.right.values_mut().chunks_exact_mut(width.max(1)) {
            for (value, factor) in row.iter_mut().zip(&factors) {
                *value *= factor;
            }
            let largest = row
                .iter()
                .fold(0.0_f32, |most, value| most.max(value.abs()));
            let scale = (largest / f32::from(i16::MAX)).max(f32::MIN_POSITIVE);
            scales.push(scale);
            // A cast of what is between -32767 and 32767 by the choice of the scale.
            directions.extend(row.iter().map(|value| (value / scale).round() as i16));
        }
        Self {
            documents,
            vocabulary,
            strengths: found.strengths,
            directions,
            scales,
        }
    }

    /// How many numbers a vector has.
    pub fn dimensions(&self) -> usize {
        self.strengths.len()
    }

    /// How many documents it was learnt from.
    pub fn documents(&self) -> u64 {
        self.documents
    }

    /// How many terms it knows.
    pub fn terms(&self) -> usize {
        self.vocabulary.terms.len()
    }

    /// The singular values, largest first.
    pub fn strengths(&self) -> &[f32] {
        &self.strengths
    }

    /// The vector of a document, of length 1; `None` if it has no term that is known.
    pub fn embed(&self, document: &Document) -> Option<Vec<f32>> {
        let width = self.dimensions();
        let mut sum = vec![0.0_f32; width];
        for (term, weight) in self.vocabulary.read(document) {
            let index = term as usize;
            let weight = weight * self.scales[index];
            let direction = &self.directions[index * width..(index + 1) * width];
            for (sum, value) in sum.iter_mut().zip(direction) {
                *sum += weight * f32::from(*value);
            }
        }
        normalise(sum)
    }

    /// The vectors of documents: of many on all threads of the current rayon pool, of a few without
    /// waiting for those.
    pub fn embed_all(&self, documents: &[Document]) -> Vec<Option<Vec<f32>>> {
        const FEW: usize = 64;
        if documents.len() <= FEW {
            return documents.iter().map(|one| self.embed(one)).collect();
        }
        documents.par_iter().map(|one| self.embed(one)).collect()
    }

    /// The vector of what somebody types, of length 1; `None` if no word of it is known.
    pub fn query(&self, text: &str) -> Option<Vec<f32>> {
        self.embed(&Document::new().text(text, 1.0))
    }
}

/// Brings a vector to length 1; `None` for one without a direction.
fn normalise(mut vector: Vec<f32>) -> Option<Vec<f32>> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if !(length.is_finite() && length > 1e-12) {
        return None;
    }
    for value in &mut vector {
        *value /= length;
    }
    Some(vector)
}
