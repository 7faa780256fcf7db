//! `RawPlan`: what was written, decoded key by key, with places.
//!
//! It checks the shape of the file: keys, kinds, ids. What names refer to and whether values have
//! their types is the compiler's part.

use std::collections::HashMap;

use super::compile::input::type_called;
use super::elsewhere;
use super::foreign_file;
use super::raw_policy::{RawPoll, RawRetry, decode_poll, decode_retry};
use super::{OnFailure, Share};
use crate::document::decode::{Decoder, Fields, Located};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Key, Kind, Node};
use crate::document::source::{SourceFile, Span};
use crate::document::suggest::nearest;
use crate::document::version::{Format, check_version};
use crate::types::{DomainName, StepId};

/// The version of the format that this program knows.
const FORMAT: Format = Format { what: "the plan", key: "certplan", version: 1 };

/// What is said of a file that does not begin like a plan.
const BEGINNING: &str =
    "a plan begins with `certplan: 1`; `certplan init` writes one to start from";

/// A plan orders one certificate; with more steps something else is meant.
const MOST_STEPS: usize = 2_000;

const PLAN_KEYS: [&str; 7] =
    ["certplan", "name", "description", "inputs", "connections", "steps", "finally"];
const STEP_KEYS: [&str; 10] =
    ["id", "uses", "needs", "when", "with", "retry", "poll", "timeout", "on_failure", "share"];
const INPUT_KEYS: [&str; 8] =
    ["type", "items", "values", "minimum", "maximum", "pattern", "default", "description"];

/// A plan as written.
pub(super) struct RawPlan<'n> {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) inputs: Vec<RawInput<'n>>,
    pub(super) connections: &'n [(Key, Node)],
    pub(super) steps: Vec<RawStep<'n>>,
}

/// An input as written.
pub(super) struct RawInput<'n> {
    pub(super) name: &'n Key,
    pub(super) value_type: Option<Located<String>>,
    pub(super) items: Option<Located<String>>,
    pub(super) values: Option<&'n Node>,
    pub(super) minimum: Option<Located<i64>>,
    pub(super) maximum: Option<Located<i64>>,
    pub(super) pattern: Option<Located<String>>,
    pub(super) default: Option<&'n Node>,
    pub(super) description: Option<String>,
}

/// A step as written; parts that could not be read are left out.
pub(super) struct RawStep<'n> {
    pub(super) id: Located<StepId>,
    /// Whether it stands under `finally`.
    pub(super) finally: bool,
    pub(super) uses: Option<Located<String>>,
    pub(super) needs: Vec<Located<String>>,
    pub(super) when: Option<&'n Node>,
    /// The key `with` and what stands under it.
    pub(super) with: Option<(Span, &'n [(Key, Node)])>,
    /// Whether `with` is there but no map, so that nothing can be said about what it lacks.
    pub(super) with_is_unreadable: bool,
    pub(super) retry: Option<RawRetry>,
    pub(super) poll: Option<RawPoll>,
    pub(super) timeout: Option<Located<String>>,
    pub(super) on_failure: OnFailure,
    pub(super) share: Option<Located<Share>>,
}

impl<'n> RawInput<'n> {
    /// An input that is there but cannot be read: references to it are no further mistakes.
    fn unreadable(name: &'n Key) -> Self {
        Self {
            name,
            value_type: None,
            items: None,
            values: None,
            minimum: None,
            maximum: None,
            pattern: None,
            default: None,
            description: None,
        }
    }
}

