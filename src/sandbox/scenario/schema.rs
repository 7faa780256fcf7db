//! `scenario_schema`: the JSON Schema (2020-12) of scenarios, for editors.
//!
//! Made from the tables that the decoder goes by. It never refuses what the decoder accepts; the
//! decoder refuses more: keys that exclude each other, paths, names, and the finer rules of times.

use serde_json::{Map, Value, json};

use super::behaviour::LONGEST_TEXT;
use super::fault::{DEEDS, METHODS};
use super::happening::{CHECKS, OF_THE_WORLD, OUTCOMES, RISKS, SCOPES, SINCES, WORDS};
use super::initial::{DEFAULT_PRODUCT, LONGEST_TERM, STATES};
use super::reading::MOST_COUNTED;
use super::switches::{SWITCHES, Values};
use super::timing::{DURATIONS, MOST_NAME_SERVERS, SPEEDS};
use super::{FORMAT_VERSION, VERSION_KEY, zones};
use crate::sandbox::random_faults::RandomFault;
use crate::sandbox::world::{PRODUCTS, RecordKind};

/// Whole numbers with units, one after the other; `parse_duration` looks closer.
const DURATION_PATTERN: &str = r"^\s*([0-9]+(ms|d|h|m|s))+\s*$";

/// The shape only: two labels, however their dot is written.
const DOMAIN_PATTERN: &str = r"^[^ /]+[.\u3002\uFF0E\uFF61][^ /]+$";

/// The schema of a scenario file.
pub fn scenario_schema() -> Value {
    let mut schema = scenario_body_schema();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("certplan scenario");
    schema["required"] = json!([VERSION_KEY]);
    schema["$defs"] = scenario_definitions();
    schema
}

/// The schema of a scenario inside of another file, which holds [`scenario_definitions`] as its
/// `$defs`.
pub fn scenario_body_schema() -> Value {
    json!({
        "description": "A world to test against: what is there at first, how fast things go, what \
                        goes wrong, and what happens by itself.",
        "type": "object",
        "properties": {
            VERSION_KEY: {
                "const": FORMAT_VERSION,
                "description": "The version of the scenario format.",
            },
            "name": { "type": "string", "description": "The name of the scenario." },
            "description": { "type": "string", "description": "What it is for." },
            "seed": {
                "type": "integer",
                "minimum": 0,
                "description": "Ids and tokens are the same in every run with the same seed.",
            },
            "start": {
                "type": "string",
                "description": "When the world begins, on a virtual clock; for example \
                                `2026-03-01T09:00:00Z`.",
            },
            "organizations": list_of("scenario_organization", "The organizations, instead of the \
                two usual ones."),
            "products": {
                "type": "array",
                "items": sku(),
                "description": "The products on sale, instead of the whole catalog.",
            },
            "zones": zones_schema(),
            "records": list_of("scenario_record", "DNS records that are there already."),
            "orders": list_of("scenario_order", "Orders of earlier days. Nobody has their keys."),
            "timing": timing_schema(),
            "name_servers": lags("How far each name server lags behind: one entry for each."),
            "limits": limits_schema(),
            "behaviour": behaviour_schema(),
            "downloads_refused": counted(0, "How many downloads of an issued certificate are \
                refused with 409 at first; 1 unless given."),
            "faults": list_of("scenario_fault", "What goes wrong, addressed by call."),
            "happenings": list_of("scenario_happening", "What happens by itself, and when."),
            "random_faults": random_schema(),
        },
        "additionalProperties": false,
    })
}

/// What [`scenario_body_schema`] refers to.
pub fn scenario_definitions() -> Value {
    json!({
        "scenario_duration": {
            "type": "string",
            "pattern": DURATION_PATTERN,
            "description": "A duration such as `15s`, `30m`, `1h30m` or `7d`.",
        },
        "scenario_domain": { "type": "string", "pattern": DOMAIN_PATTERN },
        "scenario_organization": organization_schema(),
        "scenario_record": record_schema(),
        "scenario_order": order_schema(),
        "scenario_fault": fault_schema(),
        "scenario_happening": happening_schema(),
    })
}

