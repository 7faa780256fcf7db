//! Checking what stands under `with:` against types, value by value, down into lists and maps.

use indexmap::IndexMap;
use serde_json::Value;

use super::reference::Checker;
use super::source::secret_parameter;
use crate::document::decode::{Decoder, with_article};
use crate::document::describe;
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Key, Kind, Node};
use crate::document::source::Span;
use crate::document::suggest::{list, nearest};
use crate::plan::elsewhere::command_list;
use crate::plan::model::Template;
use crate::plan::template::{Parsed, parse};
use crate::plan::value_type::{Field, Presence, ValueType};
use crate::types::{DomainName, printable};

/// Parameters that take something of a key's step, and the fields that are taken for it: the
/// parameter, the field, the field that was meant, what the field is, what is wanted.
const MIXED_UP: [(&str, &str, &str, &str, &str); 6] = [
    ("key", "csr_file", "key_file", "the path of the request", "the path of the key"),
    ("key", "csr", "key_file", "the request itself", "the path of the key"),
    ("reuse_key", "csr_file", "key_file", "the path of the request", "the path of the key"),
    ("reuse_key", "csr", "key_file", "the request itself", "the path of the key"),
    ("csr", "csr_file", "csr", "the path of the request", "the request itself"),
    ("csr", "key_file", "csr", "the path of the key", "the request itself"),
];

/// Fields that say something else of a thing than what names it: the parameter, the fields, the field
/// that is meant, and what that is.
const MISTAKEN: [(&str, &[&str], &str, &str); 4] = [
    ("certificate_id", OF_A_CERTIFICATE, "certificate_id", "the id of a certificate"),
    ("renewal_of", OF_A_CERTIFICATE, "certificate_id", "the id of a certificate"),
    (
        "sha256",
        &["serial_number", "former_serial_number", "public_key_sha256", "certificate_id", "status"],
        "sha256",
        "the fingerprint of a certificate",
    ),
    ("org_id", &["name", "status"], "id", "the id of an organization"),
];

/// What is said of a certificate and is not its id at the vendor.
const OF_A_CERTIFICATE: &[&str] = &[
    "serial_number",
    "former_serial_number",
    "status",
    "order_state",
    "sha256",
    "public_key_sha256",
    "product",
    "reissue_id",
];