/// Decodes the tree. None when it is no plan of a version that this program knows.
pub(super) fn decode<'n>(root: &'n Node, decoder: &mut Decoder<'_>) -> Option<RawPlan<'n>> {
    if root.kind == Kind::Null {
        decoder.push(
            Diagnostic::error("empty-file", "the file is empty")
                .at(Span::default(), "a plan was expected here")
                .help("begin with `certplan: 1`, then `name:` and `steps:`"),
        );
        return None;
    }
    let Kind::Map(entries) = &root.kind else {
        let foreign = match &root.kind {
            Kind::Seq(items) => foreign_file::by_items(items),
            _ => None,
        };
        match foreign {
            Some(foreign) => decoder.push(foreign),
            None => decoder.wrong_kind_because(root, "a plan", "a map", Some(BEGINNING)),
        }
        return None;
    };
    if let Some((key, _)) = entries.iter().find(|(key, _)| key.name == "certplan_inventory") {
        decoder.push(
            Diagnostic::error("not-a-plan", "the file is an inventory, not a plan")
                .at(key.span, "an inventory begins like this, a plan with `certplan: 1`")
                .help("`check`, `preview` and `run` take it with `--inventory`"),
        );
        return None;
    }
    let plan_like = |key: &Key| nearest(&key.name, ["certplan"]).is_some() || key.name == "steps";
    if !entries.iter().any(|(key, _)| plan_like(key)) {
        let start = entries.first().map_or(root.span, |(key, _)| key.span);
        decoder.push(foreign_file::by_keys(entries).unwrap_or_else(|| {
            Diagnostic::error("not-a-plan", "the file is YAML, but no plan")
                .at(start, "a plan begins with `certplan: 1`")
                .help("`certplan init` writes a plan to start from")
        }));
        return None;
    }
    if !check_version(FORMAT, entries, root, decoder) {
        return None;
    }
    let start = entries.first().map_or(root.span, |(key, _)| key.span);
    let fields =
        decoder.translated_fields(root, start, "the plan", &PLAN_KEYS, elsewhere::plan_key)?;
    decoder.require(&fields, "name", "name the plan, for example `name: ov-staged`");
    decoder.require(&fields, "steps", "list what is to be done under `steps:`");
    Some(RawPlan {
        name: decoder.text(&fields, "name").map(|name| name.value).unwrap_or_default(),
        description: decoder.text(&fields, "description").map(|text| text.value),
        inputs: decode_inputs(&fields, decoder),
        connections: entries_of(&fields, "connections", decoder),
        steps: decode_all_steps(&fields, decoder),
    })
}

fn entries_of<'n>(fields: &Fields<'n>, name: &str, decoder: &mut Decoder<'_>) -> &'n [(Key, Node)] {
    // Under a slip of `inputs` stand the inputs all the same.
    let found = if name == "inputs" { fields.meant(name) } else { fields.get(name) };
    match found {
        Some((_, Node { kind: Kind::Map(entries), .. })) => entries,
        None | Some((_, Node { kind: Kind::Null, .. })) => &[],
        Some((_, node)) => {
            let help = match name {
                "inputs" => "give each input a name, for example `common_name: { type: domain }`",
                "connections" => "for example `regfish: { api_key: { env: REGFISH_API_KEY } }`",
                _ => "give each parameter by its name, for example `common_name: www.example.com`",
            };
            decoder.wrong_kind_because(node, &fields.name_of(name), "a map", Some(help));
            &[]
        }
    }
}

fn decode_inputs<'n>(fields: &Fields<'n>, decoder: &mut Decoder<'_>) -> Vec<RawInput<'n>> {
    let mut inputs = Vec::new();
    for (key, node) in entries_of(fields, "inputs", decoder) {
        let what = format!("input `{}`", crate::types::printable(&key.name));
        if !is_identifier(&key.name) {
            decoder.push(
                Diagnostic::error(
                    "bad-name",
                    format!("{what} has a name that templates cannot use"),
                )
                .at(key.span, "a letter, then letters, digits and `_`")
                .suggest(key.span, as_identifier(&key.name), "for example"),
            );
        }
        if let Some(text) = node.as_str() {
            decoder.push(shorthand(node, text, &what, decoder.file));
            inputs.push(RawInput::unreadable(key));
            continue;
        }
        let fields =
            decoder.translated_fields(node, key.span, &what, &INPUT_KEYS, elsewhere::input_key);
        let Some(fields) = fields else {
            inputs.push(RawInput::unreadable(key));
            continue;
        };
        decoder.require(&fields, "type", "for example `type: domain`");
        inputs.push(RawInput {
            name: key,
            value_type: decoder.text(&fields, "type"),
            items: decoder.text(&fields, "items"),
            values: fields.meant("values").map(|(_, node)| node),
            minimum: decoder.integer(&fields, "minimum"),
            maximum: decoder.integer(&fields, "maximum"),
            pattern: decoder.text(&fields, "pattern"),
            default: fields.get("default").map(|(_, node)| node),
            description: decoder.text(&fields, "description").map(|text| text.value),
        });
    }
    inputs
}