fn list_of(definition: &str, description: &str) -> Value {
    let items = json!({ "$ref": format!("#/$defs/{definition}") });
    json!({ "type": "array", "items": items, "description": description })
}

fn duration(description: &str) -> Value {
    json!({ "$ref": "#/$defs/scenario_duration", "description": description })
}

fn domain(description: &str) -> Value {
    json!({ "$ref": "#/$defs/scenario_domain", "description": description })
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn flag(description: &str) -> Value {
    json!({ "type": "boolean", "description": description })
}

fn counted(least: u32, description: &str) -> Value {
    json!({
        "type": "integer",
        "minimum": least,
        "maximum": MOST_COUNTED,
        "description": description,
    })
}

fn object(properties: Value, required: &[&str], description: &str) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
        "description": description,
    })
}

/// Words, each with its meaning.
fn words<'a>(words: impl IntoIterator<Item = (&'a str, &'a str)>, description: &str) -> Value {
    let word = |(word, meaning)| json!({ "const": word, "description": sentence(meaning) });
    json!({ "anyOf": words.into_iter().map(word).collect::<Vec<_>>(), "description": description })
}

/// "the bundle" → "The bundle."
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    let text: String = first.into_iter().flatten().chain(characters).collect();
    format!("{text}.")
}

fn sku() -> Value {
    // In any case; the decoder compares like the vendor.
    let skus: Vec<&str> = PRODUCTS.iter().map(|product| product.sku).collect();
    json!({ "type": "string", "examples": skus, "description": "A product by its sku." })
}

fn lags(description: &str) -> Value {
    json!({
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_NAME_SERVERS,
        "items": { "$ref": "#/$defs/scenario_duration" },
        "description": description,
    })
}

fn record_type() -> Value {
    let kinds: Vec<&str> = RecordKind::ALL.iter().map(|(name, _)| *name).collect();
    json!({ "enum": kinds, "description": "The type of the record." })
}

fn zones_schema() -> Value {
    let names = |description| {
        let items = json!({ "$ref": "#/$defs/scenario_domain" });
        json!({ "type": "array", "items": items, "description": description })
    };
    let answers = zones::ANSWERS.map(|(word, _, meaning)| (word, meaning));
    let properties = json!({
        "any": flag("Every registrable domain (the last two labels) is a managed zone."),
        "managed": names("Zones that are managed besides, such as `example.co.uk`."),
        "unmanaged": names("Zones that belong to somebody else."),
        "unmanaged_answer": words(answers, "How calls for those are answered."),
    });
    object(properties, &[], "Which DNS zones there are.")
}

fn timing_schema() -> Value {
    let mut properties = Map::new();
    let speeds = SPEEDS.map(|(word, _, meaning)| (word, meaning));
    properties
        .insert("speed".to_owned(), words(speeds, "How fast things go where nothing is said."));
    for (key, _, meaning) in DURATIONS {
        properties.insert(key.to_owned(), duration(&sentence(meaning)));
    }
    let phase = object(
        json!({ "every": duration("The pause before each look."),
                "lasting": duration("The length of the phase.") }),
        &["every", "lasting"],
        "One phase.",
    );
    let looks = json!({
        "type": "array",
        "items": phase,
        "description": "How often the CA looks for the DNS record, one phase after the other; after \
                        the last one it stops.",
    });
    properties.insert("looks".to_owned(), looks);
    object(Value::Object(properties), &[], "When things happen.")
}

fn limits_schema() -> Value {
    let limit = object(
        json!({ "requests": counted(1, "How many requests are answered."),
                "within": duration("Within which time.") }),
        &["requests", "within"],
        "A limit; all of them hold at the same time.",
    );
    let limits = json!({ "type": "array", "items": limit });
    let own = object(json!({ "regfish": limits, "digicert": limits }), &[], "Limits of one's own.");
    json!({
        "anyOf": [
            { "const": "published", "description": "Those that the vendors publish." },
            { "const": "none", "description": "None, as usual." },
            own,
        ],
        "description": "How many requests are answered in a while.",
    })
}

