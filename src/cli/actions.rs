//! `certplan actions`: what steps can do.

use super::arguments::{ActionsArguments, ManualFormat};
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use crate::plan::{
    ActionDoc, FieldDoc, actions_markdown, find_signature, nearest_action, signatures,
};

pub(super) fn actions(
    arguments: &ActionsArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let wanted: Option<ActionDoc> = match &arguments.name {
        Some(name) => Some(find(name)?),
        None => None,
    };
    match (arguments.output, wanted) {
        (ManualFormat::Json, Some(action)) => console.json(&action)?,
        (ManualFormat::Json, None) => {
            let all: Vec<ActionDoc> = signatures().iter().map(ActionDoc::new).collect();
            console.json(&all)?;
        }
        (ManualFormat::Markdown, None) => console.data(actions_markdown().trim_end()),
        (ManualFormat::Markdown, Some(_)) => {
            return Err(CliError::usage("the Markdown page has all actions; leave the name out"));
        }
        (ManualFormat::Text, Some(action)) => {
            for line in page(&action, console) {
                console.data(&line);
            }
        }
        (ManualFormat::Text, None) => {
            for line in overview() {
                console.data(&line);
            }
            console.talk("");
            console.talk("`certplan actions NAME` shows parameters, output and an example");
        }
    }
    Ok(ExitCode::Success)
}

fn find(name: &str) -> Result<ActionDoc, CliError> {
    find_signature(name).map(ActionDoc::new).ok_or_else(|| {
        let shown = crate::types::printable(name);
        let error = CliError::usage(format!("there is no action `{shown}`"));
        match nearest_action(name) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("`certplan actions` lists them all"),
        }
    })
}

fn overview() -> Vec<String> {
    let width = signatures().iter().map(|signature| signature.name.len()).max().unwrap_or_default();
    signatures()
        .iter()
        .map(|signature| format!("{:width$}  {}", signature.name, signature.summary))
        .collect()
}

fn page(action: &ActionDoc, console: &Console) -> Vec<String> {
    let style = console.out_style();
    let mut lines =
        vec![format!("{}: {}", style.strong(action.name), action.summary), String::new()];
    let plain = |text: &str| text.replace('`', "");
    for (name, sentence) in action.facts() {
        lines.push(format!("  {name:<12}{}", plain(&sentence)));
    }
    for (title, fields) in [("Parameters", &action.parameters), ("Output", &action.output)] {
        lines.extend([String::new(), style.strong(title)]);
        lines.extend(fields.iter().flat_map(field_lines).map(|line| plain(&line)));
    }
    if !action.variables.is_empty() {
        lines.extend([String::new(), style.strong("Environment variables")]);
    }
    for variable in &action.variables {
        lines.push(format!("  {}", variable.name));
        lines.push(format!("      {}", plain(variable.description)));
    }
    lines.extend([String::new(), style.strong("Example")]);
    lines.extend(action.example.lines().map(|line| format!("  {line}")));
    lines
}

fn field_lines(field: &FieldDoc) -> [String; 2] {
    [
        format!("  {} ({}, {})", field.name, field.value_type, field.presence()),
        format!("      {}", field.description),
    ]
}
