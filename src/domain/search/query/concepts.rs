//! Years, decades, languages and kinds, as English, German, French, Spanish, Italian, Portuguese and Japanese say
//! them.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use super::Concept;
use crate::domain::content::ContentKind;
use ranking::text::normalised;

/// The longest name of a language or a kind: Japanese writes up to six characters.
const LONGEST_NAME: usize = 8;

/// Films are as old as this.
const FIRST_YEAR: i32 = 1870;
const LAST_YEAR: i32 = 2100;

/// Adjectives and countries by the languages that things in them are made in.
const LANGUAGES: &[(&[&str], &str)] = &[
    (
        &["ar"],
        "arabic arab arabisch arabische arabe arabo egyptian egypt",
    ),
    (
        &["bn", "hi", "kn", "ml", "mr", "pa", "ta", "te"],
        "indian india indisch indische indien indienne inde indio indiana インド bollywood",
    ),
    (&["bn"], "bengali"),
    (
        &["cs"],
        "czech tschechisch tschechien tchèque checo checa チェコ",
    ),
    (
        &["da"],
        "danish denmark danisch danemark danois danoise danes danesa dinamarca デンマーク",
    ),
    (
        &["de"],
        "german germany deutsch deutsche deutscher deutsches deutschland allemand allemande allemands allemagne aleman alemana alemanas alemania tedesco tedeschi ドイツ austrian austria osterreich osterreichisch autriche autrichien austriaco austriaca",
    ),
    (
        &["el"],
        "greek greece griechisch griechenland grec grecque grece griego griega grecia ギリシャ",
    ),
    (
        &["en"],
        "english englisch anglais anglaise ingles inglesa inglese 英語 american america usa united_states british britain uk england amerikanisch amerika britisch americain etats_unis britannique angleterre americano estadounidense inglaterra アメリカ イギリス australian australia irish ireland",
    ),
    (
        &["es"],
        "spanish spain spanisch spanische spanien espagnol espagnole espagnols espagne espanol espanola espanolas espanoles espana spagnolo スペイン mexican mexico mexikanisch mexiko mexicain mexique mexicana mexicano argentinian argentine argentina argentinisch argentinien argentin chilean chile colombian colombia cuban cuba peruvian peru latin_american メキシコ",
    ),
    (
        &["fa"],
        "persian iranian iran iranisch iranische iranien iranienne irani persisch persan persa farsi イラン",
    ),
    (
        &["fi"],
        "finnish finland finnisch finnland finlandais finlande finlandes finlandia フィンランド",
    ),
    (
        &["fr"],
        "french france franzosisch franzosische franzosischer frankreich francais francaise francaises frances francesa francesas francia francese フランス",
    ),
    (
        &["he"],
        "hebrew israeli israel israelisch israelien hebraisch hebreo",
    ),
    (&["hi"], "hindi"),
    (
        &["hu"],
        "hungarian hungary ungarisch ungarn hongrois hongrie hungaro hungria",
    ),
    (&["id"], "indonesian indonesia"),
    (&["is"], "icelandic iceland"),
    (
        &["it"],
        "italian italy italienisch italienische italienischer italien italienne italiens italie italiano italiana italianas italia イタリア",
    ),
    (
        &["ja"],
        "japanese japan japanisch japanische japanischer japon japonais japonaise japonaises japones japonesa japonesas giappone giapponese 日本 日本語 邦画",
    ),
    (
        &["ko"],
        "korean korea south_korea koreanisch sudkorea sudkoreanisch coreen coree_du_sud corea_del_sur coreenne coree coreano coreana coreanas corea 韓国 韓国語",
    ),
    (
        &["nl"],
        "dutch netherlands holland niederlandisch niederlande hollandisch neerlandais pays_bas hollandais holandes holandesa flemish オランダ",
    ),
    (
        &["no"],
        "norwegian norway norwegisch norwegen norvegien norvege noruego noruega ノルウェー",
    ),
    (
        &["pl"],
        "polish poland polnisch polen polonais polonaise pologne polaco polaca polonia polacco ポーランド",
    ),
    (
        &["pt"],
        "portuguese portugal portugiesisch portugais portugues portuguesa brazilian brazil brasilianisch brasilien bresil bresilien bresilienne brasileno brasilena brasil brasileiro ブラジル",
    ),
    (
        &["ro"],
        "romanian romania rumanisch rumanien roumain roumanie rumano",
    ),
    (
        &["ru"],
        "russian russia soviet russisch russland sowjetisch russe russes russie sovietique ruso rusa rusia russo ロシア",
    ),
    (
        &["sv"],
        "swedish sweden schwedisch schweden suedois suedoise suede sueco sueca suecia svedese スウェーデン",
    ),
    (
        &["sv", "da", "no", "fi", "is"],
        "scandinavian nordic skandinavisch scandinave escandinavo 北欧",
    ),
    (&["ta"], "tamil"),
    (&["te"], "telugu"),
    (&["th"], "thai thailand thailandisch thailandais"),
    (
        &["tr"],
        "turkish turkey turkisch turkei turc turque turquie turco turca turquia トルコ",
    ),
    (
        &["zh", "cn", "yue"],
        "chinese china chinesisch chinesische chinois chinoise chinoises chine chino china chinas taiwan taiwanese taiwanesisch mandarin cantonese cinese 中国 香港 hong_kong hongkong",
    ),
];

