//! The manual of actions and filters, from the tables that the compiler itself goes by.
//!
//! Texts only: the command line prints them, and a test holds `docs/` to them.

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::filters::{builtin_filters, filter_types, own_filters};
use super::policy::{OnTimeout, PollPolicy, RetryPolicy};
use super::signature::{Repeat, Signature, signatures};
use super::value_type::{Field, Presence, ValueType};
use crate::document::suggest::list;
use crate::types::format_duration;

/// A parameter, an output field, or a part of one, as the manual lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldDoc {
    /// Its name; a part of a record is `record.part`, of the items of a list `list[].part`.
    pub name: String,
    /// Its type, in the words of messages.
    #[serde(rename = "type")]
    pub value_type: String,
    /// Whether it must be given, or is always there.
    pub required: bool,
    /// What stands in when it is not given.
    pub default: Option<Value>,
    /// What it means.
    pub description: String,
}

/// An action as the manual describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionDoc {
    /// The name that plans write after `uses:`.
    pub name: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// The connection that it needs.
    pub connection: Option<&'static str>,
    /// What stands under `with:`.
    pub parameters: Vec<FieldDoc>,
    /// Parameters of which exactly one must be given.
    pub one_of: &'static [&'static str],
    /// What other steps read as `steps.ID.FIELD`.
    pub output: Vec<FieldDoc>,
    /// What happens when the program stops while the action runs.
    pub repeat: String,
    /// How failed attempts are tried again, unless the plan says otherwise.
    pub retry: String,
    /// How it waits, unless the plan says otherwise.
    pub poll: Option<String>,
    /// Whether a batch can share its answer (`share: batch`).
    pub shareable: bool,
    /// The environment variables that a program gets from it.
    pub variables: Vec<VariableDoc>,
    /// A step as it stands in a plan.
    pub example: &'static str,
}

/// An environment variable as the manual lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct VariableDoc {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub description: &'static str,
}

impl ActionDoc {
    /// Describes an action.
    pub fn new(signature: &Signature) -> Self {
        Self {
            name: signature.name,
            summary: signature.summary,
            connection: signature.connection,
            parameters: field_docs(&signature.parameters),
            one_of: signature.one_of,
            output: field_docs(&signature.output),
            repeat: repeat(signature.repeat),
            retry: retry(&signature.retry),
            poll: signature.poll.as_ref().map(poll),
            shareable: signature.can_be_shared(),
            variables: signature
                .variables
                .iter()
                .map(|(name, description)| VariableDoc { name, description })
                .collect(),
            example: signature.example,
        }
    }

    /// Facts in one line each: name and sentence.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        if !self.one_of.is_empty() {
            let names = list(self.one_of.iter().copied());
            facts.push(("parameters", format!("exactly one of {names}")));
        }
        if let Some(connection) = self.connection {
            facts.push(("connection", format!("`{connection}`")));
        }
        facts.push(("repeat", self.repeat.clone()));
        facts.push(("retry", self.retry.clone()));
        facts.extend(self.poll.clone().map(|poll| ("poll", poll)));
        if self.shareable {
            facts.push(("share", "`share: batch` asks once for a whole batch".to_owned()));
        }
        facts
    }
}

impl FieldDoc {
    /// Whether it must be there, or what stands in: "required", "optional", "default `300`".
    pub fn presence(&self) -> String {
        match (&self.default, self.required) {
            (Some(default), _) => format!("default `{default}`"),
            (None, true) => "required".to_owned(),
            (None, false) => "optional".to_owned(),
        }
    }
}

fn field_docs(fields: &[Field]) -> Vec<FieldDoc> {
    let mut docs = Vec::new();
    collect(fields, "", &mut docs);
    docs
}

