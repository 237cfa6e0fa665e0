//! The files of an import, found before it starts.

use std::path::{Path, PathBuf};

use chrono_tz::Tz;

use super::super::mapping::{Mapping, MappingOrigin, Subject, preset};
use super::super::model::ImportRequest;
use super::super::{movielens, tmdb};
use crate::foundation::{Refusal, Result};
use crate::platform::config::CreateUnknown;

/// An import request with existing files.
pub(super) enum Plan {
    Movielens(PathBuf),
    Tmdb {
        films: Option<PathBuf>,
        credits: Option<PathBuf>,
    },
    Products {
        file: PathBuf,
        mapping: Box<Mapping>,
    },
    Users {
        file: PathBuf,
        mapping: Box<Mapping>,
    },
    Interactions {
        file: PathBuf,
        mapping: Box<Mapping>,
        create: Option<CreateUnknown>,
    },
    Guides {
        files: Vec<PathBuf>,
        zone: Tz,
    },
    Airings {
        files: Vec<PathBuf>,
    },
}

impl Plan {
    pub(super) fn of(request: &ImportRequest) -> Result<Self> {
        let refuse = |path: &Path, why: &str| {
            Err(Refusal::invalid("folder", format!("{}: {why}", path.display())).into())
        };
        match request {
            ImportRequest::Movielens { folder } | ImportRequest::Tmdb { folder }
                if !folder.is_dir() =>
            {
                refuse(folder, "there is no such folder")
            }
            ImportRequest::Movielens { folder } => {
                let any = ["movies", "users", "ratings", "tags"]
                    .iter()
                    .any(|name| movielens::find(folder, name).is_some());
                if any {
                    Ok(Self::Movielens(folder.clone()))
                } else {
                    refuse(
                        folder,
                        "there is no movies.csv, ratings.csv or tags.csv here, nor .dat files, \
                         nor any of them with .gz",
                    )
                }
            }
            ImportRequest::Tmdb { folder } => {
                let find = |word| {
                    tmdb::find(folder, word).map_err(|error| {
                        Refusal::invalid("folder", format!("{}: {error}", folder.display()))
                    })
                };
                let (films, credits) = (find("movies")?, find("credits")?);
                if films.is_none() && credits.is_none() {
                    return refuse(
                        folder,
                        "there is no csv file with `movies` or `credits` in its name here",
                    );
                }
                Ok(Self::Tmdb { films, credits })
            }
            ImportRequest::Products { file, mapping } => Ok(Self::Products {
                file: file.clone(),
                mapping: Box::new(Mapping::read(mapping, Subject::Items)?),
            }),
            ImportRequest::Items { file, mapping } => Ok(Self::Products {
                file: file.clone(),
                mapping: read_mapping(mapping, Subject::Items)?,
            }),
            ImportRequest::Users { file, mapping } => Ok(Self::Users {
                file: file.clone(),
                mapping: read_mapping(mapping, Subject::Users)?,
            }),
            ImportRequest::Interactions {
                file,
                mapping,
                create,
            } => Ok(Self::Interactions {
                file: file.clone(),
                mapping: read_mapping(mapping, Subject::Interactions)?,
                create: *create,
            }),
            ImportRequest::Xmltv { files, time_zone } => Ok(Self::Guides {
                files: files.clone(),
                zone: *time_zone,
            }),
            ImportRequest::Airings { files } => Ok(Self::Airings {
                files: files.clone(),
            }),
        }
    }
}

/// The mapping of a file of `subject`.
fn read_mapping(origin: &MappingOrigin, subject: Subject) -> Result<Box<Mapping>> {
    let read = match origin {
        MappingOrigin::File(path) => Mapping::read(path, subject)?,
        MappingOrigin::Preset(name) => preset(subject, name)
            .and_then(|text| Mapping::parse(text, subject))
            .map_err(|why| Refusal::invalid("preset", why))?,
    };
    Ok(Box::new(read))
}