/// Shorter words are no adjectives without their ending.
const LEAST_INFLECTED: usize = 5;
/// Endings that inflect the adjectives and nouns above: `polnische`, `américaines`.
const ENDINGS: [&str; 7] = ["es", "er", "en", "em", "e", "s", "as"];

const KINDS: &[(ContentKind, &str)] = &[
    (
        ContentKind::Movie,
        "movie movies film films filme filmen filmes pelicula peliculas peli pelis cine 映画 spielfilm kinofilm",
    ),
    (
        ContentKind::Product,
        "product products produkt produkte produit produits producto productos 商品",
    ),
    (ContentKind::Text, "text texts article articles artikel"),
    (
        ContentKind::Image,
        "image images picture pictures bild bilder imagen imagenes 画像",
    ),
    (ContentKind::Video, "video videos clip clips 動画"),
    (ContentKind::Audio, "audio song songs podcast podcasts 音声"),
];

const DECADES: &[(i32, &str)] = &[
    (1920, "twenties zwanziger vingt veinte venti vinte"),
    (1930, "thirties dreissiger trente treinta trenta trinta"),
    (
        1940,
        "forties vierziger quarante cuarenta quaranta quarenta",
    ),
    (
        1950,
        "fifties funfziger cinquante cincuenta cinquanta cinquenta",
    ),
    (1960, "sixties sechziger soixante sesenta sessanta sessenta"),
    (1970, "seventies siebziger setenta settanta septante"),
    (
        1980,
        "eighties achtziger ochenta ottanta oitenta octante huitante",
    ),
    (1990, "nineties neunziger noventa novanta nonante"),
];

/// What the words at the head of these stand for, and how many words that are.
pub(super) fn read(words: &[&str]) -> Option<(usize, Vec<Concept>)> {
    decade(words)
        .or_else(|| year(words))
        .or_else(|| named(words))
}

fn year(words: &[&str]) -> Option<(usize, Vec<Concept>)> {
    let first = words.first()?;
    let four = first.len() == 4 && first.bytes().all(|byte| byte.is_ascii_digit());
    let year = first
        .parse()
        .ok()
        .filter(|year| four && (FIRST_YEAR..=LAST_YEAR).contains(year))?;
    let length = if words.get(1) == Some(&"年") { 2 } else { 1 };
    Some((length, vec![Concept::Year(year)]))
}

