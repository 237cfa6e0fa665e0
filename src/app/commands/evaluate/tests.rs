use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Parser;
use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: EvaluateArgs,
}

fn args(train: &Path, test: &Path, out: &Path, more: &[&str]) -> EvaluateArgs {
    let mut line = vec![
        "evaluate".into(),
        "--train".into(),
        train.into(),
        "--test".into(),
    ];
    line.extend([test.into(), PathBuf::from("--out"), out.into()]);
    line.extend(more.iter().map(PathBuf::from));
    Line::try_parse_from(line).unwrap().args
}

fn file(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

fn complaint(content: impl AsRef<[u8]>) -> String {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "rows.csv", content);
    format!("{:#}", read_pairs(&path).unwrap_err())
}

#[test]
fn a_header_carriage_returns_and_further_columns_are_no_trouble() {
    let folder = TempDir::new().unwrap();
    let path = file(
        &folder,
        "rows.csv",
        "user,item,rating\r\n1, -2,5\r\n\r\n3,4\r\n",
    );

    assert_eq!(read_pairs(&path).unwrap(), [(1, -2), (3, 4)]);
}

#[test]
fn gzip_is_told_by_its_first_bytes_and_not_by_the_name() {
    let folder = TempDir::new().unwrap();
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    zipped.write_all(b"1,2\n").unwrap();
    let zipped = file(&folder, "zipped.csv", zipped.finish().unwrap());
    let plain = file(&folder, "plain.csv.gz", "1,2\n");

    assert_eq!(read_pairs(&zipped).unwrap(), [(1, 2)]);
    assert_eq!(read_pairs(&plain).unwrap(), [(1, 2)]);
}

#[test]
fn a_bad_row_is_named_with_file_line_and_reason() {
    let text = complaint("user,item\n1,2\n1,two\n");
    assert!(text.contains("rows.csv"), "{text}");
    assert!(
        text.ends_with("line 3: the item `two` is not a whole number"),
        "{text}"
    );

    assert!(complaint("1,2\n\n1.5,2\n").contains("line 3: the user `1.5`"));
    assert!(complaint("1,2\r\n\r\n\r\n1,x\r\n").contains("line 4: the item `x`"));
    assert!(complaint("1,2\nuser,item\n").contains("line 2: neither"));
    assert!(complaint("1,2\n3\n").contains("line 2: a row needs a user and an item"));
    assert!(complaint("1,99999999999999999999\n").contains("line 1: the item"));
    assert!(complaint(b"1,2\n3,\xff\n").contains("line 2: the text is not UTF-8"));
}

#[test]
fn files_without_rows_and_files_that_break_off_are_refused() {
    assert!(complaint("").contains("holds no `user,item` rows"));
    assert!(complaint("user,item\n").contains("holds no `user,item` rows"));
    assert!(complaint(b"\x1f\x8b\x08\x00").contains("cannot be read"));
    let missing = read_pairs(Path::new("/nowhere/rows.csv")).unwrap_err();
    assert!(format!("{missing:#}").contains("/nowhere/rows.csv"));
}

#[test]
fn popular_items_are_ranked_without_what_was_seen() {
    let folder = TempDir::new().unwrap();
    let train = file(&folder, "train.csv", "1,10\n2,10\n3,10\n1,20\n2,20\n4,30\n");
    let test = file(&folder, "test.csv", "4,10\n3,20\n9,10\n");
    let out = folder.path().join("topn.csv");

    run(args(&train, &test, &out, &["--model", "popular", "--json"])).unwrap();

    let lists = "user,item,rank\n3,20,1\n3,30,2\n4,10,1\n4,20,2\n";
    assert_eq!(fs::read_to_string(&out).unwrap(), lists);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        3,
        "nothing is left behind"
    );
}

#[test]
fn the_order_of_the_rows_does_not_change_the_lists() {
    let folder = TempDir::new().unwrap();
    let mut rows: Vec<String> = (0..200)
        .map(|i| format!("{},{}", i % 17, i * i % 31))
        .collect();
    let forwards = file(&folder, "forwards.csv", rows.join("\n"));
    rows.reverse();
    let backwards = file(&folder, "backwards.csv", rows.join("\n"));
    let test = file(&folder, "test.csv", "0,5\n1,5\n2,5\n");
    let valid = file(&folder, "valid.csv", rows[..20].join("\n"));
    let more = [
        "--valid",
        valid.to_str().unwrap(),
        "--trials",
        "2",
        "--sweeps",
        "2",
        "--factors",
        "16",
    ];

    let lists = [forwards, backwards].map(|train| {
        let out = train.with_extension("out");
        run(args(&train, &test, &out, &more)).unwrap();
        fs::read_to_string(out).unwrap()
    });

    assert_eq!(lists[0], lists[1]);
}

