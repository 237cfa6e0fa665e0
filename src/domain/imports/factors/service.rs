//! From a table of factors to vectors of items of the catalogue.

use std::path::PathBuf;

use ranking::Matrix;
use uuid::Uuid;

use super::super::model::{ImportEvent, RefusedRow};
use super::super::service::ImportService;
use super::super::source::Limits;
use super::super::store::Known;
use super::FactorTable;
use crate::domain::auth::Viewer;
use crate::domain::recommendations::training::ItemFactors;
use crate::foundation::{Error, Id, Refusal, Result, id};

impl ImportService {
    /// Reads the factors of items from a file or a folder of Parquet parts. The ids are those of `source`, a
    /// catalogue that items were imported from (`movielens`), or where it is `None` those of this schema.
    /// `on_event` is told of each row whose item is not there ([`ImportEvent::RowRefused`]); of items that share
    /// an id in the source, each gets the vector.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for all but admins; [`Refusal::InvalidInput`] for a file that is no table of factors
    /// (see [`FactorTable::read`]), for two rows of one item, and where no item is there.
    pub async fn read_item_factors(
        &self,
        viewer: &Viewer,
        path: PathBuf,
        source: Option<&str>,
        limits: Limits,
        mut on_event: impl FnMut(ImportEvent) + Send,
    ) -> Result<ItemFactors> {
        viewer.admin()?;
        let file = path.display().to_string();
        let table = tokio::task::spawn_blocking(move || FactorTable::read(&path, limits))
            .await
            .map_err(|panicked| Error::Internal(panicked.into()))??;
        let mut found: Vec<(Uuid, usize)> = Vec::with_capacity(table.len());
        let numbers: Vec<usize> = (0..table.len()).collect();
        for some in numbers.chunks(10_000) {
            let ids = some.iter().map(|row| table.rows()[*row].id.as_str());
            let known = match source {
                Some(source) => {
                    self.store
                        .items_named(source, &ids.collect::<Vec<_>>())
                        .await?
                }
                None => self.own_items(ids).await?,
            };
            for row in some {
                let row_of = &table.rows()[*row];
                match known.get(&row_of.id) {
                    Some(items) => found.extend(items.iter().map(|item| (*item, *row))),
                    None => on_event(ImportEvent::RowRefused(RefusedRow {
                        file: table.file(row_of).to_owned(),
                        line: row_of.number,
                        reason: format!("no item of the catalogue has the id `{}`", row_of.id),
                    })),
                }
            }
        }
        if found.is_empty() {
            return Err(self.nothing_known(&file, &table, source).await?.into());
        }
        found.sort_unstable();
        if let Some([(_, first), (item, second)]) = found
            .array_windows()
            .find(|[first, second]| first.0 == second.0)
        {
            let row = |at: &usize| table.rows()[*at].number;
            let item: Id<id::Content> = (*item).into();
            let message = format!(
                "{file}: the rows {} and {} are both about the item {item}; leave one out",
                row(first),
                row(second)
            );
            return Err(Refusal::invalid("file", message).into());
        }
        let vectors = found.iter().flat_map(|(_, row)| table.vector(*row));
        let vectors = Matrix::from_values(found.len(), table.width(), vectors.copied().collect());
        Ok(ItemFactors {
            vectors: vectors.map_err(|error| Error::Internal(error.into()))?,
            items: found.into_iter().map(|(item, _)| item).collect(),
        })
    }

    /// The items of this schema that these texts are the ids of.
    async fn own_items<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Result<Known> {
        let parsed: Vec<(&str, Uuid)> = ids
            .filter_map(|text| {
                let id: Option<Id<id::Content>> = text.parse().ok();
                Some((text, id.map(Id::uuid).or_else(|| text.parse().ok())?))
            })
            .collect();
        let wanted: Vec<Uuid> = parsed.iter().map(|(_, id)| *id).collect();
        let there = self.store.items_there(&wanted).await?;
        Ok(parsed
            .into_iter()
            .filter(|(_, id)| there.contains(id))
            .map(|(text, id)| (text.to_owned(), vec![id]))
            .collect())
    }

    async fn nothing_known(
        &self,
        file: &str,
        table: &FactorTable,
        source: Option<&str>,
    ) -> Result<Refusal> {
        let (rows, first) = (table.len(), &table.rows()[0].id);
        let sources = self.store.sources_of_items().await?.join("`, `");
        let message = match source {
            Some(source) => format!(
                "{file}: none of its {rows} ids, such as `{first}`, is the id of an item in the source \
                 `{source}`; the sources of this schema are `{sources}`"
            ),
            None => format!(
                "{file}: none of its {rows} ids, such as `{first}`, is the id of an item of this schema; \
                 where they are those of another catalogue, say which with --source: `{sources}`"
            ),
        };
        Ok(Refusal::invalid("file", message))
    }
}