fn decade(words: &[&str]) -> Option<(usize, Vec<Concept>)> {
    // "années 60", "los años 60", "década de 1960", "anni sessanta", "the decade".
    let behind = match words {
        ["annees" | "anos" | "anni", rest @ ..] => Some((1, rest)),
        ["decada" | "decennie", "de" | "des", "los", rest @ ..] => Some((3, rest)),
        ["decada", "de", rest @ ..] => Some((2, rest)),
        _ => None,
    };
    if let Some((before, rest)) = behind {
        // French counts on from sixty and in twenties.
        let counted = match rest {
            ["soixante", "dix", ..] => Some((2, 1970)),
            ["quatre", "vingt", "dix", ..] => Some((3, 1990)),
            ["quatre", "vingt" | "vingts", ..] => Some((2, 1980)),
            _ => None,
        };
        if let Some((many, decade)) = counted {
            return Some((before + many, vec![Concept::Decade(decade)]));
        }
        let first = rest.first()?;
        let named = DECADES
            .iter()
            .find(|(_, names)| names.split(' ').any(|name| name == *first));
        let decades = match named {
            Some((decade, _)) => vec![*decade],
            None => of_digits(first)?,
        };
        return Some((
            before + 1,
            decades.into_iter().map(Concept::Decade).collect(),
        ));
    }
    let first = words.first()?;
    let (digits, length) = match words {
        [digits, "s", ..] if is_decade(digits) => (*digits, 2),
        [digits, "年", "代", ..] => (*digits, 3),
        [word, rest @ ..] => {
            let digits = word.strip_suffix("er").or_else(|| word.strip_suffix('s'));
            // German: "60er Jahre".
            let years = rest
                .first()
                .is_some_and(|next| matches!(*next, "jahre" | "jahren"));
            (digits.unwrap_or_default(), if years { 2 } else { 1 })
        }
        [] => return None,
    };
    if let Some(decades) = of_digits(digits) {
        return Some((length, decades.into_iter().map(Concept::Decade).collect()));
    }
    let spoken = |names: &str| names.split(' ').take(2).any(|name| name == *first);
    let (decade, _) = DECADES.iter().find(|(_, names)| spoken(names))?;
    Some((length, vec![Concept::Decade(*decade)]))
}

fn is_decade(digits: &str) -> bool {
    of_digits(digits).is_some()
}

/// The decades that `1960` or `60` may stand for.
fn of_digits(digits: &str) -> Option<Vec<i32>> {
    if !digits.ends_with('0') || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i32 = digits.parse().ok()?;
    match digits.len() {
        4 => (FIRST_YEAR..=LAST_YEAR)
            .contains(&number)
            .then(|| vec![number]),
        2 if number >= 30 => Some(vec![1900 + number]),
        2 if number == 20 => Some(vec![1920, 2020]),
        2 => Some(vec![2000 + number]),
        _ => None,
    }
}

/// Languages and kinds by their names, folded, a space between words.
static NAMED: LazyLock<FxHashMap<String, Vec<Concept>>> = LazyLock::new(|| {
    let mut named: FxHashMap<String, Vec<Concept>> = FxHashMap::default();
    let mut add = |names: &str, concept: &Concept| {
        for name in names.split(' ').map(normalised) {
            let known = named.entry(name).or_default();
            if !known.contains(concept) {
                known.push(concept.clone());
            }
        }
    };
    for (languages, names) in LANGUAGES {
        for language in *languages {
            add(names, &Concept::Language(language));
        }
    }
    for (kind, names) in KINDS {
        add(names, &Concept::Kind(*kind));
    }
    named
});

/// The longest name that the words begin with.
fn named(words: &[&str]) -> Option<(usize, Vec<Concept>)> {
    (1..=words.len().min(LONGEST_NAME))
        .rev()
        .find_map(|length| {
            let concepts = NAMED.get(&words[..length].join(" "))?;
            Some((length, concepts.clone()))
        })
        .or_else(|| Some((1, inflected(words.first()?)?)))
}

/// What an inflected adjective stands for: only languages have many forms.
fn inflected(word: &str) -> Option<Vec<Concept>> {
    ENDINGS.iter().find_map(|ending| {
        let root = word.strip_suffix(ending)?;
        let long = root.chars().count() >= LEAST_INFLECTED;
        let concepts = NAMED.get(root).filter(|_| long)?;
        let language = |concept: &Concept| matches!(concept, Concept::Language(_));
        concepts.iter().all(language).then(|| concepts.clone())
    })
}