/// An input that is a word: its type, or a value that it could have without being asked for.
fn shorthand(node: &Node, text: &str, what: &str, file: &SourceFile) -> Diagnostic {
    let diagnostic = Diagnostic::error("wrong-type", format!("{what} must be a map"))
        .at(node.span, "this is a string");
    if let Some(name) = type_called(text) {
        let text = match name {
            "list" => "list, items: string",
            other => other,
        };
        return diagnostic.suggest(
            node.span,
            format!("{{ type: {text} }}"),
            "say the type in a map",
        );
    }
    let written = file.slice(node.span);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.*@/\"'".contains(c);
    if text.is_empty() || !written.chars().all(is_plain) {
        return diagnostic.help("say its type, and a default if there is one: `{ type: string }`");
    }
    let is_domain = text.contains('.') && DomainName::parse(text).is_ok();
    let value_type = if is_domain { "domain" } else { "string" };
    let better = format!("{{ type: {value_type}, default: {written} }}");
    diagnostic.suggest(node.span, better, "say its type; this value would be its default")
}

/// The steps and, behind them, those under `finally`; ids are unique in both.
fn decode_all_steps<'n>(fields: &Fields<'n>, decoder: &mut Decoder<'_>) -> Vec<RawStep<'n>> {
    let mut steps = Vec::new();
    let mut seen = HashMap::new();
    decode_steps(fields, false, &mut steps, &mut seen, decoder);
    decode_steps(fields, true, &mut steps, &mut seen, decoder);
    steps
}

fn decode_steps<'n>(
    fields: &Fields<'n>,
    finally: bool,
    steps: &mut Vec<RawStep<'n>>,
    seen: &mut HashMap<StepId, Span>,
    decoder: &mut Decoder<'_>,
) {
    let name = if finally { "finally" } else { "steps" };
    let found = if finally { fields.get(name) } else { steps_meant(fields) };
    let Some((key, node)) = found else { return };
    let items = match &node.kind {
        Kind::Seq(items) => items,
        Kind::Null if finally => return,
        _ => {
            let what = format!("`{name}`");
            decoder.wrong_kind(node, &what, "a list, each step beginning with `- id: …`");
            return;
        }
    };
    if items.is_empty() && !finally {
        decoder.push(
            Diagnostic::error("no-steps", "the plan has no steps")
                .at(key.span, "this list is empty"),
        );
    }
    if let Some(beyond) = items.get(MOST_STEPS) {
        decoder.push(
            Diagnostic::error("too-many-steps", format!("the plan has {} steps", items.len()))
                .at(beyond.span, format!("a plan may have {MOST_STEPS} at most"))
                .help("write a plan for one certificate and run it for many targets"),
        );
    }
    for (index, item) in items.iter().enumerate().take(MOST_STEPS) {
        let Some(step) = decode_step(item, index, finally, decoder) else { continue };
        if let Some(first) = seen.get(&step.id.value) {
            decoder.push(
                Diagnostic::error(
                    "duplicate-step",
                    format!("two steps are called `{}`", step.id.value),
                )
                .at(step.id.span, "this name is taken")
                .also(*first, "by this step")
                .help("give each step a name of its own"),
            );
            continue;
        }
        seen.insert(step.id.value.clone(), step.id.span);
        steps.push(step);
    }
}

/// The steps, also under a slip of the key or another tool's, as long as they are a list.
fn steps_meant<'n>(fields: &Fields<'n>) -> Option<(&'n Key, &'n Node)> {
    let is_list =
        |(_, node): &(&Key, &Node)| matches!(&node.kind, Kind::Seq(items) if !items.is_empty());
    fields.get("steps").or_else(|| fields.meant("steps").filter(is_list))
}

