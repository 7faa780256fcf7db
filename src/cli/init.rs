//! `certplan init`: a plan or an inventory to start from, and the schema beside it that editors read.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::arguments::InitArguments;
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::schema::schema_text;
use crate::inventory::{Format, inventory_schema};
use crate::plan::plan_schema;

/// A file that people begin with.
struct Starter {
    text: &'static str,
    /// What the file is called when nothing else is said, and in its own comments.
    name: &'static str,
    /// Its first line names it.
    schema_file: &'static str,
    schema: fn() -> Value,
}

const PLAN: Starter = Starter {
    text: include_str!("starter_plan.yaml"),
    name: "plan.yaml",
    schema_file: "plan.schema.json",
    schema: plan_schema,
};

const INVENTORY: Starter = Starter {
    text: include_str!("starter_inventory.yaml"),
    name: "inventory.yaml",
    schema_file: "inventory.schema.json",
    schema: inventory_schema,
};

pub(super) fn init(arguments: &InitArguments, console: &Console) -> Result<ExitCode, CliError> {
    let starter = if arguments.inventory { INVENTORY } else { PLAN };
    let file = arguments.file.clone().unwrap_or_else(|| PathBuf::from(starter.name));
    if file.as_os_str() == "-" {
        console.data(starter.text.trim_end());
        return Ok(ExitCode::Success);
    }
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let Some(name) = name.filter(|_| !file.is_dir()) else {
        let shown = file.display();
        let example = file.join(starter.name);
        return Err(CliError::usage(format!("`{shown}` is a folder"))
            .hint(format!("name a file, for example `{}`", example.display())));
    };
    if arguments.inventory && Format::of(&file) != Format::Yaml {
        return Err(not_yaml(&file));
    }
    write(&file, &starter.called(&name), arguments.force)?;
    console.data(&file.display().to_string());
    let schema = file.with_file_name(starter.schema_file);
    if schema.exists() && !arguments.force {
        console.talk(&format!("`{}` is there already and was left as it is", schema.display()));
    } else {
        write(&schema, &schema_text(&(starter.schema)())?, true)?;
        console.data(&schema.display().to_string());
    }
    let hint = console.talk_style().strong("hint:");
    console.talk(&format!("{hint} {}", next(&file, arguments.inventory)));
    Ok(ExitCode::Success)
}

/// The ending of its name says how an inventory is read; the one to start from is YAML.
fn not_yaml(file: &Path) -> CliError {
    let shown = file.display();
    let (read_as, first) = match Format::of(file) {
        Format::Table => ("a table", "the names of its columns, such as `target,dns_names,groups`"),
        Format::Yaml | Format::List => ("a list of domains", "a domain, as does every line below"),
    };
    let yaml = file.with_extension("yaml");
    CliError::usage(format!(
        "`{shown}` would be read as {read_as}, and the inventory to start from is YAML"
    ))
    .hint(format!("`certplan init --inventory {}` writes it", yaml.display()))
    .hint(format!("{read_as} needs no start: its first line holds {first}"))
}

/// What to type next.
fn next(file: &Path, inventory: bool) -> String {
    let shown = file.display();
    if !inventory {
        return format!("`certplan run {shown} --sandbox` tries it");
    }
    let plan = file.with_file_name(PLAN.name);
    if plan.exists() {
        format!("`certplan run --inventory {shown} --sandbox` tries it")
    } else {
        let plan = plan.display();
        format!("it names the plan `{plan}`; `certplan init {plan}` writes one to start from")
    }
}

impl Starter {
    /// The text, whose comments name the file that it is.
    fn called(&self, name: &str) -> String {
        let commands = |line: &str| match line.starts_with('#') {
            true => line.replace(&format!(" {}", self.name), &format!(" {name}")),
            false => line.to_owned(),
        };
        self.text.split_inclusive('\n').map(commands).collect()
    }
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
            .hint("`--force` replaces it; `-` instead of a file only shows the text"),
        _ => CliError::usage(format!("cannot write `{shown}`: {error}")),
    })?;
    file.write_all(text.as_bytes())
        .map_err(|error| CliError::failure(format!("cannot write `{shown}`: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::SourceFile;
    use crate::inventory::{InventoryFile, KnownPlan, PlanPath, Plans, Resolution, resolve};
    use crate::plan::{parse_plan, resolve_inputs};

    #[test]
    fn the_starter_plan_compiles_without_a_word_and_needs_no_input() {
        let text = PLAN.called("web.yaml");
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
    fn the_starter_inventory_is_whole_with_the_starter_plan() {
        let plan = parse_plan(&SourceFile::new(PLAN.name, PLAN.text)).unwrap().0;
        let text = INVENTORY.called("all.yaml");
        let source = SourceFile::new("all.yaml", &text);
        let file = InventoryFile::parse(&source, Format::Yaml);
        assert_eq!(file.plans(), [PlanPath::new(Path::new(PLAN.name))]);
        let known = [(PlanPath::new(Path::new(PLAN.name)), KnownPlan::Ready(plan.into()))].into();
        let plans = Plans { known, fallback: None, required: true };
        let Resolution { inventory, found } = resolve(vec![file], &plans);
        assert!(found[0].is_empty(), "{}", found[0].render(false));
        let names: Vec<Value> =
            inventory.targets.iter().map(|target| target.inputs()["common_name"].clone()).collect();
        assert_eq!(names, ["www.example.com", "shop.example.net", "intranet.example.org"]);
        assert!(text.starts_with("# yaml-language-server: $schema=inventory.schema.json\n"));
        assert!(text.contains("run --inventory all.yaml") && !text.contains("inventory.yaml"));
    }

    #[test]
    fn a_name_that_would_be_read_as_a_table_or_a_list_gets_no_yaml() {
        for (name, read_as) in [("all.csv", "a table"), ("all.txt", "a list of domains")] {
            let error = not_yaml(Path::new(name));
            assert!(error.message.contains(read_as), "{}", error.message);
            assert!(error.hints[0].contains("all.yaml"), "{:?}", error.hints);
        }
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