fn behaviour_schema() -> Value {
    let mut properties = Map::new();
    for switch in SWITCHES {
        let meaning = sentence(switch.meaning);
        let schema = match &switch.values {
            Values::Words(list) => {
                words(list.iter().map(|(word, _, meaning)| (*word, *meaning)), &meaning)
            }
            Values::Flag(_) => flag(&meaning),
            Values::Count(least, most, _) => json!({
                "type": "integer",
                "minimum": least,
                "maximum": most,
                "description": meaning,
            }),
            Values::Text(_) => json!({
                "type": "string",
                "minLength": 1,
                "maxLength": LONGEST_TEXT,
                "description": meaning,
            }),
        };
        properties.insert(switch.key.to_owned(), schema);
    }
    object(Value::Object(properties), &[], "What the published documents leave open.")
}

fn organization_schema() -> Value {
    let properties = json!({
        "id": text("`hdl_` and 13 capitals and digits; invented unless given."),
        "name": text("Its name."),
        "country_code": { "type": "string", "pattern": "^[A-Z]{2}$", "default": "DE" },
        "city": { "type": "string", "default": "Berlin" },
        "usable": flag("Whether orders can be made out to it."),
        "usable_after": duration("It can be used from so long after the start on."),
        "usable_for": duration("It can be used until so long after the start."),
    });
    object(properties, &["name"], "An organization.")
}

fn record_schema() -> Value {
    let properties = json!({
        "name": domain("Its name, fully qualified."),
        "type": record_type(),
        "data": text("What it says."),
        "annotation": text("A remark."),
        "auto": flag("The vendor keeps it itself."),
        "active": flag("It is served."),
    });
    object(properties, &["name", "type", "data"], "A DNS record.")
}

fn order_schema() -> Value {
    let states = STATES.map(|(word, _, meaning)| (word, meaning));
    let names = json!({ "type": "array", "items": { "$ref": "#/$defs/scenario_domain" } });
    let mut product = sku();
    product["default"] = json!(DEFAULT_PRODUCT);
    let properties = json!({
        "id": text("13 capitals and digits; invented unless given."),
        "common_name": domain("The common name."),
        "dns_names": names,
        "product": product,
        "validity_days": { "type": "integer", "minimum": 1, "maximum": LONGEST_TERM },
        "organization": text("Id or name of the organization; the first usable one unless given."),
        "ordered": duration("How long before the start it was placed."),
        "state": words(states, "Where it stands; `issued` unless given."),
    });
    object(properties, &["common_name"], "An order of earlier days.")
}

fn fault_schema() -> Value {
    let methods = METHODS.map(|method| if method == "*" { r"\*" } else { method }).join("|");
    let properties = json!({
        "call": {
            "type": "string",
            "pattern": format!(r"^\s*({methods})\s+[/*]\S*\s*$"),
            "description": "A method and a path, such as `GET /tls/certificate/*`. `*` stands for \
                            anything within a segment, `**` for anything.",
        },
        "target": domain("Only calls about an order with this common name are counted."),
        "nth": counted(1, "The first call that is hit; the first one unless given."),
        "every": counted(1, "From then on, every so many calls."),
        "times": counted(1, "How many calls are hit: one, or all with `every`, unless given."),
        "do": deed(true),
    });
    object(properties, &["call", "do"], "Something that goes wrong at certain calls.")
}

fn happening_schema() -> Value {
    let sinces = SINCES.map(|(word, _, meaning)| (word, meaning));
    let properties = json!({
        "after": duration("How long after."),
        "since": words(sinces, "After what; `start` unless given."),
        "target": domain("Only orders with this common name."),
        "do": deed(false),
    });
    object(properties, &["do"], "Something that happens at a time.")
}

