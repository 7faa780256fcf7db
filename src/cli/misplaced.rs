//! Options that a command does not have, because what they would name stands there without one.

use std::ffi::{OsStr, OsString};

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

/// Commands that take their plan without an option.
const TAKE_A_PLAN: [&str; 4] = ["run", "preview", "graph", "test"];

/// What people name a plan with, who know other commands and other tools.
const PLAN_OPTIONS: [&str; 4] = ["--plan", "--plan-file", "--file", "--playbook"];

/// Adds to an error about these arguments where the plan belongs, when an option was to name it.
pub(super) fn explained(mut error: Error, arguments: &[OsString]) -> Error {
    let option = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(option))) => option.as_str(),
        _ => return error,
    };
    let words = arguments.iter().skip(1).filter_map(|word| word.to_str());
    let command = words.into_iter().find(|word| TAKE_A_PLAN.contains(word));
    if let (Some(command), true) = (command, PLAN_OPTIONS.contains(&option)) {
        let name = named(option, arguments).unwrap_or_else(|| "plan.yaml".to_owned());
        let tip = format!("the plan is named without an option: certplan {command} {name}");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    }
    error
}

/// The file that the option names, when it reads well in a line.
fn named(option: &str, arguments: &[OsString]) -> Option<String> {
    let mut words = arguments.iter().map(OsString::as_os_str).map(OsStr::to_str);
    let name = words.find_map(|word| match word?.strip_prefix(option)? {
        "" => Some(None),
        rest => rest.strip_prefix('=').map(Some),
    })?;
    let name = match name {
        Some(name) => name,
        None => words.next()??,
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    (name.chars().all(is_plain) && !name.is_empty() && !name.starts_with('-'))
        .then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::arguments::Arguments;
    use super::*;

    fn said(words: &[&str]) -> String {
        let arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
        let error = Arguments::try_parse_from(&arguments).unwrap_err();
        explained(error, &arguments).render().to_string()
    }

    #[test]
    fn whoever_names_the_plan_with_an_option_is_told_where_it_belongs() {
        for words in [
            &["certplan", "run", "--plan", "plans/dv.yaml"][..],
            &["certplan", "-v", "run", "--plan=plans/dv.yaml", "--sandbox"],
        ] {
            let said = said(words);
            assert!(said.contains("without an option: certplan run plans/dv.yaml"), "{said}");
            assert!(!said.contains("-- --plan"), "{said}");
        }
        let bare = said(&["certplan", "preview", "--file"]);
        assert!(bare.contains("certplan preview plan.yaml"), "{bare}");
    }

    #[test]
    fn other_mistakes_are_told_as_they_were() {
        for words in [&["certplan", "run", "--pln", "x"][..], &["certplan", "status", "--plan"]] {
            assert!(!said(words).contains("without an option"), "{words:?}");
        }
    }
}
