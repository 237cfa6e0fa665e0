use std::io::{BufReader, Read};

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use proptest::prelude::*;

use super::*;

mod matches;
mod times;

fn utc(_: &str, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    local_to_utc(&Utc, local)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn read(guide: impl AsRef<[u8]>) -> Vec<Result<Entry, GuideError>> {
    match GuideReader::new(guide.as_ref(), Limits::default(), utc) {
        Ok(reader) => reader.collect(),
        Err(error) => vec![Err(error)],
    }
}

fn entries(guide: impl AsRef<[u8]>) -> Vec<Entry> {
    read(guide).into_iter().map(Result::unwrap).collect()
}

fn programmes(guide: impl AsRef<[u8]>) -> Vec<Programme> {
    let programme = |entry| match entry {
        Entry::Programme(programme) => Some(*programme),
        Entry::Refused(refused) => panic!("refused: {refused:?}"),
        Entry::Channel(_) => None,
    };
    entries(guide).into_iter().filter_map(programme).collect()
}

/// The only programme of a guide with these attributes and elements.
fn programme(attributes: &str, elements: &str) -> Programme {
    let mut found = programmes(guide(attributes, elements));
    assert_eq!(found.len(), 1);
    found.remove(0)
}

fn guide(attributes: &str, elements: &str) -> String {
    format!("<tv><programme {attributes}>{elements}</programme></tv>")
}

const SLOT: &str = r#"channel="one" start="20260822200000 +0000" stop="20260822220000 +0000""#;

/// The reason for which the only programme of a guide is refused.
fn refusal(attributes: &str, elements: &str) -> String {
    match entries(guide(attributes, elements)).as_slice() {
        [Entry::Refused(refused)] => {
            assert!(refused.programme);
            refused.reason.clone()
        }
        other => panic!("not refused: {other:?}"),
    }
}

/// The sentence with which reading a guide ends, and its line.
fn failure(guide: impl AsRef<[u8]>) -> (u64, String) {
    let mut all = read(guide);
    let error = all.pop().unwrap().unwrap_err();
    (error.line, error.reason)
}

#[test]
fn a_guide_gives_its_channels_and_programmes_with_their_lines() {
    let guide = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tv SYSTEM "xmltv.dtd">
<tv generator-info-name="someone">
  <channel id="one">
    <display-name lang="en">One</display-name>
    <display-name>1</display-name>
    <icon src="x"/>
  </channel>
  <programme channel="one" start="20260822200000 +0200" stop="20260822214500 +0200">
    <title lang="de">Der Titel</title>
    <title lang="en_GB">The Title</title>
    <sub-title>Part one</sub-title>
    <desc>Words &amp; more</desc>
    <credits><director>Somebody</director></credits>
    <date>1999</date>
    <category>Movie / Drama</category>
    <category lang="en">Comedy</category>
    <episode-num system="xmltv_ns">1.2.0/2</episode-num>
    <episode-num>S02E03</episode-num>
    <new/><premiere>First on air</premiere><previously-shown start="2001"/>
  </programme>
</tv>"#;
    let entries = entries(guide);
    assert_eq!(entries.len(), 2);
    let Entry::Channel(channel) = &entries[0] else {
        panic!()
    };
    assert_eq!((channel.line, channel.id.as_str()), (4, "one"));
    assert_eq!(channel.names[0].text, "One");
    assert_eq!(channel.names[0].language.as_deref(), Some("en"));
    assert_eq!(channel.names[1].text, "1");
    let Entry::Programme(programme) = &entries[1] else {
        panic!()
    };
    assert_eq!(programme.line, 9);
    assert_eq!(programme.start, at("2026-08-22T18:00:00Z"));
    assert_eq!(programme.minutes(), 105);
    assert_eq!(programme.title(&["en", "de"]), "The Title");
    assert_eq!(programme.title(&["fr", "DE"]), "Der Titel");
    assert_eq!(programme.title(&["fr"]), "Der Titel");
    assert_eq!(programme.sub_titles[0].text, "Part one");
    assert_eq!(programme.categories, ["Movie", "Drama", "Comedy"]);
    assert_eq!(programme.year(), Some(1999));
    assert_eq!(programme.episode_numbers[0].system, "xmltv_ns");
    assert_eq!(programme.episode_numbers[1].system, "onscreen");
    assert!(programme.is_new && programme.is_premiere && programme.is_repeat);
}

#[test]
fn text_that_was_escaped_twice_is_text() {
    let found = programme(
        SLOT,
        "<title>Law &amp;amp; Order &amp;#39;x&amp;#39; &amp;lt;3</title>",
    );
    assert_eq!(found.titles[0].text, "Law & Order 'x' <3");
    let found = programme(SLOT, "<title><![CDATA[Law &amp; Order]]></title>");
    assert_eq!(found.titles[0].text, "Law & Order");
}

#[test]
fn an_ampersand_that_begins_no_reference_stands_for_itself() {
    let found = programme(
        r#"channel="A&E" start="20260822200000" stop="20260822220000""#,
        "<title>Food & Wine &amp Dine & </title>",
    );
    assert_eq!(found.titles[0].text, "Food & Wine &amp Dine &");
    assert_eq!(found.channel, "A&E");
}

#[test]
fn white_space_and_line_ends_in_titles_become_one_blank() {
    let found = programme(SLOT, "<title>\n   The\n\t Title&#10;\u{a0}again </title>");
    assert_eq!(found.titles[0].text, "The Title again");
}

#[test]
fn ids_of_channels_may_hold_blanks_and_at_signs() {
    let found = programme(
        r#"channel=" Sport 1 @ Home.uk " start="20260822200000" stop="20260822220000""#,
        "<title>x</title>",
    );
    assert_eq!(found.channel, "Sport 1 @ Home.uk");
}

#[test]
fn a_programme_without_what_it_needs_is_refused_with_the_reason() {
    let title = "<title>x</title>";
    for (attributes, elements, reason) in [
        (SLOT, "", "it has no title"),
        (SLOT, "<title> </title>", "it has no title"),
        (
            r#"start="20260822200000" stop="20260822220000""#,
            title,
            "it names no channel",
        ),
        (
            r#"channel=" " start="20260822200000" stop="20260822220000""#,
            title,
            "it names no channel",
        ),
        (
            r#"channel="a" stop="20260822220000""#,
            title,
            "it has no start",
        ),
        (
            r#"channel="a" start="20260822200000""#,
            title,
            "it has neither a stop nor a length",
        ),
        (
            r#"channel="a" start="20260822200000" stop="20260822200000""#,
            title,
            "it ends before it begins, or at once",
        ),
        (
            r#"channel="a" start="20260822200000" stop="20260825200000""#,
            title,
            "it runs for more than 48 hours",
        ),
        (
            r#"channel="a" start="20260231200000" stop="20260822220000""#,
            title,
            "its start `20260231200000`: there is no such date and time",
        ),
        (
            r#"channel="a" start="20260822200000 +9900" stop="20260822220000""#,
            title,
            "its start `20260822200000 +9900`: an offset is ±hhmm, at most 14 hours, or a name as UTC or BST",
        ),
        (
            r#"channel="a" channel="b" start="20260822200000" stop="20260822220000""#,
            title,
            "its attribute `channel` comes up twice",
        ),
    ] {
        assert_eq!(
            refusal(attributes, elements),
            reason,
            "{attributes} {elements}"
        );
    }
}

#[test]
fn a_length_stands_in_for_a_missing_stop() {
    let slot = r#"channel="a" start="20260822200000""#;
    let found = programme(slot, "<title>x</title><length units='minutes'>95</length>");
    assert_eq!(found.minutes(), 95);
    let found = programme(slot, "<title>x</title><length units='hours'>2</length>");
    assert_eq!(found.minutes(), 120);
    let found = programme(slot, "<title>x</title><length units='seconds'>600</length>");
    assert_eq!(found.minutes(), 10);
    let odd = "<title>x</title><length units='furlongs'>1</length>";
    assert_eq!(refusal(slot, odd), "it has neither a stop nor a length");
}

#[test]
fn a_refused_programme_does_not_stop_the_others() {
    let guide = format!(
        "<tv>\n<programme {SLOT}><title>a</title></programme>\n<programme {SLOT}/>\n\
         <programme {SLOT}><title>b</title></programme>\n</tv>"
    );
    let entries = entries(guide);
    assert_eq!(entries.len(), 3);
    let Entry::Refused(refused) = &entries[1] else {
        panic!()
    };
    assert_eq!(refused.line, 3);
    let Entry::Programme(last) = &entries[2] else {
        panic!()
    };
    assert_eq!((last.line, last.title(&[])), (4, "b"));
}

#[test]
fn entities_of_a_doctype_are_not_expanded() {
    let mut bomb = String::from("<!DOCTYPE tv [<!ENTITY a 'aaaaaaaaaa'>");
    let mut name = "a".to_owned();
    for next in ["b", "c", "d", "e", "f", "g", "h"] {
        let ten = format!("&{name};").repeat(10);
        bomb.push_str(&format!("<!ENTITY {next} '{ten}'>"));
        next.clone_into(&mut name);
    }
    bomb.push_str("]>");
    bomb.push_str(&guide(SLOT, "<title>&h;</title>"));
    let found = entries(&bomb);
    let [Entry::Refused(refused)] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(
        refused.reason,
        "it uses the entity `&h;`, and XMLTV defines none of its own"
    );
    let attribute = format!(
        "<!DOCTYPE tv [<!ENTITY x SYSTEM 'file:///etc/hostname'>]>{}",
        guide(
            r#"channel="&x;" start="20260822200000" stop="20260822220000""#,
            "<title>x</title>"
        )
    );
    let found = entries(attribute);
    let [Entry::Refused(refused)] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert!(refused.reason.contains("`&x;`"), "{}", refused.reason);
}

#[test]
fn an_unknown_entity_in_a_text_that_is_not_kept_harms_nothing() {
    let found = programme(SLOT, "<title>x</title><desc>one&nbsp;two</desc>");
    assert_eq!(found.titles[0].text, "x");
}

#[test]
fn a_guide_without_a_declaration_and_with_a_byte_order_mark_is_read() {
    let plain = guide(SLOT, "<title>Fête</title>");
    let marked = format!("\u{feff}{plain}");
    assert_eq!(programmes(&plain)[0].titles[0].text, "Fête");
    assert_eq!(programmes(marked)[0].titles[0].text, "Fête");
}

#[test]
fn a_guide_without_any_programme_is_read_to_its_end() {
    assert_eq!(entries("\u{feff}<?xml version=\"1.0\"?><tv></tv>"), []);
    assert_eq!(entries("<tv/>"), []);
    assert_eq!(entries("\u{feff}\n<tv>\n</tv>\n<!-- end -->\n"), []);
}

#[test]
fn what_is_no_guide_is_said_in_one_sentence() {
    let none = "this is no XMLTV guide: there is no element <tv>".to_owned();
    assert_eq!(failure(""), (1, none.clone()));
    assert_eq!(failure("\u{feff}"), (1, none.clone()));
    assert_eq!(failure("a,b,c\n1,2,3\n"), (1, none));
    assert_eq!(
        failure("<!DOCTYPE html>\n<html><body>Not found</body></html>"),
        (
            2,
            "this is no XMLTV guide: its root element is <html> and not <tv>".to_owned()
        )
    );
}

#[test]
fn a_file_that_is_cut_off_keeps_what_was_read_before() {
    let whole = format!("<tv>\n<programme {SLOT}><title>a</title></programme>\n<programme {SLOT}>");
    for cut in ["", "<title>b", "<title>b</ti", "<desc x=\"", "<!-- "] {
        let mut all = read(format!("{whole}{cut}"));
        let error = all.pop().unwrap().unwrap_err();
        assert_eq!(error.line, 3, "{cut}: {error}");
        assert_eq!(all.len(), 1, "{cut}");
        assert!(matches!(all[0], Ok(Entry::Programme(_))));
    }
}

#[test]
fn latin_1_windows_1252_and_utf_16_are_read_as_text() {
    let text = |name: &str| {
        let body = guide(SLOT, "<title>Fête “x”</title>");
        format!("<?xml version='1.0' encoding='{name}'?>\n{body}")
    };
    let (bytes, _, lossy) = encoding_rs::WINDOWS_1252
        .encode(&text("Windows-1252"))
        .into_owned_parts();
    assert!(!lossy);
    assert_eq!(programmes(bytes)[0].titles[0].text, "Fête “x”");
    let latin: Vec<u8> = text("ISO-8859-1")
        .replace(['“', '”'], "")
        .chars()
        .map(|c| c as u8)
        .collect();
    assert_eq!(programmes(latin)[0].titles[0].text, "Fête x");
    let text = text("UTF-16");
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(programmes(&little)[0].titles[0].text, "Fête “x”");
    assert_eq!(programmes(&big)[0].titles[0].text, "Fête “x”");
    assert_eq!(
        programmes([&[0xff, 0xfe], little.as_slice()].concat())[0].line,
        2
    );
}

trait Parts {
    fn into_owned_parts(self) -> (Vec<u8>, &'static encoding_rs::Encoding, bool);
}

impl Parts
    for (
        std::borrow::Cow<'_, [u8]>,
        &'static encoding_rs::Encoding,
        bool,
    )
{
    fn into_owned_parts(self) -> (Vec<u8>, &'static encoding_rs::Encoding, bool) {
        (self.0.into_owned(), self.1, self.2)
    }
}

#[test]
fn an_unknown_encoding_is_named() {
    let guide = "<?xml version='1.0' encoding='EBCDIC-DK'?><tv/>";
    let reason = "the encoding `EBCDIC-DK` is not known; write the file as UTF-8".to_owned();
    assert_eq!(failure(guide), (1, reason));
}

#[test]
fn a_programme_with_bytes_that_are_no_text_is_refused_alone() {
    let mut bytes = format!("<tv><programme {SLOT}><title>F").into_bytes();
    bytes.push(0xea);
    bytes.extend_from_slice(b"te</title></programme>");
    bytes.extend_from_slice(
        format!("<programme {SLOT}><title>b</title></programme></tv>").as_bytes(),
    );
    let found = entries(bytes);
    assert_eq!(found.len(), 2);
    let Entry::Refused(refused) = &found[0] else {
        panic!()
    };
    assert_eq!(
        refused.reason,
        "its title holds bytes that are no text in the encoding of the file"
    );
}

#[test]
fn sizes_and_nesting_are_bounded() {
    let limits = Limits {
        part_bytes: 1000,
        depth: 5,
        text_characters: 20,
        texts: 3,
    };
    let read = |guide: String| -> Vec<Result<Entry, GuideError>> {
        GuideReader::new(guide.as_bytes(), limits, utc)
            .unwrap()
            .collect()
    };
    let fails = |guide: String| read(guide).pop().unwrap().unwrap_err().reason;
    let long = "x".repeat(1001);
    let too_large = "a tag or a text of more than 1000 bytes";
    assert_eq!(
        fails(guide(SLOT, &format!("<desc>{long}</desc>"))),
        too_large
    );
    assert_eq!(
        fails(guide(SLOT, &format!("<desc a='{long}'/>"))),
        too_large
    );
    assert_eq!(fails(format!("<!DOCTYPE tv [{long}]><tv/>")), too_large);
    assert_eq!(fails(format!("<!--{long}--><tv/>")), too_large);
    let deep = guide(SLOT, "<a><b><c><d></d></c></b></a>");
    assert_eq!(fails(deep), "elements are nested deeper than 5");
    let refused = |elements: &str| match read(guide(SLOT, elements)).remove(0).unwrap() {
        Entry::Refused(refused) => refused.reason,
        other => panic!("{other:?}"),
    };
    let title = format!("<title>{}</title>", "é".repeat(21));
    assert_eq!(refused(&title), "it has a text of more than 20 characters");
    let pieces = format!("<title>{}</title>", "x<!-- -->".repeat(200));
    assert_eq!(refused(&pieces), "it has a text of more than 160 bytes");
    let many = "<title>x</title>".repeat(4);
    assert_eq!(refused(&many), "it has more than 3 texts of one kind");
    assert_eq!(
        refused("<title>x</title><category>a,b,c,d</category>"),
        "it has more than 3 texts of one kind"
    );
}

#[test]
fn a_programme_is_a_film_by_its_ids_its_numbers_and_its_categories() {
    let kind = |elements: &str| programme(SLOT, &format!("<title>x</title>{elements}")).kind();
    let number =
        |system: &str, value: &str| format!("<episode-num system='{system}'>{value}</episode-num>");
    let movie = "<category>Movie/Drama</category>";
    assert_eq!(kind(movie), ProgrammeKind::Film);
    assert_eq!(
        kind("<category>Action Movie</category>"),
        ProgrammeKind::Film
    );
    assert_eq!(kind("<category>Spielfilm</category>"), ProgrammeKind::Film);
    assert_eq!(
        kind("<category>Movies (general)</category>"),
        ProgrammeKind::Film
    );
    assert_eq!(
        kind("<category>Drama series</category>"),
        ProgrammeKind::Episode
    );
    assert_eq!(kind("<category>Drama</category>"), ProgrammeKind::Unknown);
    assert_eq!(kind("<category>Filming</category>"), ProgrammeKind::Unknown);
    assert_eq!(
        kind(&number("themoviedb.com", "movie/42")),
        ProgrammeKind::Film
    );
    assert_eq!(
        kind(&number("dd_progid", "MV000012340000")),
        ProgrammeKind::Film
    );
    for (system, value) in [
        ("xmltv_ns", "1.2.0/1"),
        ("xmltv_ns", " . 4 . "),
        ("onscreen", "S02E03"),
        ("dd_progid", "EP012345670012"),
        ("themoviedb.org", "tv/42"),
        ("thetvdb.com", "series/42"),
    ] {
        let elements = format!("{movie}{}", number(system, value));
        assert_eq!(kind(&elements), ProgrammeKind::Episode, "{system} {value}");
    }
    assert_eq!(
        kind(&format!("{movie}{}", number("xmltv_ns", " . . 0/2"))),
        ProgrammeKind::Film
    );
    let short = r#"channel="a" start="20260822200000" stop="20260822203000""#;
    let short = programme(short, &format!("<title>x</title>{movie}"));
    assert_eq!(short.kind(), ProgrammeKind::Unknown);
}

#[test]
fn a_date_that_is_the_day_of_the_broadcast_is_no_year_of_production() {
    let year =
        |date: &str| programme(SLOT, &format!("<title>x</title><date>{date}</date><new/>")).year();
    assert_eq!(year("1999"), Some(1999));
    assert_eq!(year("199903"), Some(1999));
    assert_eq!(year("19990331"), Some(1999));
    assert_eq!(year("2026"), Some(2026));
    assert_eq!(year("20260822"), None);
    assert_eq!(year("20260823"), None);
    assert_eq!(year("2042"), None);
    assert_eq!(year("soon"), None);
    assert_eq!(year("19é9"), None);
}

#[test]
fn ids_of_films_in_other_catalogues_are_known() {
    let found = programme(
        SLOT,
        "<title>x</title><episode-num system='themoviedb.org'>movie/603</episode-num>\
         <episode-num system='imdb.com'>title/tt0133093</episode-num>\
         <episode-num system='themoviedb.org'>tv/7</episode-num>",
    );
    let ids: Vec<_> = found.film_ids().collect();
    assert_eq!(ids, [("tmdb", "603"), ("imdb", "tt0133093")]);
}

fn observe(
    tracker: &mut ProgrammeTracker,
    channel: &str,
    start: i64,
    stop: i64,
    title: &str,
) -> Observation {
    let time = |minutes: i64| at("2026-08-22T00:00:00Z") + chrono::TimeDelta::minutes(minutes);
    tracker.observe_slot(channel, time(start), time(stop), title)
}

#[test]
fn duplicates_and_overlaps_of_a_channel_are_recognised_in_any_order() {
    use Observation::{Duplicate, New, Overlapping};
    let mut tracker = ProgrammeTracker::new(100);
    let mut seen = |channel, start, stop, title| observe(&mut tracker, channel, start, stop, title);
    assert_eq!(seen("a", 60, 120, "x"), New);
    assert_eq!(seen("a", 120, 180, "y"), New);
    assert_eq!(seen("b", 60, 120, "x"), New);
    assert_eq!(seen("a", 60, 120, "X"), Duplicate);
    assert_eq!(seen("a", 60, 120, "z"), Overlapping);
    assert_eq!(seen("a", 0, 61, "before"), Overlapping);
    assert_eq!(seen("a", 0, 60, "before too"), Overlapping);
    assert_eq!(seen("b", 0, 600, "around"), Overlapping);
    assert_eq!(seen("b", 300, 310, "inside"), Overlapping);
    assert_eq!(seen("b", 600, 660, "after"), New);
}

#[test]
fn a_tracker_forgets_the_oldest_and_never_grows_beyond_its_room() {
    let mut tracker = ProgrammeTracker::new(3);
    for start in 0..1000 {
        let title = start.to_string();
        let seen = observe(&mut tracker, &title, start, start + 1, "x");
        assert_eq!(seen, Observation::New);
    }
    assert_eq!(
        observe(&mut tracker, "999", 999, 1000, "x"),
        Observation::Duplicate
    );
    assert_eq!(observe(&mut tracker, "0", 0, 1, "x"), Observation::New);
}

/// What guides are made of, so that random inputs reach the inside of the reader too.
const PIECES: &[&str] = &[
    "<tv>",
    "</tv>",
    "<programme ",
    "channel='a' ",
    "start='20260822200000' ",
    "stop='20260822210000 +0100' ",
    ">",
    "/>",
    "<title>",
    "x",
    "</title>",
    "</programme>",
    "&amp;",
    "&",
    "&#x0;",
    "&x;",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?xml version='1.0' encoding='",
    "UTF-16",
    "'?>",
    "<!DOCTYPE tv [",
    "]>",
    "\n",
    "\u{feff}",
    "<channel id='",
    "'",
    "<category>",
    "<date>",
    "99999999999999999999",
    "é",
    "<length>",
    "</length>",
];

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read(bytes);
    }

    #[test]
    fn no_text_makes_the_reader_panic(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        read(format!("<tv><programme channel='a' {}", pieces.concat()));
        read(pieces.concat());
    }

    #[test]
    fn no_text_makes_a_time_or_a_title_panic(text in any::<String>(), digits in "[0-9]{0,16} ?[+-]?[0-9:]{0,6}") {
        let _ = GuideTime::parse(&text);
        let _ = GuideTime::parse(&digits);
        let _ = normalise(&text);
        let _ = title::forms(&text);
    }

    #[test]
    fn the_size_of_reads_changes_nothing(size in 1_usize..40) {
        let guide = "\u{feff}<tv>\n<channel id='é'/>\n<programme channel='a' start='20260822' \
                     stop='2026082201'>\n<title>Fête &amp; “x”</title></programme>\n</tv>";
        struct Small<'b>(&'b [u8], usize);
        impl Read for Small<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let length = self.1.min(buffer.len());
                self.0.read(&mut buffer[..length])
            }
        }
        let small = BufReader::new(Small(guide.as_bytes(), size));
        let small: Vec<_> = GuideReader::new(small, Limits::default(), utc).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(small, entries(guide));
    }
}

#[test]
fn local_times_of_a_channel_are_taken_in_its_zone() {
    let guide = "<tv><programme channel='auckland' start='20260822200000' stop='20260822220000'>\
                 <title>x</title></programme></tv>";
    let zone = |channel: &str, local: NaiveDateTime| {
        assert_eq!(channel, "auckland");
        local_to_utc(&chrono_tz::Pacific::Auckland, local)
    };
    let mut reader = GuideReader::new(guide.as_bytes(), Limits::default(), zone).unwrap();
    let Some(Ok(Entry::Programme(programme))) = reader.next() else {
        panic!()
    };
    assert_eq!(programme.start, at("2026-08-22T08:00:00Z"));
    assert!(reader.next().is_none());
    let day = NaiveDate::from_ymd_opt(2026, 8, 22).unwrap();
    assert_eq!(programme.start.date_naive(), day);
}
