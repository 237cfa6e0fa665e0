//! The learned signals: models of what curators pick and of how many viewers a film has.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};
use parking_lot::Mutex;
use ranking::slate_signals::{
    Airing, AudienceFilm, AudienceModel, AudienceSettings, BroadcastContext, CuratorFilm,
    CuratorModel, CuratorSettings, FilmFeatures, PastPick, TrainingError,
};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::films::{Film, Films};
use super::service::SlateService;
use super::store::PastAiring;
use crate::domain::auth::Viewer;
use crate::domain::models::handle::LoadedModel;
use crate::domain::models::{ModelKind, ModelService, ModelVersion};
use crate::engine::catalogue::Catalogue;
use crate::foundation::{Id, Result, id};

/// A learned model in the memory of a server.
pub(super) struct Predictor<T: Learned> {
    version: Id<id::Model>,
    pub(super) model: T,
    /// The films as the model reads them, which is the same for all slates of a year.
    encoded: Mutex<Option<Encoded<T::Film>>>,
}

/// All films of a catalogue as a model reads them, by slot.
struct Encoded<F> {
    films: Arc<Films>,
    year: i32,
    by_slot: Arc<Vec<Option<F>>>,
}

/// A model that is read from the file of its version.
pub(super) trait Learned: Sized + Send + Sync + 'static {
    const KIND: ModelKind;
    /// The name of its evaluation among the figures of a version.
    const NAME: &'static str;
    /// A film as the model reads it.
    type Film: Send + Sync + 'static;

    /// Encodes a film that is broadcast in this year.
    fn encode(&self, film: &FilmFeatures, year: i32) -> Self::Film;

    fn read(bytes: &[u8]) -> Result<Self, String>;
}

impl Learned for CuratorModel {
    const KIND: ModelKind = ModelKind::Curator;
    const NAME: &'static str = "curator";
    type Film = CuratorFilm;

    fn encode(&self, film: &FilmFeatures, year: i32) -> CuratorFilm {
        Self::encode(self, film, year)
    }

    fn read(bytes: &[u8]) -> Result<Self, String> {
        Self::from_bytes(bytes).map_err(|error| error.to_string())
    }
}

impl Learned for AudienceModel {
    const KIND: ModelKind = ModelKind::Audience;
    const NAME: &'static str = "audience";
    type Film = AudienceFilm;

    fn encode(&self, film: &FilmFeatures, year: i32) -> AudienceFilm {
        Self::encode(self, film, year)
    }

    fn read(bytes: &[u8]) -> Result<Self, String> {
        Self::from_bytes(bytes).map_err(|error| error.to_string())
    }
}

impl<T: Learned> Predictor<T> {
    /// All films as the model reads them in this year, by slot: encoded anew for other films or another year.
    pub(super) fn encoded(&self, films: &Arc<Films>, year: i32) -> Arc<Vec<Option<T::Film>>> {
        let mut encoded = self.encoded.lock();
        if let Some(known) = encoded.as_ref()
            && known.year == year
            && Arc::ptr_eq(&known.films, films)
        {
            return Arc::clone(&known.by_slot);
        }
        let by_slot = films.by_slot().par_iter().with_min_len(256);
        let encode = |film: &Film| self.model.encode(&film.features, year);
        let by_slot = by_slot.map(|film| film.as_ref().map(encode)).collect();
        let by_slot = Arc::new(by_slot);
        *encoded = Some(Encoded {
            films: Arc::clone(films),
            year,
            by_slot: Arc::clone(&by_slot),
        });
        by_slot
    }
}

/// What came of training one of the models.
#[derive(Clone, Debug)]
pub enum Trained {
    /// A new version is active.
    Model(ModelVersion),
    /// There was too little to learn from; what served before goes on. The text says what is missing.
    TooLittle(String),
}

/// What came of training both.
#[derive(Clone, Debug)]
pub struct PredictorTraining {
    /// The model of what curators pick.
    pub curator: Trained,
    /// The model of audiences.
    pub audience: Trained,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl SlateService {
    pub(super) async fn curator_model(&self) -> Result<Option<Arc<Predictor<CuratorModel>>>> {
        let models = self.models.clone();
        self.curator.get(|before| load(models, before)).await
    }

    pub(super) async fn audience_model(&self) -> Result<Option<Arc<Predictor<AudienceModel>>>> {
        let models = self.models.clone();
        self.audience.get(|before| load(models, before)).await
    }

    /// Loads the model of curators at the start of a server.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub async fn preload_curator(&self) -> Result<()> {
        let models = self.models.clone();
        let loaded = self.curator.preload(|before| load(models, before)).await;
        loaded.map(|_| ())
    }