impl Checker<'_, '_, '_> {
    /// Checks `node` against `value_type`; `what` names it in messages, for example `dns_names[1]`.
    pub(super) fn value(&mut self, node: &Node, value_type: &ValueType, what: &str) -> Template {
        if node.is_unquoted_template(self.decoder.file) {
            return Template::Literal(Value::Null);
        }
        match (&node.kind, value_type) {
            (_, ValueType::Secret) => secret_parameter(node, what, self.decoder),
            (Kind::String(text), ValueType::Expression(names)) => {
                self.answer_expression(node, text, (value_type, names), what);
                Template::Literal(node.to_value())
            }
            (Kind::Seq(items), ValueType::Command) if !items.is_empty() => {
                self.list(items, &ValueType::String, what)
            }
            (Kind::Map(entries), ValueType::MapOf(item)) => self.map_of(entries, item, what),
            (Kind::String(text), _) => self.string(node, text, value_type, what),
            (Kind::Seq(items), ValueType::List(item_type)) => self.list(items, item_type, what),
            (Kind::Seq(items), ValueType::Any) => self.list(items, &ValueType::Any, what),
            (Kind::Map(entries), ValueType::Record(fields)) => {
                self.check_keys(entries, fields, node.span, what);
                self.record(entries, |name| fields.iter().find(|field| field.name == name), what)
            }
            (Kind::Map(entries), ValueType::Map | ValueType::Any) => {
                self.record(entries, |_| None, what)
            }
            _ => {
                let quoted = format!("`{what}`");
                explain_mismatches(node, value_type, &quoted, self.decoder);
                Template::Literal(node.to_value())
            }
        }
    }

    fn string(&mut self, node: &Node, text: &str, wanted: &ValueType, what: &str) -> Template {
        if self.foreign_template(node, text) {
            return Template::Literal(Value::Null);
        }
        match parse(text) {
            Err(error) => {
                self.syntax_error(node, &error, 0);
                Template::Literal(Value::Null)
            }
            Ok(Parsed::Literal) => {
                let fits = explain_mismatches(node, wanted, &format!("`{what}`"), self.decoder);
                if fits.is_some() && wanted.is_text() {
                    self.decoder.doubt_digits(node);
                }
                Template::Literal(node.to_value())
            }
            Ok(Parsed::Expression { inside, offset, code }) => {
                let fits = self.typed_expression(node, (&inside, offset), &code, wanted, what);
                let span = node.inside(offset..offset + inside.len(), self.decoder.file);
                if code.is_path {
                    self.mixed_up(&inside, span, what);
                    self.mistaken_id(&inside, span, what);
                }
                let template = Template::Expression(inside);
                if fits {
                    self.constant(node, span, (&template, &code), wanted, what);
                }
                template
            }
            Ok(Parsed::Text { code }) => {
                let fits = self.typed_text(node, text, &code);
                if !wanted.accepts(&ValueType::String) {
                    self.decoder.push(
                        Diagnostic::error(
                            "wrong-type",
                            format!("`{what}` needs {}", with_article(&wanted.to_string())),
                        )
                        .at(node.span, "a text with templates in it is always a string")
                        .help("a value keeps its type when the string is exactly one `{{ … }}`"),
                    );
                }
                let template = Template::Text(text.to_owned());
                if fits && wanted.accepts(&ValueType::String) {
                    self.constant(node, node.span, (&template, &code), wanted, what);
                }
                template
            }
        }
    }

    /// A path where the text in the file is wanted, or one file where another is: all are text.
    fn mixed_up(&mut self, path: &str, span: Span, what: &str) {
        let Some((id, field)) = path.strip_prefix("steps.").and_then(|rest| rest.split_once('.'))
        else {
            return;
        };
        let maker = self.known.step(id).and_then(|info| info.signature).map(|it| it.name);
        let found = MIXED_UP.iter().find(|row| row.0 == what && row.1 == field);
        let (Some("x509.create_csr"), Some((_, _, meant, is, wanted))) = (maker, found) else {
            return;
        };
        let message = format!("`{what}` needs {wanted}, and `steps.{id}.{field}` is {is}");
        let better = format!("steps.{id}.{meant}");
        let advice = format!("did you mean `{better}`?");
        self.decoder.push(
            Diagnostic::error("wrong-field", message)
                .at(span, format!("this is {is}"))
                .suggest(span, better, advice),
        );
    }

    /// One text of an answer where another is wanted that names the same thing.
    fn mistaken_id(&mut self, path: &str, span: Span, what: &str) {
        let found = path.strip_prefix("steps.").and_then(|rest| rest.split_once('.'));
        let Some((id, field)) = found else { return };
        let row = MISTAKEN.iter().find(|row| row.0 == what && row.1.contains(&field));
        let (Some((_, _, meant, wanted)), Some(info)) = (row, self.known.step(id)) else { return };
        let Some(signature) = info.signature.filter(|it| it.output_field(field).is_some()) else {
            return;
        };
        let message = format!("`{what}` needs {wanted}, and `steps.{id}.{field}` is none");
        let diagnostic = Diagnostic::error("wrong-field", message)
            .at(span, format!("this is the `{field}` of `{id}`"));
        self.decoder.push(match signature.output_field(meant) {
            Some(_) => {
                let better = format!("steps.{id}.{meant}");
                let advice = format!("did you mean `{better}`?");
                diagnostic.suggest(span, better, advice)
            }
            None => diagnostic.help(format!("read the `{meant}` of a step that has one")),
        });
    }

    fn list(&mut self, items: &[Node], item_type: &ValueType, what: &str) -> Template {
        let templates: Vec<Template> = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.value(item, item_type, &format!("{what}[{index}]")))
            .collect();
        let literals: Option<Vec<Value>> = templates.iter().map(literal).collect();
        literals.map_or(Template::List(templates), |items| Template::Literal(Value::Array(items)))
    }

    fn map_of(&mut self, entries: &[(Key, Node)], item: &ValueType, what: &str) -> Template {
        let field = Field {
            name: String::new(),
            value_type: item.clone(),
            description: String::new(),
            presence: Presence::Required,
        };
        self.record(entries, |_| Some(&field), what)
    }

    fn record<'f>(
        &mut self,
        entries: &[(Key, Node)],
        field: impl Fn(&str) -> Option<&'f Field>,
        what: &str,
    ) -> Template {
        let templates: IndexMap<String, Template> = entries
            .iter()
            .map(|(key, node)| {
                let template = self.field(node, field(&key.name), &format!("{what}.{}", key.name));
                (key.name.clone(), template)
            })
            .collect();
        let literals: Option<serde_json::Map<String, Value>> = templates
            .iter()
            .map(|(name, template)| Some((name.clone(), literal(template)?)))
            .collect();
        literals.map_or(Template::Map(templates), |map| Template::Literal(Value::Object(map)))
    }

    /// A parameter or a part of a record; null stands for "not given" where that is allowed.
    pub(super) fn field(&mut self, node: &Node, field: Option<&Field>, what: &str) -> Template {
        match field {
            Some(field) if node.kind == Kind::Null && field.presence != Presence::Required => {
                Template::Literal(Value::Null)
            }
            Some(field) => self.value(node, &field.value_type, what),
            None => self.value(node, &ValueType::Any, what),
        }
    }

    fn check_keys(&mut self, entries: &[(Key, Node)], fields: &[Field], at: Span, what: &str) {
        let names = || fields.iter().map(|field| field.name.as_str());
        for (key, _) in entries.iter().filter(|(key, _)| names().all(|name| name != key.name)) {
            let name = printable(&key.name);
            let diagnostic =
                Diagnostic::error("unknown-key", format!("`{what}` has no field `{name}`"))
                    .at(key.span, "unknown field");
            self.decoder.push(match nearest(&key.name, names()) {
                Some(near) => diagnostic.suggest(key.span, near, format!("did you mean `{near}`?")),
                None => diagnostic.help(format!("fields: {}", list(names()))),
            });
        }
        // What a reported key was meant for is not missing.
        let slip = |key: &Key, wanted: &str| {
            names().all(|name| name != key.name) && nearest(&key.name, names()) == Some(wanted)
        };
        let start = entries.first().map_or(at, |(key, _)| key.span);
        for field in fields.iter().filter(|field| field.presence == Presence::Required) {
            let is_there = |key: &Key| key.name == field.name || slip(key, &field.name);
            if entries.iter().all(|(key, _)| !is_there(key)) {
                self.decoder.push(
                    Diagnostic::error("missing-key", format!("`{what}` has no `{}`", field.name))
                        .at(start, format!("`{}` is missing here", field.name))
                        .help(format!(
                            "`{}` ({}): {}",
                            field.name, field.value_type, field.description
                        )),
                );
            }
        }
    }
}

