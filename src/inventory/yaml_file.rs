//! An inventory in YAML.

use super::raw::{InventoryFile, RawGroup, RawTarget};
use crate::document::decode::{Decoder, Located};
use crate::document::diagnostic::{Diagnostic, Diagnostics};
use crate::document::node::{Key, Kind, Node};
use crate::document::source::{FileLimits, Span};
use crate::document::suggest::nearest;
use crate::document::version::{Format, check_version};
use crate::document::yaml;
use crate::types::{GroupName, IdError, TargetName, printable, shorten};

/// The version of the format that this program knows.
const FORMAT: Format = Format { what: "the inventory", key: "certplan_inventory", version: 1 };

const INVENTORY_KEYS: [&str; 5] = ["certplan_inventory", "plan", "defaults", "groups", "targets"];
const GROUP_KEYS: [&str; 2] = ["plan", "inputs"];
const TARGET_KEYS: [&str; 3] = ["plan", "groups", "inputs"];

/// Reads `file.source` into `file`.
pub(super) fn read(file: &mut InventoryFile) {
    let source = file.source.clone();
    let mut found = Diagnostics::new(&source);
    if let Some(root) = yaml::parse_within(&source, FileLimits::INVENTORY, &mut found) {
        let mut decoder = Decoder { file: &source, diagnostics: &mut found };
        decode(root, file, &mut decoder);
    }
    file.found = found;
}

fn decode(root: Node, file: &mut InventoryFile, decoder: &mut Decoder<'_>) {
    if root.kind == Kind::Null {
        decoder.push(
            Diagnostic::error("empty-file", "the file is empty")
                .at(Span::default(), "an inventory was expected here")
                .help("begin with `certplan_inventory: 1`, then `plan:` and `targets:`"),
        );
        return;
    }
    let Kind::Map(entries) = &root.kind else {
        decoder.wrong_kind_because(
            &root,
            "an inventory in YAML",
            "a map",
            Some("a plain list of domains, one per line, is a file with the ending `.txt`"),
        );
        return;
    };
    if !is_inventory(entries, &root, decoder) || !check_version(FORMAT, entries, &root, decoder) {
        return;
    }
    let start = entries.first().map_or(root.span, |(key, _)| key.span);
    decoder.known_keys(entries, "the inventory", &INVENTORY_KEYS, None);
    // A file may hold groups for the targets of other files.
    let expected = |key: &Key| key.name == "groups" || nearest(&key.name, ["targets"]).is_some();
    if !entries.iter().any(|(key, _)| expected(key)) {
        decoder.push(
            Diagnostic::error("missing-key", "the inventory has no `targets`")
                .at(start, "`targets` is missing here")
                .help("list what is to be had under `targets:`, such as `www.example.com:`"),
        );
    }
    let Kind::Map(entries) = root.kind else { return };
    for (key, node) in entries {
        match key.name.as_str() {
            "plan" => file.plan = plan(&node, "`plan` of the inventory", decoder),
            "defaults" => file.defaults = inputs(node, "`defaults` of the inventory", decoder),
            "groups" => file.groups = groups(node, decoder),
            "targets" => file.targets = targets(&key, node, decoder),
            _ => {}
        }
    }
}

/// Whether a map is meant as an inventory; if not, that is reported.
fn is_inventory(entries: &[(Key, Node)], root: &Node, decoder: &mut Decoder<'_>) -> bool {
    if let Some((key, _)) = entries.iter().find(|(key, _)| key.name == "certplan") {
        decoder.push(
            Diagnostic::error("not-an-inventory", "the file is a plan, not an inventory")
                .at(key.span, "a plan begins like this, an inventory with `certplan_inventory: 1`")
                .help("an inventory lists targets; it names this plan with `plan: …`"),
        );
        return false;
    }
    let known =
        |key: &Key| key.name == "targets" || nearest(&key.name, ["certplan_inventory"]).is_some();
    if entries.iter().any(|(key, _)| known(key)) {
        return true;
    }
    let start = entries.first().map_or(root.span, |(key, _)| key.span);
    decoder.push(
        Diagnostic::error("not-an-inventory", "the file is YAML, but no inventory")
            .at(start, "an inventory begins with `certplan_inventory: 1`")
            .help("`certplan schema inventory` prints all that an inventory can say"),
    );
    false
}

/// A map of things with names; nothing at all is an empty one.
fn map(node: Node, what: &str, help: &str, decoder: &mut Decoder<'_>) -> Vec<(Key, Node)> {
    match node.kind {
        Kind::Map(entries) => entries,
        Kind::Null => Vec::new(),
        _ => {
            decoder.wrong_kind_because(&node, what, "a map", Some(help));
            Vec::new()
        }
    }
}

fn plan(node: &Node, what: &str, decoder: &mut Decoder<'_>) -> Option<Located<String>> {
    let text = decoder.text_of(node, what)?;
    if text.value.trim().is_empty() {
        decoder.push(
            Diagnostic::error("unknown-plan", format!("{what} is empty"))
                .at(text.span, "the path of a plan file, relative to this file"),
        );
        return None;
    }
    Some(text)
}

fn inputs(node: Node, what: &str, decoder: &mut Decoder<'_>) -> Vec<(Key, Node)> {
    map(node, what, "give each input by its name, for example `validity_days: 90`", decoder)
}