fn decode_step<'n>(
    node: &'n Node,
    index: usize,
    finally: bool,
    decoder: &mut Decoder<'_>,
) -> Option<RawStep<'n>> {
    let Kind::Map(entries) = &node.kind else {
        let help = "a step begins with its name, `- id: …`; below it stand `uses: …` and `with: …`";
        let what = format!("step number {}", index + 1);
        decoder.wrong_kind_because(node, &what, "a map", Some(help));
        return None;
    };
    let start = entries.first().map_or(node.span, |(key, _)| key.span);
    let id = entries.iter().find(|(key, _)| key.name == "id").map(|(_, node)| node);
    let what = match id.and_then(Node::as_str) {
        Some(id) => format!("step `{}`", crate::types::shorten(&crate::types::printable(id), 60)),
        None if finally => format!("step number {} of `finally`", index + 1),
        None => format!("step number {}", index + 1),
    };
    let fields = decoder.translated_fields(node, start, &what, &STEP_KEYS, elsewhere::step_key)?;
    decoder.require(&fields, "id", "name the step, for example `id: order`");
    decoder.require(&fields, "uses", "say what it does, for example `uses: regfish.create_order`");
    let id = decode_id(&fields, decoder);
    let step = RawStep {
        // Without any name nothing can refer to the step; its other mistakes come next time.
        id: id?,
        finally,
        uses: decoder.text(&fields, "uses"),
        needs: decode_needs(&fields, decoder),
        when: fields.get("when").map(|(_, node)| node),
        with: decode_with(&fields, decoder),
        with_is_unreadable: fields
            .get("with")
            .is_some_and(|(_, node)| !matches!(node.kind, Kind::Map(_) | Kind::Null)),
        retry: decode_retry(&fields, &what, decoder),
        poll: decode_poll(&fields, &what, decoder),
        timeout: decoder.duration_text(&fields, "timeout"),
        on_failure: decoder
            .word(
                &fields,
                "on_failure",
                &[("block", OnFailure::Block), ("continue", OnFailure::Continue)],
            )
            .unwrap_or(OnFailure::Block),
        share: decoder
            .word(&fields, "share", &[("run", Share::Run), ("batch", Share::Batch)])
            .and_then(|value| {
                fields.get("share").map(|(_, node)| Located { value, span: node.span })
            }),
    };
    Some(step)
}

fn decode_id(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<Located<StepId>> {
    if fields.get("id").is_none()
        && let Some((_, node)) = fields.get("name")
    {
        // Reported; the step goes on under the name that is suggested.
        let value = elsewhere::step_id(node.as_str()?)?;
        return Some(Located { value, span: node.span });
    }
    let text = decoder.text(fields, "id")?;
    match StepId::parse(&text.value) {
        Ok(value) => Some(Located { value, span: text.span }),
        Err(error) => {
            let diagnostic =
                Diagnostic::error("bad-name", error.to_string()).at(text.span, "not a step id");
            // The step goes on under the better name: its other mistakes are reported as well.
            let better = StepId::parse(&as_identifier(&text.value)).ok();
            decoder.push(match &better {
                Some(better) => diagnostic.suggest(text.span, better.as_str(), "for example"),
                None => diagnostic.help("for example `id: order`"),
            });
            better.map(|value| Located { value, span: text.span })
        }
    }
}

fn decode_needs(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Vec<Located<String>> {
    let items = decoder.items(fields, "needs").unwrap_or_default();
    items.iter().filter_map(|item| decoder.text_of(item, "an item of `needs`")).collect()
}

fn decode_with<'n>(
    fields: &Fields<'n>,
    decoder: &mut Decoder<'_>,
) -> Option<(Span, &'n [(Key, Node)])> {
    let (key, _) = fields.get("with")?;
    Some((key.span, entries_of(fields, "with", decoder)))
}

/// Whether templates can write `inputs.NAME`.
fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The nearest name that templates can write.
pub(super) fn as_identifier(text: &str) -> String {
    let text: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let text = text.trim_matches('_');
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        format!("n{text}")
    } else {
        text.to_owned()
    }
}
