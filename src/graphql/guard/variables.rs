//! Coercion of the values of variables to their declared types (GraphQL specification, section 6.1.2),
//! before anything is executed.

use apollo_compiler::ast::{Type, VariableDefinition};
use apollo_compiler::executable::Operation;
use apollo_compiler::schema::{ExtendedType, InputObjectType, InputValueDefinition};
use async_graphql::indexmap::IndexMap;
use async_graphql::{Name, Number, PathSegment, Pos, ServerError, Value, Variables};

use super::contract::Contract;
use super::rules::LongestTexts;
use super::{Errors, literal, texts};
use crate::foundation::id;
use crate::graphql::errors::{codes, set_code, set_input_path, shorten};

/// The most errors that are reported for the variables of one request.
const ERRORS: usize = 5;

/// Coerces the values that a client sent. What is left out and has a default gets the default; what is
/// left out and has none stays absent. Values for variables that the operation does not declare are
/// ignored.
///
/// # Errors
/// One error (`BAD_USER_INPUT`) for each value that does not fit, with its path in `inputPath`, up to
/// [`ERRORS`]. `longest_texts` says how long the texts of a variable may be, and `position` where it is declared.
pub(super) fn coerce(
    contract: &Contract,
    operation: &Operation,
    longest_texts: Option<&LongestTexts>,
    sent: &Variables,
    position: impl Fn(&VariableDefinition, usize) -> Pos,
) -> Result<Variables, Errors> {
    let mut coercion = Coercion {
        contract,
        checks_ids: checks_ids(operation),
        longest: texts::LONGEST,
        path: Vec::new(),
        problems: Vec::new(),
    };
    let mut coerced = Variables::default();
    let mut errors = Vec::new();
    for (index, definition) in operation.variables.iter().enumerate() {
        let name = definition.name.as_str();
        let longest = longest_texts.and_then(|longest| longest.get(&definition.name));
        coercion.longest = longest.copied().unwrap_or(texts::LONGEST);
        coercion.path.push(PathSegment::Field(name.to_owned()));
        match (sent.get(name), &definition.default_value) {
            (None, Some(default)) => {
                let default = literal::constant(contract, &definition.ty, default);
                coerced.insert(Name::new(name), default);
            }
            (None, None) if definition.ty.is_non_null() => {
                let problem = format!("a value of type {} is required", definition.ty);
                coercion.problem(problem);
            }
            (None, None) => {}
            (Some(value), _) => {
                let value = coercion.value(&definition.ty, value);
                coerced.insert(Name::new(name), value);
            }
        }
        coercion.path.clear();
        let problems = coercion.problems.drain(..);
        errors.extend(problems.map(|(path, problem)| {
            let at = position(definition, index);
            error(name, &path, &problem, at)
        }));
        if errors.len() >= ERRORS {
            break;
        }
    }
    if errors.is_empty() {
        Ok(coerced)
    } else {
        Err(errors)
    }
}

fn error(variable: &str, path: &[PathSegment], problem: &str, at: Pos) -> ServerError {
    let place = match path {
        [_] => String::new(),
        path => format!(" at \"{}\"", dotted(path)),
    };
    let message = format!("Variable \"${variable}\" has an invalid value{place}: {problem}");
    let mut error = ServerError::new(shorten(message), Some(at));
    set_code(&mut error, codes::BAD_USER_INPUT);
    set_input_path(&mut error, path);
    error
}

/// `input.interactions[17].occurredAt`
fn dotted(path: &[PathSegment]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            PathSegment::Index(index) => text.push_str(&format!("[{index}]")),
            PathSegment::Field(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
        }
    }
    text
}

/// Whether ids are checked before execution: in mutations, where a thousand of them may stand in one input, and
/// nothing should be half done for a malformed one. In a query a malformed id is an error of its field, which
/// leaves the others.
pub(super) fn checks_ids(operation: &Operation) -> bool {
    operation.is_mutation()
}

/// Says why a text is no id.
pub(super) fn check_id(text: &str) -> Result<(), String> {
    if id::is_well_formed(text) {
        Ok(())
    } else {
        Err(
            "not an id of this server; an id looks like `content_` and 26 letters and digits"
                .to_owned(),
        )
    }
}

struct Coercion<'a> {
    contract: &'a Contract,
    checks_ids: bool,
    /// The most characters of a text in the current place.
    longest: usize,
    /// Where the current value stands.
    path: Vec<PathSegment>,
    problems: Vec<(Vec<PathSegment>, String)>,
}