fn groups(node: Node, decoder: &mut Decoder<'_>) -> Vec<RawGroup> {
    let help = "give each group by its name, for example `shops: { inputs: { … } }`";
    let mut groups = Vec::new();
    for (key, node) in map(node, "`groups` of the inventory", help, decoder) {
        let what = format!("group `{}`", shown(&key.name));
        let name =
            GroupName::parse(&key.name).map_err(|error| bad_name(&error, key.span, decoder)).ok();
        let entries = map(node, &what, "it may have `plan` and `inputs`", decoder);
        let help = "an input of the targets in a group stands under `inputs:`";
        decoder.known_keys(&entries, &what, &GROUP_KEYS, Some(help));
        let Some(value) = name else { continue };
        let name = Located { value, span: key.span };
        let mut group = RawGroup { name, plan: None, inputs: Vec::new() };
        for (key, node) in entries {
            match key.name.as_str() {
                "plan" => group.plan = plan(&node, &format!("`plan` of {what}"), decoder),
                "inputs" => group.inputs = inputs(node, &format!("`inputs` of {what}"), decoder),
                _ => {}
            }
        }
        groups.push(group);
    }
    groups
}

fn targets(key: &Key, node: Node, decoder: &mut Decoder<'_>) -> Vec<RawTarget> {
    let help = "give each target by its name and a colon, for example `www.example.com:`";
    let is_list = matches!(node.kind, Kind::Seq(_));
    let entries = map(node, "`targets` of the inventory", help, decoder);
    if entries.is_empty() && !is_list {
        decoder.push(
            Diagnostic::error("no-targets", "the inventory has no targets")
                .at(key.span, "nothing is listed here")
                .help(help),
        );
    }
    entries.into_iter().filter_map(|(key, node)| target(key, node, decoder)).collect()
}

fn target(key: Key, node: Node, decoder: &mut Decoder<'_>) -> Option<RawTarget> {
    let name =
        TargetName::parse(&key.name).map_err(|error| bad_name(&error, key.span, decoder)).ok();
    let mut entries = match node.kind {
        Kind::Map(entries) => entries,
        Kind::Null => Vec::new(),
        _ => {
            let what = format!("target `{}`", shown(&key.name));
            let help = "it may have `plan`, `groups` and `inputs`, or nothing";
            map(node, &what, help, decoder)
        }
    };
    if entries.iter().any(|(key, _)| !TARGET_KEYS.contains(&key.name.as_str())) {
        let what = format!("target `{}`", shown(&key.name));
        let help = "an input of a target stands under `inputs:`";
        decoder.known_keys(&entries, &what, &TARGET_KEYS, Some(help));
    }
    let mut target = RawTarget {
        name: Located { value: name?, span: key.span },
        plan: None,
        groups: Vec::new(),
        inputs: Vec::new(),
    };
    let what = |part: &str| format!("`{part}` of target `{}`", shown(&key.name));
    for (key, node) in entries.drain(..) {
        match key.name.as_str() {
            "plan" => target.plan = plan(&node, &what("plan"), decoder),
            "groups" => target.groups = target_groups(&node, || what("groups"), decoder),
            "inputs" => match node.kind {
                Kind::Map(entries) => target.inputs = entries,
                _ => target.inputs = inputs(node, &what("inputs"), decoder),
            },
            _ => {}
        }
    }
    Some(target)
}

fn target_groups(
    node: &Node,
    what: impl Fn() -> String,
    decoder: &mut Decoder<'_>,
) -> Vec<Located<GroupName>> {
    let Kind::Seq(items) = &node.kind else {
        match node.as_str() {
            Some(name) => decoder.push(
                Diagnostic::error("wrong-type", format!("{} must be a list", what()))
                    .at(node.span, format!("this is a string `{}`", shown(name)))
                    .suggest(
                        node.span,
                        format!("[{}]", decoder.file.slice(node.span)),
                        "write a list, even of one",
                    ),
            ),
            None if node.kind == Kind::Null => {}
            None => decoder.wrong_kind(node, &what(), "a list of groups"),
        }
        return Vec::new();
    };
    let mut groups: Vec<Located<GroupName>> = Vec::with_capacity(items.len());
    for item in items {
        let name = match item.as_str() {
            Some(name) => Located { value: name, span: item.span },
            None => {
                decoder.text_of(item, &format!("an item of {}", what()));
                continue;
            }
        };
        push_group(&mut groups, name, decoder);
    }
    groups
}

/// Adds a group to those of a target.
pub(super) fn push_group(
    groups: &mut Vec<Located<GroupName>>,
    name: Located<&str>,
    decoder: &mut Decoder<'_>,
) {
    match GroupName::parse(name.value) {
        Err(error) => bad_name(&error, name.span, decoder),
        Ok(value) => match groups.iter().find(|group| group.value == value) {
            Some(first) => decoder.push(
                Diagnostic::error("duplicate-group", format!("the group `{value}` is given twice"))
                    .at(name.span, "given again here")
                    .also(first.span, "first given here")
                    .help("keep one of the two"),
            ),
            None => groups.push(Located { value, span: name.span }),
        },
    }
}

/// A name that cannot be one.
pub(super) fn bad_name(error: &IdError, span: Span, decoder: &mut Decoder<'_>) {
    let what = error.kind;
    decoder
        .push(Diagnostic::error("bad-name", error.to_string()).at(span, format!("not a {what}")));
}

fn shown(name: &str) -> String {
    shorten(&printable(name), 60)
}
