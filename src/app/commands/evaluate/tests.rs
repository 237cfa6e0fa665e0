use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Parser;
use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;

use super::*;
use ranking::IalsSettings;
use ranking::collaborative::Kind;

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
    format!("{:#}", read_rows(&path).unwrap_err())
}

fn pairs(path: &Path) -> Vec<(i64, i64)> {
    read_rows(path).unwrap().iter().map(Row::pair).collect()
}

#[test]
fn a_header_names_columns_in_any_order_and_without_one_they_are_user_item_value_and_time() {
    let folder = TempDir::new().unwrap();
    let row = |user, item, value: Option<f32>, time: Option<i64>| Row {
        user,
        item,
        value,
        time,
    };
    let wanted = [
        row(1, 10, Some(4.5), Some(964_982_703)),
        row(2, 20, None, None),
    ];
    let files = [
        "1,10,4.5,964982703\n2,20\n",
        "timestamp,movieId,title,userId,rating\n964982703,10,Heat,1,4.5\n,20,Ran,2,\n",
        "User,Item,Value,Time\n1,10,4.5,964982703.9\n2,20,,\n",
    ];
    for content in files {
        let path = file(&folder, "rows.csv", content);
        assert_eq!(read_rows(&path).unwrap(), wanted, "{content}");
    }

    // Where a header names neither, the first two columns are it.
    let path = file(&folder, "rows.csv", "who,what,time\n1,2,3\n");
    assert_eq!(read_rows(&path).unwrap(), [row(1, 2, None, Some(3))]);
}

#[test]
fn a_header_carriage_returns_and_further_columns_are_no_trouble() {
    let folder = TempDir::new().unwrap();
    let path = file(
        &folder,
        "rows.csv",
        "user,item,genre\r\n1, -2,noir\r\n\r\n3,4\r\n",
    );

    assert_eq!(pairs(&path), [(1, -2), (3, 4)]);
}

#[test]
fn gzip_is_told_by_its_first_bytes_and_not_by_the_name() {
    let folder = TempDir::new().unwrap();
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    zipped.write_all(b"1,2\n").unwrap();
    let zipped = file(&folder, "zipped.csv", zipped.finish().unwrap());
    let plain = file(&folder, "plain.csv.gz", "1,2\n");

    assert_eq!(pairs(&zipped), [(1, 2)]);
    assert_eq!(pairs(&plain), [(1, 2)]);
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
    assert!(complaint("1,2,high\n").contains("line 1: the value `high` is not a number"));
    assert!(complaint("1,2,nan\n").contains("line 1: the value `nan` is not a number"));
    assert!(complaint("1,2,3,noon\n").contains("the time `noon` is not a number of seconds"));
    assert!(complaint("1,99999999999999999999\n").contains("line 1: the item"));
    assert!(complaint(b"1,2\n3,\xff\n").contains("line 2: the text is not UTF-8"));
}

