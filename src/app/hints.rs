//! What a schema lacks before it does its work, and the command for each: `serve` says it at its start, `doctor`
//! whenever it is asked.

use crate::domain::Services;
use crate::domain::auth::{Role, Viewer};
use crate::domain::models::ModelKind;
use crate::domain::users::UserFilter;
use crate::foundation::Result;
use crate::platform::config::{EmbeddingSource, Settings};

/// Something that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// What is missing.
    pub what: &'static str,
    /// The command that brings it, and what it is good for.
    pub remedy: String,
}

/// What the schema of `services` lacks, in the order in which it is brought.
///
/// # Errors
/// When the database fails.
pub async fn hints(settings: &Settings, services: &Services) -> Result<Vec<Hint>> {
    let schema = services.schema.name();
    let on = match schema == settings.default_schema() {
        true => String::new(),
        false => format!(" --schema {schema}"),
    };
    let mut admins = UserFilter::default();
    admins.role.eq = Some(Role::Admin);
    let counts = services.schema.counts().await?;
    let mut hints = Vec::new();
    if services.users.count(&Viewer::Command, &admins).await? == 0 {
        let remedy = format!(
            "`marquee user{on} create --admin --email you@example.org --name You` makes one and prints the \
             password"
        );
        hints.push(Hint {
            what: "no admin",
            remedy,
        });
    }
    if counts.contents == 0 {
        let remedy = format!(
            "`marquee import{on} movielens DIR` or another source (`marquee import --help`), or `marquee \
             demo --schema {schema}` for sample data"
        );
        hints.push(Hint {
            what: "no items",
            remedy,
        });
        // Without items there is nothing to learn from.
        return Ok(hints);
    }
    if counts.interactions == 0 {
        let remedy =
            "record what users do by `recordInteractions`, or import it; until then lists are \
                      made of what is new"
                .to_owned();
        hints.push(Hint {
            what: "no interactions",
            remedy,
        });
    } else if services
        .models
        .active(ModelKind::Collaborative)
        .await?
        .is_none()
    {
        let remedy = format!(
            "`marquee train{on}` learns from what users did; lists are of what is popular until then"
        );
        hints.push(Hint {
            what: "no model",
            remedy,
        });
    }
    let vectors = services.models.active(ModelKind::Embedding).await?;
    if vectors.is_none() {
        let remedy = match settings.embeddings.source {
            EmbeddingSource::External => {
                "set them by `setContentEmbedding`, as `embeddings.source` says".to_owned()
            }
            _ => format!("`marquee embed{on}` makes them, for search by meaning and similar items"),
        };
        hints.push(Hint {
            what: "no vectors",
            remedy,
        });
    }
    Ok(hints)
}
