//! What of a content item can be written, and what it must hold to.

use std::collections::HashSet;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{ContentKind, Visibility};
use crate::foundation::{Findings, Result};
use crate::platform::web_address::{NO_WEB_ADDRESS, is_web_address};

/// Everything of a content item that can be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields {
    /// What sort of thing it is.
    pub kind: ContentKind,
    /// 1 to 500 characters.
    pub title: String,
    /// The title in the language it was made in, where that differs.
    pub original_title: Option<String>,
    /// What it is about; may be empty.
    pub description: String,
    /// Genres, as the source names them.
    pub genres: Vec<String>,
    /// Key words of the catalogue.
    pub tags: Vec<String>,
    /// Year of release, 1800 to 2200.
    pub year: Option<i32>,
    /// Running time in minutes.
    pub duration_minutes: Option<i32>,
    /// Original language, ISO 639.
    pub language: Option<String>,
    /// Where its picture is.
    pub poster_url: Option<String>,
    /// The source's mean vote, 0 to 10.
    pub rating_average: Option<f32>,
    /// How many voted.
    pub rating_count: Option<i32>,
    /// The source's own measure, 0 and up; more is more popular.
    pub popularity: f64,
    /// Who makes the product.
    pub brand: Option<String>,
    /// Who sells it.
    pub merchant: Option<String>,
    /// The catalogue, from the outermost category inwards.
    pub category_path: Vec<String>,
    /// What it costs, in `currency`.
    pub price: Option<Decimal>,
    /// What it cost before, in `currency`.
    pub list_price: Option<Decimal>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Pieces at hand; `None` where stock is not counted.
    pub stock: Option<i32>,
    /// As the source names it.
    pub color: Option<String>,
    /// First day it may be shown.
    pub rights_from: Option<NaiveDate>,
    /// Last day it may be shown.
    pub rights_until: Option<NaiveDate>,
    /// How often it may still be broadcast.
    pub broadcasts_left: Option<i32>,
    /// Who may see it.
    pub visibility: Visibility,
    /// An editor's or a model's measure, 0 to 1.
    pub quality_score: Option<f32>,
    /// Whatever else the source says: a JSON object.
    pub metadata: serde_json::Value,
}

impl Fields {
    /// An item of which only kind and title are known.
    pub fn new(kind: ContentKind, title: impl Into<String>) -> Self {
        Self {
            kind,
            title: title.into(),
            original_title: None,
            description: String::new(),
            genres: Vec::new(),
            tags: Vec::new(),
            year: None,
            duration_minutes: None,
            language: None,
            poster_url: None,
            rating_average: None,
            rating_count: None,
            popularity: 0.0,
            brand: None,
            merchant: None,
            category_path: Vec::new(),
            price: None,
            list_price: None,
            currency: None,
            stock: None,
            color: None,
            rights_from: None,
            rights_until: None,
            broadcasts_left: None,
            visibility: Visibility::Public,
            quality_score: None,
            metadata: serde_json::Value::Object(serde_json::Map::new()),
        }
    }

    /// Takes out what is said twice: a genre or key word counts once.
    pub fn tidy(&mut self) {
        for words in [&mut self.genres, &mut self.tags] {
            let mut seen = HashSet::new();
            words.retain(|word| seen.insert(word.clone()));
        }
    }

