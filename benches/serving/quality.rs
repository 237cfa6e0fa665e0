//! How good searches are on real catalogues, asked with queries made from their titles:
//! `script/bench search-quality`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use ranking::text::{fold, is_function_word, words};
use serde_json::json;

use crate::client::{Caller, Connection};
use crate::figures::Figures;
use crate::rng::BenchRng;
use crate::server::{Marquee, Serving};

/// Queries of one catalogue, spread over the forms.
const QUERIES: usize = 300;
/// The first so many items count.
const FIRST: usize = 10;
/// Titles are tried so often for a form until it is given up.
const ATTEMPTS: usize = 20_000;

const MODES: [&str; 3] = ["WORDS", "MEANING", "WORDS_AND_MEANING"];

/// How to measure the quality of searches.
#[derive(clap::Args)]
pub struct Options {
    /// The folder of catalogues: `ml-latest-small` and `tmdb-5000` (together), and products as
    /// `products-NAME/*.csv.gz`, with the mapping `examples/mappings/NAME.toml`.
    #[arg(long, env = "MARQUEE_QUALITY_DATA")]
    data: Option<PathBuf>,
    /// Where the mappings are.
    #[arg(long, default_value = "examples/mappings")]
    mappings: PathBuf,
}

/// How a query is made of a title.
#[derive(Clone, Copy, Debug)]
enum Form {
    TwoWords,
    ThreeWords,
    /// The last of two words in part.
    Beginning,
    /// One typing error in a word of at least five letters.
    Typo,
    /// Two neighbours typed as one.
    Joined,
    /// A long word typed as two.
    Split,
    /// Letters without their accents.
    Unaccented,
}

const FORMS: [Form; 7] = [
    Form::TwoWords,
    Form::ThreeWords,
    Form::Beginning,
    Form::Typo,
    Form::Joined,
    Form::Split,
    Form::Unaccented,
];

/// A query, and the words that the titles of right answers have.
struct Query {
    form: Form,
    text: String,
    meant: Vec<String>,
}

/// Measures each catalogue of the folder with a server of its own.
///
/// # Errors
/// When a catalogue cannot be imported, a server does not start, or a search fails.
pub fn measure(marquee: &Marquee, options: &Options) -> anyhow::Result<Figures> {
    let mut figures = Figures::new("search-quality");
    let Some(data) = &options.data else {
        figures.note("skipped: set MARQUEE_QUALITY_DATA to a folder of catalogues");
        return Ok(figures);
    };
    let data = data
        .canonicalize()
        .with_context(|| format!("there is no folder {}", data.display()))?;
    let mappings = options.mappings.canonicalize()?;
    let mut any = false;
    for (name, imports) in catalogues(&data, &mappings)? {
        any = true;
        eprintln!("==> {name}");
        let folder = marquee.folder.join(&name);
        std::fs::create_dir_all(&folder)?;
        let own = Marquee {
            binary: marquee.binary.clone(),
            folder,
            settings: marquee.settings.clone(),
        };
        own.run(&["migrate"])?;
        for import in imports {
            let arguments: Vec<&str> = import.iter().map(String::as_str).collect();
            own.run(&arguments)?;
        }
        own.run(&["embed", "--schema", "bench"])?;
        let server = own.serve()?;
        one(&server, &name, &mut figures)?;
    }
    if !any {
        figures.note(format!(
            "skipped: there is no catalogue in {}",
            data.display()
        ));
    }
    Ok(figures)
}