impl Coercion<'_> {
    fn problem(&mut self, problem: impl Into<String>) {
        if self.problems.len() < ERRORS {
            self.problems.push((self.path.clone(), problem.into()));
        }
    }

    /// The coerced value; null with a problem if there is none.
    fn value(&mut self, ty: &Type, value: &Value) -> Value {
        if *value == Value::Null {
            if ty.is_non_null() {
                self.problem(format!("a value of type {ty} must not be null"));
            }
            return Value::Null;
        }
        match ty {
            Type::List(item) | Type::NonNullList(item) => match value {
                Value::List(items) => {
                    let mut coerced = Vec::with_capacity(items.len());
                    for (index, value) in items.iter().enumerate() {
                        self.path.push(PathSegment::Index(index));
                        coerced.push(self.value(item, value));
                        self.path.pop();
                    }
                    Value::List(coerced)
                }
                // A single value is a list of one.
                value => Value::List(vec![self.value(item, value)]),
            },
            Type::Named(named) | Type::NonNullNamed(named) => self.named(named, value),
        }
    }

    fn named(&mut self, named: &str, value: &Value) -> Value {
        match self.contract.schema().types.get(named) {
            Some(ExtendedType::InputObject(input)) => match value {
                Value::Object(fields) => self.object(input, fields),
                _ => {
                    self.problem(format!("{named} is an object"));
                    Value::Null
                }
            },
            Some(ExtendedType::Enum(values)) => {
                let Value::String(given) = value else {
                    self.problem(format!("{named} is the name of one of its values, as text"));
                    return Value::Null;
                };
                if !values.values.contains_key(given.as_str()) {
                    let known: Vec<_> = values
                        .values
                        .keys()
                        .map(apollo_compiler::Name::as_str)
                        .collect();
                    let known = known.join(", ");
                    self.problem(format!("{named} has no value \"{given}\", only {known}"));
                }
                value.clone()
            }
            _ => match scalar(named, value) {
                Ok(Value::String(text)) if named != "JSON" => {
                    let mut checked = texts::check(&text, self.longest);
                    if named == "ID" && self.checks_ids {
                        checked = checked.and_then(|()| check_id(&text));
                    }
                    if let Err(problem) = checked {
                        self.problem(problem);
                    }
                    Value::String(text)
                }
                Ok(value) => value,
                Err(problem) => {
                    self.problem(problem);
                    Value::Null
                }
            },
        }
    }

    fn object(&mut self, input: &InputObjectType, given: &IndexMap<Name, Value>) -> Value {
        for name in given.keys() {
            if !input.fields.contains_key(name.as_str()) {
                self.path.push(PathSegment::Field(name.to_string()));
                self.problem(format!("{} has no field \"{name}\"", input.name));
                self.path.pop();
            }
        }
        let mut coerced = IndexMap::with_capacity(given.len());
        let around = self.longest;
        for (name, field) in &input.fields {
            self.longest = texts::longest(&input.name, name);
            self.path.push(PathSegment::Field(name.to_string()));
            match given.get(name.as_str()) {
                Some(value) => {
                    let value = self.value(&field.ty, value);
                    coerced.insert(Name::new(name), value);
                }
                None if is_required(field) => {
                    self.problem(format!("a value of type {} is required", field.ty));
                }
                None => {}
            }
            self.path.pop();
        }
        self.longest = around;
        if Contract::is_one_of(input)
            && (coerced.len() != 1 || coerced.values().any(|value| *value == Value::Null))
        {
            self.problem(one_of(&input.name));
        }
        Value::Object(coerced)
    }
}

/// Whether a field of an input object, or an argument, must be given.
pub(super) fn is_required(field: &InputValueDefinition) -> bool {
    field.ty.is_non_null() && field.default_value.is_none()
}

pub(super) fn one_of(named: &str) -> String {
    format!("exactly one field of {named} must be given, and it must not be null")
}

/// Coerces to a scalar, as graphql-js does it: see the table of section 3.5 of the specification.
fn scalar(named: &str, value: &Value) -> Result<Value, String> {
    match (named, value) {
        ("Int", Value::Number(number)) => match whole(number).map(i32::try_from) {
            Some(Ok(whole)) => Ok(Value::Number(whole.into())),
            _ => Err(format!(
                "Int is a whole number of 32 bits, and not {number}"
            )),
        },
        ("Int", _) => Err("Int is a whole number".to_owned()),
        ("Float", Value::Number(_))
        | ("String" | "ID", Value::String(_))
        | ("Boolean", Value::Boolean(_)) => Ok(value.clone()),
        ("Float", _) => Err("Float is a number".to_owned()),
        ("String", _) => Err("String is a text".to_owned()),
        ("Boolean", _) => Err("Boolean is true or false".to_owned()),
        ("ID", Value::Number(number)) if whole(number).is_some() => {
            Ok(Value::String(whole(number).unwrap_or_default().to_string()))
        }
        ("ID", _) => Err("ID is a text".to_owned()),
        (_, value) => match Contract::check_scalar(named, value) {
            Ok(()) => Ok(value.clone()),
            Err(problem) => Err(format!("{named}: {problem}")),
        },
    }
}

/// A number without a fraction, however it is written: clients in Lua and PHP send `2.0` for 2.
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let double = number.as_f64()?;
        // Beyond 2^53 doubles skip whole numbers.
        (double.fract() == 0.0 && double.abs() <= 9_007_199_254_740_992.0).then_some(double as i64)
    })
}