    /// Checks everything that the database would refuse, and names the field that is wrong.
    ///
    /// # Errors
    /// [`crate::foundation::Refusal::InvalidInput`], for each field that is wrong.
    pub fn check(&self) -> Result<()> {
        let mut findings = Findings::default();
        let mut require = |good, field: &str, message: &str| findings.require(good, field, message);
        let length = self.title.chars().count();
        require(
            (1..=500).contains(&length) && !self.title.trim().is_empty(),
            "title",
            "a title has 1 to 500 characters",
        );
        require(
            self.description.chars().count() <= 20_000,
            "description",
            "a description has at most 20,000 characters",
        );
        for (field, texts, most) in [
            ("genres", &self.genres, 50),
            ("tags", &self.tags, 200),
            ("categoryPath", &self.category_path, 20),
        ] {
            let good = |text: &String| (1..=200).contains(&text.chars().count());
            require(
                texts.len() <= most && texts.iter().all(good),
                field,
                &format!("at most {most} entries of 1 to 200 characters each"),
            );
        }
        let optional = [
            ("originalTitle", &self.original_title),
            ("language", &self.language),
            ("brand", &self.brand),
            ("merchant", &self.merchant),
            ("color", &self.color),
            ("posterUrl", &self.poster_url),
        ];
        for (field, text) in optional {
            require(
                text.as_ref()
                    .is_none_or(|text| (1..=2000).contains(&text.chars().count())),
                field,
                "1 to 2,000 characters, or leave it out",
            );
        }
        let poster = self.poster_url.as_deref();
        require(
            poster.is_none_or(is_web_address),
            "posterUrl",
            NO_WEB_ADDRESS,
        );
        let texts = [("title", &self.title), ("description", &self.description)]
            .into_iter()
            .chain(
                optional
                    .into_iter()
                    .filter_map(|(field, text)| Some((field, text.as_ref()?))),
            )
            .chain(self.genres.iter().map(|text| ("genres", text)))
            .chain(self.tags.iter().map(|text| ("tags", text)))
            .chain(self.category_path.iter().map(|text| ("categoryPath", text)));
        for (field, text) in texts {
            require(
                !text.contains('\0'),
                field,
                "text may not contain the character U+0000",
            );
        }
        require(
            self.year.is_none_or(|year| (1800..=2200).contains(&year)),
            "year",
            "a year is between 1800 and 2200",
        );
        require(
            self.duration_minutes
                .is_none_or(|minutes| (1..=10_000).contains(&minutes)),
            "durationMinutes",
            "a duration is between 1 and 10,000 minutes",
        );
        require(
            self.rating_average
                .is_none_or(|rating| (0.0..=10.0).contains(&rating)),
            "ratingAverage",
            "a mean rating is between 0 and 10",
        );
        require(
            self.popularity.is_finite() && self.popularity >= 0.0,
            "popularity",
            "popularity is 0 or more",
        );
        require(
            self.quality_score
                .is_none_or(|score| (0.0..=1.0).contains(&score)),
            "qualityScore",
            "a quality score is between 0 and 1",
        );
        for (field, number) in [
            ("ratingCount", self.rating_count),
            ("stock", self.stock),
            ("broadcastsLeft", self.broadcasts_left),
        ] {
            require(
                number.is_none_or(|number| number >= 0),
                field,
                "a count is 0 or more",
            );
        }
        let most = Decimal::new(99_999_999_999_999, 2);
        for (field, price) in [("price", self.price), ("listPrice", self.list_price)] {
            require(
                price.is_none_or(|price| {
                    price >= Decimal::ZERO && price <= most && price.normalize().scale() <= 2
                }),
                field,
                "a price is 0 or more, with at most two decimals",
            );
            require(
                price.is_none() || self.currency.is_some(),
                "currency",
                "a price needs its currency, such as EUR",
            );
        }
        require(
            self.currency.as_ref().is_none_or(|currency| {
                currency.len() == 3 && currency.bytes().all(|letter| letter.is_ascii_uppercase())
            }),
            "currency",
            "a currency is three capital letters (ISO 4217)",
        );
        require(
            match (self.rights_from, self.rights_until) {
                (Some(from), Some(until)) => from <= until,
                _ => true,
            },
            "rightsUntil",
            "rights end on or after the day they begin",
        );
        require(
            self.metadata.is_object() && self.metadata.to_string().len() <= 65_536,
            "metadata",
            "metadata is a JSON object of at most 64 KiB",
        );
        Ok(findings.finish()?)
    }
}
