//! Importing what channels show: guides, and tables with audience figures.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono_tz::Tz;

use super::super::airings::AiringTable;
use super::super::guides::{GuideRows, KnownChannels};
use super::super::model::{ImportEvent, Table};
use super::super::store::AiringStage;
use super::{ImportRun, ImportService};
use crate::domain::auth::Viewer;
use crate::domain::competition::{AiringSource, FilmIndex};
use crate::foundation::Result;

impl<N: FnMut(ImportEvent) + Send> ImportRun<N> {
    /// Imports guides one after the other. What a whole guide no longer has, of the period that it covers, goes.
    pub(super) async fn guides(
        &mut self,
        service: &ImportService,
        files: &[PathBuf],
        zone: Tz,
    ) -> Result<()> {
        let films = self.films(service).await?;
        for path in files {
            if !self.is_running() {
                break;
            }
            self.guide(service, path, zone, Arc::clone(&films)).await?;
            if self.is_running() {
                let removed = self.sessions[0].remove_unseen_airings().await?;
                self.tables.entry(Table::Airings).or_default().removed += removed;
            }
        }
        Ok(())
    }

    async fn guide(
        &mut self,
        service: &ImportService,
        path: &Path,
        zone: Tz,
        films: Arc<FilmIndex>,
    ) -> Result<()> {
        let channels = self.channels(service).await?;
        let (ids, new_ids) = (self.ids(), self.ids());
        let stage = |ids| AiringStage::new(AiringSource::Xmltv, ids);
        self.file(path, Table::Airings, 1, ids, stage, move |source| {
            GuideRows::new(source, channels, films, new_ids, zone)
        })
        .await
    }

    /// Imports tables of airings one after the other.
    pub(super) async fn airings(
        &mut self,
        service: &ImportService,
        files: &[PathBuf],
    ) -> Result<()> {
        let films = self.films(service).await?;
        let channels = self.channels(service).await?;
        for path in files {
            let (films, channels) = (Arc::clone(&films), Arc::clone(&channels));
            let ids = self.ids();
            let stage = |ids| AiringStage::new(AiringSource::Csv, ids);
            self.file(path, Table::Airings, 1, ids, stage, move |source| {
                AiringTable::new(source, channels, films)
            })
            .await?;
        }
        Ok(())
    }

    async fn films(&self, service: &ImportService) -> Result<Arc<FilmIndex>> {
        // Who may import was asked before.
        let films = service.competition.films(&Viewer::Command).await?;
        Ok(Arc::new(films))
    }

    async fn channels(&self, service: &ImportService) -> Result<Arc<KnownChannels>> {
        let channels = service.channels.all(&Viewer::Command).await?;
        Ok(Arc::new(KnownChannels::new(&channels)))
    }
}