    /// Loads the model of audiences at the start of a server.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub async fn preload_audience(&self) -> Result<()> {
        let models = self.models.clone();
        let loaded = self.audience.preload(|before| load(models, before)).await;
        loaded.map(|_| ())
    }

    /// Trains the models of curators and of audiences on the schedule of our own channels, and activates them.
    /// Each is judged on the latest fifth of what it learns from; the figures are stored with its version. For
    /// admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`] for others, and when the database or the object store fails.
    pub async fn train_predictors(&self, viewer: &Viewer) -> Result<PredictorTraining> {
        viewer.admin()?;
        let began = Instant::now();
        let past = self.store.past_airings(self.clock.now()).await?;
        let catalogue = self.content.catalogue().await?.clone();
        let films = Arc::clone(&self.films);
        let holidays = self.holidays();
        let learned = tokio::task::spawn_blocking(move || {
            let catalogue = catalogue.read();
            let history = History::of(&past, &films.of(&catalogue), &catalogue, |date| {
                holidays.has(date)
            });
            drop(catalogue);
            (history.curator(), history.audience())
        });
        let (curator, audience) = learned.await.map_err(anyhow::Error::from)?;
        let curator = match curator {
            Ok(model) => {
                let evaluation = serde_json::to_value(model.evaluation());
                let kept = self.keep_predictor::<CuratorModel>(
                    "logistic-regression",
                    model.to_bytes(),
                    evaluation.map_err(anyhow::Error::from)?,
                );
                Trained::Model(kept.await?)
            }
            Err(error) => too_little(error)?,
        };
        let audience = match audience {
            Ok(model) => {
                let evaluation = serde_json::to_value(model.evaluation());
                let kept = self.keep_predictor::<AudienceModel>(
                    "random-forest",
                    model.to_bytes(),
                    evaluation.map_err(anyhow::Error::from)?,
                );
                Trained::Model(kept.await?)
            }
            Err(error) => too_little(error)?,
        };
        let models = self.models.clone();
        self.curator.refresh(|before| load(models, before)).await?;
        let models = self.models.clone();
        self.audience.refresh(|before| load(models, before)).await?;
        Ok(PredictorTraining {
            curator,
            audience,
            seconds: began.elapsed().as_secs_f64(),
        })
    }

    async fn keep_predictor<T: Learned>(
        &self,
        algorithm: &str,
        bytes: Vec<u8>,
        evaluation: Value,
    ) -> Result<ModelVersion> {
        let begun = self.models.begin(T::KIND, algorithm, json!({}));
        let version = begun.await?;
        let kept = async {
            self.models.write_artifact(version.id, bytes).await?;
            let metrics = json!({ T::NAME: evaluation });
            self.models.finish(version.id, metrics).await?;
            self.models.activate(version.id).await
        };
        match kept.await {
            Ok(version) => Ok(version),
            Err(error) => {
                self.models.abandon(version.id).await?;
                Err(error)
            }
        }
    }
}

async fn load<T: Learned>(
    models: ModelService,
    before: Option<LoadedModel<Predictor<T>>>,
) -> Result<Option<Arc<Predictor<T>>>> {
    let Some(version) = models.active(T::KIND).await? else {
        return Ok(None);
    };
    let before = before.and_then(|latest| latest.model);
    if let Some(served) = before.filter(|served| served.version == version.id) {
        return Ok(Some(served));
    }
    let Some(bytes) = models.artifact(version.id).await? else {
        return Ok(None);
    };
    let read = tokio::task::spawn_blocking(move || T::read(&bytes));
    let model = read.await.map_err(anyhow::Error::from)?;
    let model = model
        .map_err(|error| anyhow::anyhow!("the model {} cannot be read: {error}", version.id))?;
    Ok(Some(Arc::new(Predictor {
        version: version.id,
        model,
        encoded: Mutex::default(),
    })))
}

fn too_little(error: TrainingError) -> Result<Trained> {
    match error {
        TrainingError::TooFew { .. } | TrainingError::OneTime { .. } => {
            Ok(Trained::TooLittle(error.to_string()))
        }
        error => Err(anyhow::Error::from(error).into()),
    }
}

/// The past of our own channels, as the models learn from it.
struct History {
    films: Vec<FilmFeatures>,
    picks: Vec<PastPick>,
    airings: Vec<Airing>,
}

impl History {
    fn of(
        past: &[PastAiring],
        films: &Films,
        catalogue: &Catalogue,
        is_holiday: impl Fn(NaiveDate) -> bool,
    ) -> Self {
        let mut history = Self {
            films: Vec::new(),
            picks: Vec::new(),
            airings: Vec::new(),
        };
        // The films in the order of their ids, so that equal data trains equal models in every process.
        let mut known: Vec<(Id<id::Content>, u32)> = catalogue
            .iter()
            .filter(|(slot, _)| films.get(*slot).is_some())
            .map(|(slot, item)| (item.id, slot))
            .collect();
        known.sort_unstable();
        let numbers: HashMap<Id<id::Content>, u32> =
            known.iter().map(|(content, _)| *content).zip(0..).collect();
        let features = known.iter().filter_map(|(_, slot)| films.get(*slot));
        history.films = features.map(|film| film.features.clone()).collect();
        for airing in past {
            let Some(film) = numbers.get(&airing.content) else {
                continue;
            };
            let context = occasion(airing, is_holiday(airing.local.date()));
            let time = airing.starts_at.timestamp();
            if let Some(viewers) = airing.audience {
                history.airings.push(Airing {
                    time,
                    film: *film,
                    context: context.clone(),
                    viewers: viewers as f64,
                });
            }
            history.picks.push(PastPick {
                time,
                film: *film,
                context,
            });
        }
        history
    }

    fn curator(&self) -> Result<CuratorModel, TrainingError> {
        CuratorModel::train(&self.films, &self.picks, &CuratorSettings::default())
    }

    fn audience(&self) -> Result<AudienceModel, TrainingError> {
        AudienceModel::train(&self.films, &self.airings, &AudienceSettings::default())
    }
}

fn occasion(airing: &PastAiring, holiday: bool) -> BroadcastContext {
    let local: NaiveDateTime = airing.local;
    let small = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
    BroadcastContext {
        year: local.year(),
        month: small(local.month()),
        weekday: small(local.weekday().num_days_from_monday()),
        hour: small(local.hour()),
        holiday,
        channel: airing.channel.to_string(),
    }
}