/// Two groups with tastes of their own. What the test file says must not reach the choice: with
/// all of it turned round, the very same lists come out.
#[test]
fn auto_chooses_by_the_validation_file_and_never_by_the_test_file() {
    let folder = TempDir::new().unwrap();
    let pairs = (0..60).flat_map(|user| (0..24).map(move |item| (user, item)));
    let liked = pairs.filter(|(user, item)| user % 2 == item % 2 && (user * 7 + item * 5) % 3 != 0);
    let rows: Vec<String> = liked.map(|(user, item)| format!("{user},{item}")).collect();
    let train = file(&folder, "train.csv", rows.join("\n"));
    let held_out: Vec<&str> = rows.iter().step_by(7).map(String::as_str).collect();
    let valid = file(&folder, "valid.csv", held_out.join("\n"));
    let users = |item: fn(i32) -> i32| -> String {
        (0..60)
            .map(|user| format!("{user},{}\n", item(user)))
            .collect()
    };
    let tests = [users(|user| user % 2), users(|user| 1 - user % 2)];
    let more = [
        "--valid",
        valid.to_str().unwrap(),
        "--trials",
        "3",
        "--factors",
        "16",
    ];

    let lists = tests.map(|rows| {
        let test = file(&folder, "test.csv", rows);
        let out = folder.path().join("topn.csv");
        run(args(&train, &test, &out, &more)).unwrap();
        fs::read_to_string(out).unwrap()
    });

    assert_eq!(lists[0], lists[1]);
    let first = lists[0].lines().skip(1).filter(|row| row.ends_with(",1"));
    for row in first {
        let numbers: Vec<i32> = row.split(',').map(|n| n.parse().unwrap()).collect();
        assert_eq!(numbers[0] % 2, numbers[1] % 2, "{row}");
    }
}

#[test]
fn settings_out_of_range_are_refused_and_the_old_lists_stay() {
    let folder = TempDir::new().unwrap();
    let train = file(&folder, "train.csv", "1,10\n");
    let out = file(&folder, "topn.csv", "old");

    let refused = run(args(&train, &train, &out, &["--factors", "0"])).unwrap_err();

    assert!(
        refused
            .to_string()
            .contains("factors must be from 1 to 1024")
    );
    assert_eq!(fs::read_to_string(&out).unwrap(), "old");
}

/// The public split beside the repository, where it is there.
fn public_split() -> Option<PathBuf> {
    let folder = std::env::var_os("MARQUEE_QUALITY").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/quality"),
        PathBuf::from,
    );
    let split = folder.join("ml-latest-small");
    split.is_dir().then_some(split)
}

#[test]
fn factors_beat_popularity_on_real_ratings() {
    let Some(split) = public_split() else {
        eprintln!("skipped: no ../shared/quality, and MARQUEE_QUALITY is not set");
        return;
    };
    let read = |name: &str| read_pairs(&split.join(name)).unwrap();
    let (train, valid) = (read("train.csv.gz"), read("valid.csv.gz"));
    let held_out: FxHashSet<_> = valid.iter().copied().collect();
    let rest: Vec<_> = train
        .into_iter()
        .filter(|pair| !held_out.contains(pair))
        .collect();
    let (table, taken) = (Table::new(&rest).unwrap(), by_user(&valid));
    let quality = |recipe: Recipe| {
        let model = fit(&table, &recipe, false).unwrap();
        let lists = table.rank(&model, taken.keys().copied(), 10).unwrap();
        judge(&lists, &taken).ndcg_at_10
    };
    let settings = IalsSettings {
        sweeps: 6,
        factors: 64,
        ..IalsSettings::default()
    };

    let personal = quality(Recipe::of(Kind::Ials(settings)));
    let popular = quality(Recipe::of(Kind::Popular));

    assert!(personal > 1.5 * popular, "{personal} against {popular}");
}
