//! Files of other tools that are given for plans: what they are, and how a plan begins.

use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Key, Kind, Node};
use crate::document::source::{SourceFile, Span};

/// The endings of names under which Terraform keeps its configuration, which is no YAML.
const TERRAFORM: [&str; 4] = [".tf", ".tfvars", ".hcl", ".tofu"];

/// What a file is that another tool reads.
struct Tool {
    what: &'static str,
    /// What its parts are in a plan, or how the two go together.
    help: &'static str,
}

const PLAYBOOK: Tool = Tool {
    what: "an Ansible playbook",
    help: "a playbook can call `certplan run`; what are hosts there are the targets of an inventory",
};
const WORKFLOW: Tool = Tool {
    what: "a workflow of GitHub Actions",
    help: "a workflow runs a plan with `certplan run`; the plan stands in a file of its own",
};
const PIPELINE: Tool = Tool {
    what: "a pipeline of GitLab",
    help: "a pipeline runs a plan with `certplan run`; the plan stands in a file of its own",
};
const VCERT: Tool = Tool {
    what: "a playbook of vcert",
    help: "each of its certificate tasks is a target; request and installations are steps of a plan",
};
const CERT_MANAGER: Tool = Tool {
    what: "a manifest of cert-manager",
    help: "its `commonName` and `dnsNames` are inputs of a plan, or a target of an inventory",
};
const KUBERNETES: Tool =
    Tool { what: "a manifest of Kubernetes", help: "what a plan does stands in its `steps`" };
const HCL: Tool = Tool {
    what: "a configuration of Terraform",
    help: "its variables are `inputs` of a plan, its resources are `steps`; a plan is YAML",
};

/// A file that is not even YAML, told by its name.
pub(super) fn by_name(file: &SourceFile) -> Option<Diagnostic> {
    let name = file.name().to_lowercase();
    let first = file.text().find('\n').unwrap_or_else(|| file.text().len());
    TERRAFORM
        .iter()
        .any(|ending| name.ends_with(ending))
        .then(|| HCL.is_no_plan(Span::new(0, first)))
}

/// A file with these keys at its top.
pub(super) fn by_keys(entries: &[(Key, Node)]) -> Option<Diagnostic> {
    let find = |name: &str| entries.iter().find(|(key, _)| key.name == name);
    let at = |tool: &Tool, key: &Key| Some(tool.is_no_plan(key.span));
    if let Some((key, _)) = find("certificateTasks") {
        return at(&VCERT, key);
    }
    if let (Some((key, version)), Some(_)) = (find("apiVersion"), find("kind")) {
        let of_manager =
            version.as_str().is_some_and(|version| version.starts_with("cert-manager.io/"));
        return at(if of_manager { &CERT_MANAGER } else { &KUBERNETES }, key);
    }
    if let Some((key, jobs)) = find("jobs") {
        let runs_on = |(_, job): &(Key, Node)| match &job.kind {
            Kind::Map(entries) => entries.iter().any(|(key, _)| key.name == "runs-on"),
            _ => false,
        };
        let has_runner = matches!(&jobs.kind, Kind::Map(jobs) if jobs.iter().any(runs_on));
        if has_runner || find("on").is_some() {
            return at(&WORKFLOW, key);
        }
    }
    if let (Some((key, _)), true) = (find("stages"), entries.iter().any(|(_, job)| has_script(job)))
    {
        return at(&PIPELINE, key);
    }
    None
}

fn has_script(job: &Node) -> bool {
    matches!(&job.kind, Kind::Map(entries) if entries.iter().any(|(key, _)| key.name == "script"))
}

/// A file that is a list.
pub(super) fn by_items(items: &[Node]) -> Option<Diagnostic> {
    const PLAY: [&str; 5] =
        ["hosts", "tasks", "roles", "import_playbook", "ansible.builtin.import_playbook"];
    let Kind::Map(entries) = &items.first()?.kind else { return None };
    let (key, _) = entries.iter().find(|(key, _)| PLAY.contains(&key.name.as_str()))?;
    Some(PLAYBOOK.is_no_plan(key.span))
}

impl Tool {
    fn is_no_plan(&self, at: Span) -> Diagnostic {
        Diagnostic::error("not-a-plan", format!("the file is {}, not a plan", self.what))
            .at(at, "a plan begins with `certplan: 1`")
            .help(self.help)
            .help("`certplan init` writes a plan to start from")
    }
}

#[cfg(test)]
mod tests {
    use crate::document::SourceFile;
    use crate::plan::parse_plan;

    #[test]
    fn a_configuration_of_terraform_is_told_by_its_name_and_not_read_as_yaml() {
        let text = "variable \"domain\" {\n  type = string\n}\n";
        let found = parse_plan(&SourceFile::new("certificates/main.TF", text)).unwrap_err();
        assert_eq!(found.entries().count(), 1);
        let text = found.render(false);
        assert!(text.contains("the file is a configuration of Terraform, not a plan"), "{text}");
        assert!(text.contains("certplan init"), "{text}");
    }
}
