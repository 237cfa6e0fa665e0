//! Importing folders of MovieLens and TMDB.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::super::message::printable;
use super::super::model::{
    FileError, ImportEvent, ImportOutcome, ReadError, RefusedRow, Table, UserItemRow,
};
use super::super::store::{
    CreditStage, ItemStage, MOVIELENS, Policy, RatingStage, TMDB, TagStage, UserItemStage,
    UserStage,
};
use super::super::{movielens, tmdb};
use super::{ImportRun, name};
use crate::foundation::{Error, Result};

impl<N: FnMut(ImportEvent) + Send> ImportRun<N> {
    pub(super) async fn movielens(&mut self, folder: &Path) -> Result<()> {
        let links = self.links(folder).await?;
        let find = |name| movielens::find(folder, name);
        let until = self.now.timestamp();
        if let Some((path, form)) = find("movies") {
            let ids = self.ids();
            let stage = move |ids| ItemStage::new(MOVIELENS, Table::Films, Policy::Movielens, ids);
            self.file(&path, Table::Films, 1, ids, stage, move |source| {
                Ok(movielens::FilmReader::new(source.lines(), form, links))
            })
            .await?;
        }
        if let Some((path, form)) = find("users").filter(|_| self.is_running()) {
            let ids = self.ids();
            self.file(&path, Table::Users, 1, ids, UserStage::new, move |source| {
                Ok(movielens::UserReader::new(source.lines(), form))
            })
            .await?;
        }
        let films = Arc::new(self.sessions[0].numbered(MOVIELENS).await?);
        if let Some((path, form)) = find("ratings").filter(|_| self.is_running()) {
            let (ids, known) = (self.ids(), Arc::clone(&films));
            let all = Arc::clone(&films);
            let stage = move |ids| RatingStage(UserItemStage::new(ids, Arc::clone(&all)));
            self.file(&path, Table::Ratings, 2, ids, stage, move |source| {
                let rows = movielens::UserItemReader::ratings(source.lines(), form, until);
                Ok(rows.map(move |row| of_known_film(row?, &known)))
            })
            .await?;
        }
        if let Some((path, form)) = find("tags").filter(|_| self.is_running()) {
            let (ids, known) = (self.ids(), Arc::clone(&films));
            let stage = move |ids| TagStage(UserItemStage::new(ids, Arc::clone(&films)));
            self.file(&path, Table::Tags, 1, ids, stage, move |source| {
                let rows = movielens::UserItemReader::tags(source.lines(), form, until);
                Ok(rows.map(move |row| of_known_film(row?, &known)))
            })
            .await?;
        }
        Ok(())
    }

    /// Reads `links` whole, since each film is written together with its names elsewhere. Links
    /// without their film in `movies` are of no use and not told.
    async fn links(&mut self, folder: &Path) -> Result<FxHashMap<u64, movielens::Link>> {
        let Some((path, form)) = movielens::find(folder, "links") else {
            return Ok(FxHashMap::default());
        };
        let source = self.open(&path)?;
        let file = name(&path);
        let read = tokio::task::spawn_blocking(move || {
            let mut links = FxHashMap::default();
            let mut refused = Vec::new();
            for row in movielens::LinkReader::new(source.lines(), form) {
                match row {
                    Ok(link) => {
                        links.insert(link.film, link);
                    }
                    Err(ReadError::Row { line, reason }) => refused.push(RefusedRow {
                        file: file.clone(),
                        line,
                        reason: printable(&reason),
                    }),
                    Err(ReadError::File { line, reason }) => {
                        let reason = printable(&reason);
                        return (links, refused, Some(FileError { file, line, reason }));
                    }
                }
            }
            (links, refused, None)
        });
        let (links, refused, broken) = read.await.map_err(|e| Error::Internal(e.into()))?;
        self.refuse(Table::Links, refused);
        if let Some(broken) = broken {
            self.outcome = ImportOutcome::Aborted(broken);
        }
        Ok(links)
    }

    pub(super) async fn tmdb(
        &mut self,
        films: Option<PathBuf>,
        credits: Option<PathBuf>,
    ) -> Result<()> {
        if let Some(path) = films {
            let ids = self.ids();
            let stage = |ids| ItemStage::new(TMDB, Table::Films, Policy::Tmdb, ids);
            self.file(&path, Table::Films, 1, ids, stage, tmdb::FilmReader::new)
                .await?;
        }
        if let Some(path) = credits.filter(|_| self.is_running()) {
            let known = self.sessions[0].numbered(TMDB).await?.into_keys().collect();
            let ids = self.ids();
            self.file(
                &path,
                Table::Credits,
                1,
                ids,
                CreditStage::new,
                move |source| tmdb::CreditReader::new(source, known),
            )
            .await?;
        }
        Ok(())
    }
}

fn of_known_film<T>(
    row: UserItemRow<T>,
    films: &FxHashMap<u64, Uuid>,
) -> Result<UserItemRow<T>, ReadError> {
    if films.contains_key(&row.item) {
        Ok(row)
    } else {
        let reason = format!("there is no film with the movieId {}", row.item);
        Err(ReadError::row(row.line, reason))
    }
}