#[test]
fn files_without_rows_and_files_that_break_off_are_refused() {
    assert!(complaint("").contains("holds no `user,item` rows"));
    assert!(complaint("user,item\n").contains("holds no `user,item` rows"));
    assert!(complaint(b"\x1f\x8b\x08\x00").contains("cannot be read"));
    let missing = read_rows(Path::new("/nowhere/rows.csv")).unwrap_err();
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
        "--budget",
        "1",
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

/// What the command says of this training, validation and test file.
fn refusal(train: &str, valid: Option<&str>, test: &str, more: &[&str]) -> String {
    let folder = TempDir::new().unwrap();
    let (train, test) = (
        file(&folder, "train.csv", train),
        file(&folder, "test.csv", test),
    );
    let out = folder.path().join("topn.csv");
    let mut line = more.to_vec();
    let valid = valid.map(|rows| file(&folder, "valid.csv", rows));
    if let Some(valid) = &valid {
        line.extend(["--valid", valid.to_str().unwrap()]);
    }
    let refused = run(args(&train, &test, &out, &line)).unwrap_err();
    assert!(!out.exists(), "nothing is written");
    format!("{refused:#}")
}

#[test]
fn a_validation_file_that_shares_nothing_with_the_training_file_is_refused() {
    let train = "1,10\n1,20\n2,10\n2,30\n";

    let text = refusal(train, Some("7,10\n8,99\n8,98\n"), "1,30\n", &[]);

    assert!(
        text.contains("shares nothing with the training file"),
        "{text}"
    );
    assert!(
        text.contains("none of its 3 rows, 0 of its 2 users and 1 of its 3 items"),
        "{text}"
    );
    let text = refusal(train, Some("1,10\n1,20\n"), "1,30\n", &[]);
    assert!(
        text.contains("no user of the validation file has any other row"),
        "{text}"
    );
    let text = refusal(train, Some(train), "1,30\n", &[]);
    assert!(text.contains("nothing is left to learn from"), "{text}");
}

#[test]
fn a_test_file_that_leaves_nobody_to_rank_for_is_refused_and_so_are_empty_lists() {
    let text = refusal(
        "1,10\n2,20\n",
        None,
        "7,10\n8,10\n",
        &["--model", "popular"],
    );
    assert!(
        text.contains("none of the 2 users of the test file"),
        "{text}"
    );

    let text = refusal("1,10\n1,20\n", None, "1,30\n", &["--model", "popular"]);
    assert!(text.contains("not one of the 1 known users"), "{text}");

    let text = refusal("1,10\n2,20\n", None, "1,20\n", &["--split", "time"]);
    assert!(text.contains("needs a training file with times"), "{text}");
}

/// Runs `auto` on these rows, which are both the training and the test file, and answers the
/// users of the rows that it wrote.
fn listed(rows: &[String]) -> FxHashSet<String> {
    let folder = TempDir::new().unwrap();
    let train = file(&folder, "train.csv", rows.join("\n"));
    let out = folder.path().join("topn.csv");
    run(args(
        &train,
        &train,
        &out,
        &["--trials", "2", "--budget", "1"],
    ))
    .unwrap();
    let written = fs::read_to_string(out).unwrap();
    let users = written
        .lines()
        .skip(1)
        .map(|row| row.split(',').next().unwrap().to_owned());
    users.collect()
}

#[test]
fn who_is_known_gets_a_list_however_little_there_is_to_learn_from() {
    let some = (0..100).map(|i| format!("{},{}", i / 5, (i * 7 + i / 5) % 30));
    assert_eq!(listed(&some.collect::<Vec<_>>()).len(), 20);
    let one_each: Vec<String> = (0..300).map(|user| format!("{user},{user}")).collect();
    assert_eq!(listed(&one_each).len(), 300);
    assert_eq!(listed(&["1,10".to_owned(), "2,20".to_owned()]).len(), 2);
}

#[test]
fn low_ratings_weigh_next_to_nothing_and_amounts_weigh_in_proportion() {
    let rows = |values: &[f32]| -> Vec<Row> {
        let row = |(item, value): (i64, &f32)| Row {
            user: 1,
            item,
            value: Some(*value),
            time: None,
        };
        (0..).zip(values).map(row).collect()
    };
    let weights = |values: &[f32]| Table::new(&rows(values)).unwrap().seen.row(0).1.to_vec();

    assert_eq!(weights(&[1.0, 3.0, 4.0, 5.0]), [0.01, 0.01, 0.5, 1.0]);
    assert_eq!(weights(&[1.0, 2.0, 97.0, 100.0]), [0.02, 0.04, 1.94, 2.0]);
    assert_eq!(weights(&[4.0, 4.0]), [1.0, 1.0]);
}

/// Everybody walks the same ring of items, from a start of their own: what comes next is all that
/// there is to know, and who took what else says nothing.
#[test]
fn auto_finds_that_order_matters_where_it_does() {
    let folder = TempDir::new().unwrap();
    let walk = |from: i64, to: i64| {
        let steps = (0..80_i64).flat_map(move |user| (from..to).map(move |step| (user, step)));
        let row = steps.map(|(user, step)| format!("{user},{},1,{step}\n", (user * 7 + step) % 40));
        row.collect::<String>()
    };
    let train = file(&folder, "train.csv", walk(0, 20));
    let test = file(&folder, "test.csv", walk(20, 21));
    let out = folder.path().join("topn.csv");

    run(args(
        &train,
        &test,
        &out,
        &["--split", "time", "--budget", "3"],
    ))
    .unwrap();

    let lists = fs::read_to_string(&out).unwrap();
    let first = lists.lines().filter(|row| row.ends_with(",1"));
    let right = first.filter(|row| {
        let numbers: Vec<i64> = row.split(',').map(|n| n.parse().unwrap()).collect();
        numbers[1] == (numbers[0] * 7 + 20) % 40
    });
    let right = right.count();
    assert!(right > 60, "{right} of 80");
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
    let read = |name: &str| read_rows(&split.join(name)).unwrap();
    let (train, valid) = (read("train.csv.gz"), read("valid.csv.gz"));
    let held_out: FxHashSet<_> = valid.iter().map(Row::pair).collect();
    let rest: Vec<_> = train
        .into_iter()
        .filter(|row| !held_out.contains(&row.pair()))
        .collect();
    let (table, consumed) = (Table::new(&rest).unwrap(), by_user(&valid));
    let quality = |recipe: Recipe| {
        let model = fit(&table, &recipe, false).unwrap();
        let lists = table.rank(&model, consumed.keys().copied(), 10).unwrap();
        judge(&lists, &consumed).ndcg_at_10
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
