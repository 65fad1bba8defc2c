//! Holds a JSON value against a schema: the part of JSON Schema that `tests/openapi.json` uses. A keyword that is not of that part fails the test, so that
//! nothing in the file only looks as if it were held.

use serde_json::{Map, Value};

/// Keywords that say something to people only.
const WORDS: [&str; 1] = ["description"];

pub struct Schemas<'a> {
    /// The whole document, which `$ref` points into.
    pub whole: &'a Value,
}

impl<'a> Schemas<'a> {
    /// What a `$ref` means; the value itself for all else.
    pub fn meant(&self, value: &'a Value) -> &'a Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(place) => {
                assert_eq!(value.as_object().unwrap().len(), 1, "{value}");
                let meant = self.whole.pointer(place.strip_prefix('#').unwrap());
                self.meant(meant.unwrap_or_else(|| panic!("{place} is nowhere")))
            }
            None => value,
        }
    }

    /// What is wrong with a value, and where.
    pub fn check(&self, schema: &'a Value, value: &Value, place: &str) -> Result<(), String> {
        let schema = self.meant(schema).as_object().unwrap();
        let wrong = |what: &str| Err(format!("{place}: expected {what}, found {value}"));
        for (keyword, said) in schema {
            let holds = match keyword.as_str() {
                "type" => types(said).any(|name| is_of(name, value)),
                "enum" => said.as_array().unwrap().contains(value),
                "minimum" => {
                    number(value).is_none_or(|number| number >= said.as_i64().unwrap().into())
                }
                "maximum" => {
                    number(value).is_none_or(|number| number <= said.as_i64().unwrap().into())
                }
                "minLength" => len(value).is_none_or(|len| len >= count(said)),
                "maxLength" => len(value).is_none_or(|len| len <= count(said)),
                "minItems" => value.as_array().is_none_or(|all| all.len() >= count(said)),
                "maxItems" => value.as_array().is_none_or(|all| all.len() <= count(said)),
                "required" => {
                    let names = said.as_array().unwrap().iter();
                    let mut names = names.map(|name| name.as_str().unwrap());
                    value
                        .as_object()
                        .is_none_or(|all| names.all(|name| all.contains_key(name)))
                }
                "oneOf" => {
                    let all = said.as_array().unwrap().iter();
                    let fitting = all.filter(|one| self.check(one, value, place).is_ok());
                    fitting.count() == 1
                }
                "items" => {
                    for (at, each) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(said, each, &format!("{place}[{at}]"))?;
                    }
                    true
                }
                "properties" => {
                    self.check_fields(said.as_object().unwrap(), value, place)?;
                    true
                }
                "additionalProperties" => {
                    assert_eq!(said, &Value::Bool(false), "{place}");
                    let known = schema["properties"].as_object().unwrap();
                    value
                        .as_object()
                        .is_none_or(|all| all.keys().all(|name| known.contains_key(name)))
                }
                word if WORDS.contains(&word) => true,
                unknown => panic!("{place}: the keyword {unknown} is not known"),
            };
            if !holds {
                return wrong(&format!("{keyword} {said}"));
            }
        }
        Ok(())
    }

    fn check_fields(
        &self,
        fields: &'a Map<String, Value>,
        value: &Value,
        place: &str,
    ) -> Result<(), String> {
        for (name, schema) in fields {
            if let Some(value) = value.get(name) {
                self.check(schema, value, &format!("{place}.{name}"))?;
            }
        }
        Ok(())
    }
}

fn types(said: &Value) -> impl Iterator<Item = &str> {
    let many = said.as_array().into_iter().flatten();
    many.chain(said.is_string().then_some(said))
        .map(|name| name.as_str().unwrap())
}

fn is_of(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_i64() || value.is_u64(),
        unknown => panic!("the type {unknown} is not known"),
    }
}

fn number(value: &Value) -> Option<i128> {
    value
        .as_i64()
        .map(i128::from)
        .or_else(|| value.as_u64().map(i128::from))
}

fn len(value: &Value) -> Option<usize> {
    value.as_str().map(|text| text.chars().count())
}

fn count(said: &Value) -> usize {
    usize::try_from(said.as_u64().unwrap()).unwrap()
}

#[test]
fn a_schema_takes_what_it_says_and_nothing_else() {
    let whole: Value = serde_json::from_str(
        r##"{"a":{"type":"object","properties":{"n":{"type":["integer","null"],"minimum":1,"maximum":3},
"l":{"type":"array","minItems":1,"maxItems":2,"items":{"$ref":"#/word"}}},"required":["n"],"additionalProperties":false},
"word":{"oneOf":[{"type":"string","enum":["x"]},{"type":"string","minLength":2,"maxLength":3},{"type":"boolean"}]}}"##,
    )
    .unwrap();
    let schemas = Schemas { whole: &whole };
    let check = |text: &str| schemas.check(&whole["a"], &serde_json::from_str(text).unwrap(), "it");
    for good in [
        r#"{"n":1}"#,
        r#"{"n":null,"l":["x","abc"]}"#,
        r#"{"n":3,"l":[true]}"#,
    ] {
        assert_eq!(check(good), Ok(()), "{good}");
    }
    for (bad, place) in [
        ("[]", "it: expected type"),
        ("{}", "it: expected required"),
        (r#"{"n":1,"m":1}"#, "it: expected additionalProperties"),
        (r#"{"n":0}"#, "it.n: expected minimum"),
        (r#"{"n":4}"#, "it.n: expected maximum"),
        (r#"{"n":1.5}"#, "it.n: expected type"),
        (r#"{"n":"1"}"#, "it.n: expected type"),
        (r#"{"n":1,"l":[]}"#, "it.l: expected minItems"),
        (r#"{"n":1,"l":["x","x","x"]}"#, "it.l: expected maxItems"),
        (r#"{"n":1,"l":["x","y"]}"#, "it.l[1]: expected oneOf"),
        (r#"{"n":1,"l":["abcd"]}"#, "it.l[0]: expected oneOf"),
    ] {
        let found = check(bad).unwrap_err();
        assert!(found.starts_with(place), "{found}");
    }
}
