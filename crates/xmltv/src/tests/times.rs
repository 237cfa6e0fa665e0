use chrono::FixedOffset;

use super::*;

fn time(text: &str) -> Result<(String, Option<i32>), TimeError> {
    let time = GuideTime::parse(text)?;
    let local = time.local.format("%Y-%m-%d %H:%M:%S").to_string();
    Ok((
        local,
        time.offset
            .map(|offset| FixedOffset::local_minus_utc(&offset) / 60),
    ))
}

#[test]
fn every_form_of_a_time_is_read() {
    for (text, local, offset) in [
        ("20260822203015 +0200", "2026-08-22 20:30:15", Some(120)),
        ("20260822203015 -0330", "2026-08-22 20:30:15", Some(-210)),
        ("20260822203015+0200", "2026-08-22 20:30:15", Some(120)),
        ("20260822203015 +02:00", "2026-08-22 20:30:15", Some(120)),
        ("20260822203015 +02", "2026-08-22 20:30:15", Some(120)),
        ("20260822203015", "2026-08-22 20:30:15", None),
        ("202608222030", "2026-08-22 20:30:00", None),
        ("202608222030 BST", "2026-08-22 20:30:00", Some(60)),
        ("2026082220", "2026-08-22 20:00:00", None),
        ("20260822", "2026-08-22 00:00:00", None),
        (" 20260822203015 utc ", "2026-08-22 20:30:15", Some(0)),
        ("20260822203015 GMT", "2026-08-22 20:30:15", Some(0)),
        ("20260822203015Z", "2026-08-22 20:30:15", Some(0)),
        ("20260822203015 CEST", "2026-08-22 20:30:15", Some(120)),
        ("20260822203015 NZST", "2026-08-22 20:30:15", Some(720)),
        ("20260822203015 PDT", "2026-08-22 20:30:15", Some(-420)),
        ("20260822203015 +1400", "2026-08-22 20:30:15", Some(840)),
    ] {
        assert_eq!(time(text), Ok((local.to_owned(), offset)), "{text}");
    }
}

#[test]
fn what_is_no_time_says_what_is_wrong() {
    for (text, error) in [
        ("", TimeError::Digits),
        ("2026", TimeError::Digits),
        ("202608", TimeError::Digits),
        ("2026-08-22T20:30:15Z", TimeError::Digits),
        ("202608222030151", TimeError::Digits),
        ("tomorrow", TimeError::Digits),
        ("20261322203015", TimeError::NoSuchTime),
        ("20260230203015", TimeError::NoSuchTime),
        ("20260822243015", TimeError::NoSuchTime),
        ("20260822203060", TimeError::NoSuchTime),
        ("20260822203015 +1401", TimeError::Offset),
        ("20260822203015 +0160", TimeError::Offset),
        ("20260822203015 +9999", TimeError::Offset),
        ("20260822203015 +", TimeError::Offset),
        ("20260822203015 +١٢٣٤", TimeError::Offset),
        ("20260822203015 ++0100", TimeError::Offset),
        ("20260822203015 XYZT", TimeError::Offset),
    ] {
        assert_eq!(time(text), Err(error), "{text}");
    }
}

#[test]
fn a_time_that_occurs_twice_is_the_first_and_one_that_is_skipped_is_counted_from_before() {
    let berlin = |text: &str| {
        let local = GuideTime::parse(text).unwrap().local;
        local_to_utc(&chrono_tz::Europe::Berlin, local).unwrap()
    };
    // On 2026-10-25 at 03:00 summer time clocks go back to 02:00.
    assert_eq!(berlin("20261025023000"), at("2026-10-25T00:30:00Z"));
    // On 2026-03-29 at 02:00 clocks go forward to 03:00.
    assert_eq!(berlin("20260329023000"), at("2026-03-29T01:30:00Z"));
    assert_eq!(berlin("20260329030000"), at("2026-03-29T01:00:00Z"));
    // Samoa left out the 30th of December 2011.
    let local = GuideTime::parse("20111230120000").unwrap().local;
    let apia = local_to_utc(&chrono_tz::Pacific::Apia, local).unwrap();
    assert_eq!(apia, at("2011-12-30T22:00:00Z"));
}
