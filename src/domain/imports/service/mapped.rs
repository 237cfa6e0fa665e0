//! Importing users and interactions by the ids that a mapping names.

use std::path::Path;

use super::super::interactions::InteractionReader;
use super::super::mapping::Mapping;
use super::super::model::{ImportEvent, Table};
use super::super::store::{AccountStage, InteractionStage};
use super::super::users::MappedUserReader;
use super::{Decoding, ImportRun, ImportService};
use crate::foundation::Result;
use crate::platform::config::CreateUnknown;

impl<N: FnMut(ImportEvent) + Send> ImportRun<N> {
    /// Imports users; who is there already is renamed where the file has names.
    pub(super) async fn users(
        &mut self,
        service: &ImportService,
        path: &Path,
        mapping: Box<Mapping>,
    ) -> Result<()> {
        self.decoding = Decoding::Mapped(mapping.encoding);
        let of_schema = service.external_ids.source.clone();
        let source = mapping.source.clone().unwrap_or(of_schema);
        let ids = self.ids();
        let stage = move |ids| AccountStage::new(&source, ids);
        self.file(path, Table::Users, 1, ids, stage, move |source| {
            MappedUserReader::new(source, *mapping)
        })
        .await
    }

    /// Imports interactions. Chunks are merged one after the other, so that of two rows about one event the later
    /// one counts.
    pub(super) async fn interactions(
        &mut self,
        service: &ImportService,
        path: &Path,
        mapping: Box<Mapping>,
        create: Option<CreateUnknown>,
    ) -> Result<()> {
        self.decoding = Decoding::Mapped(mapping.encoding);
        let settings = &service.external_ids;
        let create = create.or(mapping.create).unwrap_or(settings.create);
        let of_ids = mapping.source.clone();
        let of_ids = of_ids.unwrap_or_else(|| settings.source.clone());
        let (ids, now) = (self.ids(), self.now);
        let stage = move |ids| InteractionStage::new(create, ids);
        self.file(path, Table::Interactions, 1, ids, stage, move |source| {
            InteractionReader::new(source, *mapping, of_ids, now)
        })
        .await
    }
}
