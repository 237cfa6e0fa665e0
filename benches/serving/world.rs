//! A synthetic world: items about topics, users with tastes, and a long-tailed history. It is
//! written as files that `marquee import` reads.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use crate::rng::BenchRng;
use crate::words::{TOPICS, Words, genres};

/// How large a world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Size {
    /// Items of the catalogue.
    pub items: usize,
    /// Users with a history.
    pub users: usize,
    /// What they did, in all.
    pub interactions: usize,
    /// The same seed makes the same world.
    pub seed: u64,
}

/// Half of what a topic offers is taken from its first 2^−2.5 (18 %).
const POPULARITY_BEND: f64 = 2.5;
/// The spread of how much users do: some do ten times what the median does.
const ACTIVITY_SPREAD: f64 = 1.1;
/// Of what a user takes, so much is of their own topics.
const OWN_TASTE: f64 = 0.8;
/// 2015 to 2024, in seconds.
const FIRST: i64 = 1_420_070_400;
const LAST: i64 = 1_735_600_000;

/// Of the catalogue, so much are films with a history; the rest are products that are new.
const FILMS: f64 = 0.9;

/// The mapping for `marquee import products`.
const MAPPING: &str = r#"source = "bench"
kind = "PRODUCT"
format = "jsonl"
id = { column = "id" }
[fields]
title = { column = "title" }
description = { column = "description" }
genres = { column = "genres" }
tags = { column = "tags" }
brand = { column = "brand" }
category_path = { column = "category" }
price = { column = "price" }
currency = { constant = "EUR" }
stock = { column = "stock" }
"#;

/// The columns that `marquee import tmdb` asks for.
const TMDB: &str = "id,title,original_title,original_language,overview,genres,keywords,popularity,\
                    vote_average,vote_count,release_date,runtime,budget,revenue,tagline,homepage,\
                    status,production_companies,production_countries";

/// Writes into `folder`: `movielens/` and `tmdb/` as those catalogues come, `products.jsonl` and
/// its `mapping.toml`.
///
/// # Errors
/// When a file cannot be written.
pub fn write(size: Size, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder.join("movielens"))?;
    std::fs::create_dir_all(folder.join("tmdb"))?;
    std::fs::write(folder.join("mapping.toml"), MAPPING)?;
    let words = Words::new(size.seed);
    let films = (size.items as f64 * FILMS) as usize;
    let by_topic = write_films(films, size.seed, &words, folder)?;
    write_products(size.items - films, size.seed, &words, folder)?;
    let size = Size {
        items: films,
        ..size
    };
    write_ratings(size, &by_topic, &folder.join("movielens/ratings.csv"))
}

/// Writes the films and answers those of each topic, the most popular first.
fn write_films(
    many: usize,
    seed: u64,
    words: &Words,
    folder: &Path,
) -> anyhow::Result<Vec<Vec<u32>>> {
    let mut movies = create(&folder.join("movielens/movies.csv"))?;
    let mut links = create(&folder.join("movielens/links.csv"))?;
    let mut details = create(&folder.join("tmdb/movies.csv"))?;
    let mut credits = create(&folder.join("tmdb/credits.csv"))?;
    writeln!(movies, "movieId,title,genres")?;
    writeln!(links, "movieId,imdbId,tmdbId")?;
    writeln!(details, "{TMDB}")?;
    writeln!(credits, "movie_id,cast,crew")?;
    let mut rng = BenchRng::new(seed, 2);
    let mut by_topic = vec![Vec::new(); TOPICS];
    // About five films for each of those who make them.
    let people = many / 5 + 10;
    for id in 1..=u32::try_from(many)? {
        let item = Item::draw(words, &mut rng);
        by_topic[item.topic].push(id);
        // Recent years have more.
        let year = 2024 - rng.bent(95, 2.0);
        writeln!(
            movies,
            "{id},{} ({year}),{}",
            item.title,
            item.genres.join("|")
        )?;
        writeln!(links, "{id},{id},{id}")?;
        let language = rng.one(&["en", "en", "en", "en", "fr", "de", "ja"]);
        let keywords: Vec<Value> = item.tags.iter().map(|tag| json!({ "name": tag })).collect();
        writeln!(
            details,
            "{id},{},,{language},{},,{},{:.3},{:.1},{},{year}-06-01,{},0,0,,,Released,,",
            item.title,
            item.description,
            quoted(&Value::from(keywords)),
            1000.0 / f64::from(id),
            (6.5 + rng.normal()).clamp(1.0, 9.5),
            10 + rng.bent(20_000, 4.0),
            60 + rng.below(120),
        )?;
        let mut person = || {
            let number = rng.bent(people, 1.5) + 1;
            json!({ "id": number, "name": words.person(number), "job": "Director" })
        };
        let crew = Value::from(vec![person()]);
        let cast = Value::from(vec![person(), person()]);
        writeln!(credits, "{id},{},{}", quoted(&cast), quoted(&crew))?;
    }
    for file in [&mut movies, &mut links, &mut details, &mut credits] {
        file.flush()?;
    }
    Ok(by_topic)
}