fn literal(template: &Template) -> Option<Value> {
    match template {
        Template::Literal(value) => Some(value.clone()),
        _ => None,
    }
}

/// Checks a literal; each mistake is reported at the part of the value that has it.
pub(crate) fn explain_mismatches(
    node: &Node,
    value_type: &ValueType,
    what: &str,
    decoder: &mut Decoder<'_>,
) -> Option<Value> {
    if node.is_unquoted_template(decoder.file) {
        return None;
    }
    let mismatches = match value_type.check(&node.to_value()) {
        Ok(normal) => return Some(normal),
        Err(mismatches) => mismatches,
    };
    if let (ValueType::List(item_type), Kind::Seq(items)) = (value_type, &node.kind) {
        for (index, item) in items.iter().enumerate() {
            explain_mismatches(item, item_type, &format!("{what} (item {index})"), decoder);
        }
        return None;
    }
    for mismatch in mismatches {
        let reason = mismatch.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        let diagnostic = Diagnostic::error(
            "wrong-type",
            format!("{what} needs {}", with_article(&mismatch.expected)),
        )
        .at(
            node.span,
            match node.kind {
                Kind::Null => "there is no value here".to_owned(),
                _ => format!("this is {}{reason}", with_article(&mismatch.found)),
            },
        );
        let diagnostic = mend(diagnostic, node, value_type, decoder);
        decoder.push(match place_of_secret(node, what) {
            Some(place) => {
                diagnostic.help(format!("a value that is a secret stands under `{place}`"))
            }
            None => diagnostic,
        });
    }
    None
}

/// Where a secret belongs that stands among plain values, by the parameter that it stands in.
fn place_of_secret(node: &Node, what: &str) -> Option<&'static str> {
    let Kind::Map(entries) = &node.kind else { return None };
    let names_one = |(key, _): &(Key, Node)| {
        matches!(key.name.as_str(), "env" | "file" | "command" | "credential")
    };
    match what.trim_start_matches('`').split('.').next()? {
        _ if !entries.iter().any(names_one) => None,
        "environment" => Some("secret_environment"),
        "headers" => Some("secret_headers"),
        _ => None,
    }
}

/// Checks a value that a template in `node` always has.
pub(super) fn explain_value(
    node: &Node,
    value: &Value,
    value_type: &ValueType,
    what: &str,
    decoder: &mut Decoder<'_>,
) {
    for mismatch in value_type.check(value).err().into_iter().flatten() {
        let reason = mismatch.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        decoder.push(
            Diagnostic::error(
                "wrong-type",
                format!("{what} needs {}", with_article(&mismatch.expected)),
            )
            .at(node.span, format!("this is always {}{reason}", with_article(&mismatch.found))),
        );
    }
}

