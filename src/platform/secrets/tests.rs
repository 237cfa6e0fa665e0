//! Where keys come from, and what is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

const GOOD: &str = "0123456789abcdefghijklmnopqrstuv";

fn at(folder: &Path) -> Settings {
    let mut settings = Settings::defaults();
    settings.data_dir = folder.join("data");
    settings
}

fn clock() -> Clock {
    Clock::stopped("2026-03-01T12:00:00Z".parse().unwrap())
}

#[test]
fn a_key_is_made_once_and_kept_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let settings = at(folder.path());
    let made = Secrets::load(&settings, &clock(), &Rng::seeded(1)).unwrap();
    let again = Secrets::load(&settings, &clock(), &Rng::seeded(2)).unwrap();
    assert_eq!(made.signing().bytes(), again.signing().bytes());
    let path = path(&settings);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let settings = at(folder.path());
    Secrets::load(&settings, &clock(), &Rng::seeded(1)).unwrap();
    fs::set_permissions(path(&settings), fs::Permissions::from_mode(0o644)).unwrap();
    let error = Secrets::load(&settings, &clock(), &Rng::seeded(1)).unwrap_err();
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[test]
fn a_broken_file_is_refused_without_repeating_it() {
    let folder = tempfile::tempdir().unwrap();
    let settings = at(folder.path());
    Secrets::load(&settings, &clock(), &Rng::seeded(1)).unwrap();
    fs::write(path(&settings), format!("keys = [ \"{GOOD}")).unwrap();
    let error = Secrets::load(&settings, &clock(), &Rng::seeded(1)).unwrap_err();
    assert!(!format!("{error:#}").contains(GOOD), "{error:#}");
}

#[test]
fn a_rotation_signs_anew_and_forgets_what_no_token_needs() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, clock, rng) = (at(folder.path()), clock(), Rng::seeded(1));
    let first = Secrets::load(&settings, &clock, &rng).unwrap();
    clock.advance(TimeDelta::days(30));
    let (second, dropped) = rotate(&settings, &clock, &rng).unwrap();
    assert_eq!(dropped, 0, "the key that signed until now is needed");
    let now = Secrets::load(&settings, &clock, &rng).unwrap();
    assert_eq!(now.signing().id(), second);
    assert!(now.key(first.signing().id()).is_some());
    clock.advance(TimeDelta::days(2));
    let (_, dropped) = rotate(&settings, &clock, &rng).unwrap();
    assert_eq!(dropped, 1);
    let now = Secrets::load(&settings, &clock, &rng).unwrap();
    assert!(now.key(first.signing().id()).is_none());
    assert!(now.key(&second).is_some());
}

#[test]
fn weak_duplicate_and_malformed_keys_stop_the_start_without_being_repeated() {
    let other = GOOD.to_uppercase();
    for (keys, words) in [
        (vec!["nocolonhere"], "\"id:secret\""),
        (vec!["a:short-SECRET"], "weak"),
        (vec!["a:SECRETSECRETSECRETSECRETSECRETSECRET"], "weak"),
        (vec!["bad id:0123456789abcdefghijklmnopqrstuv"], "letters"),
        (
            vec!["a:0123456789abcdefghijklmnopqrstuv", &format!("a:{other}")],
            "two signing keys have the id `a`",
        ),
        (
            vec![
                "a:0123456789abcdefghijklmnopqrstuv",
                "b:0123456789abcdefghijklmnopqrstuv",
            ],
            "same secret",
        ),
    ] {
        let mut settings = Settings::defaults();
        settings.auth.signing_keys = keys.iter().map(|key| (*key).into()).collect();
        let error = Secrets::load(&settings, &clock(), &Rng::seeded(1)).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains(words), "{error}");
        for secret in ["SECRET", GOOD, &other] {
            assert!(!error.contains(secret), "{error}");
        }
    }
}