fn write_products(many: usize, seed: u64, words: &Words, folder: &Path) -> anyhow::Result<()> {
    let mut out = create(&folder.join("products.jsonl"))?;
    let mut rng = BenchRng::new(seed, 6);
    for id in 1..=many {
        let item = Item::draw(words, &mut rng);
        let price = (2.5 + 0.9 * rng.normal()).exp().clamp(0.5, 9_999.0);
        let row = json!({
            "id": id.to_string(),
            "title": item.title,
            "description": item.description,
            "genres": item.genres,
            "tags": item.tags,
            "brand": format!("Brand {}", item.topic + TOPICS * rng.bent(12, 2.0)),
            "category": [item.genres[0], capital(words.of_topic(item.topic, &mut rng)).as_str()],
            "price": format!("{price:.2}"),
            // One in twenty is out of stock.
            "stock": if rng.happens(0.05) { 0 } else { 1 + rng.below(500) }.to_string(),
        });
        writeln!(out, "{row}")?;
    }
    out.flush()?;
    Ok(())
}

/// What films and products have in common.
struct Item<'w> {
    topic: usize,
    title: String,
    description: String,
    genres: Vec<&'static str>,
    tags: Vec<&'w str>,
}

impl<'w> Item<'w> {
    fn draw(words: &'w Words, rng: &mut BenchRng) -> Self {
        // Topics are not equally large either.
        let topic = rng.bent(TOPICS, 1.4);
        let aside = rng.below(TOPICS);
        let title: Vec<String> = (0..2 + rng.below(3))
            .map(|_| capital(words.of_topic(topic, rng)))
            .collect();
        let mut description = String::new();
        for _ in 0..20 + rng.below(40) {
            let word = match rng.unit() {
                at if at < 0.45 => words.of_topic(topic, rng),
                at if at < 0.6 => words.of_topic(aside, rng),
                _ => words.common(rng),
            };
            description.push_str(word);
            description.push(' ');
        }
        let mut tags: Vec<&str> = (0..3 + rng.below(4))
            .map(|_| words.of_topic(topic, rng))
            .collect();
        tags.sort_unstable();
        tags.dedup();
        let mut genres = genres(topic).to_vec();
        genres.truncate(1 + usize::from(rng.happens(0.6)));
        Self {
            topic,
            title: title.join(" "),
            description: description.trim_end().to_owned(),
            genres,
            tags,
        }
    }
}

/// A csv field that holds JSON.
fn quoted(value: &Value) -> String {
    format!("\"{}\"", value.to_string().replace('"', "\"\""))
}

fn write_ratings(size: Size, by_topic: &[Vec<u32>], path: &Path) -> anyhow::Result<()> {
    let mut out = create(path)?;
    writeln!(out, "userId,movieId,rating,timestamp")?;
    let filled: Vec<&Vec<u32>> = by_topic.iter().filter(|items| !items.is_empty()).collect();
    let mut rng = BenchRng::new(size.seed, 3);
    // So that all users together do what was asked for.
    let activity: Vec<f64> = (0..size.users)
        .map(|_| (ACTIVITY_SPREAD * rng.normal()).exp())
        .collect();
    let scale = size.interactions as f64 / activity.iter().sum::<f64>();
    let mut owed = 0.0;
    for (user, activity) in activity.iter().enumerate() {
        owed += activity * scale;
        // Nobody takes more than a third of the catalogue.
        let many = (owed as usize).min(size.items / 3);
        owed -= many as f64;
        let tastes: Vec<&Vec<u32>> = (0..1 + rng.below(3))
            .map(|_| filled[rng.bent(filled.len(), 1.4)])
            .collect();
        let mut seen = HashSet::with_capacity(many);
        let mut at = FIRST + rng.below((LAST - FIRST) as usize / 2) as i64;
        let mut tries = 0;
        while seen.len() < many && tries < 20 * many {
            tries += 1;
            let own = rng.happens(OWN_TASTE);
            let items = if own {
                *rng.one(&tastes)
            } else {
                *rng.one(&filled)
            };
            let item = items[rng.bent(items.len(), POPULARITY_BEND)];
            if !seen.insert(item) {
                continue;
            }
            // Half stars from 0.5 to 5; what suits gets more.
            let middle = if own { 8.0 } else { 5.0 };
            let stars = (middle + 1.5 * rng.normal()).round().clamp(1.0, 10.0) / 2.0;
            at = (at + rng.below(200_000) as i64).min(LAST);
            writeln!(out, "{},{item},{stars},{at}", user + 1)?;
        }
    }
    out.flush()?;
    Ok(())
}

fn create(path: &Path) -> anyhow::Result<BufWriter<File>> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + rest
}
