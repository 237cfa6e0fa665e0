//! Invented people, and the tastes that say how much one of them likes a film or a product.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

use self::Trait::{Director, Genre, Keyword, Language};
use super::{Film, Product};

const USERS: usize = 400;
/// Keys, names and tastes of the people whose accounts the demo explains.
const RESERVED: [(&str, &str, usize); 3] = [
    ("user", "Naomi Ferreira", KUROSAWA),
    ("curator", "Tomasz Adeyemi", 16),
    ("admin", "Ingrid Castellanos", 5),
];
const GIVEN: &str = "Amara Anders Aiko Bilal Beatriz Camille Chidi Dalia Dmitri Elif Emeka Farah Felix Giulia Hana \
    Hugo Imani Ivana Jamal Jonas Kavya Kenji Leila Lucia Mateo Mei Nadia Niklas Oluwaseun Paloma Priya Rafael Rosa \
    Samir Sofia Tariq Thandiwe Viktor Yara Zoltan";
const FAMILY: &str = "Abebe Almeida Andersson Banerjee Bauer Castillo Chen Dubois Eriksen Farouk Fischer Garcia Haddad \
    Horvat Ibrahim Jansen Kaya Kowalski Kruger Lindqvist Mancini Mbeki Moreau Nakamura Nguyen Novak Okafor Olsen Park \
    Pereira Petrov Rahman Romano Sato Silva Tanaka Toth Usman Varga Weber";

/// Mean numbers of films and products that a person comes across in the year.
const FILMS_A_HEAD: f64 = 58.0;
const PRODUCTS_A_HEAD: f64 = 10.0;

/// Films that reach this affinity belong to a taste.
pub const IN_TASTE: f64 = 0.5;

/// What remains of an affinity for films outside the years of a taste.
const OUTSIDE_YEARS: f64 = 0.5;