/// `do:`, a name or a map with one.
fn deed(at_calls: bool) -> Value {
    let mut alternatives = Vec::new();
    for (name, meaning) in DEEDS.iter().filter(|_| at_calls) {
        let parameters = match *name {
            "answer" => Some(answer_schema()),
            "delay" => Some(duration("How much later.")),
            "hide" => Some(object(
                json!({ "lists": counted(1, "How many lists lack the order."),
                        "for": duration("How long the lists lack the order.") }),
                &[],
                "How long.",
            )),
            _ => None,
        };
        alternatives.push(match parameters {
            Some(parameters) => with_parameters(name, &parameters, meaning),
            None => json!({ "const": name, "description": sentence(meaning) }),
        });
    }
    for (name, keys, meaning) in WORDS {
        let parameters = parameters(name, keys);
        let needs = matches!(name, "assess_risk" | "put_record" | "remove_records" | "lag");
        if !needs {
            alternatives.push(json!({ "const": name, "description": sentence(meaning) }));
        }
        alternatives.push(with_parameters(name, &parameters, meaning));
    }
    json!({ "anyOf": alternatives, "description": "What happens." })
}

fn with_parameters(name: &str, parameters: &Value, meaning: &str) -> Value {
    object(json!({ name: parameters }), &[name], &sentence(meaning))
}

fn parameters(name: &str, keys: &[&str]) -> Value {
    let mut properties = Map::new();
    for key in keys {
        let schema = match *key {
            "organization" => text("Its id or its name."),
            "scope" => words(SCOPES.map(|(word, _, meaning)| (word, meaning)), "How much."),
            "checks" => json!({
                "type": "array",
                "items": { "enum": CHECKS.map(|(word, _)| word) },
                "description": "Which checks; all of them unless given.",
            }),
            "risk" => json!({ "enum": RISKS.map(|(word, _)| word) }),
            "outcome" => json!({ "enum": OUTCOMES.map(|(word, _)| word) }),
            "name" => domain("The name of the record."),
            "type" => record_type(),
            "name_servers" => json!({
                "type": "array",
                "items": { "$ref": "#/$defs/scenario_duration" },
            }),
            _ => text("What the record says."),
        };
        properties.insert((*key).to_owned(), schema);
    }
    let required: &[&str] = match name {
        "assess_risk" => &["risk"],
        "put_record" => &["name", "type", "data"],
        "remove_records" => &["name"],
        "lag" => &["name_servers"],
        _ => &[],
    };
    if !OF_THE_WORLD.contains(&name) {
        let target = domain("Only orders with this common name.");
        properties.insert("target".to_owned(), target);
    }
    object(Value::Object(properties), required, "More about it.")
}

fn answer_schema() -> Value {
    let headers = json!({
        "type": "object",
        "additionalProperties": { "type": "string" },
        "description": "Further headers.",
    });
    let properties = json!({
        "status": { "type": "integer", "minimum": 200, "maximum": 599 },
        "message": text("The text of a refusal in the documented shape."),
        "body": { "description": "The body: a text as it stands, anything else as JSON." },
        "content_type": text("The content type."),
        "headers": headers,
        "retry_after": duration("The pause that is asked for."),
        "after_commit": flag("Everything happens, and only the answer is another one."),
    });
    object(properties, &["status"], "The answer.")
}

fn random_schema() -> Value {
    let kinds = RandomFault::WORDS.map(|(word, _, meaning)| (word, meaning));
    let kinds = json!({
        "type": "array",
        "items": words(kinds, "A kind of fault."),
        "description": "What goes wrong; everything but `stall` unless given.",
    });
    let properties = json!({
        "seed": {
            "type": "integer",
            "minimum": 0,
            "description": "The same seed gives the same faults.",
        },
        "share": {
            "type": "string",
            "pattern": r"^\s*[0-9]{1,3}(\.[0-9]{1,2})?\s*%\s*$",
            "description": "How many calls are hit, such as `5%`.",
        },
        "kinds": kinds,
    });
    object(properties, &["share"], "What goes wrong now and then.")
}