fn collect(fields: &[Field], prefix: &str, docs: &mut Vec<FieldDoc>) {
    for field in fields {
        let name = format!("{prefix}{}", field.name);
        let (shown, parts) = match &field.value_type {
            ValueType::Record(parts) => ("record".to_owned(), Some((parts, "."))),
            ValueType::List(item) => match &**item {
                ValueType::Record(parts) => ("list of records".to_owned(), Some((parts, "[]."))),
                _ => (field.value_type.to_string(), None),
            },
            other => (other.to_string(), None),
        };
        let default = match &field.presence {
            Presence::Default(value) => Some(value.clone()),
            Presence::Required | Presence::Optional => None,
        };
        docs.push(FieldDoc {
            name: name.clone(),
            value_type: shown,
            required: field.presence == Presence::Required,
            default,
            description: field.description.clone(),
        });
        if let Some((parts, separator)) = parts {
            collect(parts, &format!("{name}{separator}"), docs);
        }
    }
}

fn repeat(repeat: Repeat) -> String {
    let meaning = match repeat {
        Repeat::Safe => "after a crash it simply runs again",
        Repeat::ObserveFirst => {
            "after a crash it looks at what is there before it changes anything"
        }
        Repeat::Declared => {
            "the plan says with `repeat` whether it runs again after a crash, or asks first"
        }
        Repeat::Reconcile => {
            "it is never sent twice blindly; after a crash the server is asked what became of it"
        }
    };
    format!("{}: {meaning}", repeat.as_str())
}

fn retry(policy: &RetryPolicy) -> String {
    if policy.attempts <= 1 {
        return "one attempt".to_owned();
    }
    format!(
        "up to {} attempts, {} after the first and then twice as long each time, {} at most",
        policy.attempts,
        format_duration(policy.backoff),
        format_duration(policy.max_delay)
    )
}

fn poll(policy: &PollPolicy) -> String {
    let (every, timeout) = (format_duration(policy.every), format_duration(policy.timeout));
    let mut pace = format!("every {every}");
    for (after, pause) in policy.later() {
        let (after, pause) = (to_the_minute(after), format_duration(pause));
        let _ = write!(pace, ", after {after} of waiting every {pause}");
    }
    if policy.later().next().is_some() {
        pace.push_str(
            " (the CA itself looks no more often; with `every` the plan sets its own pace)",
        );
    }
    let end = match policy.on_timeout {
        OnTimeout::Park => "the run is parked and can be resumed",
        OnTimeout::Fail => "the step fails",
    };
    format!("looks {pace}; after {timeout} {end}")
}

/// Hours and minutes: where a schedule turns must be said exactly.
fn to_the_minute(span: Duration) -> String {
    let minutes = span.as_secs() / 60;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes}m"),
        (hours, 0) => format!("{hours}h"),
        (hours, minutes) => format!("{hours}h {minutes}m"),
    }
}

/// All actions, as a page of Markdown.
pub fn actions_markdown() -> String {
    let mut page = String::from(
        "<!-- Generated by `certplan actions --output markdown`; a test holds it to the program. -->\n\n\
         # Actions\n\n\
         What a step can do: the name behind `uses:`. Parameters stand under `with:`; what an action \
         returns is read by later steps as `{{ steps.ID.FIELD }}`. A field that is optional may be \
         null.\n\n",
    );
    let docs: Vec<ActionDoc> = signatures().iter().map(ActionDoc::new).collect();
    for doc in &docs {
        let anchor: String = doc.name.chars().filter(|c| *c != '.').collect();
        let _ = writeln!(page, "- [`{}`](#{anchor}): {}", doc.name, doc.summary);
    }
    for doc in &docs {
        let _ = write!(page, "\n## `{}`\n\n{}.\n\n", doc.name, doc.summary);
        for (name, sentence) in doc.facts() {
            let _ = writeln!(page, "- **{name}**: {sentence}");
        }
        let _ = write!(page, "\n```yaml\n{}```\n", doc.example);
        for (title, fields) in [("Parameter", &doc.parameters), ("Output", &doc.output)] {
            let _ = write!(page, "\n| {title} | Type | | |\n|---|---|---|---|\n");
            for field in fields {
                let _ = writeln!(
                    page,
                    "| `{}` | {} | {} | {} |",
                    field.name,
                    field.value_type,
                    field.presence(),
                    field.description
                );
            }
        }
        if !doc.variables.is_empty() {
            page.push_str("\n| Environment variable | |\n|---|---|\n");
        }
        for variable in &doc.variables {
            let _ = writeln!(page, "| `{}` | {} |", variable.name, variable.description);
        }
    }
    page
}