/// Something a film has or has not.
#[derive(Clone, Copy, Debug)]
pub enum Trait {
    /// One of the film's directors, by full name.
    Director(&'static str),
    /// One of the genres of the fixed vocabulary.
    Genre(&'static str),
    /// One of the film's keywords.
    Keyword(&'static str),
    /// The main language, as a code of two letters.
    Language(&'static str),
}

impl Trait {
    fn holds(self, film: &Film) -> bool {
        match self {
            Director(name) => film.director.iter().any(|have| have == name),
            Genre(name) => film.genres.iter().any(|have| have == name),
            Keyword(word) => film.keywords.iter().any(|have| have == word),
            Language(code) => film.language == code,
        }
    }
}

/// A way of liking films: a weighted list of traits, within some years.
#[derive(Debug)]
pub struct Taste {
    /// Name of the taste, as stored with a user.
    pub name: &'static str,
    /// Genres that a person of this taste would name.
    pub genres: &'static [&'static str],
    /// First and last year that count in full.
    pub years: (i32, i32),
    /// Traits with what each adds (or takes away).
    pub likes: &'static [(Trait, f64)],
    /// Product tags that go with the taste.
    pub tags: &'static [&'static str],
}

impl Taste {
    /// How much this taste likes a film: 0 (not at all) to 1.
    fn affinity(&self, film: &Film) -> f64 {
        let sum: f64 = self
            .likes
            .iter()
            .filter(|(like, _)| like.holds(film))
            .map(|(_, weight)| weight)
            .sum();
        let (first, last) = self.years;
        let years = if (first..=last).contains(&film.year) {
            1.0
        } else {
            OUTSIDE_YEARS
        };
        (sum * years).clamp(0.0, 1.0)
    }

    /// How much this taste likes a product: 0.1 to 1, by the tags in common.
    fn product_affinity(&self, product: &Product) -> f64 {
        let common = product
            .tags
            .iter()
            .filter(|tag| self.tags.contains(&tag.as_str()))
            .count();
        match common {
            0 => 0.1,
            1 => 0.7,
            _ => 1.0,
        }
    }
}

/// An invented person.
#[derive(Clone, Debug)]
pub struct DemoUser {
    /// Login name; the first three are `user`, `curator` and `admin`.
    pub key: String,
    /// Invented full name.
    pub name: String,
    /// Name of the main taste.
    pub taste: &'static str,
    /// Name of a second taste, which many have.
    pub second_taste: Option<&'static str>,
    /// Genres the person would name when asked.
    pub favourite_genres: Vec<String>,
}

/// An invented person before anything has been done.
#[derive(Debug)]
pub struct Person {
    /// What the demo tells about the person.
    pub user: DemoUser,
    /// The main taste.
    pub main: &'static Taste,
    /// A second one, which counts a little less.
    pub second: Option<&'static Taste>,
    /// How much of what the person comes across is chosen by taste and not by fame.
    pub focus: f64,
    /// How many films the person comes across.
    pub films: usize,
    /// How many products the person comes across.
    pub products: usize,
}

/// Makes everybody, the reserved people first.
pub fn make_people(rng: &mut ChaCha8Rng) -> Vec<Person> {
    let mut given: Vec<&str> = GIVEN.split_whitespace().collect();
    let mut family: Vec<&str> = FAMILY.split_whitespace().collect();
    given.shuffle(rng);
    family.shuffle(rng);
    let activity: Vec<f64> = (0..USERS)
        .map(|_| rng.random_range(0.1_f64..1.0).powf(-0.5))
        .collect();
    let mean = activity.iter().sum::<f64>() / activity.len() as f64;
    let invent = |(index, activity): (usize, f64)| {
        // The shift of one family name a round makes every pair a new one.
        let name = format!(
            "{} {}",
            given[index % given.len()],
            family[(index + index / given.len()) % family.len()]
        );
        match RESERVED.get(index) {
            Some(&(key, name, taste)) => reserved(key, name, &TASTES[taste], index == 0),
            None => invented(rng, index, name, activity / mean),
        }
    };
    activity.into_iter().enumerate().map(invent).collect()
}

fn reserved(key: &str, name: &str, main: &'static Taste, is_user: bool) -> Person {
    let user = describe(key.to_owned(), name.to_owned(), main, None, None);
    let (films, products) = if is_user { (42, 5) } else { (8, 2) };
    Person {
        user,
        main,
        second: None,
        focus: 0.9,
        films,
        products,
    }
}

fn invented(rng: &mut ChaCha8Rng, index: usize, name: String, activity: f64) -> Person {
    let main = &TASTES[index % TASTES.len()];
    let other = &TASTES[(index + rng.random_range(1..TASTES.len())) % TASTES.len()];
    let second = rng.random_bool(0.55).then_some(other);
    let stray = rng.random_bool(0.3).then_some(other.genres[0]);
    Person {
        user: describe(format!("viewer-{index:03}"), name, main, second, stray),
        main,
        second,
        focus: rng.random_range(0.55..0.92),
        films: (FILMS_A_HEAD * activity).round() as usize,
        products: (PRODUCTS_A_HEAD * activity).round() as usize,
    }
}

fn describe(
    key: String,
    name: String,
    main: &Taste,
    second: Option<&Taste>,
    stray: Option<&str>,
) -> DemoUser {
    let mut favourite_genres: Vec<String> = Vec::new();
    let more = second.and_then(|taste| taste.genres.first().copied());
    for genre in main.genres.iter().copied().chain(more).chain(stray) {
        if !favourite_genres.iter().any(|have| have == genre) {
            favourite_genres.push(genre.to_owned());
        }
    }
    DemoUser {
        key,
        name,
        taste: main.name,
        second_taste: second.map(|taste| taste.name),
        favourite_genres,
    }
}

impl Person {
    /// How much the person likes a film, 0 to 1.
    pub fn affinity(&self, film: &Film) -> f64 {
        let second = self.second.map_or(0.0, |taste| 0.85 * taste.affinity(film));
        self.main.affinity(film).max(second)
    }

    /// How much the person likes a product, 0.1 to 1.
    pub fn product_affinity(&self, product: &Product) -> f64 {
        let second = self
            .second
            .map_or(0.0, |taste| 0.85 * taste.product_affinity(product));
        self.main.product_affinity(product).max(second)
    }
}

/// Index of the taste of the reserved user: Kurosawa, samurai, classic Japanese cinema.
const KUROSAWA: usize = 0;

const ALL_YEARS: (i32, i32) = (1890, 2100);

/// Every taste there is.
#[rustfmt::skip] // A table reads better with one block a taste.
static TASTES: [Taste; 26] = [
    Taste { name: "kurosawa-and-japan", years: (1930, 1986), genres: &["Drama", "Action", "History"],
        tags: &["samurai", "japan"],
        likes: &[(Director("Akira Kurosawa"), 0.75), (Director("Masaki Kobayashi"), 0.2), (Keyword("samurai"), 0.4),
            (Keyword("feudal japan"), 0.2), (Language("ja"), 0.35), (Genre("Animation"), -0.5)] },
    Taste { name: "quiet-japan", years: ALL_YEARS, genres: &["Drama"], tags: &["japan", "family drama", "tea"],
        likes: &[(Director("Yasujiro Ozu"), 0.7), (Director("Kenji Mizoguchi"), 0.5),
            (Director("Hirokazu Kore-eda"), 0.6), (Director("Ryusuke Hamaguchi"), 0.5), (Keyword("family"), 0.2),
            (Language("ja"), 0.3), (Genre("Action"), -0.3), (Genre("Horror"), -0.3), (Genre("Animation"), -0.2)] },
    Taste { name: "ghibli", years: ALL_YEARS, genres: &["Animation", "Fantasy", "Family"],
        tags: &["animation", "japan", "drawing"],
        likes: &[(Director("Hayao Miyazaki"), 0.6), (Director("Isao Takahata"), 0.5), (Director("Yoshifumi Kondo"), 0.4),
            (Keyword("anime"), 0.4), (Genre("Animation"), 0.15), (Genre("Fantasy"), 0.1)] },
    Taste { name: "westerns", years: ALL_YEARS, genres: &["Western", "Adventure"], tags: &["western"],
        likes: &[(Genre("Western"), 0.75), (Director("Sergio Leone"), 0.2), (Director("John Ford"), 0.2),
            (Keyword("frontier"), 0.1), (Keyword("spaghetti western"), 0.1), (Keyword("samurai"), 0.1)] },
    Taste { name: "film-noir", years: (1930, 1975), genres: &["Film Noir", "Crime"], tags: &["noir", "crime", "jazz"],
        likes: &[(Genre("Film Noir"), 0.75), (Keyword("private detective"), 0.3), (Keyword("femme fatale"), 0.2),
            (Genre("Crime"), 0.15), (Director("Jean-Pierre Melville"), 0.3), (Director("Fritz Lang"), 0.2)] },
    Taste { name: "space-and-robots", years: ALL_YEARS, genres: &["Science Fiction", "Adventure"],
        tags: &["space", "science fiction", "robot"],
        likes: &[(Genre("Science Fiction"), 0.45), (Keyword("space"), 0.4), (Keyword("robot"), 0.4),
            (Keyword("android"), 0.3), (Keyword("artificial intelligence"), 0.3), (Keyword("cyberpunk"), 0.3),
            (Keyword("superhero"), -0.2)] },
    Taste { name: "horror", years: ALL_YEARS, genres: &["Horror", "Mystery"], tags: &["horror", "gothic"],
        likes: &[(Genre("Horror"), 0.8), (Keyword("ghost"), 0.2), (Keyword("vampire"), 0.1), (Keyword("slasher"), 0.1),
            (Genre("Comedy"), -0.1)] },
    Taste { name: "musicals", years: ALL_YEARS, genres: &["Musical", "Music", "Romance"], tags: &["musical", "music"],
        likes: &[(Genre("Musical"), 0.85), (Genre("Music"), 0.35), (Keyword("broadway"), 0.2),
            (Genre("Animation"), -0.35), (Language("hi"), -0.3), (Genre("Documentary"), -0.1)] },
    Taste { name: "family-animation", years: ALL_YEARS, genres: &["Animation", "Family"],
        tags: &["family", "animation"],
        likes: &[(Genre("Animation"), 0.4), (Genre("Family"), 0.35), (Keyword("pixar"), 0.2), (Keyword("disney"), 0.2),
            (Keyword("anime"), -0.35)] },
    Taste { name: "classic-comedy", years: (1910, 1966), genres: &["Comedy", "Romance"],
        tags: &["silent film", "retro"],
        likes: &[(Genre("Comedy"), 0.6), (Keyword("silent film"), 0.2), (Keyword("screwball"), 0.3),
            (Director("Charlie Chaplin"), 0.3), (Director("Ernst Lubitsch"), 0.3), (Director("Billy Wilder"), 0.2)] },
    Taste { name: "modern-comedy", years: (1967, 2100), genres: &["Comedy"], tags: &["party", "retro", "quiz"],
        likes: &[(Genre("Comedy"), 0.5), (Director("Wes Anderson"), 0.4), (Director("Joel Coen"), 0.4),
            (Director("Edgar Wright"), 0.3), (Director("Rob Reiner"), 0.2), (Language("en"), 0.1),
            (Genre("Family"), -0.3)] },
    Taste { name: "kung-fu-and-wuxia", years: ALL_YEARS, genres: &["Action", "Adventure"],
        tags: &["kung fu", "hong kong"],
        likes: &[(Language("zh"), 0.35), (Genre("Action"), 0.2), (Keyword("martial arts"), 0.4),
            (Keyword("kung fu"), 0.2), (Keyword("wuxia"), 0.4), (Keyword("gunfight"), 0.3),
            (Keyword("sword fight"), 0.2)] },
    Taste { name: "chinese-language-drama", years: ALL_YEARS, genres: &["Drama", "Romance"],
        tags: &["hong kong", "romance"],
        likes: &[(Director("Wong Kar-wai"), 0.6), (Language("zh"), 0.5), (Keyword("longing"), 0.2),
            (Genre("Romance"), 0.1), (Genre("Action"), -0.3)] },
    Taste { name: "korean-cinema", years: ALL_YEARS, genres: &["Thriller", "Drama"], tags: &["horror", "food"],
        likes: &[(Language("ko"), 0.85), (Keyword("revenge"), 0.15), (Keyword("serial killer"), 0.15),
            (Genre("Thriller"), 0.15), (Language("ja"), 0.1)] },
    Taste { name: "india-and-iran", years: ALL_YEARS, genres: &["Drama"], tags: &["india"],
        likes: &[(Language("hi"), 0.75), (Language("bn"), 0.85), (Language("te"), 0.6), (Language("fa"), 0.75),
            (Keyword("village"), 0.1), (Keyword("poverty"), 0.1)] },
    Taste { name: "latin-and-spanish", years: ALL_YEARS, genres: &["Drama", "Crime"], tags: &["food", "director"],
        likes: &[(Language("es"), 0.7), (Language("pt"), 0.7), (Director("Pedro Almodóvar"), 0.2),
            (Director("Luis Buñuel"), 0.5), (Director("Alfonso Cuarón"), 0.2), (Genre("Documentary"), -0.1)] },
    Taste { name: "french-new-wave", years: (1954, 1985), genres: &["Drama", "Romance"], tags: &["france", "director"],
        likes: &[(Language("fr"), 0.45), (Keyword("new wave"), 0.3), (Director("Agnès Varda"), 0.4),
            (Director("François Truffaut"), 0.3), (Director("Jean-Luc Godard"), 0.2),
            (Director("Jacques Demy"), 0.3), (Director("Alain Resnais"), 0.3), (Keyword("paris"), 0.1)] },
    Taste { name: "italian-masters", years: ALL_YEARS, genres: &["Drama", "Comedy"], tags: &["italy", "coffee"],
        likes: &[(Language("it"), 0.65), (Director("Federico Fellini"), 0.3), (Director("Michelangelo Antonioni"), 0.4),
            (Keyword("neorealism"), 0.3), (Genre("Western"), -0.5), (Genre("Horror"), -0.4)] },
    Taste { name: "bergman-and-tarkovsky", years: ALL_YEARS, genres: &["Drama"], tags: &["film history", "writing"],
        likes: &[(Director("Ingmar Bergman"), 0.9), (Director("Andrei Tarkovsky"), 0.9),
            (Director("Carl Theodor Dreyer"), 0.6), (Director("Krzysztof Kieślowski"), 0.5), (Language("ru"), 0.4),
            (Language("da"), 0.4), (Keyword("faith"), 0.2)] },
    Taste { name: "hitchcock-and-suspense", years: (1925, 2012), genres: &["Thriller", "Mystery"],
        tags: &["mystery", "noir"],
        likes: &[(Director("Alfred Hitchcock"), 0.7), (Genre("Thriller"), 0.3), (Genre("Mystery"), 0.25),
            (Director("Henri-Georges Clouzot"), 0.3), (Director("David Fincher"), 0.2),
            (Genre("Science Fiction"), -0.3)] },
    Taste { name: "gangsters", years: (1965, 2100), genres: &["Crime", "Drama"], tags: &["crime", "noir", "director"],
        likes: &[(Genre("Crime"), 0.45), (Director("Martin Scorsese"), 0.4), (Director("Francis Ford Coppola"), 0.4),
            (Director("Quentin Tarantino"), 0.4), (Keyword("gangster"), 0.4), (Keyword("heist"), 0.2),
            (Keyword("mafia"), 0.2)] },
    Taste { name: "kubrick-and-lynch", years: ALL_YEARS, genres: &["Drama", "Mystery"], tags: &["director", "studio"],
        likes: &[(Director("Stanley Kubrick"), 0.9), (Director("David Lynch"), 0.9),
            (Director("Paul Thomas Anderson"), 0.6), (Director("David Cronenberg"), 0.5),
            (Director("Terry Gilliam"), 0.4), (Keyword("surreal"), 0.3), (Keyword("identity"), 0.2)] },
    Taste { name: "blockbusters", years: (1974, 2100), genres: &["Action", "Adventure", "Science Fiction"],
        tags: &["superhero", "action", "surround"],
        likes: &[(Director("Christopher Nolan"), 0.7), (Director("Steven Spielberg"), 0.6),
            (Director("James Cameron"), 0.5), (Keyword("superhero"), 0.5), (Genre("Adventure"), 0.2),
            (Genre("Action"), 0.2), (Language("en"), 0.1), (Keyword("space opera"), 0.4),
            (Genre("Animation"), -0.3)] },
    Taste { name: "romance", years: ALL_YEARS, genres: &["Romance", "Drama"], tags: &["romance"],
        likes: &[(Genre("Romance"), 0.6), (Keyword("first love"), 0.3), (Keyword("forbidden love"), 0.3),
            (Keyword("marriage"), 0.1), (Language("en"), 0.1), (Genre("Crime"), -0.3), (Genre("Animation"), -0.2),
            (Genre("Science Fiction"), -0.1)] },
    Taste { name: "documentaries", years: ALL_YEARS, genres: &["Documentary", "Music"],
        tags: &["documentary", "camera", "music"],
        likes: &[(Genre("Documentary"), 0.95), (Genre("Music"), 0.35), (Director("Werner Herzog"), 0.4),
            (Director("Agnès Varda"), 0.2), (Keyword("neorealism"), 0.3)] },
    Taste { name: "war-and-history", years: ALL_YEARS, genres: &["War", "History", "Drama"],
        tags: &["travel", "film history"],
        likes: &[(Genre("War"), 0.6), (Genre("History"), 0.35), (Keyword("prisoners of war"), 0.2),
            (Keyword("resistance"), 0.2), (Genre("Comedy"), -0.2), (Director("David Lean"), 0.2),
            (Language("ja"), -0.2)] },
];