/// The catalogues of the folder, with the commands that import them.
fn catalogues(data: &Path, mappings: &Path) -> anyhow::Result<Vec<(String, Vec<Vec<String>>)>> {
    let command = |parts: &[&str], path: &Path| -> Vec<String> {
        let path = path.display().to_string();
        let all = parts.iter().map(|part| (*part).replace("PATH", &path));
        all.chain(["--schema".to_owned(), "bench".to_owned()])
            .collect()
    };
    let mut found = Vec::new();
    let films: Vec<Vec<String>> = [("movielens", "ml-latest-small"), ("tmdb", "tmdb-5000")]
        .into_iter()
        .filter(|(_, folder)| data.join(folder).is_dir())
        .map(|(format, folder)| command(&["import", format, "PATH"], &data.join(folder)))
        .collect();
    if !films.is_empty() {
        found.push(("films".to_owned(), films));
    }
    let mut entries: Vec<_> = std::fs::read_dir(data)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(name) = name.strip_prefix("products-") else {
            continue;
        };
        let mapping = mappings.join(format!("{name}.toml"));
        let mut files: Vec<PathBuf> = std::fs::read_dir(entry.path())?
            .filter_map(|file| Some(file.ok()?.path()))
            .filter(|path| path.to_string_lossy().ends_with(".csv.gz"))
            .collect();
        files.sort();
        if let (Some(file), true) = (files.first(), mapping.is_file()) {
            let mapping = mapping.display().to_string();
            let parts = ["import", "products", "PATH", "--mapping", &mapping];
            found.push((name.to_owned(), vec![command(&parts, file)]));
        }
    }
    Ok(found)
}

fn one(server: &Serving, name: &str, figures: &mut Figures) -> anyhow::Result<()> {
    let mut connection = Connection::open(server.port)?;
    let titles = titles(&mut connection)?;
    let split: Vec<HashSet<String>> = titles
        .iter()
        .map(|title| words(title).into_iter().map(|word| word.folded).collect())
        .collect();
    let known: HashSet<&str> = split.iter().flatten().map(String::as_str).collect();
    let queries = queries(&titles, &known);
    figures.note(format!(
        "{name}: {} items, {} queries",
        titles.len(),
        queries.len()
    ));
    let document = include_str!("documents/quality.graphql");
    for mode in MODES {
        let (mut precision, mut reciprocal) = (0.0, 0.0);
        let mut by_form = [(0.0, 0_usize); FORMS.len()];
        for query in &queries {
            let right = |title: &str| {
                let said: HashSet<String> =
                    words(title).into_iter().map(|word| word.folded).collect();
                query.meant.iter().all(|word| said.contains(word))
            };
            let all = split
                .iter()
                .filter(|said| query.meant.iter().all(|word| said.contains(word)))
                .count();
            let variables = json!({ "query": query.text, "mode": mode, "first": FIRST });
            let found = connection.ask(&Caller::new(None), document, &variables)?;
            let edges = found["search"]["edges"].as_array().context("no edges")?;
            let right: Vec<bool> = edges
                .iter()
                .map(|edge| right(edge["node"]["title"].as_str().unwrap_or_default()))
                .collect();
            let hits = right.iter().filter(|right| **right).count();
            let of = all.clamp(1, FIRST);
            let share = hits.min(of) as f64 / of as f64;
            precision += share;
            by_form[query.form as usize].0 += share;
            by_form[query.form as usize].1 += 1;
            if let Some(rank) = right.iter().position(|right| *right) {
                reciprocal += 1.0 / (rank + 1) as f64;
            }
        }
        let count = queries.len().max(1) as f64;
        figures.one(
            &format!("{name}, {mode}: precision@10"),
            "%",
            100.0 * precision / count,
        );
        figures.one(
            &format!("{name}, {mode}: reciprocal rank"),
            "%",
            100.0 * reciprocal / count,
        );
        for (form, (sum, count)) in FORMS.iter().zip(by_form) {
            if count > 0 {
                let what = format!("{name}, {mode}, {form:?} ({count}): precision@10");
                figures.one(&what, "%", 100.0 * sum / count as f64);
            }
        }
    }
    Ok(())
}

/// The titles of all items, in the order of the catalogue.
fn titles(connection: &mut Connection) -> anyhow::Result<Vec<String>> {
    let document = include_str!("documents/titles.graphql");
    let (mut titles, mut after) = (Vec::new(), json!(null));
    loop {
        let page = connection.ask(&Caller::new(None), document, &json!({ "after": after }))?;
        let nodes = page["contents"]["nodes"].as_array().context("no nodes")?;
        titles.extend(
            nodes
                .iter()
                .filter_map(|node| node["title"].as_str().map(str::to_owned)),
        );
        let info = &page["contents"]["pageInfo"];
        if info["hasNextPage"] != true {
            break;
        }
        after = info["endCursor"].clone();
    }
    ensure!(!titles.is_empty(), "the catalogue is empty");
    titles.sort();
    Ok(titles)
}

