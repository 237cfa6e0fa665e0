//! The contract as introspection tells it, and the documents that can be made from it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::lessons::argument_lesson;
use super::world::World;

/// How many levels below a root field are asked for.
pub const DEPTH: usize = 4;

/// The contract, as introspection tells it.
pub struct Contract {
    types: BTreeMap<String, Value>,
}

pub fn named(reference: &Value) -> &str {
    reference["name"]
        .as_str()
        .unwrap_or_else(|| named(&reference["ofType"]))
}

impl Contract {
    pub async fn of(world: &World) -> Self {
        const TYPE: &str = "kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";
        let document = format!(
            "{{ __schema {{ types {{ kind name possibleTypes {{ name }}
                fields {{ name type {{ {TYPE} }} args {{ name defaultValue type {{ {TYPE} }} }} }}
                inputFields {{ name type {{ {TYPE} }} }} }} }} }}"
        );
        let mut answer = world.app.ask(&document).await;
        let types = answer["__schema"]["types"].take();
        let types = types.as_array().unwrap().iter();
        Self {
            types: types
                .map(|one| (one["name"].as_str().unwrap().to_owned(), one.clone()))
                .collect(),
        }
    }

    pub fn fields(&self, name: &str) -> &[Value] {
        self.types[name]["fields"]
            .as_array()
            .map_or(&[], Vec::as_slice)
    }

    fn kind(&self, name: &str) -> &str {
        self.types[name]["kind"].as_str().unwrap()
    }

    /// Everything below a type, as deep as `depth`. Fields inside a fragment are named after its
    /// type, since those of two types may differ.
    pub fn selection(&self, name: &str, depth: usize, world: &World, alias: &str) -> String {
        let inner = match self.kind(name) {
            "SCALAR" | "ENUM" => return String::new(),
            // The way on from a payload is asked about by itself.
            _ if name == "Query" => String::new(),
            "UNION" | "INTERFACE" => {
                let members = self.types[name]["possibleTypes"].as_array().unwrap().iter();
                let fragments = members.map(|member| {
                    let member = member["name"].as_str().unwrap();
                    format!(
                        "... on {member} {}",
                        self.selection(member, depth, world, member)
                    )
                });
                fragments.collect::<Vec<_>>().join(" ")
            }
            _ => self.below(name, depth, world, alias),
        };
        format!(" {{ __typename {inner} }}")
    }

    fn below(&self, name: &str, depth: usize, world: &World, alias: &str) -> String {
        let mut parts = Vec::new();
        for field in self.fields(name) {
            let (field_name, of) = (field["name"].as_str().unwrap(), named(&field["type"]));
            let leaf = matches!(self.kind(of), "SCALAR" | "ENUM");
            if !leaf && depth == 0 {
                continue;
            }
            let selection = self.selection(of, depth.saturating_sub(1), world, "");
            let choices = self.arguments(name, field, world);
            for (index, (arguments, _)) in choices.iter().enumerate() {
                let alias = match (alias, index) {
                    ("", 0) => String::new(),
                    (alias, index) => format!("{alias}{index}_{field_name}: "),
                };
                parts.push(format!("{alias}{field_name}{arguments}{selection}"));
            }
        }
        parts.join(" ")
    }

    /// The ways to give a field its arguments, and whether each names something of the victim's:
    /// required ones always, ids one by one, filters as taught. Paging and orders are left out.
    pub fn arguments(&self, parent: &str, field: &Value, world: &World) -> Vec<(String, bool)> {
        let name = field["name"].as_str().unwrap();
        let mut required = Vec::new();
        let mut optional = Vec::new();
        for argument in field["args"].as_array().unwrap() {
            let must = argument["type"]["kind"] == "NON_NULL" && argument["defaultValue"].is_null();
            let choices = self.choices(parent, name, argument, must, world);
            let argument = argument["name"].as_str().unwrap();
            let choices = choices
                .into_iter()
                .map(|(choice, aimed)| (format!("{argument}: {choice}"), aimed));
            if must {
                required.push(choices.collect::<Vec<_>>());
            } else {
                optional.extend(choices);
            }
        }
        let mut ways = vec![(String::new(), false)];
        for choices in required {
            let longer = ways.iter().flat_map(|(proxy, aimed)| {
                choices
                    .iter()
                    .map(move |(choice, also)| (format!("{proxy}{choice} "), *aimed || *also))
            });
            ways = longer.collect();
        }
        let with_optional = ways.iter().flat_map(|(proxy, aimed)| {
            optional
                .iter()
                .map(move |(choice, also)| (format!("{proxy}{choice} "), *aimed || *also))
        });
        let all: Vec<_> = ways.iter().cloned().chain(with_optional).collect();
        let brackets = |proxy: String| {
            if proxy.is_empty() {
                proxy
            } else {
                format!("({})", proxy.trim_end())
            }
        };
        all.into_iter()
            .map(|(proxy, aimed)| (brackets(proxy), aimed))
            .collect()
    }

    fn choices(
        &self,
        parent: &str,
        field: &str,
        argument: &Value,
        must: bool,
        world: &World,
    ) -> Vec<(String, bool)> {
        let (of, name) = (named(&argument["type"]), argument["name"].as_str().unwrap());
        let list = argument["type"].to_string().contains("LIST");
        if of == "ID" && list {
            // One by one: of a whole list, one wrong id would hide what the others show.
            // What is left out of an answer says nothing of what is left in it.
            let aimed = name != "exclude";
            return world
                .ids
                .values()
                .map(|id| (format!("[\"{id}\"]"), aimed))
                .collect();
        }
        if of == "ID" {
            return world
                .ids
                .values()
                .map(|id| (format!("\"{id}\""), true))
                .collect();
        }
        if let Some(taught) = argument_lesson(parent, field, name, of, world) {
            return taught;
        }
        let harmless = matches!(self.kind(of), "SCALAR" | "ENUM") || of.ends_with("Order");
        assert!(
            !must && harmless,
            "teach this test about the argument `{name}: {of}` of `{parent}.{field}`"
        );
        Vec::new()
    }

    pub fn has_ids(&self, name: &str, seen: &mut BTreeSet<String>) -> bool {
        if name == "ID" {
            return true;
        }
        if !seen.insert(name.to_owned()) {
            return false;
        }
        let fields = self.types[name]["inputFields"].as_array();
        fields
            .into_iter()
            .flatten()
            .any(|field| self.has_ids(named(&field["type"]), seen))
    }
}
