//! `certplan init`: a plan to start from, and the schema beside it that editors read.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::arguments::InitArguments;
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::schema::schema_text;
use crate::plan::plan_schema;

const STARTER_PLAN: &str = include_str!("starter_plan.yaml");

/// The plan names it in its first line.
const SCHEMA_FILE: &str = "plan.schema.json";

pub(super) fn init(arguments: &InitArguments, console: &Console) -> Result<ExitCode, CliError> {
    if arguments.file.as_os_str() == "-" {
        console.data(STARTER_PLAN.trim_end());
        return Ok(ExitCode::Success);
    }
    let file = &arguments.file;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let Some(name) = name.filter(|_| !file.is_dir()) else {
        let shown = file.display();
        return Err(CliError::usage(format!("`{shown}` is a folder"))
            .hint(format!("name a file, for example `{}`", file.join("plan.yaml").display())));
    };
    write(file, &starter_plan(&name), arguments.force)?;
    console.data(&file.display().to_string());
    let schema = file.with_file_name(SCHEMA_FILE);
    if schema.exists() && !arguments.force {
        console.talk(&format!("`{}` is there already and was left as it is", schema.display()));
    } else {
        write(&schema, &schema_text(&plan_schema())?, true)?;
        console.data(&schema.display().to_string());
    }
    let hint = console.talk_style().strong("hint:");
    console.talk(&format!("{hint} `certplan run {} --sandbox` tries it", file.display()));
    Ok(ExitCode::Success)
}

/// The plan, whose comments name the file that it is.
fn starter_plan(name: &str) -> String {
    STARTER_PLAN.replace(" plan.yaml", &format!(" {name}"))
}

/// Never replaces a file unless it may; a link that leads nowhere counts as a file.
fn write(path: &Path, text: &str, replace: bool) -> Result<(), CliError> {
    let mut options = OpenOptions::new();
    if replace {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let shown = path.display();
    let mut file = options.write(true).open(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => CliError::usage(format!("`{shown}` is there already"))
            .hint("`--force` replaces it; `certplan init -` only shows the plan"),
        _ => CliError::usage(format!("cannot write `{shown}`: {error}")),
    })?;
    file.write_all(text.as_bytes())
        .map_err(|error| CliError::failure(format!("cannot write `{shown}`: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::SourceFile;
    use crate::plan::{parse_plan, resolve_inputs};

    #[test]
    fn the_starter_plan_compiles_without_a_word_and_needs_no_input() {
        let text = starter_plan("web.yaml");
        let file = SourceFile::new("web.yaml", &text);
        let (plan, warnings) = parse_plan(&file).unwrap_or_else(|wrong| {
            panic!("{}", wrong.render(false));
        });
        assert!(warnings.is_empty(), "{}", warnings.render(false));
        assert_eq!(resolve_inputs(&plan, &[]).unwrap()["common_name"], "www.example.com");
        assert!(text.starts_with("# yaml-language-server: $schema=plan.schema.json\n"));
        assert!(text.contains("certplan run web.yaml --sandbox") && !text.contains("plan.yaml"));
    }

    #[test]
    fn a_file_is_replaced_only_when_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.yaml");
        write(&path, "mine", false).unwrap();
        let error = write(&path, "other", false).unwrap_err();
        assert!(error.message.contains("is there already"), "{}", error.message);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        write(&path, "o", true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "o");
    }
}