/// Queries of all forms, as many of each as there can be; the same for the same titles.
fn queries(titles: &[String], known: &HashSet<&str>) -> Vec<Query> {
    let mut rng = BenchRng::new(42, 0);
    let mut made = Vec::with_capacity(QUERIES);
    for (index, form) in FORMS.into_iter().enumerate() {
        let until = QUERIES * (index + 1) / FORMS.len();
        for _ in 0..ATTEMPTS {
            if made.len() >= until {
                break;
            }
            let title = &titles[rng.below(titles.len())];
            made.extend(query(title, form, &mut rng, known));
        }
    }
    made
}

fn query(title: &str, form: Form, rng: &mut BenchRng, known: &HashSet<&str>) -> Option<Query> {
    let said: Vec<(String, &str)> = words(title)
        .into_iter()
        .map(|word| (word.folded.clone(), &title[word.at]))
        .filter(|(word, _)| word.chars().count() > 2 && !is_function_word(word))
        .collect();
    let some = |many: usize, rng: &mut BenchRng| {
        let start = rng.below(
            (said.len() + 1)
                .checked_sub(many)
                .filter(|from| *from > 0)?,
        );
        Some(&said[start..start + many])
    };
    let plain = |word: &str| word.len() > 4 && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let text = |words: &[(String, &str)]| -> Vec<String> {
        words.iter().map(|(_, own)| own.to_lowercase()).collect()
    };
    let (chosen, text) = match form {
        Form::TwoWords => {
            let chosen = some(2, rng)?;
            (chosen, text(chosen).join(" "))
        }
        Form::ThreeWords => {
            let chosen = some(3, rng)?;
            (chosen, text(chosen).join(" "))
        }
        Form::Beginning => {
            let chosen = some(2, rng)?;
            let last = &chosen[1].0;
            let cut = last
                .chars()
                .take(last.chars().count() - 2)
                .collect::<String>();
            let long = cut.chars().count() > 2;
            (chosen, long.then(|| format!("{} {cut}", chosen[0].0))?)
        }
        Form::Typo => {
            let chosen = some(2, rng)?;
            let wrong = mistyped(&chosen[1].0, rng).filter(|wrong| !known.contains(&**wrong));
            let wrong = wrong.filter(|_| plain(&chosen[1].0))?;
            (chosen, format!("{} {wrong}", chosen[0].0))
        }
        Form::Joined => {
            let chosen = some(2, rng)?;
            let ascii = chosen.iter().all(|(word, _)| plain(word));
            // Neighbours in the title, too.
            let side_by_side = fold(title).contains(&format!("{}{}", chosen[0].0, chosen[1].0));
            (
                chosen,
                (ascii && side_by_side).then(|| format!("{}{}", chosen[0].0, chosen[1].0))?,
            )
        }
        Form::Split => {
            let chosen = some(1, rng)?;
            let word = &chosen[0].0;
            let at = word.len() / 2;
            let (head, tail) = (plain(word) && word.len() > 8).then(|| word.split_at(at))?;
            (chosen, format!("{head} {tail}"))
        }
        Form::Unaccented => {
            let chosen = some(2, rng)?;
            let accents = chosen.iter().any(|(_, own)| {
                own.chars()
                    .any(|letter| letter.is_alphabetic() && !letter.is_ascii())
            });
            let folded: Vec<&str> = chosen.iter().map(|(word, _)| word.as_str()).collect();
            (chosen, accents.then(|| folded.join(" "))?)
        }
    };
    Some(Query {
        form,
        text,
        meant: chosen.iter().map(|(word, _)| word.clone()).collect(),
    })
}

/// A word with one error behind its first letter: left out, doubled, swapped or another letter.
fn mistyped(word: &str, rng: &mut BenchRng) -> Option<String> {
    let mut letters: Vec<char> = word.chars().collect();
    let at = 1 + rng.below(letters.len().checked_sub(2).filter(|many| *many > 0)?);
    match rng.below(4) {
        0 => {
            letters.remove(at);
        }
        1 => letters.insert(at, letters[at]),
        2 => letters.swap(at, at + 1),
        _ => letters[at] = if letters[at] == 'e' { 'r' } else { 'e' },
    }
    let wrong: String = letters.into_iter().collect();
    (wrong != word).then_some(wrong)
}
