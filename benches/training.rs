//! How long training takes: `cargo bench --bench training -- PAIRS.csv`.
//!
//! Prints one line a training, `name seconds`. The file holds `user,item` rows of small whole
//! numbers without a header. `script/bench training` calls it beside other libraries.

use std::error::Error;
use std::ops::ControlFlow;
use std::time::Instant;

use ranking::ease::{self, EaseSettings};
use ranking::graph::{self, GraphSettings};
use ranking::{Ials, IalsSettings, Interactions, Repeats};

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench` of its own.
    let path = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let path = path.ok_or("name a file of `user,item` rows")?;
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    for row in std::fs::read_to_string(path)?.lines() {
        let (user, item) = row
            .split_once(',')
            .ok_or("a row needs a user and an item")?;
        pairs.push((user.parse()?, item.parse()?));
    }
    let users = pairs
        .iter()
        .map(|pair| pair.0 as usize + 1)
        .max()
        .unwrap_or(0);
    let items = pairs
        .iter()
        .map(|pair| pair.1 as usize + 1)
        .max()
        .unwrap_or(0);
    let triplets = pairs.iter().map(|&(user, item)| (user, item, 1.0));
    let table = Interactions::from_triplets(users, items, triplets, Repeats::Max)?;
    drop(pairs);
    for factors in [128, 64] {
        let settings = IalsSettings {
            factors,
            sweeps: 16,
            ..IalsSettings::default()
        };
        let began = Instant::now();
        Ials::fit(&table, &settings, &mut |_| ControlFlow::Continue(()))?;
        println!("ials{factors} {:.3}", began.elapsed().as_secs_f64());
    }
    if items <= EaseSettings::default().most_items {
        let began = Instant::now();
        ease::fit(&table, &EaseSettings::default(), &mut |_| {
            ControlFlow::Continue(())
        })
        .map_err(|_| "nobody asked it to stop")?;
        println!("ease {:.3}", began.elapsed().as_secs_f64());
    }
    let began = Instant::now();
    graph::fit(&table, &GraphSettings::default(), &mut |_| {
        ControlFlow::Continue(())
    })
    .map_err(|_| "nobody asked it to stop")?;
    println!("graph {:.3}", began.elapsed().as_secs_f64());
    Ok(())
}