/// All filters, as a page of Markdown.
pub fn filters_markdown() -> String {
    let mut page = String::from(
        "<!-- Generated from the program's own tables; a test holds it to them. -->\n\n\
         # Filters\n\n\
         A template changes a value with a filter: `{{ value | filter }}`. Filters see nothing but \
         their value, and what they make is bounded in size.\n\n\
         `certplan check` knows what each takes and gives, and refuses an expression that could \
         never be evaluated or never have the type that is needed. Arguments in brackets may be \
         left out; one with a `=` is given by its name.\n\n\
         | Filter | Takes | Gives | | For example |\n|---|---|---|---|---|\n",
    );
    for filter in own_filters() {
        let Some(types) = filter_types(filter.name) else { continue };
        let example = filter.example.replace('|', "\\|");
        let (usage, takes, gives) = (types.usage, types.takes, types.gives);
        let summary = filter.summary;
        let _ = writeln!(page, "| `{usage}` | {takes} | {gives} | {summary} | `{example}` |");
    }
    page.push_str(
        "\nThe filters of Jinja that work as they do there:\n\n\
         | Filter | Takes | Gives |\n|---|---|---|\n",
    );
    for types in builtin_filters().filter_map(filter_types) {
        let _ = writeln!(page, "| `{}` | {} | {} |", types.usage, types.takes, types.gives);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Diagnostics, SourceFile};
    use crate::plan::{parse_plan, scan, template};
    use std::path::Path;

    fn hold(name: &str, text: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, text, "{name} is stale: UPDATE_GOLDEN=1 writes it");
    }

    #[test]
    fn the_pages_in_docs_are_those_of_the_program() {
        hold("docs/actions.md", &actions_markdown());
        hold("docs/filters.md", &filters_markdown());
    }

    /// The steps that examples read from.
    fn steps_before(example: &str) -> String {
        let known = signatures().iter().map(|signature| signature.example);
        let id = |example: &str| {
            example.lines().next().unwrap().trim_start_matches("- id: ").trim().to_owned()
        };
        let mut wanted: Vec<&str> = vec![example];
        let mut index = 0;
        while let Some(current) = wanted.get(index).copied() {
            index += 1;
            for other in known.clone() {
                let id = id(other);
                let read = current.contains(&format!("steps.{id}."))
                    || current.contains(&format!("needs: [{id}]"));
                if read && !wanted.contains(&other) {
                    wanted.push(other);
                }
            }
        }
        wanted.concat()
    }

    #[test]
    fn every_example_compiles() {
        for signature in signatures() {
            assert!(signature.example.starts_with("- id: "), "{}", signature.name);
            assert!(signature.example.contains(&format!("uses: {}\n", signature.name)));
            let steps = steps_before(signature.example);
            let text = format!("certplan: 1\nname: x\nsteps:\n{steps}");
            let found = parse_plan(&SourceFile::new("plan.yaml", &text));
            let warnings = found.map(|(_, warnings)| warnings);
            let text = warnings.as_ref().unwrap_or_else(|errors| errors).render(false);
            assert!(warnings.as_ref().is_ok_and(Diagnostics::is_empty), "{text}");
        }
    }

    #[test]
    fn every_filter_shows_itself_in_its_example() {
        for filter in own_filters() {
            assert!(template::parse(filter.example).is_ok(), "{}", filter.example);
            let scan = scan::scan_text(filter.example);
            let words: Vec<&str> = scan.filters.iter().map(|word| word.text.as_str()).collect();
            assert_eq!(words, [filter.name]);
        }
    }

    #[test]
    fn parts_of_records_have_lines_of_their_own() {
        let put = signatures().iter().find(|action| action.name == "regfish.put_records").unwrap();
        let names: Vec<String> =
            ActionDoc::new(put).parameters.into_iter().map(|field| field.name).collect();
        let expected = ["records", "records[].name", "records[].type", "records[].value", "ttl"];
        assert_eq!(names, expected);
    }
}