/// Adds the change that most likely was meant.
fn mend(
    diagnostic: Diagnostic,
    node: &Node,
    value_type: &ValueType,
    decoder: &Decoder<'_>,
) -> Diagnostic {
    let written = decoder.file.slice(node.span);
    match (value_type, &node.kind) {
        (ValueType::Boolean, Kind::String(text)) => match text.to_lowercase().as_str() {
            "yes" | "y" | "on" | "true" => diagnostic.suggest(node.span, "true", "write `true`"),
            "no" | "n" | "off" | "false" => diagnostic.suggest(node.span, "false", "write `false`"),
            _ if reads_like_an_expression(text) && !text.contains('"') => {
                let expression = format!("\"{{{{ {} }}}}\"", text.trim());
                diagnostic.suggest(node.span, expression, "an expression stands in braces")
            }
            _ => diagnostic,
        },
        (ValueType::Integer { .. }, Kind::String(text)) if text.parse::<i64>().is_ok() => {
            diagnostic.suggest(node.span, text, "leave out the quotes")
        }
        (ValueType::Domain, Kind::String(text)) => match host(text) {
            Some(host) => diagnostic.suggest(node.span, host, "write the name alone"),
            None => diagnostic,
        },
        (ValueType::Enum(words), Kind::String(text)) => {
            match nearest(text, words.iter().map(String::as_str)) {
                Some(near) => {
                    diagnostic.suggest(node.span, near, format!("did you mean `{near}`?"))
                }
                None => diagnostic,
            }
        }
        (
            ValueType::List(item),
            Kind::String(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Bool(_),
        ) if item.check(&node.to_value()).is_ok() => {
            diagnostic.suggest(node.span, format!("[{written}]"), "write a list, even of one")
        }
        (ValueType::Record(fields), Kind::String(text)) if is_expectation(fields) => {
            expectation(diagnostic, node, text)
        }
        (ValueType::Record(fields), Kind::String(_)) => {
            let fits = |field: &&Field| {
                matches!(field.value_type, ValueType::Enum(_))
                    && field.value_type.check(&node.to_value()).is_ok()
            };
            match fields.first().filter(fits) {
                Some(field) => diagnostic.suggest(
                    node.span,
                    format!("{{ {}: {written} }}", field.name),
                    "say what it is",
                ),
                None => diagnostic,
            }
        }
        (ValueType::Command, Kind::String(text)) => {
            let diagnostic = diagnostic.help("there is no shell that would take this apart");
            match command_list(text) {
                Some(list) => diagnostic.suggest(node.span, list, "list its words"),
                None => diagnostic.help("list its words, each an item of its own"),
            }
        }
        (ValueType::Duration, Kind::Integer(_)) => {
            diagnostic.suggest(node.span, format!("{written}s"), "say the unit, for example")
        }
        (wanted, Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_))
            if wanted.is_text() && wanted.check(&Value::String(written.to_owned())).is_ok() =>
        {
            diagnostic.suggest(node.span, format!("\"{written}\""), "put it in quotes")
        }
        _ => diagnostic,
    }
}

/// Whether a record is what an `assert` lists.
fn is_expectation(fields: &[Field]) -> bool {
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    names == ["check", "message"]
}

/// An expectation that is written as its expression alone.
fn expectation(diagnostic: Diagnostic, node: &Node, text: &str) -> Diagnostic {
    let text = text.trim();
    let better = format!("{{ check: \"{{{{ {text} }}}}\", message: \"not so: {text}\" }}");
    if text.contains(['"', '\\', '\n', '{']) || !reads_like_an_expression(text) {
        return diagnostic.help(
            "each item has the expression and what to say when it is not true: `{ check: \"{{ … \
             }}\", message: … }`",
        );
    }
    diagnostic.suggest(node.span, better, "say what to report when it is not true")
}

/// Whether a text without braces begins like an expression over what templates see.
fn reads_like_an_expression(text: &str) -> bool {
    let text = text.trim_start();
    let text = text.strip_prefix("not ").unwrap_or(text);
    ["inputs.", "steps.", "target.", "run."].iter().any(|root| text.starts_with(root))
}

/// The name inside a URL.
fn host(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("://")?;
    let host = rest.split(['/', '?', '#', ':']).next()?;
    DomainName::parse(host).ok().map(|name| name.to_string())
}

/// A literal as a message shows it.
pub(super) fn shown(node: &Node) -> String {
    with_article(&describe(&node.to_value()))
}
